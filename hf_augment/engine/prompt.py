"""How a label leads to a text: the format that a generator is trained with, and that travels with its weights."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hf_augment.errors import unknown
from hf_augment.fields import read
from hf_augment.record import write_json

PROMPT_FILE = "hf_augment.json"
IGNORED = -100  # the label of a token that carries no loss


@dataclass(frozen=True)
class PromptFormat:
    """
    A template such as `"{label}: {text}"`, and the labels that the generator has seen.

    The prompt is what stands before the text, without the white space in between: byte-pair encodings join a space
    with the word after it, so it belongs to the text. Both sides are tokenised on their own, in training as in
    generation, so that the model is asked exactly what it was taught.

    Args:
        template (`str`): Ends with `{text}`; may hold `{label}`.
        labels (`tuple[str, ...]`): The names of the labels; none for a template without `{label}`, or where any
            label goes.

    Example:

    ```python
    >>> PromptFormat("{label}: {text}", ("negative", "positive")).prefix("negative")
    'negative:'
    ```
    """

    template: str
    labels: tuple[str, ...] = ()

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
    def gap(self) -> str:
        """The white space between prompt and text, with which every text begins."""
        before = self.template.removesuffix("{text}")
        return before[len(before.rstrip()) :]

    def prefix(self, label: str | None) -> str:
        """
        Write the prompt of a label, without white space at its end.

        Args:
            label (`str`, *optional*): The label's name; not read where the template has no `{label}`.

        Raises:
            `ValueError`: A label that the generator was not trained with.
        """
        if self.conditional and self.labels and label not in self.labels:
            raise ValueError(
                unknown("label", label, self.labels, "A generator writes for the labels of its training.")
            )
        prompt = self.template.removesuffix("{text}").rstrip()
        return prompt.replace("{label}", label) if self.conditional else prompt

    def leaks(self, text: str, label: str | None) -> bool:
        """
        Tell whether a written text holds a prompt, or what stands between label and text where that is telling.

        Args:
            text (`str`): The text.
            label (`str`, *optional*): The label it was written for.
        """
        labels = {label, *self.labels} if self.conditional else {None}
        prompt = self.template.removesuffix("{text}").rstrip()
        marks = {prompt.replace("{label}", str(name)) for name in labels}
        marks.add(prompt.rpartition("{label}")[2].strip())
        # A bare word or a colon stands in many honest texts; "negative:" and "<SEP>" do not.
        return any(mark in text for mark in marks if len(mark) > 2 and not mark.replace(" ", "").isalnum())

    def encode_prompt(self, tokenizer: Any, label: str | None) -> list[int]:
        """
        Tokenise the prompt of a label: what training and generation put before the text.

        Args:
            tokenizer (`PreTrainedTokenizerBase`): The model's tokenizer.
            label (`str`, *optional*): The label's name.

        Returns:
            `list[int]`: At least one token: an empty prompt is the token that starts a text, or ends one where the
            model has no other.
        """
        [ids] = _tokens(tokenizer, [self.prefix(label)])
        start = tokenizer.bos_token_id
        if start is not None and tokenizer("").input_ids[:1] == [start]:
            return [start, *ids]
        if ids:
            return ids
        start = tokenizer.eos_token_id if start is None else start
        if start is None:
            raise ValueError(
                f"The prompt of the template {self.template!r} is empty, and the tokenizer has neither a bos_token nor "
                "an eos_token to begin with. Write a prompt such as 'review: {text}'."
            )
        return [start]

    def encode_texts(self, tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
        """Tokenise texts, or the beginnings of texts, as they follow the prompt."""
        return _tokens(tokenizer, [self.gap + text for text in texts])

    def encode_examples(
        self, tokenizer: Any, labels: Sequence[str | None], texts: Sequence[str], max_length: int
    ) -> dict[str, list[list[int]]]:
        """
        Tokenise prompt, text and end token of each row, with the loss on text and end token only.

        Args:
            tokenizer (`PreTrainedTokenizerBase`): The model's tokenizer.
            labels (`Sequence[str]`): The labels' names; not read where the template has no `{label}`.
            texts (`Sequence[str]`): The texts.
            max_length (`int`): Tokens at most. A text that is cut there gets no end token, or the model would learn
                to stop in the middle of a sentence.

        Returns:
            `dict`: `"input_ids"` and `"labels"`, of equal length row by row.
        """
        prompts = {label: self.encode_prompt(tokenizer, label) for label in dict.fromkeys(labels)}
        for label, prompt in prompts.items():
            if len(prompt) >= max_length:
                raise ValueError(
                    f"The prompt {self.prefix(label)!r} takes {len(prompt)} tokens, which leaves none of max_length="
                    f"{max_length} to the text. Raise max_length or shorten the prompt."
                )
        examples: dict[str, list[list[int]]] = {"input_ids": [], "labels": []}
        for label, text in zip(labels, self.encode_texts(tokenizer, texts), strict=True):
            prompt = prompts[label]
            written = [*text, tokenizer.eos_token_id][: max_length - len(prompt)]
            examples["input_ids"].append(prompt + written)
            examples["labels"].append([IGNORED] * len(prompt) + written)
        return examples

    def save(self, folder: str | Path) -> None:
        """Write the format into the folder of a model."""
        write_json(Path(folder) / PROMPT_FILE, asdict(self))

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


def _tokens(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    # Special tokens that a text spells out are letters to us: "<|endoftext|>" in a review ends nothing.
    return tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False).input_ids
