"""What a run has for the Hub: for each repository its card and its files."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from hf_augment.engine.digests import file_identity
from hf_augment.engine.resources import DECISIVE
from hf_augment.publish.block import Card
from hf_augment.publish.card_parts import GAINS, PICTURE
from hf_augment.publish.classifier_card import classifier_card, eval_results
from hf_augment.publish.dataset_card import FOLDER, dataset_card
from hf_augment.publish.facts import ARM
from hf_augment.publish.gains_picture import gains_picture
from hf_augment.publish.generator_card import generator_card
from hf_augment.publish.places import without_places
from hf_augment.publish.repository import Place
from hf_augment.publish.spec import SPEC_FILE
from hf_augment.recipe import Recipe
from hf_augment.record import read_json
from hf_augment.saved import content
from hf_augment.transform import canonical

_CLASS = "lstm.py"  # what auto_map names
_SHARD = re.compile(r"data/(\w+)-\d{5}-of-\d{5}\.parquet")  # as push_to_hub names them


class Parcel(NamedTuple):
    """
    What goes into one repository.

    Args:
        kind (`str`): `"dataset"`, `"classifier"` or `"generator"`.
        place ([`Place`]): Which.
        card ([`Card`]): Our part of its card.
        files (`dict[str, Path | bytes]`): By their paths there.
        splits (`DatasetDict`, *optional*): What `push_to_hub` writes there.
    """

    kind: str
    place: Place
    card: Card
    files: dict[str, Path | bytes]
    splits: Any = None

    def digest(self) -> str:
        """Return the SHA-256 of all that it holds but the card."""
        held = {
            name: hashlib.sha256(file).hexdigest() if isinstance(file, bytes) else file_identity(file)
            for name, file in self.files.items()
        }
        rows = {name: content(split) for name, split in (self.splits or {}).items()}
        return hashlib.sha256(canonical([held, rows]).encode()).hexdigest()

    def owns(self, name: str) -> bool:
        """Return whether a path in the repository is one of ours."""
        return name in self.files or is_shard(name, self.splits or ())


def is_shard(name: str, splits: Collection[str]) -> bool:
    """Return whether a path is where `push_to_hub` puts rows of one of these splits."""
    found = _SHARD.fullmatch(name)
    return found is not None and found[1] in splits


def make_parcels(
    recipe: Recipe, record: Mapping[str, Any], splits: Any, words: Mapping[str, str], study: Path | None
) -> list[Parcel]:
    """
    Gather what goes to the Hub: the generator first, which the others refer to.

    Args:
        recipe ([`Recipe`]): The run.
        record (`Mapping`): Its record, with `publish`, fit to be read by all.
        splits (`DatasetDict`, *optional*): The rows.
        words (`Mapping[str, str]`): What stands for the folders of this machine.
        study (`Path`, *optional*): The folder of the study that goes along.
    """
    publish, output = record["publish"], Path(recipe.output)
    found = []
    if publish["generator"]:
        place = Place("model", publish["generator"])
        found.append(Parcel("generator", place, generator_card(record), _model(recipe.generator)))
    if publish["dataset"]:
        files = _beside(recipe, record, words, study)
        place = Place("dataset", publish["dataset"])
        found.append(Parcel("dataset", place, dataset_card(record), files, splits))
    if publish["classifier"]:
        files = _model(output / "classifier" / ARM / "model")
        scored = eval_results(record)
        files |= {".eval_results/hf-augment.yaml": scored} if scored else {}
        files |= _pictures(recipe, record, study)
        place = Place("model", publish["classifier"])
        found.append(Parcel("classifier", place, classifier_card(record), files))
    return found


def _model(folder: Path) -> dict[str, Path | bytes]:
    """Name the files of a model that decide what it says; training states and the like stay here."""
    files = {path.name: path for pattern in (*DECISIVE, _CLASS) for path in folder.glob(pattern) if path.is_file()}
    for what, needed in (("config.json", "config.json"), ("weights (*.safetensors)", "*.safetensors")):
        if not any(fnmatchcase(name, needed) for name in files):
            raise FileNotFoundError(f"{folder} holds no {what}, so it is no whole model. Write hf-augment run again.")
    return dict(sorted(files.items()))


def _beside(
    recipe: Recipe, record: Mapping[str, Any], words: Mapping[str, str], study: Path | None
) -> dict[str, Path | bytes]:
    """Name what lies beside the rows: the record, the recipe, the spec, the comparison."""
    output, publish = Path(recipe.output), record["publish"]
    spec = {"spec": record["augment"]["spec"], "identity": record["augment"]["identity"]}
    files: dict[str, Path | bytes] = {SPEC_FILE: _json(spec)} if publish["spec_travels"] else {}
    files |= {
        f"{FOLDER}record.json": _json(record),
        f"{FOLDER}recipe.yaml": record["recipe"]["text"].encode(),
    }
    texts = [output / name for name in ("comparison.json", "comparison.md")] if "study" in record else []
    if study is not None and publish["include_gold"]:  # they show real rows
        texts += [study / name for name in ("study.json", "study.md", "report.html")]
    files |= {FOLDER + file.name: without_places(file.read_text("utf-8"), words).encode() for file in texts}
    return files | {FOLDER + name: picture for name, picture in _pictures(recipe, record, study).items()}


def _pictures(recipe: Recipe, record: Mapping[str, Any], study: Path | None) -> dict[str, Path | bytes]:
    """Draw, or find, the pictures that the cards show."""
    found: dict[str, Path | bytes] = {}
    if "study" in record:
        found[PICTURE] = Path(recipe.output) / PICTURE
    if (record["publish"]["study"] or {}).get("gains"):
        found[GAINS] = gains_picture(read_json(study / "study.json"))
    return found


def _json(document: Any) -> bytes:
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
