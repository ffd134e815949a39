"""Attacks on a classifier, a row each: which candidates turn its answer, found with a counted number of questions."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, NamedTuple

import numpy as np

from hf_augment.classifiers.victim import Slope
from hf_augment.edits import Edit, splice
from hf_augment.engine.attack import Ask, Steps

WIDTH = 8  # candidates that one gradient ranks first and that are then tried
_AT_ONCE = 3  # candidates, the best first, that the encoder is asked for together
_BLOCK = 80  # characters; a replacement must not change the meaning of its block and of those beside it
_BETTER = 1e-3  # by which the log-odds must fall; float error lies far below


class Candidate(NamedTuple):
    """
    What may take the place of a word.

    Args:
        start (`int`), end (`int`): The characters of the word.
        new (`str`): What stands there then.
        edits (`tuple[Edit, ...]`): The edits that do it, which may reach an article before the word.
    """

    start: int
    end: int
    new: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Rules:
    """
    What an attack may do.

    Args:
        method (`str`): `"search"` or `"gradient"`.
        queries (`int`): Texts that the classifier reads, the original included; a gradient counts as one.
        similarity (`float`): The least cosine between a changed passage and the original one; 0 asks no encoder.
        fluency (`float`, *optional*): By how much the log-probability of a new word may lie below that of the old one.
    """

    method: Literal["search", "gradient"]
    queries: int
    similarity: float = 0.0
    fluency: float | None = None


@dataclass(frozen=True)
class Goal:
    """The class that a row has, and the one that the classifier is to answer instead; `None` for any other."""

    label: int
    target: int | None = None

    def reached(self, read: np.ndarray) -> bool:
        """Say whether the classifier, by its log-probabilities, answers as the attack wants."""
        answer = int(read.argmax())
        return answer != self.label if self.target is None else answer == self.target

    def distance(self, read: np.ndarray) -> float:
        """Return what the attack lowers: log-odds, which still move where a probability is all but 1."""
        toward = self.label if self.target is None else self.target
        odds = read[toward] - np.logaddexp.reduce(np.delete(read, toward))
        return round(float(odds if self.target is None else -odds), 4)

    def slope(self, text: str, places: list[tuple[int, int, str]]) -> Slope:
        """Ask for the gradient of that."""
        return Slope(text, *((self.label, 1) if self.target is None else (self.target, -1)), places)


class Attacked(NamedTuple):
    """Whether an attack turned the answer, with which candidates, and how many texts the classifier read."""

    succeeded: bool
    chosen: tuple[Candidate, ...]
    queries: int


@dataclass
class Attack:
    """
    One attack on one row.

    Args:
        text (`str`): The row's text, which the classifier reads rightly.
        first (`np.ndarray`): The log-probabilities that it gives it; that was the first query.
        goal ([`Goal`]): What it is to think.
        candidates (`Sequence[Candidate]`): What may be put where; the order decides between equals.
        most (`int`): How many words may change.
        rules ([`Rules`]): The limits.
    """

    text: str
    first: np.ndarray
    goal: Goal
    candidates: Sequence[Candidate]
    most: int
    rules: Rules

    def __post_init__(self):
        self.read: dict[str, np.ndarray | None] = {self.text: self.first}
        self.vectors: dict[str, np.ndarray] = {}
        self.left = self.rules.queries - 1
        self.distance = self.goal.distance(self.first)
        self.chosen: list[Candidate] = []
        self.succeeded = False

    def steps(self) -> Generator[Ask, Any, Attacked]:
        """Look for the candidates that turn the answer."""
        yield from self._search() if self.rules.method == "search" else self._follow_gradients()
        return Attacked(self.succeeded, tuple(self.chosen), self.rules.queries - self.left)

    def _search(self) -> Steps:
        """Words by how much the classifier misses them, at each the best candidate (TextFooler)."""
        places: dict[tuple[int, int], list[Candidate]] = {}
        for candidate in self.candidates:
            places.setdefault((candidate.start, candidate.end), []).append(candidate)
        # At most half of the questions go into the order; with more words than that, the words keep theirs.
        without = {place: _without(self.text, *place) for place in list(places)[: self.rules.queries // 2]}
        yield from self._ask(list(without.values()))
        missed = {place: self._distance(text) for place, text in without.items()}
        for place in sorted(places, key=lambda place: missed.get(place, np.inf)):
            if self._over():
                return
            yield from self._take_best(self._free(places[place]))

    def _follow_gradients(self) -> Steps:
        """The candidates that the gradient at the text so far ranks first, the best of them taken (HotFlip)."""
        while not self._over() and (free := self._free(self.candidates)):
            self.left -= 1
            gains = yield Ask("gains", self.goal.slope(self._with(), self._places(free)))
            ranked = [free[i] for i in sorted(range(len(free)), key=gains.__getitem__)]
            for at in range(0, len(ranked), WIDTH):
                taken = yield from self._take_best(ranked[at : at + WIDTH])
                if taken or self._over():
                    break
            else:
                return

    def _over(self) -> bool:
        return self.succeeded or self.left < 1 or len(self.chosen) >= self.most

    def _take_best(self, offered: Sequence[Candidate]) -> Generator[Ask, Any, bool]:
        """Take the candidate that turns the answer, the most similar of several, or the one that comes nearest to it."""
        texts = {candidate: self._with(candidate) for candidate in offered}
        yield from self._ask(list(texts.values()))
        found = {candidate: self.read[text] for candidate, text in texts.items() if self.read.get(text) is not None}
        distances = {candidate: self.goal.distance(read) for candidate, read in found.items()}
        turned = [candidate for candidate, read in found.items() if self.goal.reached(read)]
        alike = yield from self._allowed(turned)
        if alike:
            self.succeeded = True
            self.chosen.append(min(alike, key=lambda candidate: (-alike[candidate], distances[candidate])))
            return True
        nearer = [one for one in found if one not in turned and distances[one] < self.distance - _BETTER]
        nearer.sort(key=distances.__getitem__)
        for at in range(0, len(nearer), _AT_ONCE):
            alike = yield from self._allowed(nearer[at : at + _AT_ONCE])
            if alike:
                self.chosen.append(min(alike, key=distances.__getitem__))
                self.distance = distances[self.chosen[-1]]
                return True
        return False

    def _allowed(self, offered: Sequence[Candidate]) -> Generator[Ask, Any, dict[Candidate, float]]:
        """Keep the candidates that read like what they replace; the classifier is not asked for that."""
        alike = dict.fromkeys(offered, 0.0)
        if self.rules.similarity and alike:
            pairs = {candidate: self._passages(candidate) for candidate in alike}
            new = [one for one in dict.fromkeys(chain(*pairs.values())) if one not in self.vectors]
            self.vectors.update(zip(new, (yield Ask("vectors", new)), strict=True))
            alike = {one: round(float(self.vectors[old] @ self.vectors[put]), 4) for one, (old, put) in pairs.items()}
            alike = {candidate: cosine for candidate, cosine in alike.items() if cosine >= self.rules.similarity}
        if self.rules.fluency is not None and alike:
            drops = yield Ask("fluency", (self._with(), self.goal.label, self._places(alike)))
            kept = [drop <= self.rules.fluency for drop in drops]
            alike = {one: cosine for (one, cosine), keep in zip(alike.items(), kept, strict=True) if keep}
        return alike

    def _passages(self, candidate: Candidate) -> tuple[str, str]:
        """Cut the surroundings of a candidate out of the text, and out of the text with it and all that was chosen."""
        edits = self._edits(candidate)
        start = max(0, candidate.edits[0].start // _BLOCK - 1) * _BLOCK
        end = (candidate.edits[-1].end // _BLOCK + 2) * _BLOCK
        inside = [edit for edit in edits if start <= edit.start and edit.end <= end]
        passage = self.text[start:end]
        return passage, splice(passage, [Edit(edit.start - start, edit.end - start, edit.new) for edit in inside])

    def _ask(self, texts: Sequence[str]) -> Steps:
        new = [text for text in dict.fromkeys(texts) if text not in self.read][: max(0, self.left)]
        if new:
            self.left -= len(new)
            found = yield Ask("read", new)
            self.read.update(zip(new, found, strict=True))

    def _distance(self, text: str) -> float:
        found = self.read.get(text)
        return np.inf if found is None else self.goal.distance(found)

    def _free(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        taken = [_reach(candidate) for candidate in self.chosen]
        return [one for one in candidates if not any(_meet(_reach(one), other) for other in taken)]

    def _places(self, candidates: Iterable[Candidate]) -> list[tuple[int, int, str]]:
        """Say where the candidates would stand in the text as it is now."""
        edits = self._edits()
        places = []
        for one in candidates:
            shift = sum(len(new) - (end - start) for start, end, new in edits if end <= one.start)
            places.append((one.start + shift, one.end + shift, one.new))
        return places

    def _edits(self, *more: Candidate) -> list[Edit]:
        return sorted(edit for candidate in (*self.chosen, *more) for edit in candidate.edits)

    def _with(self, *more: Candidate) -> str:
        return splice(self.text, self._edits(*more))


def _reach(candidate: Candidate) -> tuple[int, int]:
    return min(candidate.start, candidate.edits[0].start), max(candidate.end, candidate.edits[-1].end)


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one == other or (one[0] < other[1] and other[0] < one[1])


def _without(text: str, start: int, end: int) -> str:
    if start < end and text[:start].endswith(" "):
        start -= 1
    return text[:start] + text[end:]
