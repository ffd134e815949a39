from dataclasses import dataclass
from typing import ClassVar, Literal

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.embedded.inflection import cased
from hf_augment.embedded.lexicon import contractions, identities
from hf_augment.fields import between
from hf_augment.words import Span, outside


@dataclass(frozen=True, kw_only=True)
class Contraction(EditTransform):
    """
    Contract and expand English phrases ("is not" and "isn't").

    What could mean two things is not expanded ("he's", "I'd"), and nothing is contracted at the end of a clause
    ("Yes, I am.").

    Args:
        direction (`str`, *optional*, defaults to `"both"`):
            `"contract"`, `"expand"` or `"both"`.
        rate (`float`, *optional*, defaults to `0.5`):
            Number of phrases changed, as a fraction of those that could be, from 0 to 1. At least one is changed.

    Example:

    ```python
    >>> augment = Augment(Contraction(direction="expand", rate=1.0), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "contraction"

    direction: Literal["both", "contract", "expand"] = "both"
    rate: float = 0.5

    def check(self):
        between(self.rate, 0, 1, "contraction: rate")

    def references(self):
        return identities("contractions")

    def edits(self, row, stream):
        text = row.text
        directions = ("contract", "expand") if self.direction == "both" else (self.direction,)
        found = _phrases(text, self.words(row), directions)
        taken = self.protected(row)
        if taken:
            free = set(outside([(start, end) for start, end, _ in found], taken))
            found = [phrase for phrase in found if phrase[:2] in free]
        if not found:
            return []
        drawn = stream.sample(len(found), share(self.rate, len(found)))
        return [Edit(*found[i]) for i in drawn]


def _phrases(text: str, spans: list[Span], directions: tuple[str, ...]) -> list[tuple[int, int, str]]:
    """Find the phrases of a text that have another form: where they are, and that form."""
    words = [text[start:end].lower().replace("’", "'") for start, end in spans]
    curly = "’" in text
    found, index = [], 0
    while index < len(words):
        length = 1
        for direction in directions:
            for phrase, new in contractions(direction).get(words[index], ()):
                size = len(phrase)
                if tuple(words[index : index + size]) == phrase and _stands(text, spans, index, size, direction, new):
                    start, end = spans[index][0], spans[index + size - 1][1]
                    found.append((start, end, _written(new, text[start:end], curly)))
                    length = size
                    break
            if length > 1 or (found and found[-1][0] == spans[index][0]):
                break
        index += length
    return found


def _stands(text: str, spans: list[Span], index: int, size: int, direction: str, new: str) -> bool:
    ends = [end for _, end in spans[index : index + size - 1]]
    starts = [start for start, _ in spans[index + 1 : index + size]]
    if any(not text[end:start].isspace() for end, start in zip(ends, starts, strict=True)):
        return False
    if direction == "expand" or new.endswith("n't"):
        return True
    after = index + size  # "I'm" leans on what follows
    return after < len(spans) and text[spans[after - 1][1] : spans[after][0]].isspace()


def _written(new: str, old: str, curly: bool) -> str:
    new = new.lower() if old.islower() else cased(new, old)
    return new.replace("'", "’") if curly else new
