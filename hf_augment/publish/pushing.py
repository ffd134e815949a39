"""Brings what a run made to the Hub: marked as incomplete first, and whole only when everything is there."""

import dataclasses
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hf_augment.blocks import PublishConfig
from hf_augment.blocks.publish import LONGEST
from hf_augment.blocks.study import CLASSIFY
from hf_augment.publish.access import check_token, in_one_line
from hf_augment.publish.block import has_block, is_unfinished, read_notes, unfinished, whole
from hf_augment.publish.dataset_card import SPLITS
from hf_augment.publish.dry_run import check_texts, say_what_would_go
from hf_augment.publish.facts import name_of, names, published, read_record, read_rows, study_folder
from hf_augment.publish.parcels import Parcel, is_shard, make_parcels
from hf_augment.publish.places import fit_to_be_read, places_here
from hf_augment.publish.repository import (
    State,
    check_name,
    look,
    make,
    refuse_foreign,
    some_of,
    write_card,
    write_files,
)
from hf_augment.publish.retry import retried
from hf_augment.recipe import Recipe, load_recipe, parse_recipe
from hf_augment.record import read_json, write_json


def push(
    path: str,
    overrides: Iterable[str] = (),
    *,
    to: str | None = None,
    private: bool | None = None,
    include_gold: bool | None = None,
    dry_run: bool = False,
    token: str | None = None,
    report: Callable[[str], None] = print,
) -> dict[str, str]:
    """
    Push what a run made: the augmented dataset, the classifier, the generator, and a collection of them.

    Each card says that it is incomplete until everything is there. Killed at any moment, the same call goes on; called
    again, it changes nothing that has not changed.

    Args:
        path (`str`): The recipe, or the folder of the run.
        overrides (`Iterable[str]`, *optional*): Settings such as `"publish.license=mit"`.
        to (`str`, *optional*): A namespace, or `NAMESPACE/PREFIX`, for what the recipe's `publish` block names not.
        private (`bool`, *optional*): Whether what is made anew is private, and nothing goes into a public repository;
            by default as the recipe says, and that it is.
        include_gold (`bool`, *optional*): Whether real rows go along; by default as the recipe says, and that they do.
        dry_run (`bool`, *optional*, defaults to `False`): Only say what would go where; nothing is sent.
        token (`str`, *optional*): By default that of `hf auth login`.
        report (`Callable[[str], None]`, *optional*, defaults to `print`): What says how it goes.

    Returns:
        `dict[str, str]`: The address of each thing.

    Raises:
        `PermissionError`: The token is missing, or may not write there.
        `FileExistsError`: A repository holds what this library did not push.
        `ValueError`: What is to be private would go into a public repository, among others.
    """
    recipe = _find(path, list(overrides))
    if recipe.data.task != CLASSIFY:
        raise ValueError(
            f"{path}: cards are written of classifiers and labelled texts, and data.task is {recipe.data.task}. Write "
            f"load_from_disk({str(Path(recipe.output) / 'dataset')!r}).push_to_hub(...), and a card of your own."
        )
    config = recipe.publish or PublishConfig()
    given = {"private": private, "include_gold": include_gold}
    config = dataclasses.replace(config, **{name: value for name, value in given.items() if value is not None})
    record = read_record(recipe)
    places = names(recipe, record, config, to)
    splits = read_rows(recipe, record, config.include_gold) if places["dataset"] else None
    record["publish"] = published(recipe, record, config, places, splits)
    words = places_here(recipe, record, places["generator"])
    study = study_folder(recipe, record)
    parcels = make_parcels(recipe, fit_to_be_read(record, words), splits, words, study)
    for parcel in parcels:
        check_name(parcel.place)
    title = (config.collection or name_of(recipe)[:LONGEST]) if len(parcels) > 1 or config.collection else None
    if dry_run:
        say_what_would_go(parcels, title, config.private, report)
        return {}
    token = check_token(token)
    for parcel in parcels:
        check_texts(parcel, token)
    write_json(Path(recipe.output) / "record.json", record)
    with in_one_line(token):
        return _send(parcels, title, config, token, report)


def _find(path: str, overrides: list[str]) -> Recipe:
    """Read the recipe; of a folder, the one that its record holds."""
    folder = Path(os.path.abspath(path))  # "." has no name; and a link keeps its own, unlike with resolve()
    told = (read_json(folder / "record.json") or {}).get("recipe")
    if not told:
        try:
            recipe = load_recipe(path, overrides)
        except FileNotFoundError as error:
            if not folder.is_dir():
                raise
            raise FileNotFoundError(
                f"There is no record of a run in {path!r}. Pass a recipe, or the folder of a run."
            ) from error
        _check_settings(recipe, path)
        return recipe
    recipe = parse_recipe(told["text"], told["file"], [*told["set"], *overrides])
    return dataclasses.replace(recipe, output=str(folder))  # a setting would be read as YAML: 2024 as a number


def _check_settings(recipe: Recipe, path: str) -> None:
    """Raise a `ValueError` if the run was made with other settings: its card would tell of another recipe."""
    if recipe.methods is not None:
        runs = sorted(
            file.parent for name in recipe.methods for file in Path(recipe.output).glob(f"*/*/{name}/record.json")
        )
        one = f", e.g. hf-augment push {runs[0]}" if runs else ""
        raise ValueError(
            f"{path}: methods: a study of several has no one dataset to push. Push the run of the method that won{one}."
        )
    told = (read_json(Path(recipe.output) / "record.json") or {}).get("recipe")
    if not told:
        return
    made = parse_recipe(told["text"], told["file"], told["set"])
    mine, theirs = (dataclasses.asdict(dataclasses.replace(one, publish=None)) for one in (recipe, made))
    differing = [name for name in mine if mine[name] != theirs[name]]
    if differing:
        raise ValueError(
            f"{recipe.output} was made with other settings than {path} has now, in {', '.join(differing)}. Push the run "
            f"as it is by hf-augment push {recipe.output}, pass the same --set, or run it again."
        )


