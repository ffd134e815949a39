"""Attacks run side by side: what they ask of models in a round goes through each model in one call."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Ask(NamedTuple):
    """What an attack wants to know next: the name of who answers, and the question."""

    what: str
    question: Any


Steps = Generator[Ask, Any, Any]


def together(
    attacks: Sequence[Steps], answers: Mapping[str, Callable[[list[Any]], Sequence[Any]]]
) -> Iterator[tuple[int, Any]]:
    """
    Run attacks side by side: what they ask in a round goes through each model in one call.

    Args:
        attacks (`Sequence[Generator]`): They yield an [`Ask`] and are sent the answer; what they return is the result.
        answers (`Mapping`): By name, what answers a list of questions.

    Yields:
        `tuple[int, Any]`: The position of an attack, as soon as it has ended, and its result.
    """
    sent: dict[int, Any] = dict.fromkeys(range(len(attacks)))
    while sent:
        waiting: dict[str, list[tuple[int, Any]]] = {}
        for place, answer in sent.items():
            try:
                ask = attacks[place].send(answer)
                waiting.setdefault(ask.what, []).append((place, ask.question))
            except StopIteration as end:
                yield place, end.value
        sent = {}
        for what, asked in sorted(waiting.items()):
            found = answers[what]([question for _, question in asked])
            sent.update(zip((place for place, _ in asked), found, strict=True))
