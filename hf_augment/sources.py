"""Where labelled rows come from: files, folders, the package itself, the Hub."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_augment.engine.digests import check_sums
from hf_augment.errors import unknown

# pandas would read the texts "NA", "None" and "null" as missing; only an empty cell is.
_CSV = {"keep_default_na": False, "na_values": [""]}
FORMATS = {
    ".csv": ("csv", _CSV),
    ".tsv": ("csv", {**_CSV, "sep": "\t"}),
    ".json": ("json", {}),
    ".jsonl": ("json", {}),
    ".parquet": ("parquet", {}),
}
EMBEDDED = "embedded:"
SHELF = Path(__file__).parent / "embedded"
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FRONT_MATTER = re.compile(r"---\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_CARD = ("license", "license_name", "license_link", "language")
_SHARD = re.compile(r"-\d{5}-of-\d{5}\Z")


def read_splits(
    path: str, name: str | None = None, revision: str | None = None, streaming: bool = False
) -> dict[str, Any]:
    """
    Read all splits of a source, under the names that they have there; a single file is the split `"train"`.

    Args:
        path (`str`): `embedded:NAME`, a file, a folder of files named after their splits, a folder written by
            `save_to_disk`, or a Hub id.
        name (`str`, *optional*): The configuration of a Hub dataset.
        revision (`str`, *optional*): A commit, branch or tag of a Hub dataset.
        streaming (`bool`, *optional*, defaults to `False`): Read rows when they are asked for, not all of them now.

    Returns:
        `dict[str, Dataset]`: The splits; of `IterableDataset` where they are streamed.

    Raises:
        `FileNotFoundError`: Nothing is called that, here or on the Hub.
        `ValueError`: It is there, and cannot be read.
    """
    local = Path(path).expanduser()
    if not is_local(path):
        if local.suffix in FORMATS or not _HUB_ID.fullmatch(path):
            raise FileNotFoundError(f"data: path: there is no file or folder {path!r}, seen from {os.getcwd()}.")
        return _read_hub(path, name, revision, streaming)
    for key, value in (("name", name), ("revision", revision)):
        if value is not None:
            raise ValueError(f"data: {key}: only datasets on the Hub have one, and {path!r} is local. Remove it.")
    if path.startswith(EMBEDDED):
        return _read_folder(_embedded(path), streaming)
    if local.is_file():
        return {"train": _read_files([local], streaming)}
    if (local / "dataset_dict.json").is_file() or (local / "state.json").is_file():
        saved = _read_saved(local)
        return {split: rows.to_iterable_dataset() for split, rows in saved.items()} if streaming else saved
    return _read_folder(local, streaming)


def is_local(path: str) -> bool:
    """Return whether a source is embedded or on this machine, rather than on the Hub."""
    return path.startswith(EMBEDDED) or Path(path).expanduser().exists()


def local_files(path: str) -> list[Path]:
    """Return the files behind a source that is embedded or on this machine, in order."""
    place = _embedded(path) if path.startswith(EMBEDDED) else Path(path).expanduser()
    return [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())


def loaded_commit(datasets: Iterable[Any]) -> str | None:
    """Return the commit that datasets from the Hub were really loaded at; `None` where it cannot be told."""
    # `datasets` names the cache folder of a Hub dataset after its commit, and derived files stay in that folder.
    folders = {Path(file["filename"]).parent.name for dataset in datasets for file in dataset.cache_files}
    commits = sorted(filter(_COMMIT.fullmatch, folders))
    return commits[0] if commits else None


def read_card(path: str, commit: str | None) -> dict[str, Any] | None:
    """
    Return what the card of a source says of licence and language; `None` where there is no card.

    Args:
        path (`str`): As for `read_splits`.
        commit (`str`, *optional*): The commit of a Hub dataset.

    Returns:
        `dict`: Of `license`, `license_name`, `license_link` and `language` those that it has, in the card's own words.
    """
    import yaml
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        if is_local(path):
            folder = _embedded(path) if path.startswith(EMBEDDED) else Path(path).expanduser()
            file = folder / "README.md"  # a single file has none
        else:
            file = Path(hf_hub_download(path, "README.md", repo_type="dataset", revision=commit))
        found = _FRONT_MATTER.match(file.read_text(encoding="utf-8"))
        said = read_metadata(found[1]) if found else None
    except (HfHubHTTPError, OSError, ValueError, yaml.YAMLError):
        return None
    if not isinstance(said, dict):
        return None
    return {name: said[name] for name in _CARD if said.get(name)} or None


def read_metadata(text: str) -> Any:
    """Read the YAML of a card, in which `no` is a language, as the Hub reads it, where YAML 1.1 says `False`."""
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML without booleans."""

    boolean = "tag:yaml.org,2002:bool"
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != boolean]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    found = yaml.safe_load(text)
    if not isinstance(found, dict):
        return found
    said = yaml.load(text, Loader=Loader)
    return {**found, **{name: said[name] for name in _CARD if name in said}}


