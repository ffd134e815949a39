import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from hf_augment.edits import share
from hf_augment.fields import between
from hf_augment.model_transform import ModelEditTransform
from hf_augment.streams import Stream
from hf_augment.transform import Declined, Row, Transform
from hf_augment.transforms.characters import pieces
from hf_augment.transforms.offers import edits_words, offers
from hf_augment.transforms.synonym import Synonym
from hf_augment.words import Span


@dataclass(frozen=True, kw_only=True)
class Adversarial(ModelEditTransform):
    """
    Change words until a classifier of yours answers wrongly, while a reader still sees the label.

    What may stand for a word is what another transform writes there: synonyms, lookalike letters, typos, or the words
    of a masked language model. Which of them to take, the classifier says: by the gradient at its embeddings (HotFlip,
    Ebrahimi et al. 2018, huggingface.co/papers/1712.06751), or by its probabilities alone, the words that it misses most
    first (TextFooler, Jin et al. 2020, huggingface.co/papers/1907.11932). A row that the classifier misreads as it
    stands is declined, and so is one that it still reads rightly in the end. Train on the copies and ask
    `hf_augment.study.attack.attack_report` whether the next classifier stands firmer.

    Noise on a share of the rows, with the labels kept, asks no classifier:
    `Sometimes(transform=OneOf(transforms=[Typo(), Homoglyph(), RandomSwap()]), rate=0.3)`.

    Args:
        victim (`str`):
            A folder or Hub id of a sequence classifier, one of ours (`study` leaves `classifier`) or any other, which
            reads the text column alone, no pair. Its label names are those of the dataset.
        revision (`str`, *optional*):
            A commit, branch or tag of a Hub model.
        method (`str`, *optional*, defaults to `"search"`):
            `"search"`: as TextFooler. `"gradient"`: as HotFlip, for which the weights must be at hand; fewer queries.
        candidates (`Transform`, *optional*, defaults to `Synonym(rate=1.0)`):
            A transform that edits words one by one, such as `Synonym`, `Homoglyph`, `Typo` or `MaskedLM`, or
            `OneOf` several. Its `rate` is the share of the words that each draw offers something for.
        draws (`int`, *optional*, defaults to `8`):
            How often it is asked; with more, there is more to choose from, and two copies are more alike.
        rate (`float`, *optional*, defaults to `0.2`):
            The largest share of words that may change. At least one may.
        queries (`int`, *optional*, defaults to `200`):
            Texts that the classifier may read for a row, the row's own included; a gradient counts as one.
        target (`str`, *optional*):
            The label that it is to answer; by default any wrong one.
        similarity (`float`, *optional*, defaults to `0.8`):
            The least cosine between the embeddings of the passage around a new word and of the same passage in the
            row, from 0 (no encoder is asked) to 1.
        encoder (`str`, *optional*, defaults to `"sentence-transformers/all-MiniLM-L6-v2"`):
            What embeds them.
        fluency_model (`str`, *optional*):
            A masked language model, to which a new word may be at most `fluency_drop` less likely than the old one.
        fluency_drop (`float`, *optional*, defaults to `3.0`):
            The difference of their log-probabilities.
        max_length (`int`, *optional*, defaults to `512`):
            Rows of more tokens are declined, if the classifier could read them at all.
        keep_failed (`bool`, *optional*, defaults to `False`):
            Whether a row that is still read rightly is kept, with the changes that came nearest.

    Example:

    ```python
    >>> from hf_augment import Adversarial, Augment, Homoglyph, OneOf, Synonym
    >>> candidates = OneOf(transforms=[Synonym(rate=1.0), Homoglyph(rate=1.0)])
    >>> attack = Adversarial(victim="runs/mine/classifier/gold/model", candidates=candidates)
    >>> train = train.map(Augment(attack, text="text", label="label"), batched=True)
    ```
    """

    name: ClassVar[str] = "adversarial"
    needs: ClassVar[str] = "a trained classifier, labels"
    of_labels: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("text", "label")
    MISREAD: ClassVar[str] = "already misread"

    victim: str
    revision: str | None = None
    method: Literal["search", "gradient"] = "search"
    candidates: Transform = Synonym(rate=1.0)  # noqa: RUF009 - frozen
    draws: int = 8
    rate: float = 0.2
    queries: int = 200
    target: str | None = None
    similarity: float = 0.8
    encoder: str = "sentence-transformers/all-MiniLM-L6-v2"
    fluency_model: str | None = None
    fluency_drop: float = 3.0
    max_length: int = 512
    keep_failed: bool = False

    def check(self):
        between(self.draws, 1, 1000, "adversarial: draws")
        between(self.rate, 0, 1, "adversarial: rate")
        between(self.queries, 3, 1_000_000, "adversarial: queries")
        between(self.similarity, 0, 1, "adversarial: similarity")
        between(self.fluency_drop, 0, 1000, "adversarial: fluency_drop")
        between(self.max_length, 1, 1 << 20, "adversarial: max_length")
        if not edits_words(self.candidates):
            raise ValueError(
                "adversarial: candidates: expected a transform that edits words where they stand, such as Synonym, "
                f"Homoglyph, Typo or MaskedLM, or OneOf several; {self.candidates.name!r} writes whole texts. Write "
                "e.g. candidates=Synonym(rate=1.0)."
            )

    def references(self):
        from hf_augment.engine.encoder import locate_encoder
        from hf_augment.engine.resources import identity

        found = {"victim": identity(self.victim, self.revision), "revision": None}
        if self.similarity:
            found["encoder"] = identity(str(locate_encoder(self.encoder)))
        if self.fluency_model is not None:
            found["fluency_model"] = identity(self.fluency_model)
        return found

    def find_edits(self, rows, streams):
        for place, found in self.attack(rows, streams):
            if isinstance(found, Declined):
                yield place, found
            elif found.succeeded or self.keep_failed or found.queries == 1:  # with nothing to try, nothing changes
                yield place, [edit for candidate in found.chosen for edit in candidate.edits]
            else:
                yield place, Declined(f"the attack failed within {self.queries} queries")

    def attack(self, rows: Sequence[Row], streams: Sequence[Stream]) -> Iterator[tuple[int, Any]]:
        """
        Attack rows.

        Args:
            rows (`Sequence[Row]`): The rows, each with its label's name.
            streams (`Sequence[Stream]`): One for each row.

        Yields:
            `tuple[int, Attacked or Declined]`: The position of a row, in any order, and how its attack ended, or why
            there was none.
        """
        from hf_augment.classifiers.attack import Attack, Goal, Rules
        from hf_augment.classifiers.victim import load_victim
        from hf_augment.engine.attack import together

        victim = load_victim(self.victim, self.revision, self.max_length)
        if self.target is not None and self.target not in victim.names:
            raise ValueError(
                f"adversarial: target: the classifier knows no label {self.target!r}, only {', '.join(victim.names)}."
            )
        rules = Rules(
            self.method, self.queries, self.similarity, None if self.fluency_model is None else self.fluency_drop
        )
        numbers = {name: number for number, name in enumerate(victim.names)}
        sound = []
        read = victim.read([[row.text] for row in rows])
        for place, (row, [first]) in enumerate(zip(rows, read, strict=True)):
            reason = self._why_not_attack(row, first, numbers)
            if reason:
                yield place, Declined(reason)
            else:
                sound.append(place)
        taken = [self.protected(rows[i]) for i in sound]
        offered_to = offers(self.candidates, self.draws, [rows[i] for i in sound], [streams[i] for i in sound], taken)
        attacks, attacked = [], []
        for place, offered in zip(sound, offered_to, strict=True):
            if isinstance(offered, Declined):
                yield place, offered
                continue
            row, goal = rows[place], Goal(numbers[rows[place].label], numbers.get(self.target))
            most = share(self.rate, len(pieces(row.text, 1)))
            attacks.append(Attack(row.text, read[place][0], goal, offered, most, rules).steps())
            attacked.append(place)
        answers = {
            "read": victim.read,
            "gains": victim.gains,
            "vectors": self._vectors,
            "fluency": functools.partial(self._drops, victim.names),
        }
        for number, found in together(attacks, answers):
            yield attacked[number], found

    def _why_not_attack(self, row: Row, first: Any, numbers: dict[str, int]) -> str:
        if row.label not in numbers:
            return f"the classifier knows no label {row.label!r}, only {', '.join(numbers)}"
        if row.label == self.target:
            return "the label is the target already"
        if first is None:
            return "longer than the classifier reads"
        return "" if first.argmax() == numbers[row.label] else self.MISREAD

    def _vectors(self, asked: Sequence[Sequence[str]]) -> list[Any]:
        from hf_augment.engine.encoder import embed

        vectors = embed([text for texts in asked for text in texts], self.encoder)
        found, at = [], 0
        for texts in asked:
            found.append(vectors[at : at + len(texts)])
            at += len(texts)
        return found

    def _drops(self, names: Sequence[str], asked: Sequence[Any]) -> list[list[float]]:
        """Return by how much each new word is less likely than the word at its place, given the row's label."""
        from hf_augment.engine.masked import Question, load_masked_lm, score

        lm = load_masked_lm(self.fluency_model)
        reads_label = lm.prompt is not None and lm.prompt.conditional
        questions, sources = [], []
        for number, (text, label, places) in enumerate(asked):
            spans: dict[Span, list[int]] = {}
            for index, (start, end, _) in enumerate(places):
                spans.setdefault((start, end), []).append(index)
            for (start, end), indices in spans.items():
                words = [text[start:end], *(places[index][2] for index in indices)]
                questions.append(Question(text, (start, end), words, names[label] if reads_label else None))
                sources.append((number, indices))
        found = [[0.0] * len(places) for _, _, places in asked]
        for question, (old, *new) in score(lm, questions):
            number, indices = sources[question]
            for index, value in zip(indices, new, strict=True):
                found[number][index] = round(old - value, 4)
        return found
