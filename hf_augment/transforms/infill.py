from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal

from hf_augment.edits import share
from hf_augment.fields import between
from hf_augment.model_transform import ModelEditTransform
from hf_augment.streams import Stream
from hf_augment.transform import Declined, Row
from hf_augment.transforms.filler import Filler, Window
from hf_augment.windows import longest_output, together
from hf_augment.words import Span, outside

_NO_EVENT = 0.049787068367863944  # e to the -3: no event where three are expected


@dataclass(frozen=True, kw_only=True)
class Infill(ModelEditTransform):
    """
    Mask words and let an encoder-decoder model fill the gaps.

    Two families are known by their tokenizers. Models with sentinels (`<extra_id_0>`, ...; T5) write the fillings only:
    they are put into the text, whose rest stays byte for byte. Models with a mask token (`<mask>`; BART) write the whole
    text again: it is aligned with the old one word by word, its differences become edits, and a text that keeps
    less than three quarters of the words that were not masked is declined. The label, put before the text, is never
    masked: BARTspan of Kumar et al. 2020 (huggingface.co/papers/2003.02245), who mask 40 % and fine-tune the model on
    the training set first. With `keep="keywords"` the key words stay and all around them is written anew: the
    sketches of GENIUS (huggingface.co/papers/2211.10330), which suit a model trained for them and `masked=0.7` or more.
    Long texts go through the model in windows of whole sentences.

    Args:
        model (`str`):
            A folder or Hub id of an encoder-decoder model that was trained to fill gaps.
        revision (`str`, *optional*):
            A commit, branch or tag of a Hub model.
        masked (`float`, *optional*, defaults to `0.3`):
            The share of words that are masked, from 0 to 1; at least one is. Neighbours become one gap.
        span (`str`, *optional*, defaults to `"word"`):
            `"word"`: words are drawn one by one. `"poisson"`: in spans of Poisson(3) words, as BART was trained.
        keep (`str`, *optional*, defaults to `"any"`):
            `"any"`: any word may be masked. `"keywords"`: the least informative are.
        table (`str`, *optional*):
            A folder that `TfIdf.fit` wrote, which then says how informative a word is. Without one, words that
            carry grammar (English stop words) are masked before all others.
        label (`bool`, *optional*, defaults to `True`):
            Whether the label's name is put before the text.
        separator (`str`, *optional*, defaults to `": "`):
            What stands between the two.
        temperature (`float`, *optional*, defaults to `1.0`), top_k (`int`, *optional*, defaults to `0`, all tokens),
            top_p (`float`, *optional*, defaults to `0.9`): How tokens are drawn.
        beams (`int`, *optional*, defaults to `1`):
            More than 1: beam search instead of draws, which fills the same gaps alike in every copy.
        max_new_tokens (`int`, *optional*, defaults to `256`):
            Tokens that the model may write for a window, if it can count so far. A window holds three quarters as many.

    Example:

    ```python
    >>> infill = Infill(model="google-t5/t5-small", masked=0.3, label=False)
    >>> train = train.map(Augment(infill, text="text", copies=2), batched=True)
    ```
    """

    name: ClassVar[str] = "infill"
    needs: ClassVar[str] = "an encoder-decoder model of the BART or T5 family"

    model: str
    revision: str | None = None
    masked: float = 0.3
    span: Literal["word", "poisson"] = "word"
    keep: Literal["any", "keywords"] = "any"
    table: str | None = None
    label: bool = True
    separator: str = ": "
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.9
    beams: int = 1
    max_new_tokens: int = 256

    def check(self):
        between(self.masked, 0, 1, "infill: masked")
        between(self.temperature, 0, 100, "infill: temperature")
        between(self.top_k, 0, 1 << 31, "infill: top_k")
        between(self.top_p, 1e-6, 1, "infill: top_p")
        between(self.beams, 1, 1000, "infill: beams")
        between(self.max_new_tokens, 8, 1 << 20, "infill: max_new_tokens")
        if self.table is not None and self.keep != "keywords":
            raise ValueError("infill: table: says which words are key words. Write keep='keywords' too.")
        if self.keep == "keywords" and self.span != "word":
            raise ValueError("infill: keep='keywords' masks single words. Write span='word'.")

    @property
    def reads(self) -> tuple[str, ...]:
        return ("label", "text") if self.label else ("text",)

    def references(self):
        from hf_augment.embedded.lexicon import identities
        from hf_augment.engine.resources import identity

        found = {"model": identity(self.model, self.revision), "revision": None}
        if self.keep == "keywords":
            found |= identities("stop_words") if self.table is None else {"table": identity(self.table)}
        return found

    def find_edits(self, rows, streams):
        from hf_augment.engine.decoding import Sampling
        from hf_augment.engine.seq2seq import end_tokens, load_seq2seq, rewrite

        found = load_seq2seq(self.model, self.revision)
        separator = self.separator if self.label else None
        most = longest_output(found.model, self.max_new_tokens)
        filler = Filler(found.model, found.tokenizer, separator, most * 3 // 4)
        sampling = Sampling(most, 0, self.temperature, self.top_k, self.top_p)
        for some in together(found.model, rows):
            jobs: list[tuple[int, int, Window]] = []
            read: dict[int, list[Any]] = {}  # by row, what came of each window
            for i in some:
                windows = filler.windows(rows[i], self.gaps(rows[i], streams[i]))
                if isinstance(windows, Declined) or not windows:
                    yield i, windows
                    continue
                read[i] = [None] * len(windows)
                jobs += [(i, place, window) for place, window in enumerate(windows)]
            taken = {i: self.protected(rows[i]) for i in read}
            inputs = [window.ids for _, _, window in jobs]
            keys = [streams[i].child(f"window {place}").key for i, place, _ in jobs]
            for job, said in rewrite(found.model, inputs, keys, sampling, end_tokens(found), beams=self.beams):
                i, place, window = jobs[job]
                read[i][place] = filler.read(rows[i].text, window, said, taken[i])
                if None not in read[i]:
                    declined = [outcome for outcome in read[i] if isinstance(outcome, Declined)]
                    yield i, declined[0] if declined else [edit for edits in read[i] for edit in edits]

    def gaps(self, row: Row, stream: Stream) -> list[Span]:
        """Choose what is masked in a row: (start, end) in characters, in order, each within one sentence."""
        spans = self.words(row)
        if not spans:
            return []
        count = share(self.masked, len(spans))
        if self.keep == "keywords":
            weights = self._weights([row.text[slice(*span)] for span in spans])
            chosen = sorted(stream.sample(len(spans), len(spans)), key=lambda index: weights[index])[:count]
        elif self.span == "word":
            chosen = stream.sample(len(spans), count)
        else:
            chosen = _in_runs(len(spans), count, stream)
        return _joined(row.text, [spans[index] for index in sorted(chosen)], self.protected(row))

    def _weights(self, words: list[str]) -> list[float]:
        """Say how informative each word of a text is: its TF-IDF, or whether it is more than grammar."""
        low = [word.lower() for word in words]
        if self.table is None:
            from hf_augment.embedded.lexicon import stop_words

            return [float(word not in stop_words()) for word in low]
        from hf_augment.transforms.tfidf import _load

        table, times = _load(self.table), Counter(low)
        return [times[word] * table.idf.get(word, table.unknown) for word in low]


def _in_runs(words: int, count: int, stream: Stream) -> list[int]:
    """Draw `count` of the words in runs of Poisson(3) words, at least one, and a word between two runs if possible."""
    lengths: list[int] = []
    left = count
    while left:
        lengths.append(min(max(1, _poisson(stream)), left))
        left -= lengths[-1]
    kept = words - count
    while len(lengths) > kept + 1:  # too few words to stand between them
        lengths[-2:] = [lengths[-2] + lengths[-1]]
    chosen: list[int] = []
    for before, length in zip(sorted(stream.sample(kept + 1, len(lengths))), lengths, strict=True):
        first = before + len(chosen)  # that many kept words and all earlier runs stand before it
        chosen += range(first, first + length)
    return chosen


def _poisson(stream: Stream) -> int:
    count, product = 0, stream.uniform()
    while product > _NO_EVENT:
        count, product = count + 1, product * stream.uniform()
    return count


def _joined(text: str, spans: list[Span], taken: list[Span]) -> list[Span]:
    """Make one gap of neighbours that have nothing but a space between them."""
    between_them = [(one[1], two[0]) for one, two in pairwise(spans) if text[one[1] : two[0]] == " "]
    spaces = set(outside(between_them, taken))
    gaps: list[Span] = []
    for start, end in spans:
        if gaps and (gaps[-1][1], start) in spaces:
            gaps[-1] = gaps[-1][0], end
        else:
            gaps.append((start, end))
    return gaps
