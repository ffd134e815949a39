"""One repository on the Hub: what it holds, whether we may write there, and commits to it."""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hf_augment.publish.access import one_line
from hf_augment.publish.block import has_block, read_notes
from hf_augment.publish.retry import retried
from hf_augment.transform import canonical

README = "README.md"
_BY_THE_HUB = (".gitattributes", README)


class Place(NamedTuple):
    """
    A repository.

    Args:
        kind (`str`): `"dataset"` or `"model"`.
        id (`str`): `NAMESPACE/NAME`.
    """

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class State(NamedTuple):
    """
    What a repository holds.

    Args:
        commit (`str`, *optional*): The last one; `None` where there is no repository.
        card (`str`): Its README; empty if there is none.
        files (`dict[str, str]`): The digest of each other file.
        private (`bool`): Whether it is private.
    """

    commit: str | None
    card: str
    files: dict[str, str]
    private: bool

    def digest(self, ours: Callable[[str], bool]) -> str:
        """Return one digest of the files that are ours."""
        held = {name: digest for name, digest in self.files.items() if ours(name)}
        return hashlib.sha256(canonical(held).encode()).hexdigest()


def check_name(place: Place) -> None:
    """Raise a `ValueError` for a name that the Hub does not take."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(place.id)
    except HFValidationError as error:
        raise ValueError(f"{place.id!r} is no name for a {place.kind} on the Hub: {one_line(error)}") from None
    if place.id.count("/") != 1:
        raise ValueError(
            f"{place.id!r} does not say whose {place.kind} it is. Write NAMESPACE/NAME, e.g. 'me/{place.id}'."
        )


def look(api: Any, place: Place) -> State:
    """
    Return what a repository holds now.

    Args:
        api (`HfApi`): With the token.
        place ([`Place`]): Which.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.repo_info(place.id, repo_type=place.kind, files_metadata=True)
    except RepositoryNotFoundError:
        return State(None, "", {}, True)
    files = {file.rfilename: file.lfs.sha256 if file.lfs else file.blob_id for file in info.siblings or []}
    card = ""
    if README in files:
        path = api.hf_hub_download(place.id, README, repo_type=place.kind, revision=info.sha)
        card = Path(path).read_bytes().decode("utf-8")  # as it is: universal newlines would change it
    others = {name: digest for name, digest in files.items() if name not in _BY_THE_HUB}
    return State(info.sha, card, others, bool(info.private))


def refuse_foreign(place: Place, state: State, what: str) -> None:
    """
    Raise a `FileExistsError` if a repository holds what this library did not push, or something else of ours.

    Args:
        place ([`Place`]): Which.
        state ([`State`]): What it holds.
        what (`str`): What is to be pushed: `"dataset"`, `"classifier"`, `"generator"` or `"augment"`.
    """
    if (state.files or state.card) and not has_block(state.card):
        held = some_of(sorted(state.files) or [README])
        raise FileExistsError(
            f"The {place} holds what hf-augment did not push ({held}). Choose another name, or empty it first."
        )
    there = read_notes(state.card).get("kind", what)  # cards from before notes had it say nothing of it
    if there != what:
        raise FileExistsError(
            f"The {place} holds what hf-augment pushed as {there!r}, and this is {what!r}, which would be mixed with it. "
            "Choose another name, or delete the repository first."
        )


def some_of(names: list[str]) -> str:
    """Name the first few of many."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def make(api: Any, place: Place, private: bool) -> None:
    """Make a repository unless it is there."""
    retried(lambda: api.create_repo(place.id, repo_type=place.kind, private=private, exist_ok=True))


def write_card(api: Any, place: Place, change: Callable[[State], str], message: str) -> None:
    """
    Rewrite a card, on top of whatever the last commit was; equal text makes no commit.

    Args:
        api (`HfApi`): With the token.
        place ([`Place`]): Which.
        change (`Callable`): Makes the new card from what is there.
        message (`str`): Of the commit.
    """
    from huggingface_hub import CommitOperationAdd

    def write() -> None:
        state = look(api, place)
        card = change(state)
        if card != state.card:
            added = [CommitOperationAdd(README, card.encode())]
            api.create_commit(
                place.id, added, commit_message=message, repo_type=place.kind, parent_commit=state.commit
            )

    retried(write)


def write_files(api: Any, place: Place, files: Mapping[str, Path | bytes], gone: list[str], message: str) -> None:
    """
    Write files in one commit, and take out others; files that are there already make none.

    Args:
        api (`HfApi`): With the token.
        place ([`Place`]): Which.
        files (`Mapping[str, Path | bytes]`): By their paths there.
        gone (`list[str]`): Paths to take out, if they are there.
        message (`str`): Of the commit.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    def write() -> None:
        held = look(api, place).files
        changes = [CommitOperationDelete(name) for name in gone if name in held]
        changes += [
            CommitOperationAdd(name, content if isinstance(content, bytes) else os.fspath(content))
            for name, content in files.items()
        ]
        if changes:
            api.create_commit(place.id, changes, commit_message=message, repo_type=place.kind)

    retried(write)
