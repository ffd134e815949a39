"""The vectors of texts that are longer than an encoder reads."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from hf_augment.engine.digests import file_identity
from hf_augment.engine.encoder import Encoder, locate_encoder


def embed_whole(encoder: Encoder, texts: Sequence[str]) -> np.ndarray:
    """Embed texts of any length: those longer than the encoder reads are cut, and their pieces' vectors averaged."""
    pieces: list[str] = []
    owners: list[int] = []
    for row, text in enumerate(texts):
        for piece in _pieces(encoder.tokenizer, text):
            pieces.append(piece)
            owners.append(row)
    if len(pieces) == len(texts):
        return encoder.embed(texts)
    vectors = np.zeros((len(texts), encoder.model.config.hidden_size))
    for owner, piece, vector in zip(owners, pieces, encoder.embed(pieces), strict=True):
        vectors[owner] += len(piece) * vector.astype(np.float64)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _pieces(tokenizer: Any, text: str) -> list[str]:
    longest = tokenizer.truncation["max_length"]
    # No token is shorter than a byte, and a text of fewer leaves room for the two that stand around it.
    if len(text.encode("utf-8", "replace")) <= longest - 2 or not tokenizer.encode(text).overflowing:
        return [text]
    middle = len(text) // 2
    cut = max(text.rfind(" ", 0, middle), text.rfind("\n", 0, middle))
    cut = cut if cut > len(text) // 4 else middle
    return [piece for half in (text[:cut], text[cut:]) for piece in _pieces(tokenizer, half)]


def encoder_identity(reference: str, revision: str | None = None) -> str:
    """Return the SHA-256 of the files that decide an encoder's vectors: equal wherever it came from."""
    folder = locate_encoder(reference, revision)
    names = [
        "config.json",
        "sentence_bert_config.json",
        "tokenizer.json",
        *(file.name for file in folder.glob("*.safetensors")),
    ]
    whole = hashlib.sha256()
    for name in sorted(name for name in names if (folder / name).is_file()):
        whole.update(f"{name}\0{file_identity(folder / name)}\n".encode())
    return whole.hexdigest()
