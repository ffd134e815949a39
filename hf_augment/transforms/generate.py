from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from hf_augment.engine.prompt import PromptFormat
from hf_augment.fields import between, template_fields
from hf_augment.model_transform import ModelTransform
from hf_augment.transform import Declined, Row, Written
from hf_augment.words import words


@dataclass(frozen=True, kw_only=True)
class Generate(ModelTransform):
    """
    Write a new text for the row's label, or for other texts of the row, with a causal language model trained to do so.

    It is asked as it was trained: for P(text | label), or in other tasks for P(text | source), P(question | context,
    answer), P(summary | document), P(reply | history) and the like, as its prompt has it. What stands in the prompt is
    the only promise: facts, names and sometimes the label itself may come out wrong, so select before training on the
    result. Labels as prompts follow LAMBADA (huggingface.co/papers/1911.03118); the first words of
    a real text as further context follow Kumar et al. 2020 (huggingface.co/papers/2003.02245).

    Args:
        model (`str`):
            A folder or Hub id of a causal language model, best one trained by `hf_augment.training`, which saves
            its prompt format beside it.
        revision (`str`, *optional*):
            A commit, branch or tag of a Hub model.
        context (`str`, *optional*, defaults to `"label"`):
            `"label"`: a text from the label, or whatever the prompt holds, alone. `"words"`: a text that begins with the row's first words.
            `"text"`: a continuation of the row's text, of which as much stands in the prompt as leaves room for
            the new tokens; the new text is the continuation without its beginning.
        words (`int`, *optional*, defaults to `3`):
            How many first words `context="words"` takes.
        prompt (`str`, *optional*):
            A template such as `"{label}: {text}"` or `"{context}\\nanswer: {answer}\\nquestion: {text}"`, for models that
            carry none. Without `{label}` the label is not read. Where a prompt does not fit, its longest field is
            shortened: a history to its end, anything else to its beginning.
        temperature (`float`, *optional*, defaults to `1.0`), top_k (`int`, *optional*, defaults to `0`, all tokens),
            top_p (`float`, *optional*, defaults to `0.9`): How tokens are drawn.
        min_new_tokens (`int`, *optional*, defaults to `0`):
            Until then the end token is barred.
        max_new_tokens (`int`, *optional*, defaults to `64`):
            Tokens after which a text is cut.
        allow_unfinished (`bool`, *optional*, defaults to `False`):
            Whether a text that was cut is kept; otherwise it is declined.

    Example:

    ```python
    >>> generate = Generate(model="me/imdb-generator", top_k=50, top_p=0.95)
    >>> train = train.map(Augment(generate, text="text", label="label", copies=4), batched=True)
    ```
    """

    name: ClassVar[str] = "generate"
    needs: ClassVar[str] = "a causal language model, best a trained generator; labels, or what its prompt holds"

    model: str
    revision: str | None = None
    context: Literal["label", "words", "text"] = "label"
    words: int = 3
    prompt: str | None = None
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.9
    min_new_tokens: int = 0
    max_new_tokens: int = 64
    allow_unfinished: bool = False

    def check(self):
        between(self.temperature, 0, 100, "generate: temperature")
        between(self.top_k, 0, 1 << 31, "generate: top_k")
        between(self.top_p, 1e-6, 1, "generate: top_p")
        between(self.words, 1, 1000, "generate: words")
        between(self.max_new_tokens, 1, 1 << 20, "generate: max_new_tokens")
        between(self.min_new_tokens, 0, self.max_new_tokens, "generate: min_new_tokens")
        if self.prompt is not None:
            _check_template(self.prompt)

    @property
    def reads(self) -> tuple[str, ...]:
        label = ("label",) if self.prompt is None or "{label}" in self.prompt else ()
        fields = template_fields(self.prompt) if self.prompt is not None else ()
        return (*label, *fields) if self.context == "label" else (*label, *fields, "text")

    def references(self):
        from hf_augment.engine.resources import identity

        return {"model": identity(self.model, self.revision), "revision": None}

    def write(self, rows, streams):
        from hf_augment.engine.decoding import Sampling, decode
        from hf_augment.engine.resources import load_causal_lm

        model, tokenizer, prompt = load_causal_lm(self.model, self.revision)
        writer = _Writer(self, model, tokenizer, self._format(prompt))
        ready: list[tuple[int, _Prompt]] = []
        for i, row in enumerate(rows):
            prepared = writer.prepare(row)
            if isinstance(prepared, Declined):
                yield i, prepared
            else:
                ready.append((i, prepared))
        sampling = Sampling(self.max_new_tokens, self.min_new_tokens, self.temperature, self.top_k, self.top_p)
        keys = [streams[i].key for i, _ in ready]
        for place, completion in decode(model, [found.ids for _, found in ready], keys, sampling, writer.end):
            i, prepared = ready[place]
            yield i, writer.finish(rows[i], prepared, completion)

    def _format(self, saved: PromptFormat | None) -> PromptFormat:
        if self.prompt is not None and saved is None:
            return PromptFormat(self.prompt)
        if self.prompt is not None:
            return PromptFormat(self.prompt, saved.labels, saved.longest)
        if saved is None:
            raise ValueError(
                f"The model {self.model!r} carries no prompt format (hf_augment.json), so how a label leads to a text "
                "is unknown. Train it with `hf-augment train RECIPE`, or pass prompt='{label}: {text}'."
            )
        return saved


