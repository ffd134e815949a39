"""What is known of a trained model, for its card: from the record of its training, its texts, and what was measured."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from model_card_measured import OVERLAP

from hf_augment.blocks import DataConfig, PreprocessConfig, TrainConfig
from hf_augment.data import describe, load_data
from hf_augment.fields import read
from hf_augment.recipe import load_recipe

ROOT = Path(__file__).parent.parent
POINTS = 200  # of the loss curve, in all
_QUALITY = {
    "causal": ("held-out bits per byte", "bits per byte", "held-out nats per token"),
    "masked": ("accuracy on held-out masked tokens", "nats per masked token"),
}
_ASKED = {"causal": "tokens of the causal model", "masked": "masked tokens"}


def objective(record: Mapping[str, Any]) -> str:
    """Return `"causal"` or `"masked"`."""
    return record["settings"]["train"].get("objective", "causal")


def training(record: Mapping[str, Any]) -> dict[str, Any]:
    """Take what a card tells of a training from its record."""
    told = ("rows", "tokens", "steps", "best_step", "epochs", "eval_loss", "seconds", "resumed_from", "processes")
    facts = {name: record[name] for name in (*told, "environment", "settings")}
    facts["tokens_seen"] = round(record["epochs"] * record["tokens"]["train"])
    facts["overrides"] = overrides(record)
    return facts


def recipe_name(record: Mapping[str, Any]) -> str:
    """Return the recipe by which models of this kind are pretrained."""
    return f"pretrain-{objective(record)}"


def overrides(record: Mapping[str, Any]) -> list[str]:
    """
    Return the settings with which today's recipe trains what the record tells of, as `--set` takes them.

    Raises:
        `ValueError`: The recipe cannot be brought there.
    """
    file = str(ROOT / "recipes" / f"{recipe_name(record)}.yaml")
    wanted = _plain(read(TrainConfig, record["settings"]["train"], "training.json: train"))
    ours = _plain(load_recipe(file).train)
    changed = [f"train.{key}={json.dumps(value)}" for key, value in wanted.items() if ours.get(key) != value]
    changed += [f"train.{key}=null" for key in ours if key not in wanted]
    if record["settings"]["seed"] != load_recipe(file).seed:
        changed.append(f"seed={record['settings']['seed']}")
    if _plain(load_recipe(file, changed).train) != wanted:
        raise ValueError(f"{file} does not train this model, even with --set {' --set '.join(changed)}.")
    return changed


def _plain(config: TrainConfig) -> dict[str, Any]:
    settings = json.loads(json.dumps(asdict(config)))
    flat = {}
    for key, value in settings.items():
        inner = value if isinstance(value, dict) else {}
        flat |= {f"{key}.{name}": setting for name, setting in inner.items()} or {key: value}
    return flat


def curve(record: Mapping[str, Any]) -> dict[str, list[list[float]]]:
    """Return the losses by tokens seen, thinned: `"train"`, each the mean since the last, and `"held_out"`."""
    tokens, found = record["tokens"]["train"], defaultdict(list)
    for entry in record["log"]:
        for name, key in (("train", "loss"), ("held_out", "eval_loss")):
            if key in entry:
                found[name].append([round(entry["epoch"] * tokens), round(float(entry[key]), 4)])
    return {name: thinned(points, POINTS // 2) for name, points in found.items()}


def thinned(points: Sequence[Any], most: int) -> list[Any]:
    """Keep at most so many points, evenly spread, with the first and the last."""
    if len(points) <= most:
        return list(points)
    return [points[round(place * (len(points) - 1) / (most - 1))] for place in range(most)]


def texts(folder: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """
    Count the texts that a model was trained on, and those held out, by where they come from.

    Args:
        folder (`Path`): What `scripts/make_pieces.py` wrote.
        record (`Mapping`): Of the training.

    Raises:
        `ValueError`: The record tells of other texts.
    """
    config = DataConfig(path=str(folder), label=None, test_split=None)
    data = load_data(config, PreprocessConfig(), 0)
    splits = describe(data, config)["splits"]
    found = {name: splits[name]["sha256"] for name in ("train", "validation")}
    if found != record["settings"]["data"]:
        raise ValueError(
            f"{folder} holds other texts than the record tells of: {found}, {record['settings']['data']}."
        )
    sources: dict[str, Any] = {}
    for split, rows in data.items():
        names = [document.partition(":")[0] for document in rows["document"]]
        for source in dict.fromkeys(names):
            kept = [place for place, name in enumerate(names) if name == source]
            part = rows.select(kept)
            sources.setdefault(source, {})[split] = {
                "texts": len(set(part["document"])),
                "pieces": len(part),
                "words": sum(len(text.split()) for text in part["text"]),
            }
    return {"sha256": found, "sources": sources, "held_out_bytes": written(data["validation"]["text"])}


def written(pieces: Iterable[str]) -> int:
    """Return the bytes of pieces, a line each: what bits per byte are counted over."""
    return sum(len(piece.encode()) + 1 for piece in pieces)


def measured(document: Mapping[str, Any], kind: str, identity: str, size: int | None) -> dict[str, Any]:
    """
    Take the figures of one model from what `tests/benchmarks/language_models.py --json` wrote.

    Args:
        document (`Mapping`): What it wrote.
        kind (`str`): `"causal"` or `"masked"`.
        identity (`str`): Of the embedded model.
        size (`int`, *optional*): The bytes of the held-out text.

    Raises:
        `ValueError`: The figures are another model's, or of another text.
    """
    if identity not in document["models"].values():
        raise ValueError(
            f"The figures are those of {document['models']}, and this {kind} model is {identity}. Embed it with --draft, "
            "measure what was embedded, and embed it again."
        )
    quality, costs, asked = defaultdict(dict), {}, {}
    for contender, measure, value in document["rows"]:
        if measure in _QUALITY[kind]:
            quality[contender][measure.removeprefix("held-out ")] = value
        elif contender == f"{kind} model":
            costs[measure] = value
        elif contender == "held-out text":
            asked[measure] = value
    if kind == "causal" and size is not None and asked["bytes"] != size:
        raise ValueError(f"The figures are of {asked['bytes']} held-out bytes, the pieces hold {size}. Measure again.")
    return {"quality": list(quality.items()), "costs": list(costs.items()), "asked": asked[_ASKED[kind]]}


def overlap(table: str, pieces: int) -> dict[str, dict[str, int]]:
    """
    Add up, for each folder, what `scripts/check_overlap.py` printed for its files.

    Args:
        table (`str`): What it printed.
        pieces (`int`): The training rows.

    Raises:
        `ValueError`: It was another training text.
    """
    if not table.startswith(f"{pieces:,} training pieces;"):
        raise ValueError(f"The overlap is not that of {pieces:,} training pieces: {table.partition(';')[0]!r}.")
    lines = [[cell.strip() for cell in line.strip("| ").split("|")] for line in table.splitlines() if line[:2] == "| "]
    header, *rows = lines
    found: dict[str, Counter] = defaultdict(Counter)
    for name, *cells in rows:
        found[name.partition("/")[0]].update(
            dict(zip(header[1:], (int(cell.replace(",", "")) for cell in cells), strict=True))
        )
    return {folder: {name: counts[name] for name in OVERLAP} for folder, counts in found.items()}


def read_samples(document: Mapping[str, Any], identity: str) -> dict[str, Any]:
    """
    Take the samples that `scripts/write_samples.py` wrote and two people or models read, and count their verdicts.

    Raises:
        `ValueError`: Another model wrote them, or nobody has read them yet.
    """
    if document["identity"] != identity:
        raise ValueError(f"The samples are those of {document['identity']}, and this model is {identity}. Write anew.")
    samples = document["samples"]
    if "readers" not in document or any(len(row.get("fluent", ())) != 2 for row in samples):
        raise ValueError("Nobody has read the samples yet. See scripts/write_samples.py --readings.")
    agreed = {name: agreement(*zip(*(row[name] for row in samples), strict=True)) for name in ("fluent", "read_as")}
    return {**document, "verdicts": agreed | hits(samples)}


def hits(samples: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Count, for each reader and for both together, the samples called fluent, and those read as their label."""
    fluent = [row["fluent"] for row in samples]
    right = [[said == row["label"] for said in row["read_as"]] for row in samples]
    return {
        name: [sum(first for first, _ in rows), sum(second for _, second in rows), sum(map(all, rows))]
        for name, rows in (("called_fluent", fluent), ("read_as_meant", right))
    }


def agreement(first: Sequence[Any], second: Sequence[Any]) -> dict[str, float | None]:
    """Return how often two readers said the same, and Cohen's kappa; `None` where both said one thing throughout."""
    said = [[str(verdict) for verdict in verdicts] for verdicts in (first, second)]
    same = sum(a == b for a, b in zip(*said, strict=True)) / len(first)
    counts = [Counter(verdicts) for verdicts in said]
    chance = sum(counts[0][verdict] * counts[1][verdict] for verdict in counts[0]) / len(first) ** 2
    return {"same": same, "kappa": (same - chance) / (1 - chance) if chance < 1 else None}