def _embedded(path: str) -> Path:
    names = {file.parent.name: file.parent for file in SHELF.glob("*/train.jsonl")}
    name = path.removeprefix(EMBEDDED)
    if name not in names:
        raise FileNotFoundError(
            "data: path: " + unknown("embedded dataset", path, (EMBEDDED + name for name in names))
        )
    check_sums(names[name], [f"*{suffix}" for suffix in FORMATS])
    return names[name]


def _read_folder(folder: Path, streaming: bool) -> dict[str, Any]:
    files = defaultdict(list)
    for file in sorted(folder.iterdir()):
        if file.suffix in FORMATS and not file.name.startswith("."):
            files[_SHARD.sub("", file.stem)].append(file)
    if not files:
        raise FileNotFoundError(
            f"data: path: the folder {str(folder)!r} holds no table. Expected files named after their splits "
            f"(train.csv, test.csv, ...; {', '.join(FORMATS)}), or a folder written by save_to_disk."
        )
    return {split: _read_files(shards, streaming) for split, shards in files.items()}


def _read_files(files: Sequence[Path], streaming: bool) -> Any:
    from datasets import load_dataset
    from datasets.exceptions import DatasetGenerationError

    names, suffixes = [str(file) for file in files], {file.suffix for file in files}
    if len(suffixes) > 1:
        raise ValueError(f"data: path: one split in several formats: {names}. Keep one of them.")
    suffix = suffixes.pop()
    if suffix not in FORMATS:
        raise ValueError(f"data: path: cannot read {names[0]!r}. Expected a name that ends in {', '.join(FORMATS)}.")
    kind, options = FORMATS[suffix]
    try:
        return load_dataset(kind, data_files={"train": names}, split="train", streaming=streaming, **options)
    except (DatasetGenerationError, ValueError, OSError) as error:
        reason = error.__cause__ or error
        if "corresponds to no data" in str(error):
            raise ValueError(f"data: path: {names[0]!r} has no rows.") from error
        expected = "JSON" if kind == "json" else suffix[1:]
        raise ValueError(f"data: path: {names[0]!r} is no readable {expected} file: {reason}") from error


def _read_saved(folder: Path) -> dict[str, Any]:
    from datasets import load_from_disk

    # datasets keeps what it derives from a saved dataset in that folder; in memory where it may not write there.
    saved = load_from_disk(str(folder), keep_in_memory=None if os.access(folder, os.W_OK) else True)
    splits = saved if isinstance(saved, Mapping) else {"train": saved}
    return {split: dataset.with_format(None) for split, dataset in splits.items()}


def _read_hub(path: str, name: str | None, revision: str | None, streaming: bool) -> dict[str, Any]:
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError

    commit = hub_commit(path, revision)
    try:
        data = load_dataset(path, name, revision=commit, streaming=streaming)
    except DatasetNotFoundError as error:
        raise FileNotFoundError(f"data: path: could not load {path!r}: {error}") from error
    except ConnectionError as error:
        raise ConnectionError(
            f"data: path: {path!r} is no file or folder, seen from {os.getcwd()}, nor in the cache, and the Hub cannot "
            f"be reached: {error}. Check the path and the connection."
        ) from error
    except ValueError as error:
        raise ValueError(f"data: could not load {path!r}: {error}") from error
    if streaming:
        return dict(data)
    loaded = loaded_commit(data.values())
    if commit is not None and loaded not in (commit, None):
        raise ConnectionError(
            f"data: revision: the Hub does not answer, and the cache has {path!r} at {loaded}, not at {commit}. "
            "Try again with a connection, or write the cached commit."
        )
    return dict(data)


def hub_commit(path: str, revision: str | None) -> str | None:
    """Ask for the commit behind a branch or tag, so that what is loaded is what the record names."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.utils import httpx

    if revision is not None and _COMMIT.fullmatch(revision):
        return revision
    try:
        return HfApi().dataset_info(path, revision=revision).sha
    except GatedRepoError as error:
        raise PermissionError(
            f"data: path: the dataset {path!r} is gated. Accept its terms on the Hub, then run 'hf auth login'."
        ) from error
    except RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"data: path: {path!r} is neither a file or folder, seen from {os.getcwd()}, nor a dataset on the Hub. "
            "If it is private, run 'hf auth login'."
        ) from error
    except RevisionNotFoundError as error:
        raise ValueError(f"data: revision: the dataset {path!r} has no commit, branch or tag {revision!r}.") from error
    except (httpx.HTTPError, OSError) as error:
        if revision is None:
            return None  # offline: what the cache holds
        raise ConnectionError(
            f"data: revision: could not ask the Hub which commit {revision!r} of {path!r} is: {error} "
            "Write the commit itself to load it from the cache."
        ) from error
