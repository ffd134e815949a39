"""Transforms made of transforms: one after the other, one of several, now and then."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from hf_augment.fields import between
from hf_augment.spans import still_fixed
from hf_augment.streams import Stream
from hf_augment.transform import NO_CHANGE, Declined, Row, Transform, Written


class _Combined(Transform):
    """What combinators share: they read what their parts read."""

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(field for part in self._parts() for field in part.reads))

    @property
    def of_labels(self) -> bool:
        return any(part.of_labels for part in self._parts())

    @property
    def tells_edits(self) -> bool:
        return all(part.tells_edits for part in self._parts())

    def _parts(self) -> Sequence[Transform]:
        return self.transforms


def _at(index: int, part: Transform, streams: Sequence[Stream]) -> list[Stream]:
    path = f"{index}:{part.name}"
    return [stream.child(path) for stream in streams]


@dataclass(frozen=True, kw_only=True)
class Compose(_Combined):
    """
    Apply transforms one after the other.

    A step that declines a row leaves it to the next one; the row is declined if every step declined it.

    Args:
        transforms (`list[Transform]`): The steps, in order.
    """

    name: ClassVar[str] = "compose"
    needs: ClassVar[str] = "what its parts need"

    transforms: tuple[Transform, ...]

    def check(self):
        if not self.transforms:
            raise ValueError("compose: transforms: expected at least one transform, got an empty list.")

    @property
    def reads(self):
        # Later steps read the text that the first one wrote, so it alone decides whether a row needs one.
        others = [field for step in self.transforms for field in step.reads if field != "text"]
        return tuple(dict.fromkeys([*self.transforms[0].reads, *others]))

    def apply(self, rows, streams):
        source, rows = rows, list(rows)
        written: list[Written | None] = [None] * len(rows)
        reasons: list[list[str]] = [[] for _ in rows]
        for index, step in enumerate(self.transforms):
            for i, outcome in enumerate(step.apply(rows, _at(index, step, streams))):
                if isinstance(outcome, Declined):
                    reasons[i].append(outcome.reason)
                    continue
                fixed = still_fixed(rows[i].text, rows[i].fixed, outcome)
                label = outcome.also.get("label", rows[i].label)  # a step may turn it, and the next one reads it
                rows[i] = rows[i]._replace(text=outcome.text, label=label, fixed=fixed)
                written[i] = outcome if written[i] is None else _chain(written[i], outcome)
        return [_sum_up(*found) for found in zip(source, written, reasons, strict=True)]


def _sum_up(source: Row, written: Written | None, reasons: list[str]) -> Written | Declined:
    if written is None:
        return Declined(", ".join(dict.fromkeys(reasons)))
    return Declined(NO_CHANGE) if written.text == source.text else written  # a later step may undo an earlier one


def _chain(first: Written, then: Written) -> Written:
    # Edits can be followed back to the source only if every step made some.
    notes = {**first.notes, **then.notes}
    if "edits" in first.notes and "edits" in then.notes:
        notes["edits"] = [*first.notes["edits"], *then.notes["edits"]]
    else:
        notes.pop("edits", None)
    return Written(then.text, f"{first.by}+{then.by}", {**first.also, **then.also}, notes)


@dataclass(frozen=True, kw_only=True)
class OneOf(_Combined):
    """
    Apply one transform, drawn anew for each row and copy.

    Args:
        transforms (`list[Transform]`): The choices.
        weights (`list[float]`, *optional*): How often each is drawn, relative to the others; equal if left out.
    """

    name: ClassVar[str] = "one_of"
    needs: ClassVar[str] = "what its parts need"

    transforms: tuple[Transform, ...]
    weights: tuple[float, ...] | None = None

    def check(self):
        if not self.transforms:
            raise ValueError("one_of: transforms: expected at least one transform, got an empty list.")
        if self.weights is not None and (
            len(self.weights) != len(self.transforms)
            or not min(self.weights) >= 0 < sum(self.weights)
            or not math.isfinite(sum(self.weights))
        ):
            raise ValueError(
                f"one_of: weights: expected {len(self.transforms)} numbers, none negative and not all 0, "
                f"got {list(self.weights)}."
            )

    def apply(self, rows, streams):
        weights = self.weights or (1.0,) * len(self.transforms)
        outcomes: list[Written | Declined | None] = [None] * len(rows)
        drawn = [_draw(weights, stream.uniform()) for stream in streams]
        for index, part in enumerate(self.transforms):
            chosen = [i for i, choice in enumerate(drawn) if choice == index]
            if chosen:
                written = part.apply([rows[i] for i in chosen], _at(index, part, [streams[i] for i in chosen]))
                for i, outcome in zip(chosen, written, strict=True):
                    outcomes[i] = outcome
        return outcomes


def _draw(weights: Sequence[float], uniform: float) -> int:
    left = uniform * sum(weights)
    for index, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return index
    return max(index for index, weight in enumerate(weights) if weight > 0)  # float error at the very end


@dataclass(frozen=True, kw_only=True)
class Sometimes(_Combined):
    """
    Apply a transform to a share of the rows, drawn row by row, and decline the others.

    Args:
        transform (`Transform`): What is applied.
        rate (`float`, *optional*, defaults to `0.5`): The probability that it is, from 0 to 1.
    """

    name: ClassVar[str] = "sometimes"
    needs: ClassVar[str] = "what its part needs"

    transform: Transform
    rate: float = 0.5

    def check(self):
        between(self.rate, 0, 1, "sometimes: rate")

    def _parts(self):
        return (self.transform,)

    def apply(self, rows: Sequence[Row], streams: Sequence[Stream]):
        outcomes: list[Written | Declined] = [Declined("not drawn")] * len(rows)
        chosen = [i for i, stream in enumerate(streams) if stream.uniform() < self.rate]
        written = self.transform.apply([rows[i] for i in chosen], _at(0, self.transform, [streams[i] for i in chosen]))
        for i, outcome in zip(chosen, written, strict=True):
            outcomes[i] = outcome
        return outcomes
