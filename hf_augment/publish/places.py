"""The folders of this machine, which are nobody else's business, and what stands for them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_augment.publish.facts import study_folder
from hf_augment.recipe import Recipe, parse_recipe


def fit_to_be_read(record: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """Return a record without the folders of this machine."""
    return json.loads(without_places(json.dumps(record, ensure_ascii=False), words))


def places_here(recipe: Recipe, record: Mapping[str, Any], generator: str | None) -> dict[str, str]:
    """
    Return what stands for each folder of this machine: an id for the generator, for others their last name.

    Args:
        recipe ([`Recipe`]): The run, where it lies now.
        record (`Mapping`): Its record, which may know it by another path.
        generator (`str`, *optional*): The id of the generator, if it is pushed.
    """
    told = record["recipe"]
    recorded = parse_recipe(told["text"], told["file"], told["set"])
    words = {}
    for one in (recipe, recorded):
        output, data = Path(one.output), Path(one.data.path).expanduser()
        words |= {str(one.generator): generator} if generator else {}
        words |= {str(path): path.name for path in (output, data) if path.is_absolute()}
    study = study_folder(recipe, record)
    words |= {str(study): study.name} if study is not None and study.is_absolute() else {}
    return {str(Path.cwd()): ".", str(Path.home()): "~"} | words  # the same from wherever it is pushed


def without_places(text: str, words: Mapping[str, str]) -> str:
    """Replace the folders of this machine in a text, the longest first, and nothing that only begins like one."""
    if len(text) > 1 and text in words:
        return words[text]
    for word in sorted(words, key=len, reverse=True):
        # The root of all paths stands in every text; and the generator of a run in "." is "generator", a mere word.
        if len(word) > 1 and ("/" in word or "\\" in word):
            text = re.sub(rf"(?<![\w./~:-]){re.escape(word)}(?![\w-])", lambda _, word=word: words[word], text)
    return text
