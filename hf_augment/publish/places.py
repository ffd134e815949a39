"""The folders of this machine, which are nobody else's business, and what stands for them."""

import dataclasses
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hf_augment.publish.facts import study_folder
from hf_augment.recipe import Recipe, parse_recipe

# Before a path stands not the rest of another one, of an address, or the "<" of a closing tag. Paths may overlap.
_PATH = re.compile(r"(?:(?<=file://)|(?<![\w./~:<-]))(?=((?:/|[A-Za-z]:[\\/])[\w.][^\n\"'<>|]*))")
_ENDS = re.compile(r"[\s,;:)\]}/\\]|$")  # where a path in a text may end: it may hold each of these, too
_ROWS = ("publish", "examples")  # of the record: texts that go along as they are, whatever they say


def fit_to_be_read(record: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """
    Return a record without the folders of this machine.

    Args:
        record (`Mapping`): The record.
        words (`Mapping[str, str]`): What stands for them.

    Raises:
        `ValueError`: It still names a file or folder of this machine.
    """
    found = _each_text(record, lambda text: without_places(text, words))
    for field, text in _texts(found):
        path = _path_in(text)
        if path:
            raise ValueError(
                f"The record would tell of {path!r}, which is on this machine, in {field}, so nothing was pushed. Write "
                "a path relative to the folder that you work in, or take it out of the recipe, and run it again."
            )
    return found


def _each_text(value: Any, change: Callable[[str], str], place: tuple[str, ...] = ()) -> Any:
    """Change the texts in a JSON document, but no key: other parts of it know them by their names."""
    if place == _ROWS:
        return value
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each_text(part, change, (*place, key)) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(part, change, (*place, str(i))) for i, part in enumerate(value)]
    return value


def _texts(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield the keys and the texts of a JSON document, each with the path of keys that leads there."""
    if place == _ROWS:
        return
    if isinstance(value, str):
        yield ".".join(place), value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield ".".join(place) or "its keys", str(key)
            yield from _texts(part, (*place, str(key)))
    elif isinstance(value, list | tuple):
        for i, part in enumerate(value):
            yield from _texts(part, (*place, str(i)))


def _path_in(text: str) -> str | None:
    """Return the first absolute path in a text that is one of this machine."""
    for (line,) in map(re.Match.groups, _PATH.finditer(text)):
        ends = [end.start() for end in _ENDS.finditer(line)]
        for end in reversed(ends):  # the longest first: a name may hold spaces
            path, inside = line[:end].rstrip("."), line[end : end + 1] in ("/", "\\")
            few = 2 if inside else 1  # that there is a /tmp is no secret, even where /tmp/x is not there
            if len(Path(path).parts) > few and os.path.exists(path):
                return path
    return None


def places_here(recipe: Recipe, record: Mapping[str, Any], generator: str | None) -> dict[str, str]:
    """
    Return what stands for each folder of this machine: an id for the generator, for others their last name.

    Args:
        recipe ([`Recipe`]): The run, where it lies now.
        record (`Mapping`): Its record, which may know it by another path.
        generator (`str`, *optional*): The id of the generator, if it is pushed.
    """
    import yaml

    told = record["recipe"]
    recorded = parse_recipe(told["text"], told["file"], told["set"])
    written = yaml.safe_load(told["text"])  # which names what other settings took the place of, too
    named = _named([*map(_documents, (recipe, recorded)), written])
    words = {path: Path(path).name for path in named}
    data = written.get("data")
    places = [written.get("output"), data.get("path") if isinstance(data, Mapping) else None]
    places += [place for one in (recipe, recorded) for place in (one.output, one.data.path)]
    for place in (Path(place).expanduser() for place in places if isinstance(place, str)):
        words |= {str(place): place.name} if place.is_absolute() else {}
    if generator:
        words |= {str(one.generator): generator for one in (recipe, recorded)}
    study = study_folder(recipe, record)
    words |= {str(study): study.name} if study is not None and study.is_absolute() else {}
    return {str(Path.cwd()): ".", str(Path.home()): "~"} | words  # the same from wherever it is pushed


def _documents(recipe: Recipe) -> list[Any]:
    return [dataclasses.asdict(recipe), recipe.transform().to_spec() if recipe.augment is not None else None]


def _named(document: Any) -> Iterator[str]:
    """Yield the files and folders of this machine that a document names: models, pools, tables, whatever else."""
    for _, name in _texts(document):
        if os.path.isabs(name) and Path(name).name and os.path.exists(name):
            yield from {name.rstrip("/\\"), str(Path(name))}  # as the recipe writes it, and as others do


def without_places(text: str, words: Mapping[str, str]) -> str:
    """Replace the folders of this machine in a text, the longest first, and nothing that only begins like one."""
    if len(text) > 1 and text in words:
        return words[text]
    for word in sorted(words, key=len, reverse=True):
        # The root of all paths stands in every text; and the generator of a run in "." is "generator", a mere word.
        if len(word) > 1 and ("/" in word or "\\" in word):
            text = re.sub(rf"(?<![\w./~:-]){re.escape(word)}(?![\w-])", lambda _, word=word: words[word], text)
    return text
