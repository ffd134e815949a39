"""One masked language model a process, and how many texts are run through it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from hf_augment.engine.batching import in_batches
from hf_augment.engine.blanks import Blanks, Frame, Window, frame, prefix, windows
from hf_augment.engine.prompt import PromptFormat
from hf_augment.engine.resources import identity, locate, one_thread_in_workers, require_safetensors
from hf_augment.engine.whole_words import WholeWords, whole_words

# Tokens, padding included, that are read together; a mask costs more where the vocabulary is large.
TOKENS_TOGETHER = {"cpu": 4_096, "cuda": 131_072}
_SCORES_A_TOKEN = 16_384  # that many scores cost as much memory as a token


@dataclass(frozen=True)
class MaskedLM:
    """
    A masked language model, ready to be asked.

    Args:
        model (`PreTrainedModel`): In evaluation mode, in fp32.
        tokenizer (`PreTrainedTokenizerBase`): Its tokenizer.
        prompt ([`PromptFormat`], *optional*): How the label stood before the text in training; `None` for a model that
            was not trained by us.
        frame ([`Frame`]): What goes around a text.
        limit (`int`): Tokens it reads.
        vocabulary ([`WholeWords`]): The words it can say.
        selects (`bool`): Whether its head runs on the masked places alone.
    """

    model: Any
    tokenizer: Any
    prompt: PromptFormat | None
    frame: Frame
    limit: int
    vocabulary: WholeWords
    selects: bool

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The labels that it was trained to read before a text; `None` if it was trained without, empty if any goes."""
        return self.prompt.labels if self.prompt is not None and self.prompt.conditional else None


_loaded: dict[tuple[str, str], MaskedLM] = {}


def load_masked_lm(reference: str, revision: str | None = None) -> MaskedLM:
    """
    Load a masked language model in fp32, once for each content and process; forked workers find their parent's.

    Args:
        reference (`str`): As for `locate`.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.

    Raises:
        `FileNotFoundError`: Nothing is there, or no weights in safetensors are.
        `ValueError`: It was not trained to fill in words, or its tokenizer has no mask token, or cannot say where in a
            text a token stands.
    """
    one_thread_in_workers()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    key = (identity(reference, revision), device)
    if key not in _loaded:
        _loaded[key] = _load(reference, locate(reference, revision), device)
    return _loaded[key]


def _load(reference: str, folder: Path, device: str) -> MaskedLM:
    model, tokenizer = _read(reference, folder)
    if tokenizer.mask_token_id is None:
        raise ValueError(f"The tokenizer of {reference!r} has no mask_token. Use a masked language model.")
    if not tokenizer.is_fast:
        raise ValueError(
            f"The tokenizer of {reference!r} does not tell where in a text a token stands. Use a model with a fast "
            "tokenizer (tokenizer.json)."
        )
    model = model.to(device).eval()
    prompt = PromptFormat.load(folder)
    around = frame(tokenizer, " " if prompt is None else prompt.gap)
    places = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    unused = getattr(places, "padding_idx", None)  # RoBERTa counts positions from behind it
    limit = getattr(model.config, "max_position_embeddings", 1 << 30) - (0 if unused is None else unused + 1)
    limit = min(limit, tokenizer.model_max_length)
    found = MaskedLM(model, tokenizer, prompt, around, limit, whole_words(tokenizer), True)
    return found if _can_select(found) else replace(found, selects=False)


def _read(reference: str, folder: Path) -> tuple[Any, Any]:
    from transformers import MODEL_FOR_MASKED_LM_MAPPING, AutoConfig, AutoModelForMaskedLM, AutoTokenizer

    require_safetensors(folder)
    safely = {"trust_remote_code": False, "local_files_only": True}
    config = AutoConfig.from_pretrained(folder, **safely)
    if type(config) not in MODEL_FOR_MASKED_LM_MAPPING:
        raise ValueError(
            f"The model {reference!r} is a {config.model_type!r}, which fills in no words. Use a masked language model "
            "such as BERT, RoBERTa or ModernBERT."
        )
    model, found = AutoModelForMaskedLM.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **safely
    )
    weights = model.state_dict()
    # An encoder, or a classifier: transformers draws the head it lacks at random, other words in each process.
    drawn = sorted(name for name in found["missing_keys"] if name in weights and weights[name].ndim > 1)
    if drawn:
        raise ValueError(
            f"The model {reference!r} was not trained to fill in words: its files lack {', '.join(drawn[:4])}. Use a "
            "masked language model, or train this one with the objective `masked` first."
        )
    return model, AutoTokenizer.from_pretrained(folder, **safely)


