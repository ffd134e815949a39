from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from hf_augment.edits import Edit, splice
from hf_augment.fields import between
from hf_augment.model_transform import ModelTransform
from hf_augment.sentences import sentences
from hf_augment.transform import NOTHING, Declined, Row, Written
from hf_augment.windows import (
    TOO_LONG,
    NotUsable,
    costs,
    encode,
    longest_input,
    longest_output,
    pack,
    read_back,
    together,
    without_start,
)
from hf_augment.words import Span, runs


@dataclass(frozen=True, kw_only=True)
class Abstract(ModelTransform):
    """
    Write a text shorter, or longer, with an encoder-decoder model for summaries or elaborations.

    A long text is read in windows of as many whole sentences as the model takes; each is rewritten on its own, and
    what stands between the windows stays. So nothing is cut off, as it is where a document is put into a summariser
    whole. A row with a sentence that is longer than the model reads is declined. What the summary leaves out may be
    what the label rests on: select before training on the result. Summaries of single-document datasets are what
    BART (huggingface.co/papers/1910.13461), T5 (huggingface.co/papers/1910.10683) and PEGASUS
    (huggingface.co/papers/1912.08777) were fine-tuned to write.

    Args:
        model (`str`):
            A folder or Hub id of an encoder-decoder model.
        revision (`str`, *optional*):
            A commit, branch or tag of a Hub model.
        mode (`str`, *optional*, defaults to `"compress"`):
            `"compress"`: a text that has not become shorter is declined. `"expand"`: one that has not become longer.
        prefix (`str`, *optional*, defaults to `""`):
            What the model expects before a text, such as T5's `"summarize: "`.
        sentences (`int`, *optional*, defaults to `0`):
            The most sentences of a window; 0: as many as fit.
        temperature (`float`, *optional*, defaults to `1.0`), top_k (`int`, *optional*, defaults to `0`, all tokens),
            top_p (`float`, *optional*, defaults to `0.9`): How tokens are drawn.
        beams (`int`, *optional*, defaults to `1`):
            More than 1: beam search instead of draws, which writes the same in every copy.
        min_new_tokens (`int`, *optional*, defaults to `0`):
            Until then a window's end token is barred.
        max_new_tokens (`int`, *optional*, defaults to `128`):
            Tokens that the model may write for a window, if it can count so far. Where they do not suffice, the row
            is declined.

    Example:

    ```python
    >>> abstract = Abstract(model="google-t5/t5-small", prefix="summarize: ")
    >>> train = train.map(Augment(abstract, text="text"), batched=True)
    ```
    """

    name: ClassVar[str] = "abstract"
    needs: ClassVar[str] = "an encoder-decoder model that summarises"

    model: str
    revision: str | None = None
    mode: Literal["compress", "expand"] = "compress"
    prefix: str = ""
    sentences: int = 0
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.9
    beams: int = 1
    min_new_tokens: int = 0
    max_new_tokens: int = 128

    def check(self):
        between(self.sentences, 0, 1 << 31, "abstract: sentences")
        between(self.temperature, 0, 100, "abstract: temperature")
        between(self.top_k, 0, 1 << 31, "abstract: top_k")
        between(self.top_p, 1e-6, 1, "abstract: top_p")
        between(self.beams, 1, 1000, "abstract: beams")
        between(self.max_new_tokens, 1, 1 << 20, "abstract: max_new_tokens")
        between(self.min_new_tokens, 0, self.max_new_tokens, "abstract: min_new_tokens")

    def references(self):
        from hf_augment.engine.resources import identity

        return {"model": identity(self.model, self.revision), "revision": None}

    def write(self, rows, streams):
        from hf_augment.engine.decoding import Sampling
        from hf_augment.engine.seq2seq import end_tokens, load_seq2seq, rewrite

        found = load_seq2seq(self.model, self.revision)
        writer = _Writer(self, found.model, found.tokenizer)
        most = longest_output(found.model, self.max_new_tokens)
        sampling = Sampling(most, self.min_new_tokens, self.temperature, self.top_k, self.top_p)
        for some in together(found.model, rows):
            jobs: list[tuple[int, int, list[int]]] = []
            spans: dict[int, list[Span]] = {}
            written: dict[int, list[str | Declined | None]] = {}
            for i in some:
                windows = writer.windows(rows[i].text)
                if isinstance(windows, Declined):
                    yield i, windows
                    continue
                spans[i], written[i] = [span for span, _ in windows], [None] * len(windows)
                jobs += [(i, place, ids) for place, (_, ids) in enumerate(windows)]
            inputs = [ids for _, _, ids in jobs]
            keys = [streams[i].child(f"window {place}").key for i, place, _ in jobs]
            for job, said in rewrite(found.model, inputs, keys, sampling, end_tokens(found), beams=self.beams):
                i, place, _ = jobs[job]
                written[i][place] = writer.read(said)
                if None not in written[i]:
                    yield i, self._join(rows[i], spans[i], written[i])

    def _join(self, row: Row, spans: list[Span], written: list[Any]) -> Written | Declined:
        declined = [piece for piece in written if isinstance(piece, Declined)]
        if declined:
            return declined[0]
        edits = [Edit(*span, piece) for span, piece in zip(spans, written, strict=True)]
        text = splice(row.text, edits)
        if text.split() == row.text.split():
            return Declined("copied the text")
        if self.mode == "compress" and len(text) >= len(row.text):
            return Declined("not shorter than the text")
        if self.mode == "expand" and len(text) <= len(row.text):
            return Declined("not longer than the text")
        return Written(text, self.name, NOTHING, {"edits": [edits]})


class _Writer:
    """From texts to windows of tokens, and from tokens back to text."""

    def __init__(self, settings: Abstract, model: Any, tokenizer: Any):
        self.tokenizer, self.prefix, self.most = tokenizer, settings.prefix, settings.sentences
        self.longest = longest_input(model, tokenizer)

    def windows(self, text: str) -> list[tuple[Span, list[int]]] | Declined:
        if not runs(text):
            return Declined("no words")
        spans = sentences(text)
        sizes = costs(self.tokenizer, text, spans)
        room = self.longest - len(encode(self.tokenizer, self.prefix).input_ids)
        packed = pack([((alone, 1), (after, 1)) for alone, after in sizes], (room, self.most or len(spans)))
        found = []
        for first, last in packed or []:
            span = spans[first][0], spans[last - 1][1]
            found.append((span, encode(self.tokenizer, self.prefix + text[slice(*span)]).input_ids))
        if packed is None or any(len(ids) > self.longest for _, ids in found):
            return Declined(TOO_LONG)
        return found

    def read(self, completion: Any) -> str | Declined:
        if not completion.finished:
            return Declined("unfinished")
        try:
            return read_back(self.tokenizer, without_start(self.tokenizer, completion.tokens))
        except NotUsable as problem:
            return Declined(str(problem))
