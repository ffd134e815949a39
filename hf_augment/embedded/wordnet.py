"""The full WordNet database, read through NLTK (the extra `wordnet`)."""

import functools
import hashlib
import sys
import warnings
from typing import Any

_FILES = [f"{kind}.{part}" for kind in ("index", "data") for part in ("adj", "adv", "noun", "verb")]


def synonyms_of(word: str) -> tuple[tuple[str, str], ...]:
    """Return all synonyms of a base form with their parts of speech, those of the commonest sense first."""
    found = {}
    for synset in _reader().synsets(word):
        # `synsets` also takes a plural to its singular; which form is asked for is the caller's business.
        names = [lemma.name() for lemma in synset.lemmas()]
        if word in (name.lower() for name in names):
            pos = "a" if synset.pos() == "s" else synset.pos()
            for name in names:
                if name.islower() and name != word:  # a capital begins a proper name
                    found.setdefault((name.replace("_", " "), pos))
    return tuple(found)


@functools.cache
def identity() -> str:
    """Return the SHA-256 over the database files."""
    root, digest = _corpus(), hashlib.sha256()
    for name in _FILES:
        with root.join(name).open() as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()


@functools.cache
def _corpus() -> Any:
    """
    Find the database where NLTK looks for it: the folders of `nltk.data.path`, which `NLTK_DATA` prolongs.

    Raises:
        `ImportError`: NLTK is not installed.
        `LookupError`: The database was not downloaded.
    """
    try:
        import nltk
    except ImportError as error:
        raise ImportError(
            f"source='wordnet' reads WordNet through nltk, which is not installed for {sys.executable}. Install it with "
            f"{sys.executable} -m pip install 'hf_augment[wordnet]', or take source='embedded', which needs nothing."
        ) from error
    for place in ("corpora/wordnet", "corpora/wordnet.zip/wordnet/"):  # NLTK's downloader leaves it packed
        try:
            return nltk.data.find(place)
        except LookupError:
            continue
    raise LookupError(
        f"source='wordnet' found no WordNet database in {nltk.data.path}. Download it with {sys.executable} -m "
        "nltk.downloader wordnet, or set NLTK_DATA to the folder that holds corpora/wordnet; source='embedded' needs "
        "no database."
    )


@functools.cache
def _reader() -> Any:
    root = _corpus()
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it reads English only, which is all that is asked for
        return WordNetCorpusReader(root, None)
