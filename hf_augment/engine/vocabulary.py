"""The vector space of words: which words of a model's vocabulary, or of a file of vectors, are near each other."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import regex

from hf_augment.engine.cache import note_used, note_written
from hf_augment.engine.digests import cache_folder, file_identity
from hf_augment.record import read_json, write_json

FORMAT = 1  # of the remembered files; raised when the same model starts to give other words or vectors
_WORD = regex.compile(r"[\p{Ll}\p{Lo}\p{Lm}][\p{Ll}\p{Lo}\p{Lm}\p{M}\u200c\u200d]+")
_MARKERS = ("Ġ", "▁")  # what byte-level BPE and SentencePiece write for the space before a word
_SCORES_TOGETHER = 1 << 23
_SPARE = 16  # how many more than asked for are compared exactly,
_ROUGH = 1e-4  # and how far below the least cosine: far more than a product of matrices in fp32 errs

Made = tuple[list[str], np.ndarray]


class Neighbour(NamedTuple):
    """A word near another one, and the cosine of the angle between their vectors."""

    word: str
    cosine: float


class WordSpace:
    """
    Words and their vectors.

    Args:
        words (`list[str]`): The words, in lower case, each once.
        vectors (`np.ndarray` of shape `(words, d)`): Their vectors, of length 1.
    """

    def __init__(self, words: list[str], vectors: np.ndarray):
        self.words = words
        self.vectors = vectors
        self._places = {word: place for place, word in enumerate(words)}
        self._found: dict[tuple[int, int, float], list[Neighbour]] = {}

    def __contains__(self, word: str) -> bool:
        return word in self._places

    def nearest(self, words: Iterable[str], count: int, least: float) -> dict[str, list[Neighbour]]:
        """
        Find the nearest neighbours of words; they do not depend on which others are asked for at once.

        Args:
            words (`Iterable[str]`): The words; those that are not in the space are passed over.
            count (`int`): How many neighbours each gets at most.
            least (`float`): The cosine that a neighbour has at least.

        Returns:
            `dict[str, list[Neighbour]]`: The nearest first.
        """
        asked = {word: self._places[word] for word in words if word in self._places}
        new = sorted({place for place in asked.values() if (place, count, least) not in self._found})
        together = max(1, _SCORES_TOGETHER // len(self.words))
        for start in range(0, len(new), together):
            places = new[start : start + together]
            queries = np.asarray(self.vectors[places])
            for place, query, scores in zip(places, queries, queries @ self.vectors.T, strict=True):
                scores[place] = -np.inf  # no word is its own neighbour
                self._found[place, count, least] = self._best(query, scores, count, least)
        return {word: self._found[place, count, least] for word, place in asked.items()}

    def _best(self, query: np.ndarray, scores: np.ndarray, count: int, least: float) -> list[Neighbour]:
        near = np.flatnonzero(scores >= least - _ROUGH)
        most = count + _SPARE
        if len(near) > most:
            near = np.sort(near[np.argpartition(scores[near], -most)[-most:]])
        # A product of matrices moves its last bits with their shapes; this sum has no such company.
        exact = np.einsum("kd,d->k", self.vectors[near].astype(np.float64), query.astype(np.float64))
        best = np.argsort(-exact, kind="stable")[:count]
        return [Neighbour(self.words[near[i]], float(exact[i])) for i in best if exact[i] >= least]


def load_words(reference: str, revision: str | None = None) -> WordSpace:
    """
    Load the space of a model's input embeddings: the whole words of its tokenizer.

    Their mean and their first principal component are taken out: they tell frequent from rare words rather than what
    words mean (Mu and Viswanath 2018, huggingface.co/papers/1702.01417). Of the ten nearest words to 1,137 words of
    our thesaurus, in the right form, 1.85 % instead of 1.19 % are synonyms there in `embedded:masked`; in MiniLM, 6.5 %
    either way.

    Args:
        reference (`str`): As for `locate_encoder`.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.

    Raises:
        `ValueError`: The tokenizer knows no whole words.
    """
    from hf_augment.engine.encoder import locate_encoder
    from hf_augment.engine.resources import identity

    folder = locate_encoder(reference, revision)
    return _space("model", identity(str(folder)), lambda: _read_model(folder, reference))


def load_vectors(path: str) -> WordSpace:
    """
    Load the space of a file of word vectors: the text format of word2vec, GloVe and fastText.

    Args:
        path (`str`): A word and its numbers on each line, spaces between, and perhaps a first line that counts both.

    Raises:
        `ValueError`: A line has another shape.
    """
    return _space("file", file_identity(path), lambda: _read_file(Path(path)))


_loaded: dict[str, WordSpace] = {}


def _space(kind: str, content: str, make: Callable[[], Made]) -> WordSpace:
    """Return the space of some content: this process's, or the one on disk, or a new one."""
    key = f"{kind}-{sha256(f'{FORMAT} {content}'.encode()).hexdigest()[:32]}"
    if key not in _loaded:
        folder = cache_folder() / "vocabularies"
        found = _remembered(folder, key)
        if found is None:
            found = make()
            found = _remember(folder, key, *found) or found
        _loaded[key] = WordSpace(*found)
    return _loaded[key]


