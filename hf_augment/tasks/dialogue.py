from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hf_augment.tasks.agreement import gone, shared, unsupported
from hf_augment.tasks.task import LONGEST_TEXT, Pair, Task, unusable
from hf_augment.transform import Declined, Row

USER, ASSISTANT = "user", "assistant"
_ROLES = {"human": USER, "prompter": USER, "gpt": ASSISTANT, "bot": ASSISTANT, "model": ASSISTANT}
_KEYS = (("role", "content"), ("from", "value"), ("speaker", "text"), ("speaker", "utterance"))
_NOBODY_SAID = "a number or name that nobody said"
_CALLS = ("tool_calls", "function_call")


class _Turn(NamedTuple):
    role: str
    text: Any  # None where there is none to rewrite, as in the call of a tool


class Dialogue(Task):
    """
    Turns with roles: `messages`, `conversations` of `from` and `value`, or a list of texts that alternate.

    Roles and order stay, only turns of the chosen field are rewritten; one that is blank or calls a tool is left as it
    is, and of one with pictures the text is rewritten. What a later turn takes up (a number, a placeholder, a name)
    still stands, and a rewritten turn has none that neither it nor an earlier turn had.
    """

    name = "dialogue"
    fields = (USER, ASSISTANT, "reply")
    roles: Mapping[str, tuple[str, ...]] = {
        "messages": ("messages", "conversations", "conversation", "dialog", "dialogue", "turns", "utterances")
    }
    offers = ("history",)

    def is_row(self, value: Any) -> bool:
        if not isinstance(value, list) or not value or any(isinstance(item, list) for item in value):
            return super().is_row(value)  # a list with lists in it is a batch, whatever its first row is
        return isinstance(value[0], str) or (isinstance(value[0], Mapping) and not _is_columns(value[0]))

    def identity(self, values: Sequence[Any]) -> Any:
        # Equal however the turns are laid out, and whatever else stands beside them, such as a picture.
        turns = _turns(values[0])
        return values[0] if isinstance(turns, str) else [list(turn) for turn in turns]

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
        if read and (problem := unusable(turns[places[0]].text)):
            return problem
        said = [turn.text if isinstance(turn.text, str) else "" for turn in turns]
        if sum(map(len, said)) > LONGEST_TEXT:
            return f"text is longer than {LONGEST_TEXT} characters"
        return [
            Row(said[place], None, {"history": history(turns[:place])}, shared(said[place], said[place + 1 :]))
            for place in places
        ]

    def check(self, values, place, row, written) -> str:
        turns = _turns(values[0])
        later = [turn.text for turn in turns[self._chosen(turns)[place] + 1 :] if isinstance(turn.text, str)]
        if gone(row.text, written.text, later):
            return "a later turn takes up what is gone"
        return _NOBODY_SAID if unsupported(written.text, [row.text, row.context["history"]]) else ""

    def accept(self, values, rows, outcomes):
        checked, _ = super().accept(values, rows, outcomes)
        # Two turns that fit the old ones may not fit each other: what one takes up, an earlier one may have dropped.
        turns, places = list(_turns(values[0])), self._chosen(_turns(values[0]))
        for i, (place, row, outcome) in enumerate(zip(places, rows, checked, strict=True)):
            if isinstance(outcome, Declined):
                continue
            if unsupported(outcome.text, [row.text, history(turns[:place])]):
                checked[i] = Declined(_NOBODY_SAID)
            else:
                turns[place] = turns[place]._replace(text=outcome.text)
        return checked, self._changes(values, rows, checked)

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
        """Find the turns of the field that have a usable text, or all that have some where none is usable."""
        if self.field == "reply":
            return _reply(turns)
        found = [i for i, turn in enumerate(turns) if turn.role == self.field and turn.text is not None]
        return [i for i in found if not unusable(turns[i].text)] or found


def history(turns: Sequence[_Turn]) -> str:
    """Write turns one below the other, each after its role; for half a character, which no tokenizer reads, stands a ?."""
    said = "\n".join(f"{role}: {text}" for role, text in turns if isinstance(text, str))
    return said.encode("utf-8", "replace").decode()


def _reply(turns: Sequence[_Turn]) -> list[int]:
    """Find the last turn of the assistant that answers something."""
    found = [i for i, turn in enumerate(turns) if turn.role == ASSISTANT and turn.text is not None and i > 0]
    return found[-1:]


def _turns(messages: Any) -> list[_Turn] | str:
    """Read the turns of a row in any of the layouts, or say why there are none."""
    if isinstance(messages, Mapping):  # how `datasets` hands over what is declared as a Sequence of dicts
        columns = {name: values for name, values in messages.items() if isinstance(values, list)}
        role, content = _keys(columns)
        if role is None:
            return "messages without role and content"
        if len({len(columns[role]), len(columns[content])}) > 1:
            return "not one role a content"
        messages = [{role: name, content: said} for name, said in zip(columns[role], columns[content], strict=True)]
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
        found.append(_Turn(_role(message[role]), _text(message, message[content])))
    return found


def _text(message: Mapping[str, Any], content: Any) -> Any:
    if isinstance(content, list):
        part = _text_part(content)
        content = None if part is None else content[part]["text"]
    if isinstance(content, str) and not content.strip() and any(message.get(name) for name in _CALLS):
        return None
    return content


def _text_part(content: Sequence[Any]) -> int | None:
    """Find the one text among the parts of a content; several, or none, are not rewritten."""
    found = [i for i, part in enumerate(content) if isinstance(part, Mapping) and isinstance(part.get("text"), str)]
    return found[0] if len(found) == 1 else None


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
        texts = [_put(text, changes[i]) if i in changes else text for i, text in enumerate(messages[content])]
        return {**messages, content: texts}
    return [_with_text(message, changes[i]) if i in changes else message for i, message in enumerate(messages)]


def _with_text(message: Any, text: str) -> Any:
    if not isinstance(message, Mapping):
        return text
    _, content = _keys(message)
    return {**message, content: _put(message[content], text)}


def _put(content: Any, text: str) -> Any:
    """Put a text where a content is one, or into its part that is one."""
    if not isinstance(content, list):
        return text
    part = _text_part(content)
    return [{**old, "text": text} if i == part else old for i, old in enumerate(content)]
