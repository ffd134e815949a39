"""
Put a trained model into the package: weights in fp16, checksums, and a card made from its record and what was measured.

    python scripts/embed_model.py runs/pretrain-causal/generator hf_augment/embedded/generator --draft
    python scripts/check_overlap.py pieces/train.parquet DATA... > overlap.md
    python -m tests.benchmarks.language_models --causal embedded:generator --train pieces/train.parquet \
        --heldout pieces/validation.parquet --json figures.json
    python scripts/write_samples.py samples                    # and have them read
    python scripts/embed_model.py runs/pretrain-causal/generator hf_augment/embedded/generator --pieces pieces \
        --overlap overlap.md --figures figures.json --samples samples/samples.json

Figures and samples are those of the embedded weights, so a draft comes first. A card that lacks any is an error.
"""

import argparse
import json
import shutil
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import model_facts
import torch
from loss_picture import picture
from model_card import PIECES, SOURCES, card

from hf_augment.engine.digests import SUMS, file_identity
from hf_augment.engine.prompt import PROMPT_FILE
from hf_augment.engine.resources import DECISIVE, identity, read_lm
from hf_augment.record import read_json, write_json

_HOW = {
    "pieces": "--pieces FOLDER, which scripts/make_pieces.py wrote",
    "overlap": "--overlap FILE, what scripts/check_overlap.py printed",
    "figures": "--figures FILE, which tests/benchmarks/language_models.py wrote",
    "samples": "--samples FILE, which scripts/write_samples.py wrote",
}


def embed(trained: Path, embedded: Path, given: dict[str, Path | None], draft: bool = False) -> None:
    """
    Write the embedded folder of a model that was trained to its end.

    Args:
        trained (`Path`): What `hf_augment.training` left.
        embedded (`Path`): The folder to write; what was there is replaced if all goes well.
        given (`dict`): By the names of `_HOW`, where the facts for the card are.
        draft (`bool`, *optional*, defaults to `False`): Leave out of the card what is not given.

    Raises:
        `ValueError`: Facts are missing, or are not those of this model.
        `FileNotFoundError`: The model is not trained.
    """
    record = read_json(trained / "training.json")
    if record is None:
        raise FileNotFoundError(f"{trained} holds no training.json. Train the model to its end first.")
    if record["generator"] != identity(str(trained)):
        raise ValueError(f"{trained} does not hold the weights that its training.json tells of. Train again.")
    kind = model_facts.objective(record)
    wanted = [name for name in _HOW if name != "samples" or kind == "causal"]
    lacking = [name for name in wanted if given.get(name) is None]
    if lacking and not draft:
        raise ValueError(f"The card lacks facts: {'; '.join(_HOW[name] for name in lacking)}. Or pass --draft.")
    folder = embedded.with_name(f".{embedded.name}.unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    model = _convert(trained, folder, kind)
    figures = {
        "name": embedded.name,
        "objective": kind,
        "draft": lacking,
        "identity": identity(str(folder)),
        "recipe": model_facts.recipe_name(record),
        "model": model,
        "training": model_facts.training(record),
        "curve": model_facts.curve(record),
        **_measured(given, record, identity(str(folder))),
    }
    write_json(folder / "figures.json", figures)
    figures = read_json(folder / "figures.json")  # what the card follows from; keys are in another order
    picture(figures, folder / "loss.png")
    (folder / "README.md").write_text(card(figures), encoding="utf-8")
    names = sorted(
        file.name for file in folder.iterdir() if any(fnmatchcase(file.name, pattern) for pattern in DECISIVE)
    )
    sums = "".join(f"{file_identity(folder / name)}  {name}\n" for name in names)
    (folder / SUMS).write_text(sums, encoding="utf-8")
    shutil.rmtree(embedded, ignore_errors=True)
    folder.rename(embedded)


def _convert(trained: Path, folder: Path, kind: str) -> dict[str, Any]:
    model, tokenizer = read_lm(trained, kind)
    model.half().save_pretrained(folder)
    if not all(torch.isfinite(weights).all() for weights in model.parameters()):
        raise ValueError(f"{trained} holds weights that are too large for fp16.")
    tokenizer.save_pretrained(folder)
    shutil.copy(trained / PROMPT_FILE, folder)
    for file in folder.iterdir():
        file.chmod(0o644)  # some arrive readable by their owner alone, and would be so in the package
    config = model.config
    return {
        "class": type(model).__name__,
        "parameters": model.num_parameters(),
        "layers": config.num_hidden_layers,
        "width": config.hidden_size,
        "heads": config.num_attention_heads,
        "vocabulary": config.vocab_size,
        "context": config.max_position_embeddings,
        "bytes": sum(file.stat().st_size for file in folder.glob("*.safetensors")),
    }


def _measured(given: dict[str, Path | None], record: dict[str, Any], embedded: str) -> dict[str, Any]:
    kind, facts = model_facts.objective(record), {}
    if given.get("pieces"):
        facts["texts"] = model_facts.texts(given["pieces"], record)
        _check_origin(**facts["texts"])
    if given.get("overlap"):
        table = given["overlap"].read_text(encoding="utf-8")
        facts["overlap"] = model_facts.overlap(table, record["rows"]["train"]["used"])
    if given.get("figures"):
        size = facts["texts"]["held_out_bytes"] if "texts" in facts else None
        document = json.loads(given["figures"].read_text(encoding="utf-8"))
        facts["measured"] = model_facts.measured(document, kind, embedded, size)
    if given.get("samples"):
        document = json.loads(given["samples"].read_text(encoding="utf-8"))
        facts["samples"] = model_facts.read_samples(document, embedded)
    return facts


def _check_origin(sources: dict[str, Any], sha256: dict[str, str], **_: Any) -> None:
    """Raise a `ValueError` if the card could not say where texts come from, or how they were made into pieces."""
    if sha256["train"] not in PIECES:
        raise ValueError(f"No command is known to make the pieces {sha256['train']}. Add it to PIECES, model_card.py.")
    if unknown := sorted(set(sources) - set(SOURCES)):
        raise ValueError(f"Nothing is known of the sources {unknown}. Add them to SOURCES in model_card.py.")


def main() -> None:
    """Convert the folder named first into the folder named second."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("trained", type=Path)
    parser.add_argument("embedded", type=Path)
    for name, how in _HOW.items():
        parser.add_argument(f"--{name}", type=Path, metavar="PATH", help=how.partition(", ")[2])
    parser.add_argument("--draft", action="store_true", help="leave out of the card what is not given")
    given = vars(parser.parse_args())
    try:
        embed(given.pop("trained"), given.pop("embedded"), draft=given.pop("draft"), given=given)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