def check(file: Path) -> bool:
    """Return whether the vectors of a remembered space, a file that ends with `.npy`, and its words can be read."""
    return _remembered(file.parent, file.stem) is not None


def _remembered(folder: Path, key: str) -> Made | None:
    words = read_json(folder / f"{key}.json")
    try:
        vectors = np.load(folder / f"{key}.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    sound = isinstance(words, list) and vectors.ndim == 2 and len(vectors) == len(words)
    note_used(folder / f"{key}.npy")
    return (words, vectors) if sound else None


def _remember(folder: Path, key: str, words: list[str], vectors: np.ndarray) -> Made | None:
    unfinished = folder / f"{key}.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            np.save(file, vectors, allow_pickle=False)
        os.replace(unfinished, folder / f"{key}.npy")
        write_json(folder / f"{key}.json", words)
        note_written(vectors.nbytes)
    except OSError:  # a read-only cache costs time, nothing else
        with suppress(OSError):
            unfinished.unlink()
        return None
    return _remembered(folder, key)


def _read_model(folder: Path, reference: str) -> Made:
    from hf_augment.engine.contextual import read_encoder

    model, tokenizer = read_encoder(folder)
    ids = _whole_words(tokenizer)
    if len(ids) < 2:
        raise ValueError(
            f"The tokenizer of {reference!r} has no whole words, so none can be near another. Use a model with "
            "WordPiece, byte-level BPE, SentencePiece or a list of words, or a file of vectors (source='file')."
        )
    weights = model.get_input_embeddings().weight.detach().cpu().numpy()
    vectors = weights[list(ids.values())].astype(np.float64)
    vectors -= vectors.mean(0)
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    first = directions[:, -1]
    return list(ids), _unit(vectors - np.outer(vectors @ first, first))


def _whole_words(tokenizer: Any) -> dict[str, int]:
    """Find the tokens that are a whole word in lower case, as it is written inside a sentence."""
    tokens = sorted(tokenizer.get_vocab(with_added_tokens=False).items(), key=lambda item: item[1])
    marker = next((m for m in _MARKERS if sum(token.startswith(m) for token, _ in tokens) > len(tokens) / 50), "")
    candidates = {}
    for token, number in tokens:
        if token.startswith(marker) and not token.startswith("##"):
            word = tokenizer.decode([number], skip_special_tokens=False).strip()
            if _WORD.fullmatch(word) and word == word.lower():
                candidates.setdefault(word, number)
    before = " " if marker == "Ġ" else ""  # SentencePiece puts its own
    encoded = tokenizer.encode_batch([before + word for word in candidates], add_special_tokens=False)
    return {
        word: number
        for (word, number), found in zip(candidates.items(), encoded, strict=True)
        if found.ids == [number]
    }


def _read_file(path: Path) -> Made:
    words: dict[str, int] = {}
    rows: list[np.ndarray] = []
    width = 0
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            cells = line.rstrip().split(" ")
            if number == 1 and len(cells) == 2:
                continue  # how many words and numbers follow
            width = width or len(cells) - 1
            if width < 1 or not line.strip():
                continue
            if len(cells) <= width:
                raise ValueError(f"{path}, line {number}: expected a word and {width} numbers, got {line[:80]!r}.")
            word = " ".join(cells[:-width])  # GloVe has a few words with spaces
            if word in words or not _WORD.fullmatch(word) or word != word.lower():
                continue
            words[word] = len(words)
            rows.append(_numbers(cells[-width:], path, number))
    if len(words) < 2:
        raise ValueError(
            f"{path} holds no word vectors: expected a word in lower case and its numbers on each line, with spaces "
            "between, as word2vec, GloVe and fastText write text files. Unpack it, or convert a binary file, first."
        )
    return list(words), _unit(np.stack(rows))


def _numbers(cells: Sequence[str], path: Path, line: int) -> np.ndarray:
    try:
        found = np.array(cells, dtype=np.float32)
    except ValueError as error:
        raise ValueError(f"{path}, line {line}: expected a word and {len(cells)} numbers: {error}.") from error
    if not np.isfinite(found).all():
        raise ValueError(f"{path}, line {line}: a number is not finite.")
    return found


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
