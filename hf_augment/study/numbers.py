"""Numbers as a report writes them: scores and gains in points, rounded to what they tell."""

from collections.abc import Iterable

_MINUS = "−"


def score(mean: float | None, std: float | None = None) -> str:
    """Write a score, and its standard deviation where there is one."""
    if mean is None:
        return "–"
    return _signed(mean, "") + ("" if std is None else f" ± {100 * std:.1f}")


def gain(value: float | None) -> str:
    """Write a difference of scores in points."""
    return "–" if value is None else _signed(value, "+")


def span(interval: Iterable[float] | None) -> str:
    """Write an interval of differences."""
    return " to ".join(map(gain, interval)) if interval else "–"


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


def _signed(value: float, sign: str) -> str:
    written = f"{100 * value:{sign}.1f}"
    return written.replace("-", _MINUS) if float(written) else "0.0"
