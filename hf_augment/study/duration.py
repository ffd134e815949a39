"""How long trainings will take: by those that are finished, or by a few steps that are tried."""

import dataclasses
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hf_augment.study.trainings import Training

if TYPE_CHECKING:
    from hf_augment.classifiers.examples import Examples

PROBED = ((1, 8), (1, 8), (5, 8), (1, 72))  # steps and rows that are scored; the first finds the cold start
_EMBEDDED = 32  # texts


@dataclasses.dataclass(frozen=True)
class Pace:
    """
    What a training takes in seconds: so much, so much for each step, and so much for each row that is scored.

    Args:
        start (`float`): For loading.
        step (`float`): For each step.
        row (`float`, *optional*, defaults to `0.0`): For each row and evaluation; 0 if `start` contains it.
    """

    start: float
    step: float
    row: float = 0.0

    def of(self, training: Training) -> float:
        """Return what one training will take."""
        scored = len(training.validation.texts) * (training.config.evaluations + 1) + len(training.test.texts)
        return max(0.001, self.start + self.step * training.arm.steps + self.row * scored)


def measured(found: Sequence[tuple[int, float]]) -> Pace | None:
    """
    Return the pace of finished trainings, by least squares; `None` if there is none.

    Args:
        found (`Sequence[tuple[int, float]]`): Steps and seconds of each.
    """
    if not found:
        return None
    steps, seconds = (sum(column) / len(found) for column in zip(*found, strict=True))
    spread = sum((own - steps) ** 2 for own, _ in found)
    slope = sum((own - steps) * (took - seconds) for own, took in found) / spread if spread else 0.0
    slope = min(max(slope, 0.0), seconds / max(steps, 1))
    return Pace(seconds - slope * steps, slope)


def probe(training: Training) -> Pace:
    """
    Try a few steps of a training, and write nothing.

    Args:
        training ([`Training`]): Any one of a classifier; for `"features"` the texts that are embedded take the time.
    """
    if training.config.classifier == "features":
        from hf_augment.engine.encoder import load_encoder

        encoder = load_encoder(training.config.encoder, training.config.revision)
        texts = [*training.test.texts, *training.validation.texts, *training.arm.rows.texts][:_EMBEDDED]
        start = time.perf_counter()
        encoder.embed(texts)
        new = len(training.arm.rows.texts) + len(training.validation.texts)  # test rows are mostly those of others
        return Pace((time.perf_counter() - start) / len(texts) * new, 0.0)
    took = []
    for steps, rows in PROBED:
        some = {name: _first(getattr(training, name), rows) for name in ("validation", "test")}
        config = dataclasses.replace(training.config, evaluations=1)
        arm = training.arm._replace(steps=steps)
        took.append(dataclasses.replace(training, arm=arm, config=config, per_row=False, **some).train()["seconds"])
    _, least, more_steps, more_rows = took
    step, row = max(0.0, more_steps - least) / 4, max(0.0, more_rows - least) / (3 * 64)
    return Pace(max(0.0, least - step - 3 * 8 * row), step, row)


def _first(rows: "Examples", count: int) -> "Examples":
    """Repeat rows up to a number of them."""
    places = [i % len(rows.texts) for i in range(count)]
    return rows._replace(texts=[rows.texts[i] for i in places], labels=[rows.labels[i] for i in places])


def told(seconds: float) -> str:
    """Say a duration in words."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    return f"{round(minutes)} min" if minutes < 90 else f"{minutes / 60:.1f} h"
