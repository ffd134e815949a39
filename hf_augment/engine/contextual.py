"""Words in context: the vector that an encoder gives a word where it stands in a sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from hf_augment.engine.batching import in_batches
from hf_augment.engine.encoder import TOKENS_TOGETHER, locate_encoder
from hf_augment.engine.resources import identity, one_thread_in_workers

_WINDOW = 128  # tokens around a word; more would hardly move its vector, and attention costs their square
_REACH = 1_024  # characters on each side that are worth tokenising for that


class Place(NamedTuple):
    """A word, `text[start:end]`, in its text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Reader:
    """
    An encoder that reads words in context.

    Args:
        model (`PreTrainedModel`): In evaluation mode, in fp32.
        tokenizer (`tokenizers.Tokenizer`): Cuts nothing off and pads nothing.
        before (`list[int]`): Special tokens that go before a text.
        after (`list[int]`): Special tokens that go after it.
        room (`int`): Tokens of text between them.
    """

    model: Any
    tokenizer: Any
    before: list[int]
    after: list[int]
    room: int

    def vectors(self, places: Sequence[Place]) -> Iterator[tuple[int, np.ndarray]]:
        """
        Read words where they stand.

        A word's vector is the mean of the last hidden states of its tokens. Of a long text it is read in the window
        that has the word in its middle.

        Args:
            places (`Sequence[Place]`): The words.

        Yields:
            `tuple[int, np.ndarray]`: The position of a place, in any order, and its vector, of length 1; of length 0
            where a word is longer than the window.
        """
        windows = [self._window(encoding, place) for encoding, place in zip(self._encode(places), places, strict=True)]
        read = [number for number, (_, span) in enumerate(windows) if span.stop > span.start]
        for number in sorted({*range(len(places))}.difference(read)):
            yield number, np.zeros(self.model.config.hidden_size, dtype=np.float32)
        together = TOKENS_TOGETHER.get(self.model.device.type, TOKENS_TOGETHER["cuda"])
        run = lambda batch: self._batch([windows[read[row]] for row in batch])  # noqa: E731
        for batch, found in in_batches([len(windows[i][0]) for i in read], run, together, "compare words", "text"):
            yield from zip((read[row] for row in batch), found, strict=True)

    def _encode(self, places: Sequence[Place]) -> list[Any]:
        cut = [place.text[slice(*_reach(place))] for place in places]
        return self.tokenizer.encode_batch(
            [text.encode("utf-8", "replace").decode() for text in cut], add_special_tokens=False
        )

    def _window(self, encoding: Any, place: Place) -> tuple[list[int], slice]:
        low, _ = _reach(place)
        start, end = place.start - low, place.end - low
        inside = [i for i, (first, last) in enumerate(encoding.offsets) if first < end and last > max(start, first)]
        if not inside or inside[-1] + 1 - inside[0] > self.room:
            return [], slice(0, 0)
        first, last = inside[0], inside[-1] + 1
        begin = max(0, min((first + last - self.room) // 2, len(encoding.ids) - self.room))
        ids = [*self.before, *encoding.ids[begin : begin + self.room], *self.after]
        return ids, slice(first - begin + len(self.before), last - begin + len(self.before))

    @torch.inference_mode()
    def _batch(self, windows: list[tuple[list[int], slice]]) -> np.ndarray:
        longest = max(len(ids) for ids, _ in windows)
        device = self.model.device
        ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in windows], device=device)
        mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in windows], device=device)
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        means = torch.stack([row[span].mean(0) for row, (_, span) in zip(states, windows, strict=True)])
        return torch.nn.functional.normalize(means, dim=-1).cpu().numpy()


def _reach(place: Place) -> tuple[int, int]:
    """Return where the part of the text begins and ends that is read: at spaces, so that no other word is cut."""
    low, high = max(0, place.start - _REACH), min(len(place.text), place.end + _REACH)
    if low:
        low = max(low, place.text.find(" ", low, place.start))
    if high < len(place.text):
        space = place.text.rfind(" ", place.end, high)
        high = space if space >= 0 else high
    return low, high


_loaded: dict[tuple[str, str], Reader] = {}


def load_reader(reference: str, revision: str | None = None) -> Reader:
    """
    Load an encoder, or the encoder inside a masked language model, once for each content and process.

    Args:
        reference (`str`): As for `locate_encoder`.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.

    Raises:
        `FileNotFoundError`: Nothing is there, or not all of weights in safetensors, `config.json`, `tokenizer.json`.
        `ValueError`: The model is no encoder.
    """
    one_thread_in_workers()
    folder = locate_encoder(reference, revision)
    key = (identity(str(folder)), "cuda" if torch.cuda.is_available() else "cpu")
    if key not in _loaded:
        _loaded[key] = _reader(*read_encoder(folder), reference, key[1])
    return _loaded[key]


def _reader(model: Any, tokenizer: Any, reference: str, device: str) -> Reader:
    if model.config.is_encoder_decoder or not _looks_ahead(model):
        raise ValueError(
            f"{reference!r} is no encoder: its vector for a word does not know the words behind it. source='context' "
            "needs an encoder such as BERT or MiniLM; source='static' takes the word vectors of any model."
        )
    framed, bare = tokenizer.encode("a").ids, tokenizer.encode("a", add_special_tokens=False).ids
    first = next(i for i in range(len(framed)) if framed[i : i + len(bare)] == bare)
    before, after = framed[:first], framed[first + len(bare) :]
    places = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    taken = getattr(places, "padding_idx", None)  # RoBERTa counts positions from there
    limit = getattr(model.config, "max_position_embeddings", None) or _WINDOW
    limit -= 0 if taken is None else taken + 1
    room = min(limit, _WINDOW) - len(before) - len(after)
    return Reader(model.to(device), tokenizer, before, after, room)


@torch.inference_mode()
def _looks_ahead(model: Any) -> bool:
    states = model(input_ids=torch.tensor([[1, 2], [1, 3]])).last_hidden_state[:, 0]
    return not torch.allclose(states[0], states[1], rtol=0, atol=1e-6)


def read_encoder(folder: Path) -> tuple[Any, Any]:
    """
    Read a model without its head, and its tokenizer: in fp32, from safetensors only, and without running code.

    Args:
        folder (`Path`): Where they lie.

    Returns:
        `tuple[PreTrainedModel, tokenizers.Tokenizer]`: The tokenizer reads special tokens in a text as letters.
    """
    from tokenizers import Tokenizer
    from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM

    safely = {"trust_remote_code": False, "local_files_only": True}
    heads = AutoConfig.from_pretrained(folder, **safely).architectures or [""]
    kind = AutoModelForMaskedLM if heads[0].endswith("ForMaskedLM") else AutoModel
    with torch.random.fork_rng(devices=[]):  # parts that the files lack (a pooler) are drawn, and never read
        model = kind.from_pretrained(folder, dtype=torch.float32, use_safetensors=True, **safely).base_model.eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return model, tokenizer
