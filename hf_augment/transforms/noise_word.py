from dataclasses import dataclass
from typing import ClassVar

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.embedded.lexicon import identities, noise_words
from hf_augment.fields import between
from hf_augment.transforms.random_insert import inner_boundaries


@dataclass(frozen=True, kw_only=True)
class NoiseWord(EditTransform):
    """
    Insert words that people say without meaning ("basically", "um", "to be honest").

    Args:
        rate (`float`, *optional*, defaults to `0.1`):
            Number of insertions, as a fraction of the number of words, from 0 to 1. At least one is made.
        fillers (`list[str]`, *optional*):
            Words and phrases of your own, e.g. in another language, instead of the English ones.

    Example:

    ```python
    >>> augment = Augment(NoiseWord(fillers=["halt", "eben"]), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "noise_word"

    rate: float = 0.1
    fillers: tuple[str, ...] | None = None

    def check(self):
        between(self.rate, 0, 1, "noise_word: rate")
        if self.fillers is not None and not (self.fillers and all(filler.strip() for filler in self.fillers)):
            raise ValueError(
                f"noise_word: fillers: expected words to insert, got {list(self.fillers)}. Write e.g. ['well', 'you "
                "know'], or leave it out for the English ones."
            )

    def references(self):
        return identities("noise_words") if self.fillers is None else {}

    def edits(self, row, stream):
        spans = self.words(row)
        if not spans:
            return []
        places, fillers = inner_boundaries(row.text, spans), self.fillers or noise_words()
        starts = [spans[places[i]][0] for i in stream.sample(len(places), share(self.rate, len(spans)))]
        return [Edit(start, start, stream.choice(fillers) + " ") for start in starts]
