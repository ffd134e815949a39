"""The whole words among a tokenizer's tokens: what a masked model can put where one mask stands."""

from typing import Any, NamedTuple

import regex
import torch

_WORD = regex.compile(r"\p{L}[\p{L}\p{M}\u200c\u200d]*(?:['’-]\p{L}[\p{L}\p{M}]*)*")
_MARKERS = ("Ġ", "▁")  # what byte-level BPE and SentencePiece write for the space before a word
_FORMS = 3  # film, Film, FILM


class WholeWords(NamedTuple):
    """
    Words that are one token; those that differ in capitals alone are one word.

    Args:
        words (`list[str]`): As they are written, in lower case unless the vocabulary knows them with capitals alone.
        columns (`dict[str, int]`): Where a word, in lower case, stands in `words`.
        spaced (`torch.LongTensor` of shape `(forms, words)`): The ids of each word behind a space.
        glued (`torch.LongTensor` of the same shape): Its ids where no space stands before it, as behind a bracket.
        marker (`str`): How the tokenizer marks a space; empty if it does not.
    """

    words: list[str]
    columns: dict[str, int]
    spaced: torch.Tensor
    glued: torch.Tensor
    marker: str

    def is_spaced(self, text: str, start: int) -> bool:
        """Say whether the word at a place of a text carries the mark of a space."""
        if start == 0 or not self.marker:
            return True
        return text[start - 1] == " " if self.marker == _MARKERS[0] else text[start - 1].isspace()


def whole_words(tokenizer: Any) -> WholeWords:
    """
    Find the whole words of a tokenizer: of WordPiece, byte-level BPE, SentencePiece, or one that knows words alone.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): A fast one.
    """
    backend = tokenizer.backend_tokenizer
    known = sorted((i, token) for token, i in tokenizer.get_vocab().items())  # some ids may stand for nothing
    tokens = [token for _, token in known]
    read = backend.decode_batch([[i] for i, _ in known], skip_special_tokens=False)
    end = getattr(backend.model, "end_of_word_suffix", None) or ""  # "</w>": without it, a word goes on
    marker = next(
        (mark for mark in _MARKERS if sum(token.startswith(mark) for token in tokens) > len(tokens) / 50), ""
    )
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    spaced: dict[str, int] = {}
    glued: dict[str, int] = {}
    for (i, token), text in zip(known, read, strict=True):
        word = text.strip()
        if i not in special and not token.startswith("##") and token.endswith(end) and _is_word(word):
            (spaced if token.startswith(marker) else glued).setdefault(word, i)
    forms: dict[str, list[str]] = {}
    for word in spaced:
        forms.setdefault(word.lower(), []).append(word)
    found = [sorted(forms[low], key=lambda word: (word != word.lower(), spaced[word]))[:_FORMS] for low in forms]
    most = max(map(len, found), default=1)
    filled = [words + words[:1] * (most - len(words)) for words in found]
    return WholeWords(
        [words[0] for words in found],
        {low: column for column, low in enumerate(forms)},
        torch.tensor([[spaced[word] for word in words] for words in filled]).reshape(-1, most).T.contiguous(),
        torch.tensor([[glued.get(word, spaced[word]) for word in words] for words in filled])
        .reshape(-1, most)
        .T.contiguous(),
        marker,
    )


def _is_word(text: str) -> bool:
    return bool(_WORD.fullmatch(text)) and (len(text) > 1 or not text.isascii() or text in "aAI")
