"""What a chat model is asked, how its answer is read, and how it is asked once more when it cannot be read."""

from collections.abc import Callable
from typing import NamedTuple

from hf_augment.streams import Stream
from hf_augment.transform import Declined, Written

Outcome = Written | Declined

_REPAIR = "{problem} Answer again, with one JSON object and nothing before or after it:\n{format}"


class Problem(NamedTuple):
    """
    Why an answer cannot be read; the model is told, once.

    Args:
        what (`str`): The problem, as a clause without a full stop; the reason of the decline if it stays.
    """

    what: str


class Conversation(NamedTuple):
    """
    One row's question.

    Args:
        messages (`list[dict[str, str]]`): What is said, each with `role` and `content`.
        stream (`Stream`): What the answer is drawn with.
        format (`str`): How the answer should look, for a second try.
        read (`Callable[[str, bool], Written | Declined | Problem]`): Makes an outcome of the answer, told whether the
            model had ended it.
    """

    messages: list[dict[str, str]]
    stream: Stream
    format: str
    read: Callable[[str, bool], Outcome | Problem]


def asked_again(conversation: Conversation, answer: str, problem: Problem) -> Conversation:
    """Return the conversation that goes on after an answer that could not be read."""
    complaint = f"{problem.what[:1].upper()}{problem.what[1:]}."
    more = [
        {"role": "assistant", "content": answer.strip() or "{}"},  # some servers and templates refuse an empty turn
        {"role": "user", "content": _REPAIR.format(problem=complaint, format=conversation.format)},
    ]
    messages = [*conversation.messages, *more]
    return conversation._replace(messages=messages, stream=conversation.stream.child("repair"))
