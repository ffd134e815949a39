from dataclasses import dataclass
from typing import ClassVar, Literal

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.embedded.inflection import cased, new_article
from hf_augment.embedded.roles import fitting
from hf_augment.embedded.thesaurus import check_table, substitutes, thesaurus_references
from hf_augment.fields import between
from hf_augment.words import Span


@dataclass(frozen=True, kw_only=True)
class Synonym(EditTransform):
    """
    Replace words with synonyms.

    A synonym takes the form of the word (plural, past, comparative, ...) and its casing, and "a" or "an" before it
    follows. Stop words and names stay. Without knowledge of the sentence a synonym may still miss the sense. The
    synonym replacement of EDA (Wei and Zou 2019, huggingface.co/papers/1901.11196).

    Args:
        rate (`float`, *optional*, defaults to `0.1`):
            Number of replacements, as a fraction of the number of words, from 0 to 1. At least one is made.
        source (`str`, *optional*, defaults to `"embedded"`):
            `"embedded"`, a table of the frequent senses in WordNet that ships with the package, or `"wordnet"`, all
            senses of the full database, which needs the extra `wordnet` and `python -m nltk.downloader wordnet`.
        table (`str`, *optional*):
            A file of your own instead: on each line a word, a tab and its synonyms with spaces between. Also stop
            words are replaced if it lists them.

    Example:

    ```python
    >>> augment = Augment(Synonym(rate=0.2), text="text", label="label", copies=4)
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "synonym"

    rate: float = 0.1
    source: Literal["embedded", "wordnet"] = "embedded"
    table: str | None = None

    def check(self):
        between(self.rate, 0, 1, "synonym: rate")
        check_table(self.table, "synonym: table")

    def references(self):
        return thesaurus_references(self.source, self.table)

    def edits(self, row, stream):
        text, spans = row.text, self.words(row)
        places = _places(text, spans, substitutes(self.source, self.table))
        if not places:
            return []
        edits = []
        drawn = [places[place] for place in stream.sample(len(places), share(self.rate, len(spans)))]
        replaced = {index for index, _ in drawn}
        for index, choices in drawn:
            start, end = spans[index]
            # The better of two draws: the best come first in a table, and all of them are drawn.
            new = cased(choices[min(stream.below(len(choices)), stream.below(len(choices)))], text[start:end])
            edits.append(Edit(start, end, new))
            if index - 1 not in replaced:  # a user's table may replace the article itself
                edits += article_edits(text, spans, index, new)
        return edits


def _places(text: str, spans: list[Span], look) -> list[tuple[int, list[str]]]:
    """Find the words that can be replaced, each with what may stand there."""
    places = []
    is_name, last = False, ""
    for index, (start, end) in enumerate(spans):
        word = text[start:end]
        low = word.lower()
        if low == word:
            is_name = False
        else:
            # A capital inside a sentence marks a name, and so do the capitals after it; a headline is no name.
            inside = index > 0 and _joined(text, spans[index - 1], spans[index])
            is_name = inside and not word.isupper() and (is_name or last.islower())
        last = word
        found = look(low)
        if found and not is_name and (low == word or word.isupper() or word[1:].islower()):
            choices = fitting(found, *_neighbours(text, spans, index))
            if choices:
                places.append((index, choices))
    return places


def _joined(text: str, left: Span, right: Span) -> bool:
    return right[0] - left[1] == 1 and text[left[1]] == " "


def _neighbours(text: str, spans: list[Span], index: int) -> tuple[str, str]:
    """Read the words before and after in lower case, empty beyond a comma or full stop."""
    before = after = ""
    if index > 0 and _joined(text, spans[index - 1], spans[index]):
        before = text[slice(*spans[index - 1])].lower()
    if index + 1 < len(spans) and _joined(text, spans[index], spans[index + 1]):
        after = text[slice(*spans[index + 1])].lower()
    return before, after


def article_edits(text: str, spans: list[Span], index: int, new: str) -> list[Edit]:
    """Make the edit, if one is needed, that puts "an" for "a" or the reverse where `new` begins at a word's place."""
    if index == 0:
        return []
    (start, end), (word_start, word_end) = spans[index - 1], spans[index]
    if not text[end:word_start].isspace():
        return []
    article = new_article(text[start:end], text[word_start:word_end], new)
    return [Edit(start, end, article)] if article else []
