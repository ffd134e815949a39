"""
Let a generator write after fine-tuning on few sentences, and have what it wrote judged.

    python scripts/write_samples.py samples
    python scripts/write_samples.py samples --readings first.json second.json --readers "who they are"

The first command trains and writes `samples/samples.json`, `samples/to_read.json` (ids and texts, in shuffled order,
without labels) and `samples/key.json` (the place of each id in samples.json). A reader gets to_read.json alone and
returns a list of {"id": 1, "fluent": true, "read_as": "positive"}; `read_as` is a label, or "neither". The second
command enters two such lists in samples.json.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from hf_augment.augment import Augment
from hf_augment.data import load_data
from hf_augment.engine.resources import identity
from hf_augment.labels import verbalise
from hf_augment.recipe import Recipe, load_recipe
from hf_augment.record import write_json
from hf_augment.streams import row_key, stream
from hf_augment.training import train

RECIPE = Path(__file__).parent.parent / "recipes" / "quickstart.yaml"
SHOTS = 50
WANTED = 40  # of each label
DRAWS = 4  # for each gold sentence: enough, unless most are declined


def write(folder: Path, model: str, seed: int, overrides: list[str]) -> dict[str, Any]:
    """
    Fine-tune a generator and write samples.

    Args:
        folder (`Path`): Where everything goes.
        model (`str`): What is fine-tuned: `embedded:generator`, a folder, a Hub id.
        seed (`int`): Of the gold sentences, of training and of writing.
        overrides (`list[str]`): Further settings of the recipe.

    Returns:
        `dict`: What `samples.json` holds: the settings, and the first `WANTED` texts of each label, unselected.
    """
    ours = [f"output={folder / 'run'}", f"seed={seed}", f"data.shots_per_label={SHOTS}", f"train.model={model}"]
    recipe = load_recipe(str(RECIPE), [*overrides, *ours])
    train(recipe)
    data = load_data(recipe.data, recipe.preprocess, seed)
    draws = _draws(recipe, data["train"])
    samples, looked_at = [], []
    for label in sorted({draw["label"] for draw in draws}):
        written, here = 0, []
        for draw in (draw for draw in draws if draw["label"] == label):
            if written == WANTED:
                break
            here.append(draw)
            written += draw["text"] is not None
        if written < WANTED:
            raise ValueError(f"Of {len(here)} draws for {label!r} only {written} were written, not {WANTED}.")
        looked_at += here
        samples += [{"label": label, "text": draw["text"]} for draw in here if draw["text"] is not None]
    return {
        "identity": identity(model),
        "recipe": RECIPE.name,
        "set": [*overrides, *ours[1:]],
        "seed": seed,
        "gold": {split: len(data[split]) for split in ("train", "validation")},
        "draws": len(looked_at),
        "declined": Counter(draw["declined"] for draw in looked_at if draw["text"] is None),
        "samples": samples,
    }


def _draws(recipe: Recipe, gold: Any) -> list[dict[str, Any]]:
    """Return all draws, the first of each gold row before all second ones; a declined one has no text."""
    text, label, draws = recipe.data.text, recipe.data.label, []
    names = recipe.data.label_names or getattr(gold.features[label], "names", None)
    for again in range(DRAWS):  # a seed each, not a copy each, so that the reason of each declined draw is known
        seed = recipe.seed * DRAWS + again
        augment = Augment(
            recipe.transform(), text=text, label=label, label_names=names, keep_original=False, seed=seed
        )
        for row in gold.map(augment, batched=True):
            said = verbalise(row[label], names, label)
            draws.append({"label": said, "text": None if row["declined"] else row[text], "declined": row["declined"]})
    return draws


def hide(samples: list[dict[str, Any]], seed: int) -> tuple[list[dict[str, Any]], dict[int, int]]:
    """Return the texts in shuffled order, numbered from 1, and the place in `samples` of each number."""
    order = sorted(range(len(samples)), key=lambda place: stream(seed, "readers", row_key([str(place)]), 0).key)
    key = dict(enumerate(order, start=1))
    return [{"id": number, "text": samples[place]["text"]} for number, place in key.items()], key


def enter(document: dict[str, Any], key: dict[str, int], readings: list[list[dict[str, Any]]], readers: str) -> None:
    """
    Enter what two readers said in the samples.

    Raises:
        `ValueError`: A reader left a sample out, read one twice, or said something else than was asked.
    """
    labels = {row["label"] for row in document["samples"]}
    for row in document["samples"]:
        row["fluent"], row["read_as"] = [], []
    for number, reading in enumerate(readings, start=1):
        if sorted(str(said["id"]) for said in reading) != sorted(key):
            raise ValueError(f"Reader {number} has to judge each of the ids 1 to {len(key)} once.")
        for said in reading:
            if not isinstance(said["fluent"], bool) or said["read_as"] not in labels | {"neither"}:
                raise ValueError(
                    f"Reader {number}: expected fluent true or false, and read_as {sorted(labels)} or 'neither', got {said}."
                )
            row = document["samples"][key[str(said["id"])]]
            row["fluent"].append(said["fluent"])
            row["read_as"].append(said["read_as"])
    document["readers"] = readers


def main() -> None:
    """Write samples, or enter what readers said of them."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded:generator")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override the recipe")
    parser.add_argument("--readings", type=Path, nargs=2, metavar="FILE", help="what two readers returned")
    parser.add_argument("--readers", help="who they are, for the card")
    given = parser.parse_args()
    try:
        if given.readings:
            if not given.readers:
                parser.error("--readings needs --readers: the card says who judged")
            document, key = (json.loads((given.folder / name).read_text()) for name in ("samples.json", "key.json"))
            enter(document, key, [json.loads(file.read_text()) for file in given.readings], given.readers)
        else:
            document = write(given.folder, given.model, given.seed, given.set)
            hidden, key = hide(document["samples"], given.seed)
            write_json(given.folder / "to_read.json", hidden)
            write_json(given.folder / "key.json", key)
        write_json(given.folder / "samples.json", document)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
