"""Numbers as places in a picture, and the round numbers on its axes."""

import math
from collections.abc import Sequence


def ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Return round numbers that span two numbers, at equal distances."""
    distance = (high - low) / (most - 1)
    if not distance > 0:
        distance = max(abs(high) * 0.1, 0.01)
    size = 10.0 ** math.floor(math.log10(distance))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= distance * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


class Scale:
    """
    Puts numbers between two edges.

    Args:
        low (`float`): The number at the first edge.
        high (`float`): The number at the second.
        edges (`Sequence[float]`, *optional*, defaults to `(0, 100)`): Where they are, in percent.
    """

    def __init__(self, low: float, high: float, edges: Sequence[float] = (0, 100)):
        self.low, self.high, self.edges = low, high, edges

    def __call__(self, number: float) -> float:
        share = (number - self.low) / (self.high - self.low)
        return round(self.edges[0] + share * (self.edges[1] - self.edges[0]), 2) + 0.0
