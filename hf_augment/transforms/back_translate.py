from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from hf_augment.edits import Edit, splice
from hf_augment.errors import unknown
from hf_augment.fields import between
from hf_augment.model_transform import ModelTransform
from hf_augment.streams import Stream
from hf_augment.transform import NOTHING, Declined, Row, Written
from hf_augment.transforms.translation import Hop, in_turn, sentences_with_words, translate

_KEYS = (
    *("forward", "forward_revision", "forward_prefix", "backward", "backward_revision", "backward_prefix"),
    *("language", "pivot"),
)

Place = tuple[int, int]  # of a sentence: its row, and which of the row's sentences it is


@dataclass(frozen=True, kw_only=True)
class BackTranslate(ModelTransform):
    """
    Translate the text into another language and back.

    Any encoder-decoder models that translate will do: a pair for one language pair each (Marian), or one model of many
    languages both ways (NLLB, M2M100, mBART-50), named by its language codes. The text goes through sentence by
    sentence, and what stands between the sentences stays. A sentence that is longer than a model reads is not cut:
    its row is declined. The label is not read; what the label rests on can get lost in translation, so select before
    training on the result. As augmentation: Yu et al. 2018 (huggingface.co/papers/1804.09541) and UDA
    (huggingface.co/papers/1904.12848), who draw the translations, because the likeliest ones differ less from the text;
    for why, Edunov et al. 2018 (huggingface.co/papers/1808.09381).

    Args:
        forward (`str`, *optional*):
            A folder or Hub id of the model that translates from the text's language.
        backward (`str`, *optional*):
            That of the model that translates back; by default `forward` does.
        forward_revision (`str`, *optional*), backward_revision (`str`, *optional*):
            A commit, branch or tag of a Hub model.
        language (`str`, *optional*), pivot (`str`, *optional*):
            The codes of the text's language and of the other one, as a model of many languages calls them
            (`"eng_Latn"` and `"deu_Latn"` in NLLB, `"en"` and `"de"` in M2M100, `"en_XX"` and `"de_DE"` in mBART-50).
        forward_prefix (`str`, *optional*, defaults to `""`), backward_prefix (`str`, *optional*, defaults to `""`):
            What a model expects before a text, such as T5's `"translate English to German: "` or the `">>deu<<"` of
            Marian models of several languages.
        pivots (`list[dict]`, *optional*, defaults to `[]`):
            Several ways there and back. Each may set all of the above; what it does not set is as it stands there.
        route (`str`, *optional*, defaults to `"draw"`):
            `"draw"`: each copy of each row takes one of the pivots. `"chain"`: it takes one after the other.
        temperature (`float`, *optional*, defaults to `1.0`), top_k (`int`, *optional*, defaults to `0`, all tokens),
            top_p (`float`, *optional*, defaults to `0.9`): How tokens are drawn.
        beams (`int`, *optional*, defaults to `1`):
            More than 1: beam search instead of draws, which writes the same in every copy that takes the same pivot.
        max_new_tokens (`int`, *optional*, defaults to `256`):
            Tokens that a model may write for a sentence. Where they do not suffice, the row is declined.

    Example:

    ```python
    >>> back_translate = BackTranslate(
    ...     forward="facebook/nllb-200-distilled-600M",
    ...     language="eng_Latn",
    ...     pivots=[{"pivot": "deu_Latn"}, {"pivot": "fra_Latn"}, {"pivot": "jpn_Jpan"}],
    ... )
    >>> train = train.map(Augment(back_translate, text="text", copies=2), batched=True)
    ```
    """

    name: ClassVar[str] = "back_translate"
    needs: ClassVar[str] = "two translation models, or one for both ways"

    forward: str | None = None
    backward: str | None = None
    forward_revision: str | None = None
    backward_revision: str | None = None
    language: str | None = None
    pivot: str | None = None
    forward_prefix: str = ""
    backward_prefix: str = ""
    pivots: list[dict[str, str]] = ()
    route: Literal["draw", "chain"] = "draw"
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.9
    beams: int = 1
    max_new_tokens: int = 256

    def check(self):
        between(self.temperature, 0, 100, "back_translate: temperature")
        between(self.top_k, 0, 1 << 31, "back_translate: top_k")
        between(self.top_p, 1e-6, 1, "back_translate: top_p")
        between(self.beams, 1, 1000, "back_translate: beams")
        between(self.max_new_tokens, 1, 1 << 20, "back_translate: max_new_tokens")
        for i, pivot in enumerate(self.pivots):
            for key in pivot:
                if key not in _KEYS:
                    raise ValueError(f"back_translate: pivots[{i}]: " + unknown("key", key, _KEYS))
        for forward, _ in self.ways():
            if not forward.model:
                raise ValueError(
                    "back_translate: no model translates forward. Pass forward='Helsinki-NLP/opus-mt-en-de' and "
                    "backward='Helsinki-NLP/opus-mt-de-en', or set both in every one of the pivots."
                )
            if (forward.source is None) != (forward.target is None):
                raise ValueError(
                    "back_translate: 'language' and 'pivot' belong together: the codes of the text's language and of "
                    f"the other one. Got language={forward.source!r} and pivot={forward.target!r}."
                )

    def ways(self) -> list[tuple[Hop, Hop]]:
        """Return the ways there and back, what no pivot sets filled in."""
        found = []
        for pivot in self.pivots or ({},):
            given = {**{key: getattr(self, key) for key in _KEYS}, **pivot}
            for model in ("forward", "backward"):
                if model in pivot:  # the other model's revision says nothing about this one
                    given[f"{model}_revision"] = pivot.get(f"{model}_revision")
            if given["backward"] is None:
                given |= {"backward": given["forward"], "backward_revision": given["forward_revision"]}
            ends = given["language"], given["pivot"]
            forward = Hop(given["forward"], given["forward_revision"], *ends, given["forward_prefix"])
            backward = Hop(given["backward"], given["backward_revision"], *ends[::-1], given["backward_prefix"])
            found.append((forward, backward))
        return found

    def references(self):
        from hf_augment.engine.resources import identity

        known = [
            [hop._replace(model=identity(hop.model, hop.revision), revision=None) for hop in w] for w in self.ways()
        ]
        return {**dict.fromkeys(_KEYS), "pivots": [[list(hop) for hop in way] for way in known]}

    def write(self, rows, streams):
        spans = {i: sentences_with_words(row.text) for i, row in enumerate(rows)}
        yield from ((i, Declined("no words")) for i in spans if not spans[i])
        first, _ = self.ways()[0]
        for chosen in in_turn({i: rows[i].text for i in spans if spans[i]}, first):
            texts = {(i, k): rows[i].text[slice(*span)] for i in chosen for k, span in enumerate(spans[i])}
            declined = self._there_and_back(texts, streams)
            for i in chosen:
                edits = [Edit(*span, texts[i, k]) for k, span in enumerate(spans[i])]
                yield i, declined.get(i) or self._written(rows[i], edits)

    def _written(self, row: Row, edits: list[Edit]) -> Written | Declined:
        text = splice(row.text, edits)
        if text.split() == row.text.split():
            return Declined("copied the text")
        return Written(text, self.name, NOTHING, {"edits": [edits]})

    def _there_and_back(self, texts: dict[Place, str], streams: Sequence[Stream]) -> dict[int, Declined]:
        """Translate sentences in their places, and return the rows in which one could not be."""
        from hf_augment.engine.decoding import Sampling

        sampling = Sampling(self.max_new_tokens, 0, self.temperature, self.top_k, self.top_p)
        ways = self.ways()
        declined: dict[int, Declined] = {}
        routes = {i: self._route(streams[i], len(ways)) for i, _ in texts}
        for step in range(len(next(iter(routes.values())))):
            for number, way in enumerate(ways):
                for direction, hop in zip(("forward", "backward"), way, strict=True):
                    here = [place for place in texts if place[0] not in declined and routes[place[0]][step] == number]
                    keys = {(i, k): streams[i].child(f"{step} {direction} {k}").key for i, k in here}
                    settings = (sampling, self.beams)
                    found = dict(translate(hop, {place: texts[place] for place in here}, keys, *settings))
                    for place in here:  # in the order of the sentences, so that the first problem is the row's reason
                        if isinstance(found[place], Declined):
                            declined.setdefault(place[0], found[place])
                        else:
                            texts[place] = found[place]
        return declined

    def _route(self, stream: Stream, ways: int) -> Sequence[int]:
        return range(ways) if self.route == "chain" else (stream.child("pivot").below(ways),)
