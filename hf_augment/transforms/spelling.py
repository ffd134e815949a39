from dataclasses import dataclass
from typing import ClassVar

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.embedded.inflection import cased
from hf_augment.embedded.lexicon import identities, misspellings
from hf_augment.fields import between


@dataclass(frozen=True, kw_only=True)
class Spelling(EditTransform):
    """
    Misspell words the way people do.

    The misspellings are well-known English ones ("definately"); a word without one stays, and so does text in
    another language.

    Args:
        rate (`float`, *optional*, defaults to `0.1`):
            Number of misspelt words, as a fraction of the number of words, from 0 to 1. At least one is misspelt.

    Example:

    ```python
    >>> augment = Augment(Spelling(rate=0.2), text="text", label="label")
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "spelling"

    rate: float = 0.1

    def check(self):
        between(self.rate, 0, 1, "spelling: rate")

    def references(self):
        return identities("misspellings")

    def edits(self, row, stream):
        text, spans, table = row.text, self.words(row), misspellings()
        curly = "’" in text
        places = []
        for start, end in spans:
            word = text[start:end].lower()
            found = table.get(word.replace("’", "'") if curly else word)
            if found:
                places.append((start, end, found))
        edits = []
        for drawn in stream.sample(len(places), share(self.rate, len(spans))) if places else ():
            start, end, found = places[drawn]
            new = cased(stream.choice(found), text[start:end])
            edits.append(Edit(start, end, new.replace("'", "’") if curly else new))
        return edits
