from dataclasses import dataclass
from typing import ClassVar

from hf_augment.edits import Edit, splice
from hf_augment.fields import between
from hf_augment.model_transform import ModelTransform
from hf_augment.transform import NOTHING, Declined, Row, Written
from hf_augment.transforms.translation import Hop, in_turn, sentences_with_words, translate

_SIDES = ("source", "target")


@dataclass(frozen=True, kw_only=True)
class Translate(ModelTransform):
    """
    Write one side of a translation from the other with an encoder-decoder model.

    In the task `"translation"`, with `field="source"`, the targets are translated back: texts of the target language
    alone become pairs whose targets are real (Sennrich et al. 2016, huggingface.co/papers/1511.06709; for why the
    translations are drawn, Edunov et al. 2018, huggingface.co/papers/1808.09381). With `field="target"` the sources are
    translated, so that a model learns from what it, or a better one, says. What stood in the field is not read, and may
    be empty or `None`. The text goes through sentence by sentence, and what stands between the sentences stays; a
    sentence that is longer than the model reads is not cut: its row is declined.

    Args:
        model (`str`):
            A folder or Hub id of a model that translates towards the field: for `field="source"` from the language of
            the targets into that of the sources.
        revision (`str`, *optional*):
            A commit, branch or tag of a Hub model.
        from_language (`str`, *optional*), to_language (`str`, *optional*):
            The codes of the two languages, as a model of many languages calls them (`"deu_Latn"` in NLLB, `"de"` in
            M2M100, `"de_DE"` in mBART-50).
        prefix (`str`, *optional*, defaults to `""`):
            What a model expects before a text, such as T5's `"translate English to German: "` or the `">>deu<<"` of
            Marian models of several languages.
        tag (`str`, *optional*, defaults to `""`):
            What is put before a source that was written, such as `"<BT> "`, so that a model that is trained on it can
            tell it from a real one (Caswell et al. 2019, huggingface.co/papers/1906.06442). For `field="source"`.
        temperature (`float`, *optional*, defaults to `1.0`), top_k (`int`, *optional*, defaults to `0`, all tokens),
            top_p (`float`, *optional*, defaults to `0.9`): How tokens are drawn.
        beams (`int`, *optional*, defaults to `1`):
            More than 1: beam search instead of draws, which writes the same in every copy.
        max_new_tokens (`int`, *optional*, defaults to `256`):
            Tokens that the model may write for a sentence. Where they do not suffice, the row is declined.

    Example:

    ```python
    >>> translate = Translate(model="Helsinki-NLP/opus-mt-de-en", tag="<BT> ")
    >>> augment = Augment(translate, task="translation", field="source", columns={"source": "en", "target": "de"})
    >>> pairs = monolingual.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "translate"
    reads: ClassVar[tuple[str, ...]] = ("translation",)
    needs: ClassVar[str] = "a translation model; a dataset of translations, of which one side may be empty"

    model: str
    revision: str | None = None
    from_language: str | None = None
    to_language: str | None = None
    prefix: str = ""
    tag: str = ""
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.9
    beams: int = 1
    max_new_tokens: int = 256

    def check(self):
        between(self.temperature, 0, 100, "translate: temperature")
        between(self.top_k, 0, 1 << 31, "translate: top_k")
        between(self.top_p, 1e-6, 1, "translate: top_p")
        between(self.beams, 1, 1000, "translate: beams")
        between(self.max_new_tokens, 1, 1 << 20, "translate: max_new_tokens")
        if (self.from_language is None) != (self.to_language is None):
            raise ValueError(
                "translate: 'from_language' and 'to_language' belong together. Got "
                f"from_language={self.from_language!r} and to_language={self.to_language!r}."
            )

    def references(self):
        from hf_augment.engine.resources import identity

        return {"model": identity(self.model, self.revision), "revision": None}

    def write(self, rows, streams):
        from hf_augment.engine.decoding import Sampling

        hop = Hop(self.model, self.revision, self.from_language, self.to_language, self.prefix)
        sampling = Sampling(self.max_new_tokens, 0, self.temperature, self.top_k, self.top_p)
        given = {i: self._given(row) for i, row in enumerate(rows)}
        spans = {i: sentences_with_words(text) for i, text in given.items()}
        yield from ((i, Declined("no words")) for i in spans if not spans[i])
        for chosen in in_turn({i: given[i] for i in spans if spans[i]}, hop):
            asked = {(i, k): given[i][slice(*span)] for i in chosen for k, span in enumerate(spans[i])}
            keys = {(i, k): streams[i].child(f"translate {k}").key for i, k in asked}
            found = dict(translate(hop, asked, keys, sampling, self.beams))
            for i in chosen:
                said = [found[i, k] for k in range(len(spans[i]))]
                problem = next((outcome for outcome in said if isinstance(outcome, Declined)), None)
                yield (
                    i,
                    problem or self._written(rows[i], given[i], list(map(Edit, *zip(*spans[i], strict=True), said))),
                )

    def _given(self, row: Row) -> str:
        sides = [side for side in _SIDES if side in row.context]
        if len(sides) != 1:
            raise ValueError(
                f"translate: expected a row of the task 'translation', whose context is its other side, got the context "
                f"{sorted(row.context) or 'of none'}. Write Augment(Translate(...), task='translation', field='source')."
            )
        if self.tag and sides == ["source"]:
            raise ValueError(
                f"translate: tag: marks sources that were written, and here targets are, so {self.tag!r} has no place. "
                "Leave it out, or write field='source'."
            )
        return row.context[sides[0]]

    def _written(self, row: Row, given: str, edits: list[Edit]) -> Written | Declined:
        text = splice(given, edits)
        if text.split() == given.split():
            return Declined(f"copied the {next(iter(row.context))}")
        if text.split() == row.text.removeprefix(self.tag).split():
            return Declined("copied the text")
        return Written(self.tag + text, self.name, NOTHING, {"tag": self.tag} if self.tag else NOTHING)
