"""The do-no-harm gate: whether a method is used, by what it does for gold rows that nothing of it has seen."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hf_augment.blocks import GateConfig
from hf_augment.streams import row_key, stream
from hf_augment.words import same_words

LEAST = 1e-3  # below, a probability counts as this: a single row must not decide


class Place(NamedTuple):
    """Where a gold row stands: in the training or the validation split, at which row."""

    split: str
    row: int


def folds(
    texts: Mapping[str, Sequence[str]], labels: Mapping[str, Sequence[Any]], count: int, seed: int, repeat: int = 0
) -> list[list[Place]]:
    """
    Deal the gold rows out to the parts that are held out in turn.

    Rows of the same words stay together, and each part has its share of every split and label, but no part has all of
    either's rows: something is always left to train on.

    Args:
        texts (`Mapping[str, Sequence[str]]`): The texts of the splits `"train"` and `"validation"`.
        labels (`Mapping[str, Sequence]`): Their labels; `None` for a row without.
        count (`int`): How many parts.
        seed (`int`): Another seed deals otherwise.
        repeat (`int`, *optional*, defaults to `0`): Another deal of the same seed.

    Returns:
        `list[list[Place]]`: The rows of each part that has any.
    """
    groups: dict[str, list[Place]] = defaultdict(list)
    for split, own in texts.items():
        for row, text in enumerate(own):
            if not text.strip() or labels[split][row] is None:
                continue  # no classifier reads it
            groups[same_words(text)].append(Place(split, row))
    strata: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for said, places in groups.items():
        first = places[0]
        strata[first.split, str(labels[first.split][first.row])].append(
            (stream(seed, f"gate {repeat}", row_key(said), 0).key, said)
        )
    parts: list[list[list[Place]]] = [[] for _ in range(count)]
    turn = 0
    for stratum in sorted(strata):
        ranked = sorted(strata[stratum])
        for _, said in ranked if len(ranked) > 1 else []:
            parts[turn % count].append(groups[said])
            turn += 1
    stratum_of = lambda place: (place.split, str(labels[place.split][place.row]))  # noqa: E731
    whole = Counter(stratum_of(place) for own in groups.values() for place in own)
    for part in parts:
        for stratum, rows in whole.items():
            if sum(stratum_of(place) == stratum for own in part for place in own) == rows:
                part.remove(next(own for own in part if any(stratum_of(place) == stratum for place in own)))
    return [sorted(place for own in part for place in own) for part in parts if part]


def gains(with_rows: Sequence[Sequence[float]], without: Sequence[Sequence[float]], measure: str) -> list[float]:
    """
    Return how much better each row fares with augmentation.

    Args:
        with_rows (`Sequence`): Its `test_rows` with augmentation.
        without (`Sequence`): Its `test_rows` without.
        measure (`str`): As in [`GateConfig`].
    """
    return [_score(own, measure) - _score(other, measure) for own, other in zip(with_rows, without, strict=True)]


def _score(row: Sequence[float], measure: str) -> float:
    right, probability = row
    if measure == "accuracy":
        return float(right)
    return float(probability) if measure == "probability" else math.log(max(LEAST, probability))


def decide(gains_by_row: Mapping[Any, Sequence[float]], config: GateConfig) -> dict[str, Any]:
    """
    Decide whether to augment.

    The rows of one part share their classifiers, so they are less independent than the interval takes them for.

    Args:
        gains_by_row (`Mapping[Any, Sequence[float]]`): For each gold row what it gains, over repeats and seeds.
        config ([`GateConfig`]): The level.

    Returns:
        `dict`: `augment`, `gain` (the mean over rows), `interval` (`None` where there is none) and `rows`.
    """
    from scipy import stats

    means = [sum(own) / len(own) for own in gains_by_row.values()]
    mean = sum(means) / len(means)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in means) / max(1, len(means) - 1))
    if len(means) < 2 or deviation < 1e-12:
        return {"augment": False, "gain": mean, "interval": None, "rows": len(means)}
    half = float(stats.t.ppf(0.5 + config.level / 2, len(means) - 1)) * deviation / math.sqrt(len(means))
    interval = [mean - half, mean + half]
    return {"augment": interval[0] > 0, "gain": mean, "interval": interval, "rows": len(means)}