def _send(
    parcels: list[Parcel], title: str | None, config: PublishConfig, token: str, report: Callable[[str], None]
) -> dict[str, str]:
    from huggingface_hub import HfApi

    from hf_augment.publish.collection import tie

    api = HfApi(token=token)
    digests = {parcel.place: parcel.digest() for parcel in parcels}
    states = {parcel.place: retried(lambda place=parcel.place: look(api, place)) for parcel in parcels}
    for parcel in parcels:
        place, state = parcel.place, states[parcel.place]
        refuse_foreign(place, state, parcel.kind)
        _check_history(place, state, config.include_gold)
        _check_private(place, state, config.private)
    changed = [parcel for parcel in parcels if not _is_there(parcel, states[parcel.place], digests[parcel.place])]
    for parcel in changed:
        _refuse_foreign_rows(parcel, states[parcel.place])
    for parcel in changed:
        if states[parcel.place].commit is None:
            make(api, parcel.place, config.private)
        before = states[parcel.place]
        notes = {
            **_notes(parcel, config),
            "files": sorted({*parcel.files, *_known(before)}),
            "splits": sorted({*(parcel.splits or ()), *_known_splits(before)}),
        }
        write_card(
            api,
            parcel.place,
            lambda now, p=parcel, n=notes: unfinished(p.card, now.card, n),
            "Push begins: incomplete",
        )
    for parcel in changed:
        _fill(api, parcel, _known(states[parcel.place]), config.private, token)
    found = {}
    if title:
        address = tie(api, title, [parcel.place for parcel in parcels], config.private)
        if address is None:
            report(f"There is no collection {title!r}: this token may write to repositories, but not to collections.")
        else:
            found["collection"] = address
    for parcel in parcels:
        notes = {
            **_notes(parcel, config),
            "content": digests[parcel.place],
            "files": sorted(parcel.files),
            "splits": sorted(parcel.splits or ()),
        }
        write_card(
            api,
            parcel.place,
            lambda now, p=parcel, n=notes: whole(p.card, now.card, {**n, "held": now.digest(p.owns)}),
            "Push is complete" if parcel in changed else "Update the card",
        )
        prefix = "datasets/" if parcel.place.kind == "dataset" else ""
        found[parcel.place.id] = f"{api.endpoint}/{prefix}{parcel.place.id}"
        before = states[parcel.place]
        if before.commit is not None and before.private and not config.private:
            report(f"{parcel.place} is private as before: a push changes no such thing.")
    for address in found.values():
        report(address)
    return found


def _notes(parcel: Parcel, config: PublishConfig) -> dict[str, Any]:
    return {"kind": parcel.kind, "gold": config.include_gold}


def _known(state: State) -> list[str]:
    """Return the paths that an earlier push wrote."""
    return read_notes(state.card).get("files") or []


def _known_splits(state: State) -> list[str]:
    """Return the splits that an earlier push wrote; of one that did not note them, all that a run can have."""
    return read_notes(state.card).get("splits", SPLITS) if has_block(state.card) else []


def _refuse_foreign_rows(parcel: Parcel, state: State) -> None:
    """Raise a `FileExistsError` if `push_to_hub` would take out of data/ what this library did not push."""
    if parcel.splits is None:
        return
    ours = {*parcel.splits, *_known_splits(state)}
    theirs = sorted(name for name in state.files if name.startswith("data/") and not is_shard(name, ours))
    if theirs:
        raise FileExistsError(
            f"The {parcel.place} holds what hf-augment did not push ({some_of(theirs)}), and pushing rows replaces all of "
            "data/. Move that out of data/, or push to another name."
        )


def _is_there(parcel: Parcel, state: State, digest: str) -> bool:
    notes = read_notes(state.card)
    return (
        has_block(state.card)
        and not is_unfinished(state.card)
        and notes.get("content") == digest
        and notes.get("held") == state.digest(parcel.owns)
    )


def _check_history(place: Any, state: State, include_gold: bool) -> None:
    """Raise a `ValueError` if real rows that are to stay away are in the history of a dataset."""
    if place.kind == "dataset" and not include_gold and read_notes(state.card).get("gold"):
        raise ValueError(
            f"The {place} was pushed with real rows before, and its history keeps them. Push without them to another "
            "name, or delete the repository first."
        )


def _check_private(place: Any, state: State, private: bool) -> None:
    """Raise a `ValueError` if what is to be private would go where everybody sees it."""
    if state.commit is not None and private and not state.private:
        raise ValueError(
            f"The {place} is public, and what is pushed is to be private. Pass --public (publish.private: false) if all "
            "may see it, make the repository private in its settings on the Hub, or push to another name."
        )


def _fill(api: Any, parcel: Parcel, known: list[str], private: bool, token: str) -> None:
    place = parcel.place
    if parcel.splits is not None:

        def push_rows() -> None:
            _refuse_foreign_rows(parcel, look(api, place))  # what was put there since is not ours either
            parcel.splits.push_to_hub(place.id, private=private, token=token, commit_message="Push the rows")

        retried(push_rows)
    gone = [name for name in known if name not in parcel.files]
    write_files(api, place, parcel.files, gone, "Push files")