def _check_template(template: str) -> None:
    if not template.endswith("{text}") or template.count("{text}") != 1:
        raise ValueError(
            f"generate: prompt: expected a template that ends with {{text}}, got {template!r}. "
            "Write e.g. '{label}: {text}'."
        )


@dataclass(frozen=True)
class _Prompt:
    """What the model is given, which of it belongs to the text, and how that reads."""

    ids: list[int]
    text_ids: list[int]
    beginning: str


class _Writer:
    """From rows to prompts, and from tokens back to texts."""

    def __init__(self, settings: Generate, model: Any, tokenizer: Any, prompt: PromptFormat):
        self.settings, self.tokenizer, self.prompt = settings, tokenizer, prompt
        ends = model.generation_config.eos_token_id
        ends = tokenizer.eos_token_id if ends is None else ends
        if ends is None:
            raise ValueError(
                f"The model {settings.model!r} has no end token. Set eos_token_id in its generation_config.json."
            )
        self.end = ends if isinstance(ends, list) else [ends]
        self.special = set(tokenizer.all_special_ids)
        self.room = getattr(model.config, "max_position_embeddings", 1 << 30) - settings.max_new_tokens
        if self.room < 1:
            raise ValueError(
                f"max_new_tokens={settings.max_new_tokens} leaves no room for a prompt in the model's context of "
                f"{self.room + settings.max_new_tokens} tokens. Lower max_new_tokens."
            )

    def prepare(self, row: Row) -> _Prompt | Declined:
        settings = self.settings
        if self.prompt.conditional and self.prompt.labels and row.label not in self.prompt.labels:
            return Declined(f"the generator knows no label {row.label!r}, only {', '.join(self.prompt.labels)}")
        self._check(row)
        least = 1 if settings.context == "text" else 0
        ids = self.prompt.encode_prompt(self.tokenizer, row.label, row.context, self.room - least)
        room = self.room - len(ids)
        if room < least:
            return Declined("no room for the prompt")
        beginning, text_ids = "", []
        if settings.context == "words":
            spans = words(row.text)[: settings.words]
            if not spans:
                return Declined("no words to begin with")
            beginning = row.text[: spans[-1][1]].lstrip()
            [text_ids] = self.prompt.encode_texts(self.tokenizer, [beginning])
            if len(text_ids) > room:
                return Declined("no room for the first words")
        elif settings.context == "text":
            text_ids = self.prompt.encode_texts(self.tokenizer, [row.text])[0][:room]
        return _Prompt([*ids, *text_ids], text_ids, beginning)

    def finish(self, row: Row, prepared: _Prompt, completion: Any) -> Written | Declined:
        if not completion.finished and not self.settings.allow_unfinished:
            return Declined("unfinished")
        if self.special.intersection(completion.tokens):
            return Declined("special token in the text")
        continuation = self._continuation(prepared.text_ids, completion.tokens)
        if not completion.finished:
            continuation = continuation.rstrip("\ufffd")  # the cut may fall between the bytes of one character
        if not continuation.strip():
            return Declined("empty")
        if "\ufffd" in continuation:
            return Declined("broken character")
        written = f"{prepared.beginning}{continuation}" if prepared.beginning else continuation
        written = written.strip()
        if self.prompt.leaks(written, row.label) or (
            prepared.beginning and f"{continuation.strip()} ".startswith(f"{prepared.beginning} ")
        ):
            return Declined("prompt leaked")
        if written == row.text.strip():
            return Declined("copied the text")
        for field, value in row.context.items():
            if isinstance(value, str) and written.split() == value.split():
                return Declined(f"copied the {field}")
        return Written(written, self.settings.name)

    def _check(self, row: Row) -> None:
        label = ("label",) if self.prompt.conditional else ()
        there = {"label": row.label, **row.context}
        lacking = [name for name in (*label, *self.prompt.fields) if there.get(name) is None]
        if lacking:
            has = [name for name, value in there.items() if value is not None]
            raise ValueError(
                f"The prompt of the model {self.settings.model!r}, {self.prompt.template!r}, holds {lacking}, and the "
                f"rows have {has or 'none of them'}. Take a generator that was trained for this task and field, name "
                "the label column if it is the label, or pass a prompt of what there is."
            )

    def _continuation(self, before: Sequence[int], new: Sequence[int]) -> str:
        # Some tokenizers drop the space before a first word, so the new tokens are read behind those that precede them.
        start = self._text(before)
        whole = self._text([*before, *new])
        return whole[len(start) :] if whole.startswith(start) else self._text(new)

    def _text(self, ids: Sequence[int]) -> str:
        return self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
