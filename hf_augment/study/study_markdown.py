"""A study as Markdown: what the page shows, for a terminal, a dataset card or a pull request."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hf_augment.study import appendix, pictures, spreads, views
from hf_augment.study.markdown import head, line
from hf_augment.study.page import by_method, facts
from hf_augment.study.texts import Piece, all_visible

_WIDTH = 49  # characters of the forest plot
# What Markdown, or GitHub's, would read as more than a sign; an underscore within a word is none.
_SIGNS = re.compile(r"([\\`*\[\]|~#$@]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\.)", re.IGNORECASE)
_STEPS = "▁▂▃▄▅▆▇█"


def study_markdown(study: Mapping[str, Any]) -> str:
    """
    Write a study as Markdown: the verdict, what it rests on, and examples.

    Args:
        study (`Mapping`): What `study.json` holds.

    Returns:
        `str`: The text, which can be written as UTF-8. No text in the study is read as Markdown or HTML.
    """
    shown = all_visible(study)
    parts = [[f"# {safe(shown['title'])}: does it help?", f"**Verdict:** {safe(shown['verdict'])}"]]
    parts += [[", ".join(facts(shown)) + "."]] if facts(shown) else []
    parts += [_results(shown, name, i) for i, name in enumerate(views.metrics(shown))]
    parts += [_choices(shown), _forest(shown), _curve(shown), _histograms(shown), _selection(shown), _map(shown)]
    parts += [_examples(shown), _cost(shown), _settings(shown)]
    return "\n\n".join(block for part in parts for block in part) + "\n"


def safe(text: Any) -> str:
    """Write a text on one line so that Markdown shows it as it is, but at the start of a line."""
    one_line = str(text).replace("\n", " ⏎ ").replace("\t", " ")
    escaped = _SIGNS.sub(r"\\\1", one_line.replace("&", "&amp;"))
    return escaped.replace("<", "&lt;").replace(">", "&gt;")


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]], numbers: Sequence[int] = ()) -> str:
    lines = [line(*names), line(*["---:" if i in numbers else "---" for i in range(len(names))])]
    return "\n".join(lines + [line(*[safe(cell) for cell in row]) for row in rows])


def _results(study: Mapping[str, Any], metric: str, number: int) -> list[str]:
    groups = views.results(study, metric, views.controls(study))
    blocks = []
    for group in groups:
        rows = []
        for arm in group["arms"]:
            start = [arm["name"], arm["score"]]
            for other in arm["compared"] or [None]:
                names = ("against", "gain", "interval", "bootstrap", "holm", "count", "worst")
                rows.append(start + ([other[name] for name in names] if other else [""] * 7))
                start = ["", ""]
        names = ("trained on", "score", "against", "gain", "95 % t-interval", "95 % bootstrap", "p, Holm")
        names = (*names, "wins / ties / losses", "worst split")
        over = f", mean ± standard deviation over {group['splits']} splits" if group["splits"] > 1 else ""
        blocks += [
            f"### {safe(group['name'])}",
            f"{safe(metric)}{views.scale(metric)}{over}",
            _table(names, rows, range(1, 9)),
        ]
    if not blocks:
        return []
    name = "## Results" if not number else f"## Results: {safe(metric)}"
    told = [f"- `{name}`: {meaning}" for name, meaning in views.ARMS.items()]
    return [name, *blocks, *(["\n".join(told)] if not number else [])]


def _choices(study: Mapping[str, Any]) -> list[str]:
    chosen, gate = views.chosen(study), views.gate(study)
    blocks = []
    if chosen:
        rows = views.cells(chosen, ["setting", "method", "validation", "says"])
        blocks += ["## What validation chose", _table(("classifier", "method", "validation", ""), rows, [2])]
    if gate:
        rows = views.cells(gate, ["setting", "method", "augmented", "gated", "always"])
        names = ("classifier", "method", "augmented in", "gated, against gold_tuned", "always, against gold_tuned")
        blocks += ["## Augmenting only where gold rows show a gain", _table(names, rows, [2, 3, 4])]
    return blocks


def _forest(study: Mapping[str, Any]) -> list[str]:
    plot = pictures.forest(study)
    if plot is None:
        return []
    lines = []
    for panel in plot["panels"]:
        lines += ["", panel["name"]]
        for method in panel["methods"]:
            lines.append(f"  {method['name']}")
            for row in method["lines"]:
                lines.append(f"    {row['name']:<13}{_strip(row, plot['zero'])}  {row['gain']:>6}  {row['span']}")
    marks = [f"{tick['label']}" for tick in plot["ticks"]]
    axis = f"{views.unit(study['metric'])} from {marks[0]} to {marks[-1]}: ├ ┤ interval of the mean gain ●, ┊ no difference"
    return ["## Gains over the controls", _fenced("\n".join([axis, *lines]))]


def _strip(row: Mapping[str, Any], zero: float) -> str:
    """Draw one line of a forest plot with characters."""
    drawn = ["·"] * _WIDTH

    def place(percent: float) -> int:
        return round(percent / 100 * (_WIDTH - 1))

    if row["interval"]:
        low, high = map(place, row["interval"])
        drawn[low : high + 1] = ["├", *"─" * (high - low - 1), "┤"][: high - low + 1]
    drawn[place(zero)] = "┼" if drawn[place(zero)] == "─" else "┊"
    drawn[place(row["mean"])] = "●"
    return "".join(drawn)


def _fenced(text: str) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _curve(study: Mapping[str, Any]) -> list[str]:
    plot = pictures.curve(study)
    if plot is None:
        return []
    shots = [tick["label"] for tick in plot["across"]]
    blocks = []
    for panel in plot["panels"]:
        rows = []
        for drawn in panel["lines"]:
            by_shots = {point["shots"]: point["score"] for point in drawn["points"]}
            rows.append([drawn["name"], *(by_shots.get(n, "–") for n in shots)])
        names = ("trained on", *(f"{n} shots" for n in shots))
        blocks += [f"### {safe(panel['name'])}", _table(names, rows, range(1, len(names)))]
    return ["## Learning curve", *blocks]


def _histograms(study: Mapping[str, Any]) -> list[str]:
    rows = []
    for plot in spreads.histograms(study):
        for strip in plot["strips"]:
            bars = "".join(_STEPS[round(share / 100 * 7)] if share else "·" for share in strip["shares"])
            rows.append([plot["score"], plot["method"], strip["kind"], strip["rows"], bars, strip["peak"]])
    names = ("score", "method", "kind", "rows", "lowest to highest", "most")
    return ["## Scores of the rows", _table(names, rows, [3])] if rows else []


def _selection(study: Mapping[str, Any]) -> list[str]:
    found = views.selected(study)
    rows = [
        [
            method["name"],
            bar["reason"] if bar["kept"] else f"dropped: {bar['reason']}",
            bar["count"],
            f"{bar['share']:.0f} %",
        ]
        for method in found
        for bar in method["bars"]
    ]
    told = [f"- {safe(views.overlap(method['name'], method['overlap']))}" for method in found if method["overlap"]]
    return (
        ["## Kept and dropped", _table(("method", "", "rows", "share"), rows, [2, 3]), "\n".join(told)] if rows else []
    )


def _map(study: Mapping[str, Any]) -> list[str]:
    counted = [
        f"{safe(plot['method'])} {', '.join(f'{count} {kind}' for kind, count in plot['counts'].items())}"
        for plot in spreads.maps(study)
    ]
    return ["## Map of the texts", f"Drawn in `report.html`: {'; '.join(counted)} rows."] if counted else []


def _examples(study: Mapping[str, Any]) -> list[str]:
    blocks = []
    for name, rows in by_method(study).items():
        blocks.append(f"### {safe(name)}")
        cells = []
        for example in rows:
            state = "kept" if example["kept"] else f"dropped: {example['dropped']}"
            scores = [f"{score} {value}" for score, value in example["scores"].items()]
            texts = [_marked(example["left"], "del") or "–", _marked(example["right"], "ins")]
            cells.append(line(*texts, safe(example["label"]), safe("; ".join([state, *scores]))))
        blocks.append("\n".join([*head("source", "written", "label", "decision"), *cells]))
    told = "<del>Struck out</del>: only in the source. <ins>Underlined</ins>: only in what was written."
    return ["## Examples", told, *blocks] if blocks else []


def _marked(pieces: Sequence[Piece], tag: str) -> str:
    return "".join(f"<{tag}>{safe(text)}</{tag}>" if changed else safe(text) for text, changed in pieces)


def _cost(study: Mapping[str, Any]) -> list[str]:
    cost = appendix.costs(study)
    if not cost["rows"]:
        return []
    rows = views.cells(cost["rows"], ["what", "method", "seconds", "tokens"])
    rows.append([f"all, {cost['time']}", "", cost["seconds"], cost["tokens"]])
    return ["## Cost", _table(("step", "method", "seconds", "tokens"), rows, [2, 3])]


def _settings(study: Mapping[str, Any]) -> list[str]:
    blocks = []
    if appendix.transforms(study):
        blocks.append(_table(("method", "transform", "rows added"), appendix.transforms(study), [2]))
    for name, values in appendix.settings_lists(study):
        blocks += [f"### {safe(name)}", _table(("setting", "value"), values)]
    recipe = (study.get("settings") or {}).get("recipe")
    blocks += ["### Recipe", _fenced(recipe)] if recipe else []
    return ["<details><summary>Settings</summary>", *blocks, "</details>"] if blocks else []
