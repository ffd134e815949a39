"""Texts rewritten by an encoder-decoder model so that a row's tokens do not depend on its batch."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    DynamicCache,
    EncoderDecoderCache,
    GenerationConfig,
    LogitsProcessorList,
    NoBadWordsLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SuppressTokensLogitsProcessor,
)
from transformers.modeling_outputs import BaseModelOutput

from hf_augment.engine.batching import in_batches
from hf_augment.engine.decoding import Completion, Sampling, next_tokens
from hf_augment.engine.resources import identity, locate, one_thread_in_workers, require_safetensors

# Tokens (read and written, padding included) that are in work together; one beam counts as one row.
TOKENS_TOGETHER = {"cpu": 8_192, "cuda": 262_144}

# What counts of a model's own generation settings: the tokens with a part of their own, what bars others, and how
# beams are scored. Whatever else a model was saved with would raise, or make beams another search.
_SETTINGS = (
    *("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "forced_bos_token_id"),
    *("bad_words_ids", "suppress_tokens", "no_repeat_ngram_size", "repetition_penalty"),
    *("length_penalty", "early_stopping"),
)


class Seq2Seq(NamedTuple):
    """
    An encoder-decoder model, ready to write.

    Args:
        model (`PreTrainedModel`): In evaluation mode, in fp32, of its generation settings only those that count.
        tokenizer (`PreTrainedTokenizerBase`): Its tokenizer.
    """

    model: Any
    tokenizer: Any


_loaded: dict[tuple[str, str], Seq2Seq] = {}


def load_seq2seq(reference: str, revision: str | None = None) -> Seq2Seq:
    """
    Load an encoder-decoder model in fp32, once for each content and process; forked workers find their parent's.

    Args:
        reference (`str`): As for `engine.resources.locate`.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.

    Raises:
        `FileNotFoundError`: Nothing is there, or no weights in safetensors are.
        `ValueError`: It is another kind of model.
    """
    one_thread_in_workers()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    key = (identity(reference, revision), device)
    if key not in _loaded:
        folder = locate(reference, revision)
        require_safetensors(folder)
        safely = {"trust_remote_code": False, "local_files_only": True}
        kind = AutoConfig.from_pretrained(folder, **safely)
        if not kind.is_encoder_decoder:
            raise ValueError(
                f"The model {reference!r} is a {kind.model_type!r}, which has no encoder and decoder. Expected one "
                "such as Marian, NLLB, M2M100, BART or T5."
            )
        model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True, **safely)
        own = model.generation_config
        model.generation_config = GenerationConfig(**{name: getattr(own, name) for name in _SETTINGS})
        _loaded[key] = Seq2Seq(model.to(device).eval(), AutoTokenizer.from_pretrained(folder, **safely))
    return _loaded[key]


def end_tokens(found: Seq2Seq) -> list[int]:
    """Return the ids of the tokens that end what a model writes."""
    ends = found.model.generation_config.eos_token_id
    ends = found.tokenizer.eos_token_id if ends is None else ends
    if ends is None:
        raise ValueError("The model has no end token. Set eos_token_id in its generation_config.json.")
    return ends if isinstance(ends, list) else [ends]


def rewrite(
    model: Any,
    inputs: Sequence[Sequence[int]],
    keys: Sequence[int],
    sampling: Sampling,
    end: Sequence[int],
    *,
    start: Sequence[int] | None = None,
    beams: int = 1,
) -> Iterator[tuple[int, Completion]]:
    """
    Write one output for each input.

    Rows are sorted by length and run in batches of about equal cost; those that finish leave the batch. The noise
    of a draw is keyed by (row, step, token), so batching moves a row's tokens only where two perturbed scores tie
    within float error. Of the model's own generation settings, those that bar tokens or repetitions count
    (`bad_words_ids`, `suppress_tokens`, `no_repeat_ngram_size`, `repetition_penalty`), and with beams
    `length_penalty` and `early_stopping`. A text is cut at the model's last position if `max_new_tokens` lies beyond.

    Args:
        model (`PreTrainedModel`): An encoder-decoder model, in evaluation mode.
        inputs (`Sequence[Sequence[int]]`): Token ids as the encoder reads them, at least one a row.
        keys (`Sequence[int]`): The 64-bit key of each row's stream.
        sampling (`Sampling`): How tokens are drawn; with beams only the numbers of tokens count.
        end (`Sequence[int]`): The ids of the tokens that end a text.
        start (`Sequence[int]`, *optional*): Tokens that every output begins with, such as a language code, and that
            are left out of the completion. By default what the model's generation settings force.
        beams (`int`, *optional*, defaults to `1`): More than 1: beam search of that width, and no draws.

    Yields:
        `tuple[int, Completion]`: The position of an input and what was written for it, batch by batch.
    """
    begin = _beginning(model, start)
    positions = getattr(model.config, "max_position_embeddings", None) or 1 << 30
    sampling = replace(sampling, max_new_tokens=max(1, min(sampling.max_new_tokens, positions - len(begin) + 1)))
    if beams > 1:
        run = lambda batch: _search(model, [inputs[row] for row in batch], sampling, end, begin, beams)  # noqa: E731
    else:

        def run(batch: list[int]) -> list[Completion]:
            return _draw(model, [inputs[row] for row in batch], [keys[row] for row in batch], sampling, end, begin)

    lengths = [(len(ids) + sampling.max_new_tokens) * beams for ids in inputs]
    together = TOKENS_TOGETHER.get(model.device.type, TOKENS_TOGETHER["cuda"])
    count = lambda found: sum(len(completion.tokens) for completion in found)  # noqa: E731
    for batch, found in in_batches(lengths, run, together, "rewrite", tokens=count):
        yield from zip(batch, found, strict=True)


def _beginning(model: Any, start: Sequence[int] | None) -> list[int]:
    settings = model.generation_config
    first = settings.decoder_start_token_id
    first = settings.bos_token_id if first is None else first
    if first is None:
        raise ValueError(
            f"The {model.config.model_type!r} model does not say with which token its decoder starts. Set "
            "decoder_start_token_id in its generation_config.json."
        )
    if start is None:
        forced = settings.forced_bos_token_id
        start = [] if forced is None else [forced]
    return [first, *start]


def _padded(model: Any, inputs: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, inputs))
    pad = model.config.get_text_config().pad_token_id or 0  # masked; M2M100 counts positions past it
    ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in inputs], device=model.device)
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in inputs], device=model.device)
    return ids, mask


def _cache() -> EncoderDecoderCache:
    # One made from the configuration lacks layers for a T5 whose decoder has more of them than its encoder.
    return EncoderDecoderCache(DynamicCache(), DynamicCache())


def _barred(model: Any, end: Sequence[int]) -> LogitsProcessorList:
    settings = model.generation_config
    found = LogitsProcessorList()
    if settings.repetition_penalty not in (None, 1.0):
        found.append(RepetitionPenaltyLogitsProcessor(settings.repetition_penalty))
    if settings.no_repeat_ngram_size:
        found.append(NoRepeatNGramLogitsProcessor(settings.no_repeat_ngram_size))
    if settings.bad_words_ids is not None:
        found.append(NoBadWordsLogitsProcessor(settings.bad_words_ids, list(end)))
    if settings.suppress_tokens is not None:
        found.append(SuppressTokensLogitsProcessor(settings.suppress_tokens, model.device))
    return found


@torch.inference_mode()
def _draw(
    model: Any, inputs: list[Sequence[int]], keys: list[int], sampling: Sampling, end: Sequence[int], begin: list[int]
) -> list[Completion]:
    device = model.device
    ids, mask = _padded(model, inputs)
    encoded = model.get_encoder()(input_ids=ids, attention_mask=mask, return_dict=True).last_hidden_state
    written = torch.tensor([begin] * len(inputs), device=device)  # the decoder's tokens so far, of the running batch
    row_keys = torch.from_numpy(np.array(keys, dtype=np.uint64).view(np.int64)).to(device)
    ends = torch.tensor(list(end), device=device, dtype=torch.long)
    alive = torch.arange(len(inputs), device=device)  # the row that stands at each place of the running batch
    barred = _barred(model, end)
    cache = _cache()
    drawn = [[] for _ in inputs]
    finished = [False] * len(inputs)
    for step in range(sampling.max_new_tokens):
        output = model(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
            attention_mask=mask,
            decoder_input_ids=written if step == 0 else written[:, -1:],
            past_key_values=cache,
            use_cache=True,
        )
        logits = barred(written, output.logits[:, -1].float())
        if step < sampling.min_new_tokens:
            logits[:, ends] = -torch.inf
        tokens = next_tokens(logits, row_keys, step, sampling)
        ended = torch.isin(tokens, ends)
        for row, token, stop in zip(alive.tolist(), tokens.tolist(), ended.tolist(), strict=True):
            if finished[row]:
                continue
            if stop:
                finished[row] = True
            else:
                drawn[row].append(token)
        going = [place for place, row in enumerate(alive.tolist()) if not finished[row]]
        if not going:
            break
        written = torch.cat([written, tokens[:, None]], dim=1)
        if len(going) <= 0.75 * len(alive):  # less often than at every end: leaving copies the cache
            places = torch.tensor(going, device=device)
            cache.batch_select_indices(places)
            encoded, mask, written = encoded[places], mask[places], written[places]
            row_keys, alive = row_keys[places], alive[places]
    return [Completion(tokens, stop) for tokens, stop in zip(drawn, finished, strict=True)]


@torch.inference_mode()
def _search(
    model: Any, inputs: list[Sequence[int]], sampling: Sampling, end: Sequence[int], begin: list[int], beams: int
) -> list[Completion]:
    ids, mask = _padded(model, inputs)
    # `length_penalty` counts a forced token but not a prompt, so one token is forced, as the model's makers do.
    forced = int(len(begin) == 2)
    prompt = begin[: len(begin) - forced]
    found = model.generate(
        input_ids=ids,
        attention_mask=mask,
        decoder_input_ids=torch.tensor([prompt] * len(inputs), device=model.device),
        past_key_values=_cache(),
        num_beams=beams,
        do_sample=False,
        max_new_tokens=sampling.max_new_tokens + forced,
        min_new_tokens=sampling.min_new_tokens + forced if sampling.min_new_tokens else None,
        min_length=0,  # as with draws, the model's own has no say
        eos_token_id=list(end),
        forced_bos_token_id=begin[1] if forced else None,
        forced_eos_token_id=None,  # it would hide that a text was cut
    )
    return [_completion(row[len(begin) :], set(end)) for row in found.tolist()]


def _completion(tokens: list[int], end: set[int]) -> Completion:
    stop = next((place for place, token in enumerate(tokens) if token in end), None)
    return Completion(tokens if stop is None else tokens[:stop], stop is not None)
