"""How near an answer is to the right ones, as SQuAD counts it (Rajpurkar et al. 2016, 2018, arxiv.org/abs/1806.03822)."""

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_MARKS = str.maketrans("", "", string.punctuation)


def exact_match(answer: str, right: Sequence[str]) -> float:
    """
    Return 1 if an answer is one of the right ones but for case, punctuation marks, articles and spaces, else 0.

    Args:
        answer (`str`): The answer; `""` says that there is none.
        right (`Sequence[str]`): The right ones; an empty list if there is no answer.
    """
    return float(any(_words(answer) == _words(one) for one in right or [""]))


def f1(answer: str, right: Sequence[str]) -> float:
    """
    Return the F1 of the words that an answer shares with the right one, of several the nearest.

    Args:
        answer (`str`): The answer, as for `exact_match`.
        right (`Sequence[str]`): The right ones.
    """
    return max(_f1(_words(answer), _words(one)) for one in right or [""])


def _f1(ours: list[str], theirs: list[str]) -> float:
    if not ours or not theirs:
        return float(ours == theirs)
    return 2 * (Counter(ours) & Counter(theirs)).total() / (len(ours) + len(theirs))


def _words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_MARKS)).split()
