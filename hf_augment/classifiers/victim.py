"""A trained classifier, ready to be attacked: what it thinks of texts, and which way its mind would change."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from hf_augment.engine.batching import in_batches
from hf_augment.engine.resources import identity, locate, one_thread_in_workers, require_safetensors

TOKENS_TOGETHER = {"cpu": 4_096, "cuda": 131_072}  # padding included
_EXACT = 5  # decimals that padding and batch mates leave alone
_UNLIMITED = 10**6  # what tokenizers without a limit report is far above


class Slope(NamedTuple):
    """
    A question about the gradient at a text.

    Args:
        text (`str`): Where the gradient is taken.
        toward (`int`): The class whose log-odds count.
        sign (`int`): 1 if less of it is wanted, -1 if more is.
        places (`list[tuple[int, int, str]]`): What might stand at which characters instead.
    """

    text: str
    toward: int
    sign: int
    places: list[tuple[int, int, str]]


@dataclass(frozen=True)
class Victim:
    """
    A sequence classifier in evaluation mode, in fp32.

    Args:
        model (`PreTrainedModel`): The classifier.
        tokenizer (`PreTrainedTokenizerBase`): Its tokenizer.
        names (`tuple[str, ...]`): Its labels, in the order of its logits.
        limit (`int`): How many tokens it reads.
    """

    model: Any
    tokenizer: Any
    names: tuple[str, ...]
    limit: int

    def read(self, asked: Sequence[Sequence[str]]) -> list[list[np.ndarray | None]]:
        """
        Return the log-probabilities of the classes for each text of each row.

        Texts of equal tokens are read once, so their answers are equal to the last bit; a text that is longer than the
        classifier reads has `None`.
        """
        texts = list(dict.fromkeys(text for row in asked for text in row))
        ids = {text: tuple(found) for text, found in zip(texts, self._encode(texts)["input_ids"], strict=True)}
        fitting = [row for row in dict.fromkeys(ids.values()) if len(row) <= self.limit]
        run = lambda batch: self._run([fitting[row] for row in batch])  # noqa: E731
        found = {}
        for batch, answers in in_batches([len(row) for row in fitting], run, self._together(), "attack", "text"):
            found.update(zip((fitting[row] for row in batch), answers, strict=True))
        return [[found.get(ids[text]) for text in row] for row in asked]

    def gains(self, asked: Sequence[Slope]) -> list[list[float]]:
        """
        Return, for each place of each text, the first-order change of the log-odds; the lowest promise most.

        The gradient at the embeddings times the difference between the new word's and the old word's (HotFlip, Ebrahimi
        et al. 2018, huggingface.co/papers/1712.06751); for a word of several tokens, their mean takes the place of each.
        """
        if not getattr(self.tokenizer, "is_fast", False):
            raise ValueError(
                "method='gradient' needs a fast tokenizer, which knows the characters of a token, and the classifier "
                f"has a {type(self.tokenizer).__name__}. Write method='search'."
            )
        encoded = self._encode([slope.text for slope in asked], return_offsets_mapping=True)
        ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
        found: list[list[float]] = [[] for _ in asked]

        def run(batch: list[int]) -> list[list[float]]:
            states, slopes = self._differentiate([ids[row] for row in batch], [asked[row] for row in batch])
            return [
                self._estimate(asked[row], offsets[row], own, slope)
                for row, own, slope in zip(batch, states, slopes, strict=True)
            ]

        for batch, answers in in_batches([len(row) for row in ids], run, self._together() // 2, "gradient", "text"):
            for row, estimates in zip(batch, answers, strict=True):
                found[row] = estimates
        return found

    def _together(self) -> int:
        return TOKENS_TOGETHER.get(self.model.device.type, TOKENS_TOGETHER["cuda"])

    def _encode(self, texts: Sequence[str], **options: Any) -> Any:
        # Tokenizers refuse halves of surrogate pairs; a text beyond the limit is refused elsewhere, with a reason.
        sound = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        return self.tokenizer(sound, verbose=False, **options) if sound else {"input_ids": [], "offset_mapping": []}

    def _pad(self, rows: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
        longest, fill = max(1, *map(len, rows)), self.tokenizer.pad_token_id or 0
        ids = torch.full((len(rows), longest), fill)
        mask = torch.zeros_like(ids)
        reads_the_end = self.model.config.model_type == "xlnet"  # even if that is padding
        for row, own in enumerate(rows):
            place = slice(longest - len(own), longest) if reads_the_end else slice(0, len(own))
            ids[row, place] = torch.tensor(own, dtype=ids.dtype)
            mask[row, place] = 1
        return {"input_ids": ids.to(self.model.device), "attention_mask": mask.to(self.model.device)}

    @torch.inference_mode()
    def _run(self, rows: Sequence[Sequence[int]]) -> np.ndarray:
        logits = self.model(**self._pad(rows)).logits
        return logits.double().log_softmax(-1).cpu().numpy().round(_EXACT)

    def _differentiate(
        self, rows: Sequence[Sequence[int]], asked: Sequence[Slope]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        # cuDNN differentiates an LSTM only while training, which would turn dropout on.
        plain = torch.backends.cudnn.flags(enabled=False) if self.model.device.type == "cuda" else nullcontext()
        with plain, torch.enable_grad(), embeddings_of(self.model) as seen:
            logits = self.model(**self._pad(rows)).logits
        total = sum(slope.sign * _log_odds(logits[row], slope.toward) for row, slope in enumerate(asked))
        [states] = seen
        [slopes] = torch.autograd.grad(total, [states])
        return states.detach(), slopes

    def _estimate(self, asked: Slope, offsets: Any, states: torch.Tensor, slopes: torch.Tensor) -> list[float]:
        table = self.model.get_input_embeddings().weight.detach()
        pieces = [_with_space(asked.text, start) + new for start, _, new in asked.places]
        estimates = []
        encoded = self._encode(pieces, add_special_tokens=False)["input_ids"]
        for (start, end, _), new in zip(asked.places, encoded, strict=True):
            old = [at for at, (left, right) in enumerate(offsets) if left < max(end, start + 1) and right > start]
            if not old or not new:
                estimates.append(0.0)
                continue
            mean = table[torch.tensor(new, device=table.device)].mean(0)
            change = ((mean - states[old]) * slopes[old]).sum()
            estimates.append(round(float(change), _EXACT))
        return estimates


def _log_odds(logits: torch.Tensor, toward: int) -> torch.Tensor:
    others = torch.cat([logits[:toward], logits[toward + 1 :]])
    return logits[toward] - others.logsumexp(-1)


def _with_space(text: str, start: int) -> str:
    return " " if start > 0 and text[start - 1].isspace() else ""


@contextmanager
def embeddings_of(model: Any, change: torch.Tensor | None = None) -> Iterator[list[torch.Tensor]]:
    """
    Watch, and shift, the token embeddings of a model's forward passes.

    Args:
        model (`PreTrainedModel`): The model.
        change (`torch.Tensor`, *optional*): What is added to them, of their shape.

    Yields:
        `list[torch.Tensor]`: After a forward pass, the embeddings that it went on with, which have a gradient.

    Raises:
        `ValueError`: The model has no one place where it looks up a row's tokens, as encoder-decoders have two.
    """
    seen: list[torch.Tensor] = []

    def hook(module: Any, given: Any, output: torch.Tensor) -> torch.Tensor:
        output = output if change is None else output + change
        if not output.requires_grad:
            output = output.detach().requires_grad_()
        seen.append(output)
        return output

    handle = model.get_input_embeddings().register_forward_hook(hook)
    try:
        yield seen
    finally:
        handle.remove()
    if len(seen) != 1 or model.config.model_type == "xlnet":  # which turns its batches on their side
        raise ValueError(
            f"The embeddings of a {type(model).__name__} cannot be told apart row by row, nor can those of any "
            "encoder-decoder. For an attack write method='search', for training adversarial_epsilon=0, or take a "
            "classifier that is an encoder alone."
        )


def load_victim(reference: str, revision: str | None = None, max_length: int = 512) -> Victim:
    """
    Load a sequence classifier, our LSTM or any other, once for each content and process.

    Args:
        reference (`str`): A folder or Hub id, with weights in safetensors.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.
        max_length (`int`, *optional*, defaults to `512`): Tokens that it reads at most, if it could read more.

    Raises:
        `FileNotFoundError`: Nothing is there, or no weights in safetensors are.
        `ValueError`: It does not choose one of several classes.
    """
    one_thread_in_workers()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return _load(locate(reference, revision), identity(reference, revision), device, max_length)


@functools.lru_cache(maxsize=2)
def _load(folder: Path, content: str, device: str, max_length: int) -> Victim:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    require_safetensors(folder)
    safely = {"trust_remote_code": False, "local_files_only": True}
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, **safely
    )
    tokenizer = AutoTokenizer.from_pretrained(folder, **safely)
    config = model.config
    if config.num_labels < 2 or config.problem_type in ("regression", "multi_label_classification"):
        raise ValueError(
            f"The model in {str(folder)!r} has {config.num_labels} output(s) and the problem type "
            f"{config.problem_type!r}. Expected a classifier that chooses one of at least two labels."
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if config.pad_token_id is None:
        config.pad_token_id = tokenizer.pad_token_id
    places = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    unused = getattr(places, "padding_idx", None)  # RoBERTa counts positions from behind there
    positions = getattr(config, "max_position_embeddings", None) or 0  # XLNet says -1
    positions = positions - (0 if unused is None else unused + 1) if positions > 0 else _UNLIMITED
    limits = (max_length, tokenizer.model_max_length, positions)
    names = tuple(str(config.id2label[number]) for number in range(config.num_labels))
    return Victim(model.to(device).eval().requires_grad_(False), tokenizer, names, int(min(limits)))
