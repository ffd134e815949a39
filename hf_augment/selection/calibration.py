"""Calibration: probabilities that come true as often as they say, by one temperature."""

from typing import NamedTuple

import numpy as np

BINS = 10
_LEAST = 1e-12
_RANGE = (0.05, 20.0)  # of temperatures: beyond, probabilities are 0 and 1, or all the same


class Calibration(NamedTuple):
    """
    A temperature, and what it did to probabilities of rows that it was not fitted on.

    Args:
        temperature (`float`): Above 1 for a judge that was too sure of itself.
        before (`float`): The expected calibration error before.
        after (`float`): And after, each row by the temperature of the other folds.
        rows (`int`): How many rows that was measured on.
    """

    temperature: float
    before: float
    after: float
    rows: int

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the calibrated probabilities of rows; which class is the likeliest stays."""
        return scaled(probabilities, self.temperature)


def calibrate(probabilities: np.ndarray, numbers: np.ndarray, parts: np.ndarray) -> Calibration:
    """
    Fit a temperature (Guo et al. 2017, huggingface.co/papers/1706.04599) and measure it on rows that it did not see.

    Args:
        probabilities (`np.ndarray` of shape `(rows, classes)`): Out of fold.
        numbers (`np.ndarray`): The class of each row.
        parts (`np.ndarray`): The fold of each row.
    """
    honest = np.empty_like(probabilities)
    for part in np.unique(parts):
        held = parts == part
        honest[held] = scaled(probabilities[held], _fit(probabilities[~held], numbers[~held]))
    before, after = expected_error(probabilities, numbers), expected_error(honest, numbers)
    return Calibration(_fit(probabilities, numbers), before, after, len(numbers))


def expected_error(probabilities: np.ndarray, numbers: np.ndarray, bins: int = BINS) -> float:
    """
    Return the expected calibration error: how far the likeliest class's probability lies from how often it is right.

    Args:
        probabilities (`np.ndarray` of shape `(rows, classes)`): Each row adds up to 1.
        numbers (`np.ndarray`): The class of each row.
        bins (`int`, *optional*, defaults to `BINS`): Into so many equally wide parts probabilities are sorted.
    """
    surest = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == numbers
    bin_of = np.minimum((surest * bins).astype(int), bins - 1)
    gaps = [abs(float(surest[bin_of == i].sum() - right[bin_of == i].sum())) for i in range(bins)]
    return sum(gaps) / len(numbers)


def scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities that logits divided by a temperature stand for."""
    logits = np.log(np.maximum(probabilities, _LEAST)) / temperature
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def _fit(probabilities: np.ndarray, numbers: np.ndarray) -> float:
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(numbers))

    def loss(log_temperature: float) -> float:
        found = scaled(probabilities, float(np.exp(log_temperature)))[rows, numbers]
        return -float(np.log(np.maximum(found, _LEAST)).mean())

    bounds = tuple(float(np.log(limit)) for limit in _RANGE)
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))
