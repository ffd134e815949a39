"""Numbers as a report writes them: scores and gains in points, rounded to what they tell."""

from collections.abc import Iterable

from hf_augment.metrics import LOWER

_MINUS = "−"


def factor(metric: str) -> int:
    """Return what a number of a metric is multiplied by to be written: shares of 1 become points, a perplexity stays."""
    return 1 if metric in LOWER else 100


def direction(metric: str) -> int:
    """Return 1 if more of a metric is better, -1 if less is."""
    return -1 if metric in LOWER else 1


def unit(metric: str) -> str:
    """Say how the numbers of a metric are written, and which way is better where that is not up."""
    return "less is better" if metric in LOWER else "points"


def score(mean: float | None, std: float | None = None, metric: str = "") -> str:
    """Write a score, and its standard deviation where there is one."""
    if mean is None:
        return "–"
    return _signed(mean, "", metric) + ("" if std is None else f" ± {factor(metric) * std:.1f}")


def gain(value: float | None, metric: str = "") -> str:
    """Write a difference of scores, in points if the metric is a share."""
    return "–" if value is None else _signed(value, "+", metric)


def span(interval: Iterable[float] | None, metric: str = "") -> str:
    """Write an interval of differences."""
    return " to ".join(gain(edge, metric) for edge in interval) if interval else "–"


def p_value(value: float | None) -> str:
    """Write a p value."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def duration(seconds: float) -> str:
    """Write a time as a reader thinks of it."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours = round(seconds / 60), int(seconds / 60 + 0.5) // 60
    return f"{hours} h {minutes % 60:02d} min" if hours else f"{minutes} min"


def _signed(value: float, sign: str, metric: str) -> str:
    written = f"{factor(metric) * value:{sign}.1f}"
    return written.replace("-", _MINUS) if float(written) else "0.0"
