from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hf_augment.tasks.agreement import shared, unsupported
from hf_augment.tasks.kept import lost
from hf_augment.tasks.task import Pair, Task, unusable
from hf_augment.transform import Row

USER, ASSISTANT = "user", "assistant"
_ROLES = {"human": USER, "prompter": USER, "gpt": ASSISTANT, "bot": ASSISTANT, "model": ASSISTANT, "system": "system"}
_KEYS = (("role", "content"), ("from", "value"), ("speaker", "text"), ("speaker", "utterance"))


class _Turn(NamedTuple):
    role: str
    text: Any


class Dialogue(Task):
    """
    Turns with roles: `messages`, `conversations` of `from` and `value`, or a list of texts that alternate.

    Roles and order stay, only turns of the chosen field are rewritten. What a later turn takes up (a number, a
    placeholder, a name) still stands, and a rewritten turn has none that neither it nor an earlier turn had.
    """

    name = "dialogue"
    fields = (USER, ASSISTANT, "reply")
    roles: Mapping[str, tuple[str, ...]] = {
        "messages": ("messages", "conversations", "conversation", "dialog", "dialogue", "turns", "utterances")
    }
    offers = ("history",)

    def is_row(self, value: Any) -> bool:
        first = value[0] if isinstance(value, list) and value else value
        return (
            super().is_row(value) or isinstance(first, str) or (isinstance(first, Mapping) and not _is_columns(first))
        )

    def cleaned(self, values, clean) -> dict[str, Any]:
        turns = _turns(values[0])
        if isinstance(turns, str):
            return {self.columns["messages"]: values[0]}
        said = {i: clean(text) for i, (_, text) in enumerate(turns) if isinstance(text, str)}
        return {self.columns["messages"]: _with_texts(values[0], said)}

    def rows(self, values: Sequence[Any], read: bool = True) -> Sequence[Row] | str:
        turns = _turns(values[0])
        if isinstance(turns, str):
            return turns
        places = self._chosen(turns)
        if not places:
            return "no reply" if self.field == "reply" else f"no turn of the {self.field}"
        if problem := next((found for place in places if read and (found := unusable(turns[place].text))), ""):
            return problem
        said = [turn.text if isinstance(turn.text, str) else "" for turn in turns]
        return [
            Row(said[place], None, {"history": history(turns[:place])}, shared(said[place], said[place + 1 :]))
            for place in places
        ]

    def check(self, values, place, row, written) -> str:
        if lost(row, written):
            return "a later turn takes up what is gone"
        if unsupported(written.text, [row.text, row.context["history"]]):
            return "a number or name that nobody said"
        return ""

    def put(self, values, written) -> dict[str, Any]:
        places = self._chosen(_turns(values[0]))
        changes = {places[place]: outcome.text for place, (_, outcome) in written.items()}
        return {self.columns["messages"]: _with_texts(values[0], changes)}

    def pair(self, values: Sequence[Any]) -> Pair | None:
        turns = _turns(values[0])
        if isinstance(turns, str) or not (reply := _reply(turns)):
            return None
        [place] = reply
        return None if unusable(turns[place].text) else Pair(history(turns[:place]), turns[place].text)

    def _chosen(self, turns: Sequence[_Turn]) -> list[int]:
        if self.field == "reply":
            return _reply(turns)
        # A turn without a text, such as the call of a tool, is none to rewrite.
        return [i for i, turn in enumerate(turns) if turn.role == self.field and turn.text is not None]


def history(turns: Sequence[_Turn]) -> str:
    """Write turns one below the other, each after its role."""
    return "\n".join(f"{role}: {text}" for role, text in turns if isinstance(text, str))


def _reply(turns: Sequence[_Turn]) -> list[int]:
    """Find the last turn of the assistant that answers something."""
    found = [i for i, turn in enumerate(turns) if turn.role == ASSISTANT and turn.text is not None and i > 0]
    return found[-1:]


def _turns(messages: Any) -> list[_Turn] | str:
    if isinstance(messages, Mapping):  # how older versions of `datasets` hand a list of dicts over
        role, content = _keys(messages)
        if role is None:
            return "messages without role and content"
        return [_Turn(_role(name), text) for name, text in zip(messages[role], messages[content], strict=True)]
    if not isinstance(messages, list) or not messages:
        return "no messages"
    if all(isinstance(text, str) or text is None for text in messages):
        return [_Turn((USER, ASSISTANT)[i % 2], text) for i, text in enumerate(messages)]
    if not all(isinstance(message, Mapping) for message in messages):
        return "messages that are neither texts nor dicts"
    found = []
    for message in messages:
        role, content = _keys(message)
        if role is None:
            return "messages without role and content"
        found.append(_Turn(_role(message[role]), message[content]))
    return found


def _is_columns(messages: Mapping[str, Any]) -> bool:
    return all(isinstance(values, list) for values in messages.values())


def _keys(message: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return next(((role, content) for role, content in _KEYS if role in message and content in message), (None, None))


def _role(name: Any) -> str:
    name = str(name).casefold()
    return _ROLES.get(name, name)


def _with_texts(messages: Any, changes: Mapping[int, str]) -> Any:
    if isinstance(messages, Mapping):
        _, content = _keys(messages)
        texts = [changes.get(i, text) for i, text in enumerate(messages[content])]
        return {**messages, content: texts}
    return [_with_text(message, changes[i]) if i in changes else message for i, message in enumerate(messages)]


def _with_text(message: Any, text: str) -> Any:
    return {**message, _keys(message)[1]: text} if isinstance(message, Mapping) else text
