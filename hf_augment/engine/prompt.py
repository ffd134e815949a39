"""What leads to a text: the format that a generator is trained with, and that travels with its weights."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hf_augment.errors import unknown
from hf_augment.fields import TEMPLATE_FIELD, read, template_fields
from hf_augment.record import write_json

PROMPT_FILE = "hf_augment.json"
IGNORED = -100  # the label of a token that carries no loss
HISTORY = "history"  # of which the end counts most, where of all else the beginning does
_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class PromptFormat:
    """
    A template such as `"{label}: {text}"` or `"{document}\\nTL;DR: {text}"`, and the labels that the generator has seen.

    The prompt is what stands before the text, without the white space in between: byte-pair encodings join a space
    with the word after it, so it belongs to the text. Both sides are tokenised on their own, in training as in
    generation, so that the model is asked exactly what it was taught. What is put in for a field is text: a brace in
    it is no field, and the name of a special token no token.

    Args:
        template (`str`): Ends with `{text}`; may hold `{label}`, and the fields of a task that a text is conditioned
            on: `{source}`, `{document}`, `{history}`, ...
        labels (`tuple[str, ...]`): The names of the labels; none for a template without `{label}`, or where any
            label goes.
        longest (`int`, *optional*): Tokens of a prompt at most: of a longer one, the longest field is shortened (a
            history to its end, anything else to its beginning). `null` where prompts hold nothing long.

    Example:

    ```python
    >>> PromptFormat("{label}: {text}", ("negative", "positive")).prefix("negative")
    'negative:'
    >>> PromptFormat("{source} => {text}").prefix(None, {"source": "Guten Tag"})
    'Guten Tag =>'
    ```
    """

    template: str
    labels: tuple[str, ...] = ()
    longest: int | None = None

    def __post_init__(self):
        if not self.template.endswith("{text}") or self.template.count("{text}") != 1:
            raise ValueError(
                f"A prompt template ends with {{text}}, its only one; got {self.template!r}. Write e.g. '{{label}}: {{text}}'."
            )

    @property
    def conditional(self) -> bool:
        """Whether the text depends on a label."""
        return "{label}" in self.template

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of what it holds besides label and text."""
        return template_fields(self.template)

    @property
    def gap(self) -> str:
        """The white space between prompt and text, with which every text begins."""
        before = self.template.removesuffix("{text}")
        return before[len(before.rstrip()) :]

    def prefix(self, label: str | None, context: Mapping[str, Any] = _NONE) -> str:
        """
        Write a prompt, without white space at its end.

        Args:
            label (`str`, *optional*): The label's name; not read where the template has no `{label}`.
            context (`Mapping`, *optional*): The values of `fields`.

        Raises:
            `ValueError`: A label that the generator was not trained with, or a field that is not there.
        """
        if self.conditional and self.labels and label not in self.labels:
            raise ValueError(
                unknown("label", label, self.labels, "A generator writes for the labels of its training.")
            )
        given = {**context, "label": label}
        wanted = (*(("label",) if self.conditional else ()), *self.fields)
        lacking = [name for name in wanted if given.get(name) is None]
        if lacking:
            raise ValueError(
                f"The prompt {self.template!r} wants {' and '.join(map(repr, lacking))}, and what it is asked for has "
                f"{sorted(context) or 'none'}. Take a generator, or a prompt, of the fields that there are."
            )
        # One pass: what one field holds is never looked through for another.
        return TEMPLATE_FIELD.sub(lambda found: _said(given[found[1]]), self._before)

    @property
    def _before(self) -> str:
        return self.template.removesuffix("{text}").rstrip()

    def leaks(self, text: str, label: str | None) -> bool:
        """
        Tell whether a written text holds a prompt, or what stands between its fields where that is telling.

        What the fields themselves hold may stand in a text: a summary quotes its document.

        Args:
            text (`str`): The text.
            label (`str`, *optional*): The label it was written for.
        """
        labels = {label, *self.labels} if self.conditional else {None}
        marks = set()
        for part in re.split("|".join(re.escape(f"{{{name}}}") for name in self.fields) or r"\Z", self._before):
            marks |= {part.replace("{label}", str(name)).strip() for name in labels}
            marks.add(part.rpartition("{label}")[2].strip())
        # A bare word or a colon stands in many honest texts; "negative:" and "<SEP>" do not.
        return any(mark in text for mark in marks if len(mark) > 2 and not mark.replace(" ", "").isalnum())

    def encode_prompt(
        self, tokenizer: Any, label: str | None, context: Mapping[str, Any] = _NONE, room: int | None = None
    ) -> list[int]:
        """
        Tokenise a prompt: what training and generation put before the text.

        Args:
            tokenizer (`PreTrainedTokenizerBase`): The model's tokenizer.
            label (`str`, *optional*): The label's name.
            context (`Mapping`, *optional*): The values of `fields`.
            room (`int`, *optional*): Tokens that there is room for, where that is less than `longest`. What stands
                between the fields is not shortened, so that the prompt may be longer still.

        Returns:
            `list[int]`: At least one token: an empty prompt is the token that starts a text, or ends one where the
            model has no other.
        """
        start = self._start(tokenizer)
        [ids] = _tokens(tokenizer, [self.prefix(label, context)])
        limit = min((limit for limit in (self.longest, room) if limit is not None), default=None)
        if limit is not None and self.fields and len(start) + len(ids) > limit:
            ids = self._shortened(tokenizer, label, context, limit - len(start))
        if start or ids:
            return [*start, *ids]
        first = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
        if first is None:
            raise ValueError(
                f"The prompt of the template {self.template!r} is empty, and the tokenizer has neither a bos_token nor "
                "an eos_token to begin with. Write a prompt such as 'review: {text}'."
            )
        return [first]

    def _start(self, tokenizer: Any) -> list[int]:
        """Return the token that the tokenizer begins every text with; nothing if it has none."""
        start = tokenizer.bos_token_id
        return [start] if start is not None and tokenizer("").input_ids[:1] == [start] else []

    def _shortened(self, tokenizer: Any, label: str | None, context: Mapping[str, Any], limit: int) -> list[int]:
        """Take tokens off the longest field until the prompt fits."""
        values = {name: _said(context[name]) for name in self.fields}
        ends = {name: _ends(tokenizer, value) for name, value in values.items()}  # of its tokens, in characters
        cut = dict.fromkeys(values, 0)
        while True:
            held = {name: _kept(values[name], ends[name], cut[name], name == HISTORY) for name in values}
            [ids] = _tokens(tokenizer, [self.prefix(label, held)])
            longest = max(values, key=lambda name: len(ends[name]) - cut[name])
            left = len(ends[longest]) - cut[longest]
            if len(ids) <= limit or not left:
                return ids
            # Where two pieces meet, tokens may merge or part, so that one round need not be enough.
            cut[longest] += min(len(ids) - limit, left)

    def encode_texts(self, tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
        """Tokenise texts, or the beginnings of texts, as they follow the prompt."""
        return _tokens(tokenizer, [self.gap + text for text in texts])

    def encode_examples(
        self,
        tokenizer: Any,
        labels: Sequence[str | None],
        texts: Sequence[str],
        max_length: int,
        contexts: Sequence[Mapping[str, Any]] | None = None,
    ) -> dict[str, list[list[int]]]:
        """
        Tokenise prompt, text and end token of each row, with the loss on text and end token only.

        Args:
            tokenizer (`PreTrainedTokenizerBase`): The model's tokenizer.
            labels (`Sequence[str]`): The labels' names; not read where the template has no `{label}`.
            texts (`Sequence[str]`): The texts.
            max_length (`int`): Tokens at most. A text that is cut there gets no end token, or the model would learn
                to stop in the middle of a sentence.
            contexts (`Sequence[Mapping]`, *optional*): The values of `fields`, for a template that has some.

        Returns:
            `dict`: `"input_ids"` and `"labels"`, of equal length row by row.
        """
        if contexts is None:  # a prompt for each label, not for each row
            made = {label: self.encode_prompt(tokenizer, label) for label in dict.fromkeys(labels)}
            prompts = [made[label] for label in labels]
        else:
            prompts = [self.encode_prompt(tokenizer, *given) for given in zip(labels, contexts, strict=True)]
        examples: dict[str, list[list[int]]] = {"input_ids": [], "labels": []}
        for i, (prompt, text) in enumerate(zip(prompts, self.encode_texts(tokenizer, texts), strict=True)):
            if len(prompt) >= max_length:
                said = self.prefix(labels[i], contexts[i] if contexts else _NONE)
                raise ValueError(
                    f"The prompt {said!r} takes {len(prompt)} tokens, which leaves none of max_length={max_length} to "
                    "the text. Raise max_length or shorten the prompt."
                )
            written = [*text, tokenizer.eos_token_id][: max_length - len(prompt)]
            examples["input_ids"].append(prompt + written)
            examples["labels"].append([IGNORED] * len(prompt) + written)
        return examples

    def save(self, folder: str | Path) -> None:
        """Write the format into the folder of a model."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        write_json(Path(folder) / PROMPT_FILE, said)

    @classmethod
    def load(cls, folder: str | Path) -> "PromptFormat | None":
        """Read the format of the model in a folder; `None` if it carries none."""
        file = Path(folder) / PROMPT_FILE
        if not file.is_file():
            return None
        try:
            return read(cls, json.loads(file.read_text(encoding="utf-8")), PROMPT_FILE)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{file}: no prompt format: {error} Train the generator again, or copy the file."
            ) from error


def _said(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(map(str, value))


def _ends(tokenizer: Any, value: str) -> list[int]:
    """Return where the tokens of a value end, in characters; each character for itself, if the tokenizer cannot tell."""
    if not tokenizer.is_fast:
        return list(range(1, len(value) + 1))
    settings = {"add_special_tokens": False, "split_special_tokens": True, "verbose": False}
    return [end for _, end in tokenizer(value, return_offsets_mapping=True, **settings).offset_mapping]


def _kept(value: str, ends: Sequence[int], cut: int, its_end: bool) -> str:
    if not cut:
        return value
    if its_end:
        return value[ends[cut - 1] :].lstrip()
    return value[: ends[-cut - 1]].rstrip() if cut < len(ends) else ""


def _tokens(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    # Special tokens that a text spells out are letters to us: "<|endoftext|>" in a review ends nothing.
    return tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False).input_ids
