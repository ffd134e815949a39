"""The sections of a model's card that tell what was measured; a section is empty where nothing was."""

import html
import re
import string
from collections.abc import Mapping
from typing import Any

OVERLAP = (
    "rows",
    "rows with one of 8+",
    "rows with a shared run of 13 words",
)  # as scripts/check_overlap.py names them
_READABLE = set(string.ascii_letters + string.digits + " ,'?;!")


def overlap(figures: Mapping[str, Any]) -> str:
    if not figures.get("overlap"):
        return ""
    lines = [
        f"| {name} | " + " | ".join(f"{counts[column]:,}" for column in OVERLAP) + " |"
        for name, counts in figures["overlap"].items()
    ]
    return "\n".join(
        [
            "## Overlap with evaluation data\n",
            "What `scripts/check_overlap.py` counts, letters and digits compared, whatever their case. Nothing was taken",
            "out of the training text for it.\n",
            "| data | rows | rows with a sentence of 8 or more words that is also training text | rows that share a run of 13 words |",
            "|---|---|---|---|",
            *lines,
        ]
    )


def quality(figures: Mapping[str, Any]) -> str:
    if not figures.get("measured"):
        return ""
    found, names = figures["measured"], {"causal model": "**this model**", "masked model": "**this model**"}
    measures = list(dict.fromkeys(measure for _, row in found["quality"] for measure in row))
    lines = [
        f"| {names.get(contender, contender)} | " + " | ".join(_figure(measure, row) for measure in measures) + " |"
        for contender, row in found["quality"]
    ]
    asked = f"{found['asked']:,}"
    how = (
        f"All predict the same {asked} held-out tokens, the end token included, which counts as a line break in bytes. "
        "The\n5-gram model learnt from the same training tokens; xz learns from the held-out text alone."
        if figures["objective"] == "causal"
        else f"All are asked for the same {asked} masked tokens, 15 % of the held-out text; the counting ones learnt "
        "from the same\ntraining tokens, and see the neighbours of a mask unless those are masked too."
    )
    head = [f"| | {' | '.join(measures)} |", "|---" * (len(measures) + 1) + "|"]
    return "\n".join(["## Held-out figures\n", how + "\n", *head, *lines])


def _figure(measure: str, row: Mapping[str, float]) -> str:
    if measure not in row:
        return ""
    return f"{100 * row[measure]:.1f} %" if measure.startswith("accuracy") else f"{row[measure]:.3f}"


def costs(figures: Mapping[str, Any]) -> str:
    if not figures.get("measured"):
        return ""
    shown = [row for row in figures["measured"]["costs"] if row[0].startswith(("CPU seconds", "tokens/s"))]
    lines = [
        f"| {measure.replace('seconds', 'ms', 1)} | {1000 * value:,.0f} |"
        if measure.startswith("CPU seconds")
        else f"| {measure} | {value:,.0f} |"
        for measure, value in shown
    ]
    return "\n".join(["## Speed on one core\n", "| | |", "|---|---|", *lines])


def samples(figures: Mapping[str, Any]) -> str:
    if not figures.get("samples"):
        return ""
    found = figures["samples"]
    rows, number = found["samples"], len(found["samples"])
    labels = list(dict.fromkeys(row["label"] for row in rows))
    each = number // len(labels)
    declined = ", ".join(f"{count} {html.escape(reason)}" for reason, count in found["declined"].items())
    verdicts = [
        f"| {what} | "
        + " | ".join(f"{n} of {number}" for n in found["verdicts"][name])
        + f" | {100 * found['verdicts'][same]['same']:.0f} % | {_kappa(found['verdicts'][same]['kappa'])} |"
        for what, name, same in (
            ("fluent", "called_fluent", "fluent"),
            ("read as the label it was written for", "read_as_meant", "read_as"),
        )
    ]
    lines = [
        f"| {escaped(row['label'])} | {escaped(row['text'])} | {' / '.join('yes' if said else 'no' for said in row['fluent'])} "
        f"| {' / '.join(escaped(said) for said in row['read_as'])} |"
        for row in rows
    ]
    return f"""## Samples

Fine-tuned on {found["gold"]["train"]} labelled sentences of `embedded:reviews` ({found["gold"]["train"] // len(labels)} of each label, seed {found["seed"]}; {found["gold"]["validation"]} more chose the
epoch) with the settings of `recipes/{found["recipe"]}`, by `scripts/write_samples.py`, the model wrote these {each}
sentences for each label: the first {each} that it finished, none chosen, of {found["draws"]:,} draws{f" (declined: {declined})" if declined else ""}.

Two readers judged them, without the labels and in shuffled order: {escaped(found["readers"])}.

| | first reader | second reader | both | same verdict | Cohen's kappa |
|---|---|---|---|---|---|
{chr(10).join(verdicts)}

<details><summary>All {number} samples</summary>

| written for | text | fluent | read as |
|---|---|---|---|
{chr(10).join(lines)}

</details>"""


def _kappa(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.2f}"


def escaped(text: str) -> str:
    """Return a text so that Markdown and HTML show it letter by letter, in a cell of a table."""
    kept = (
        letter if letter in _READABLE or (letter.isprintable() and not letter.isascii()) else f"&#{ord(letter)};"
        for letter in text
    )
    return re.sub(r"&#46;(?= |\Z)", ".", "".join(kept))  # a full stop ends a sentence; others may make an address