def ask(
    lm: MaskedLM, rows: Sequence[Blanks], read: Callable, masks: Sequence[int] | None = None
) -> Iterator[tuple[int, list[Any]]]:
    """
    Run the model over texts with blanks, and yield, for each text, what `read` makes of each mask.

    `read` gets the logits of some masks, and of each the position of its text and of the blank in it.
    """
    known = {label: prefix(lm.tokenizer, lm.prompt, label) for label in dict.fromkeys(row.label for row in rows)}
    prefixes = [known[row.label] for row in rows]
    asked = list(windows(lm.tokenizer, lm.frame, rows, prefixes, lm.limit, masks)) if rows else []
    missing = [0] * len(rows)
    for window in asked:
        missing[window.row] += 1
    answers: list[list[Any]] = [[] for _ in rows]
    yield from ((row, []) for row, left in enumerate(missing) if not left)

    def run(batch: list[int]) -> list[list[Any]]:
        some = [asked[i] for i in batch]
        found = iter(read(_logits(lm, some), [(window.row, blank) for window in some for blank in window.blanks]))
        return [[(blank, next(found)) for blank in window.blanks] for window in some]

    size = lm.model.config.get_text_config().vocab_size
    scored = [len(window.places if lm.selects else window.ids) for window in asked]
    costs = [len(window.ids) + count * size // _SCORES_A_TOKEN for window, count in zip(asked, scored, strict=True)]
    together = TOKENS_TOGETHER.get(lm.model.device.type, TOKENS_TOGETHER["cuda"])
    for batch, found in in_batches(costs, run, together, "fill", "window"):
        for i, answered in zip(batch, found, strict=True):
            row = asked[i].row
            answers[row] += answered
            missing[row] -= 1
            if not missing[row]:
                yield row, [answer for _, answer in sorted(answers[row], key=lambda answer: answer[0])]


@torch.inference_mode()
def _logits(lm: MaskedLM, some: Sequence[Window]) -> torch.Tensor:
    """Run the model on windows; return the scores of the vocabulary at their masks, one row each."""
    device, longest = lm.model.device, max(len(window.ids) for window in some)
    fill, lengths = lm.tokenizer.pad_token_id or 0, [len(window.ids) for window in some]
    ids = torch.tensor([[*window.ids, *[fill] * (longest - len(window.ids))] for window in some], device=device)
    mask = torch.tensor([[1] * length + [0] * (longest - length) for length in lengths], device=device)
    rows = torch.tensor([i for i, window in enumerate(some) for _ in window.places], device=device)
    places = torch.tensor([place for window in some for place in window.places], device=device)
    if not lm.selects:
        return lm.model(input_ids=ids, attention_mask=mask).logits[rows, places].float()
    with _only(lm.model, rows, places):
        return lm.model(input_ids=ids, attention_mask=mask).logits[0].float()


@contextmanager
def _only(model: Any, rows: torch.Tensor, places: torch.Tensor) -> Iterator[None]:
    """Hand the head of a model the states of some places alone: scoring the vocabulary is half the work of a small one."""

    def select(module: Any, inputs: Any, output: Any) -> Any:
        states = output[0][rows, places][None]
        if isinstance(output, tuple):
            return (states, *output[1:])
        output["last_hidden_state"] = states
        return output

    handle = model.base_model.register_forward_hook(select)
    try:
        yield
    finally:
        handle.remove()


def _can_select(lm: MaskedLM) -> bool:
    """Try whether an architecture's head works place by place behind its base model."""
    ids = [*lm.frame.before, *[lm.tokenizer.mask_token_id] * 3, *lm.frame.after]
    probe = [Window(0, ids, [len(lm.frame.before), len(lm.frame.before) + 2], [0, 1])]
    try:
        found = _logits(lm, probe)
    except (RuntimeError, TypeError, IndexError, KeyError, AttributeError, ValueError):
        return False
    whole = _logits(replace(lm, selects=False), probe)
    return found.shape == whole.shape and torch.allclose(found, whole, atol=1e-3)
