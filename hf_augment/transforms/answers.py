"""Reads what a chat model answered: a new text, a reason to decline it, or a problem that it may put right."""

import itertools
import json
import re
from collections.abc import Iterator, Sequence

from hf_augment.engine.conversation import Problem
from hf_augment.transform import Declined, Row, Written

_THOUGHT = re.compile(r"\A\s*(?:<think>)?.*?</think>", re.DOTALL)  # some templates open it in the prompt
_WORD = re.compile(r"\w+")
_TRIES = 100  # braces at which an object may begin; a model that repeats itself writes thousands
_TELLING = 5  # as many words as nobody puts in a row twice by chance


def read_answer(by: str, row: Row, shown: Sequence[str], said: str, answer: str, finished: bool):
    """
    Make an outcome of an answer.

    Args:
        by (`str`): The transform that asked.
        row ([`Row`]): The row it was asked for.
        shown (`Sequence[str]`): The examples that it was shown.
        said (`str`): All that it was told.
        answer (`str`): What it answered.
        finished (`bool`): Whether it had come to its end.

    Returns:
        [`Written`], [`Declined`] or [`Problem`].
    """
    text, problem = None, "the answer holds no JSON object"
    for found in _objects(_THOUGHT.sub("", answer, count=1)):
        if isinstance(found.get("text"), str):
            text = found["text"].strip()
            break
        problem = 'the JSON object of the answer has no string under "text"'
    if text is None:
        return Problem(problem if finished else "the answer was cut before its end")
    words = _words(text)
    if not words.strip():
        return Declined("no words")
    if any(letter == "\ufffd" or "\ud800" <= letter <= "\udfff" for letter in text):
        return Declined("broken character")
    if words == _words(row.text):
        return Declined("copied the text")
    for example in map(_words, shown):
        if words == example or (example.count(" ") > _TELLING and example in words):
            return Declined("copied an example")
    if words.count(" ") > _TELLING and words in _words(said):
        return Declined("copied the prompt")
    return Written(text, by)


def _objects(answer: str) -> Iterator[dict]:
    """Find the JSON objects in an answer, whatever stands around them."""
    decoder = json.JSONDecoder(strict=False)  # models write line breaks into strings
    for brace in itertools.islice(re.finditer(r"\{", answer), _TRIES):
        try:
            found, _ = decoder.raw_decode(answer, brace.start())
            yield found
        except (ValueError, RecursionError):
            pass


def _words(text: str) -> str:
    """Write the words of a text so that one text holds another's as a part of the string."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "
