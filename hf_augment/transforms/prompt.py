import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

from hf_augment.errors import unknown
from hf_augment.fields import above_zero, between
from hf_augment.model_transform import ModelTransform
from hf_augment.streams import Stream
from hf_augment.transform import Declined, Row, Transform, Written
from hf_augment.transforms.answers import read_answer
from hf_augment.transforms.ready_prompts import FORMAT, OF_THE_LABEL, PROMPTS, fill, places, question

_TEMPLATE = "chat_template_kwargs"  # the name that vLLM and transformers serve know it by
_OURS = ("messages", "model", "n", "stream")


@dataclass(frozen=True, kw_only=True)
class Prompt(ModelTransform):
    """
    Ask an instruction-tuned model for a new text, in this process or through an OpenAI-compatible endpoint.

    The model answers with a JSON object; an answer that is none is asked for once more and then declined, as are
    copies of the row, of the examples and of the prompt. Labels are what the model was told to write for, so select
    before training on the result. Label-conditioned prompts follow ZeroGen (huggingface.co/papers/2202.07922), drawn
    attributes AttrPrompt (huggingface.co/papers/2306.15895).

    Through an endpoint the first answer that is remembered is the row's answer. Its identity is the model's name and
    the `revision` that you declare, so declare another one when the model behind the URL changes. It is sent the key
    in `$HF_AUGMENT_API_KEY`; without one, the login of the Hub goes to huggingface.co, `$OPENAI_API_KEY` to
    api.openai.com, and nothing to others. A row that it did not answer after all retries is declined and not
    remembered: it is asked again by the next run (`map(..., load_from_cache_file=False)`).

    Args:
        model (`str`):
            A folder or Hub id of a causal language model with a chat template; with `endpoint`, its name there.
        endpoint (`str`, *optional*):
            The base URL, e.g. `"http://localhost:8000/v1"` or `"https://router.huggingface.co/v1"`.
        revision (`str`, *optional*):
            A commit, branch or tag of a Hub model; with `endpoint`, any name for the version behind it.
        prompt (`str` or `dict[str, str]`, *optional*, defaults to `"paraphrase"`):
            `"paraphrase"`: the row's text in other words. `"generate"`: a new text for the row's label.
            `"attributes"`: the same, with one value of each of the `attributes`, drawn for each copy. `"contrast"`: a
            text for the row's label that is easily taken for another of the `labels`, drawn for each copy.
            Or your own, `{"system": ..., "user": ...}` (`system` may be left out), with any of `{text}`, `{label}`,
            `{description}`, `{other}`, `{other_description}`, `{attributes}`, `{examples}` and `{kind}`. A paragraph
            that asks for what a row has not is left out; how to answer is added.
        kind (`str`, *optional*, defaults to `"text"`):
            What the texts are, e.g. `"film review"`.
        labels (`dict[str, str]`, *optional*):
            What each label means, `""` where its name says it.
        attributes (`dict[str, list[str]]`, *optional*):
            The values to draw from; `{label: [values]}` instead of a list where they depend on the label.
        examples (`str`, *optional*):
            A folder written by `Prompt.fit` (or `SimilarSentence.fit`) from the training split.
        shots (`int`, *optional*, defaults to `3`):
            How many examples are drawn from there, for each copy.
        same_label (`bool`, *optional*, defaults to `True`):
            Whether they have the row's label.
        temperature (`float`, *optional*, defaults to `1.0`), top_p (`float`, *optional*, defaults to `0.95`):
            How tokens are drawn. (`transformers serve` draws only if the model's `generation_config.json` has
            `do_sample`; else all copies of a row are equal.)
        max_new_tokens (`int`, *optional*, defaults to `256`):
            Tokens after which an answer is cut.
        extra (`dict`, *optional*):
            What else the endpoint is sent, e.g. `{"response_format": {"type": "json_object"}}`; `None` takes out what
            it does not know, e.g. `{"seed": None}`. `{"chat_template_kwargs": {...}}` holds in this process too.
        concurrency (`int`, *optional*, defaults to `8`):
            Rows that a process asks an endpoint for at the same time.
        retries (`int`, *optional*, defaults to `6`):
            Tries after the first, ever later, when the endpoint is busy, broken or silent.
        timeout (`float`, *optional*, defaults to `120.0`):
            Seconds after which a try has failed.

    Example:

    ```python
    >>> pool = Prompt.fit(train, "runs/examples", text="text", label="label")
    >>> write = Prompt(model="Qwen/Qwen3-4B", prompt="generate", kind="film review", examples=str(pool))
    >>> train = train.map(Augment(write, text="text", label="label", copies=4), batched=True)
    ```
    """

    name: ClassVar[str] = "prompt"
    needs: ClassVar[str] = "a chat model, or a server that has one"

    model: str
    endpoint: str | None = None
    revision: str | None = None
    prompt: str | dict[str, str] = "paraphrase"
    kind: str = "text"
    labels: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, tuple[str, ...] | dict[str, tuple[str, ...]]] = field(default_factory=dict)
    examples: str | None = None
    shots: int = 3
    same_label: bool = True
    temperature: float = 1.0
    top_p: float = 0.95
    max_new_tokens: int = 256
    extra: dict[str, Any] = field(default_factory=dict)
    concurrency: int = 8
    retries: int = 6
    timeout: float = 120.0

    def check(self):
        between(self.shots, 1, 1000, "prompt: shots")
        between(self.temperature, 0, 100, "prompt: temperature")
        between(self.top_p, 1e-6, 1, "prompt: top_p")
        between(self.max_new_tokens, 1, 1 << 20, "prompt: max_new_tokens")
        between(self.concurrency, 1, 100, "prompt: concurrency")  # connections that the client keeps
        between(self.retries, 0, 100, "prompt: retries")
        above_zero(self.timeout, "prompt: timeout")
        if not self.kind.strip():
            raise ValueError("prompt: kind: expected what the texts are, e.g. 'film review', got nothing.")
        self._check_prompt()
        self._check_where()

    def _check_prompt(self) -> None:
        if isinstance(self.prompt, str) and self.prompt not in PROMPTS:
            advice = "For one of your own, write {'user': 'Write ... about {label}.'}."
            raise ValueError("prompt: " + unknown("prompt", self.prompt, PROMPTS, advice))
        if not isinstance(self.prompt, str) and ("user" not in self.prompt or set(self.prompt) - {"user", "system"}):
            raise ValueError(f"prompt: expected the keys 'user' and, if wanted, 'system', got {list(self.prompt)}.")
        asked = self._places
        for name, its in (("attributes", ("attributes",)), ("examples", ("examples",)), ("labels", OF_THE_LABEL)):
            if getattr(self, name) and not set(its) & set(asked):
                raise ValueError(f"prompt: {name}: this prompt has no place {{{its[0]}}}, so they would not be used.")
        if self.prompt == "attributes" and not self.attributes:
            raise ValueError(
                "prompt: the prompt 'attributes' needs some, e.g. attributes={'length': ['short', 'long']}."
            )
        for name, values in self.attributes.items():
            for some in values.values() if isinstance(values, Mapping) else (values,):
                if not some:
                    raise ValueError(f"prompt: attributes: {name}: expected values to draw from, got none.")
        if {"other", "other_description"} & set(asked) and len(self.labels) < 2:
            raise ValueError(
                "prompt: {other} is drawn from the labels: name them, e.g. labels={'good': '', 'bad': ''}."
            )

    def _check_where(self) -> None:
        from hf_augment.engine.servers import check_url

        if self.endpoint is not None:
            check_url(self.endpoint)
        elif set(self.extra) - {_TEMPLATE}:
            raise ValueError(
                f"prompt: extra: without an endpoint, only {_TEMPLATE!r} has a meaning, got {list(self.extra)}."
            )
        for name in _OURS:
            if name in self.extra:
                raise ValueError(f"prompt: extra: {name!r} is set by the transform itself. Leave it out.")

    @property
    def _templates(self) -> Mapping[str, str]:
        return {"user": PROMPTS[self.prompt]} if isinstance(self.prompt, str) else self.prompt

    @property
    def _places(self) -> tuple[str, ...]:
        return places("\n\n".join(self._templates[role] for role in sorted(self._templates)))

    @property
    def reads(self) -> tuple[str, ...]:
        asked = self._places
        of_the_label = any(name in asked for name in OF_THE_LABEL) or (self.examples is not None and self.same_label)
        of_the_label = of_the_label or any(isinstance(values, Mapping) for values in self.attributes.values())
        return (*(("text",) if "text" in asked else ()), *(("label",) if of_the_label else ()))

    def references(self):
        from hf_augment.engine.resources import identity

        found = dict.fromkeys(("endpoint", "concurrency", "retries", "timeout"))  # no answer depends on them
        if self.endpoint is None:
            found |= {"model": identity(self.model, self.revision), "revision": None}
        if self.examples is not None:
            found["examples"] = identity(self.examples)
        return found

    @staticmethod
    def fit(dataset: Any, folder: str | Path, text: str = "text", label: str | None = None) -> Path:
        """Write a pool of examples: see `hf_augment.transforms.example_pool.fit`."""
        from hf_augment.transforms.example_pool import fit

        return fit(dataset, folder, text, label)

    def spent(self) -> dict[str, int]:
        """Return what this prompt has taken from its endpoint so far, in all processes: calls, tokens, retries, ..."""
        from hf_augment.engine.spending import spent

        return spent(self._folder())

    def _folder(self) -> Path:
        return self._store().folder

    @property
    def repeatable(self) -> bool:
        return self.endpoint is None

    def write(self, rows, streams):
        asked, origin = [], []
        for i, (row, stream) in enumerate(zip(rows, streams, strict=True)):
            conversation = self.conversation(row, stream)
            if isinstance(conversation, Declined):
                yield i, conversation
            else:
                asked.append(conversation)
                origin.append(i)
        if asked:
            for place, outcome in self._answers(asked):
                yield origin[place], outcome

    def _answers(self, asked: Sequence[Any]) -> Iterator[tuple[int, Written | Declined]]:
        if self.endpoint is None:
            from hf_augment.engine import chat
            from hf_augment.engine.decoding import Sampling

            loaded = chat.load_chat_model(self.model, self.revision)
            sampling = Sampling(self.max_new_tokens, temperature=self.temperature, top_p=self.top_p)
            return chat.converse(loaded, asked, sampling, self.extra.get(_TEMPLATE, {}))
        from hf_augment.engine import endpoint

        body = {"max_tokens": self.max_new_tokens, "temperature": self.temperature, "top_p": self.top_p, **self.extra}
        where = endpoint.Endpoint(
            self.endpoint, self.model, body, self.concurrency, self.retries, self.timeout, self._folder()
        )
        return endpoint.converse(where, asked)

    def conversation(self, row: Row, stream: Stream) -> Any:
        """
        Return what the model is asked for a row, or `Declined`.

        Args:
            row ([`Row`]): The row.
            stream ([`Stream`]): What examples, attributes and the answer are drawn with.
        """
        from hf_augment.engine.conversation import Conversation

        values = self._values(row, stream)
        if isinstance(values, Declined):
            return values
        values, shown = values
        messages = [{"role": "user", "content": question(self._templates["user"], values)}]
        if "system" in self._templates:
            messages.insert(0, {"role": "system", "content": fill(self._templates["system"], values)})
        said = "\n".join(message["content"] for message in messages)
        return Conversation(messages, stream, FORMAT, functools.partial(read_answer, self.name, row, shown, said))

    def _values(self, row: Row, stream: Stream) -> tuple[dict[str, str], list[str]] | Declined:
        """Return what stands in the places of the template, and the examples among it."""
        asked, label = self._places, row.label
        if "label" in self.reads:
            if label is None:
                return Declined("no label")
            if self.labels and label not in self.labels:
                return Declined(f"the prompt knows no label {label!r}, only {', '.join(sorted(self.labels))}")
        values = {"kind": self.kind, "text": row.text, "label": label or "", "description": self.labels.get(label, "")}
        if "other" in asked or "other_description" in asked:
            # Sorted, because a value that was pickled has its mappings in another order.
            values["other"] = stream.child("other").choice([name for name in sorted(self.labels) if name != label])
            values["other_description"] = self.labels[values["other"]]
        drawn = []
        for name in sorted(self.attributes):
            choices = self.attributes[name]
            choices = choices.get(label, ()) if isinstance(choices, Mapping) else choices
            if not choices:
                return Declined(f"the attribute {name!r} has no values for the label {label!r}")
            drawn.append(f"- {name}: {stream.child(f'attribute {name}').choice(choices)}")
        shown = self._shown(label, stream)
        if self.examples is not None and not shown:
            return Declined(f"the pool has no examples of the label {label!r}")
        lines = [json.dumps({"text": example}, ensure_ascii=False) for example in shown]
        return {**values, "attributes": "\n".join(drawn), "examples": "\n".join(lines)}, shown

    def _shown(self, label: str | None, stream: Stream) -> list[str]:
        if self.examples is None:
            return []
        from hf_augment.transforms.example_pool import examples_of

        pool = examples_of(self.examples).get(label if self.same_label else None, [])
        return [pool[place] for place in stream.child("examples").sample(len(pool), self.shots)]


def prompts_in(transform: Transform) -> Iterator[Prompt]:
    """Find the prompts in a pipeline."""
    if isinstance(transform, Prompt):
        yield transform
    for each in fields(transform):
        value = getattr(transform, each.name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Transform):
                yield from prompts_in(part)
