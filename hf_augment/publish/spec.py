"""An `Augment` as a file: `augment.json`, in a folder or in a repository on the Hub."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hf_augment.publish.access import check_token, in_one_line, refuse_secrets
from hf_augment.publish.block import Card, whole
from hf_augment.publish.escape import fenced, paragraphs, plain
from hf_augment.publish.repository import (
    README,
    Place,
    check_name,
    look,
    make,
    refuse_foreign,
)
from hf_augment.publish.retry import retried
from hf_augment.record import read_json, write_json
from hf_augment.transform import Transform, canonical

SPEC_FILE = "augment.json"
_EMBEDDED = "embedded:"


def described(augment: Any) -> dict[str, Any]:
    """
    Return what the file says of an `Augment`.

    Args:
        augment ([`Augment`]): The value.

    Returns:
        `dict`: `spec`, from which an equal one is made, and `identity`, by which that is checked.
    """
    return {"spec": augment.to_spec(), "identity": augment.identity()}


def save(augment: Any, folder: str | Path) -> None:
    """Write an `Augment` into a folder. Models and pools stay where they are: the file names them."""
    write_json(Path(folder) / SPEC_FILE, described(augment))


def load(reference: str | Path, revision: str | None, token: str | None, kind: str) -> dict[str, Any]:
    """
    Read what the file says.

    Args:
        reference (`str` or `Path`): A folder, or an id on the Hub.
        revision (`str`, *optional*): A commit, branch or tag there.
        token (`str`, *optional*): For a private repository; by default that of `hf auth login`.
        kind (`str`): `"model"` or `"dataset"`: what repository it is.

    Raises:
        `FileNotFoundError`: There is none.
        `ValueError`: It is none of ours; or it comes from the Hub, and names code that would have to be imported, or
            a server that would be sent the rows and the key.
    """
    folder = Path(reference).expanduser()
    if folder.is_dir():
        file = folder / SPEC_FILE
        if not file.is_file():
            raise FileNotFoundError(
                f"The folder {str(reference)!r} holds no {SPEC_FILE}. Write one by save_pretrained."
            )
        return _checked(read_json(file), str(file))
    found = _checked(_fetched(str(reference), revision, token, kind), f"{SPEC_FILE} of {reference}")
    for name in _names(found["spec"].get("transform")):
        if ":" in name:
            raise ValueError(
                f"{SPEC_FILE} of {reference} names {name!r}, which would have to be imported, and what the Hub says is "
                "not run. Read the file, and if you trust it, write Augment.from_spec(json.load(...)['spec'])."
            )
    for endpoint in endpoints(found["spec"].get("transform")):
        # Whoever wrote the file would otherwise be sent $HF_AUGMENT_API_KEY, and every row.
        raise ValueError(
            f"{SPEC_FILE} of {reference} names the endpoint {endpoint!r}, which would be sent your rows and your key, and "
            "nothing is sent where the Hub says. Read the file, and if you trust it, write "
            "Augment.from_spec(json.load(...)['spec'])."
        )
    return found


def _fetched(reference: str, revision: str | None, token: str | None, kind: str) -> Any:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError

    at = "" if revision is None else f" at revision {revision!r}"
    try:
        return read_json(Path(hf_hub_download(reference, SPEC_FILE, repo_type=kind, revision=revision, token=token)))
    except (EntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        raise FileNotFoundError(
            f"There is no folder {reference!r} (looked in {str(Path.cwd())!r}), and no {SPEC_FILE} came from the {kind} "
            f"repository of that name{at}: {' '.join(str(error).split())} Check the name; for a dataset, write "
            "repo_type='dataset'; for a private one, log in with `hf auth login`."
        ) from None


def _checked(found: Any, where: str) -> dict[str, Any]:
    if not isinstance(found, dict) or not isinstance(found.get("spec"), dict) or "identity" not in found:
        raise ValueError(f"{where} is no spec of an Augment. Expected what save_pretrained or push_to_hub wrote.")
    return found


def check_identity(augment: Any, expected: Mapping[str, Any], where: str) -> None:
    """
    Raise a `ValueError` if an `Augment` would write other rows than the one that was saved.

    Args:
        augment ([`Augment`]): What was made from the spec.
        expected (`Mapping`): The identity that was saved with it.
        where (`str`): Where that was.
    """
    found = json.loads(canonical(augment.identity()))
    if found != expected:
        changed = sorted({*_changed(found, expected)})
        raise ValueError(
            f"{where} was saved with other files behind it ({', '.join(changed)}), so other rows would be written. "
            "Give the transform the revision of its model that it was saved with, or take what is there now by "
            "Augment.from_spec."
        )


def _changed(found: Any, expected: Any, where: str = "") -> Iterator[str]:
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        for name in {*found, *expected}:
            yield from _changed(found.get(name), expected.get(name), f"{where}.{name}" if where else name)
    elif found != expected:
        yield where


def push(augment: Any, repo_id: str, private: bool, token: str | None, license: str | None) -> str:
    """
    Write an `Augment` into a repository of its own; the same one twice makes one commit.

    Args:
        augment ([`Augment`]): The value.
        repo_id (`str`): `NAMESPACE/NAME`.
        private (`bool`): Whether a new repository is private.
        token (`str`, *optional*): By default that of `hf auth login`.
        license (`str`, *optional*): Of the spec; without one the card names none.

    Returns:
        `str`: Its address.

    Raises:
        `ValueError`: It refers to a folder of this machine, or the name is none.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    place = Place("model", repo_id)
    check_name(place)
    refuse_local(augment.transform)
    text = json.dumps(described(augment), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    card = _card(augment, repo_id, license)
    token = check_token(token)
    for name, content in ((SPEC_FILE, text), (README, card.text)):
        refuse_secrets(name, content, token)
    api = HfApi(token=token)

    def write() -> None:
        state = look(api, place)
        files = {SPEC_FILE: text, README: whole(card, state.card, {"kind": "augment"})}
        added = [CommitOperationAdd(name, content.encode()) for name, content in files.items()]
        api.create_commit(place.id, added, commit_message="Push an Augment", parent_commit=state.commit)

    with in_one_line(token):
        refuse_foreign(place, look(api, place), "augment")
        make(api, place, private)
        retried(write)
    return f"{api.endpoint}/{repo_id}"


def refuse_local(transform: Transform) -> None:
    """Raise a `ValueError` if a transform refers to a file or folder that only this machine has."""
    for name, field, reference in local_references(transform):
        raise ValueError(
            f"{name}: {field}: {reference!r} is on this machine alone. Push it first, e.g. by hf upload "
            f"me/{Path(reference).name} {reference}, and name its id here."
        )


def local_references(transform: Transform) -> Iterator[tuple[str, str, str]]:
    """Yield what a transform refers to on this machine: its name, the field, the path."""
    for own in _parts(transform):
        for field in own.references():
            for reference in _strings(getattr(own, field, None)):
                if not reference.startswith(_EMBEDDED) and Path(reference).expanduser().exists():
                    yield own.name, field, reference


def _parts(value: Any) -> Iterator[Transform]:
    if isinstance(value, Transform):
        yield value
        value = [getattr(value, name) for name in value.__dataclass_fields__]
    if isinstance(value, Mapping):
        value = list(value.values())
    for part in value if isinstance(value, list | tuple) else ():
        yield from _parts(part)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _strings(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _strings(part)


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("name"), str):
            yield value["name"]
        value = list(value.values())
    for part in value if isinstance(value, list) else ():
        yield from _names(part)


def endpoints(spec: Any) -> Iterator[Any]:
    """Yield the endpoints that the transforms in a spec name, nested ones included."""
    if isinstance(spec, Mapping):
        if "name" in spec and spec.get("endpoint") is not None:
            yield spec["endpoint"]
        spec = list(spec.values())
    for part in spec if isinstance(spec, list | tuple) else ():
        yield from endpoints(part)


def _card(augment: Any, repo_id: str, license: str | None) -> Card:
    names = list(dict.fromkeys(own.name for own in _parts(augment.transform)))
    load = f'augment = Augment.from_pretrained("{repo_id}")'
    if any(endpoints(augment.transform.to_spec())):  # which from_pretrained refuses
        load = (
            "# It asks a server, which is sent your rows and your key: read the spec below first.\n"
            f'file = hf_hub_download("{repo_id}", "{SPEC_FILE}")\n'
            'augment = Augment.from_spec(json.load(open(file, encoding="utf-8"))["spec"])'
        )
        load = f"import json\n\nfrom huggingface_hub import hf_hub_download\nfrom hf_augment import Augment\n\n{load}"
    else:
        load = f"from hf_augment import Augment\n\n{load}"
    code = f"{load}\ntrain = train.map(augment, batched=True)"
    said = f"It is under <code>{plain(license)}</code>." if license else "No licence is known for it."
    listed = ", ".join(f"<code>{plain(name)}</code>" for name in names)
    text = paragraphs(
        f"# {plain(repo_id)}",
        f"A text augmentation for `datasets`, by `hf_augment`: {listed}. With the same rows it writes the same copies, "
        "everywhere.",
        fenced(code, "python"),
        fenced(canonical(augment.to_spec()), "json"),
        said,
    )
    known = {"library_name": "hf_augment", "tags": ["hf-augment", "data-augmentation"]}
    return Card(known | ({"license": license} if license else {}), text)
