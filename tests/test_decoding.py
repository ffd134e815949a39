import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from hf_augment.engine import decoding
from hf_augment.engine.decoding import Completion, Sampling, decode, gumbel, next_tokens
from hf_augment.streams import Stream, mix, row_key, stream

VOCABULARY, END = 300, 0


def tiny(kind: str = "gpt2"):
    torch.manual_seed(0)
    if kind == "gpt2":
        config = GPT2Config(
            n_layer=2, n_embd=32, n_head=2, vocab_size=VOCABULARY, n_positions=64, bos_token_id=0, eos_token_id=0
        )
    else:
        config = LlamaConfig(
            num_hidden_layers=2,
            hidden_size=32,
            intermediate_size=64,
            num_attention_heads=2,
            vocab_size=VOCABULARY,
            max_position_embeddings=64,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=0,
        )
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        norm = model.transformer.ln_f if kind == "gpt2" else model.model.norm
        norm.weight.mul_(20)  # random weights predict almost nothing; this gives scores the spread of a trained model
    return model


def prompts(count: int) -> tuple[list[list[int]], list[int]]:
    drawn = [Stream(mix(i)) for i in range(count)]
    return [[1 + d.below(VOCABULARY - 1) for _ in range(1 + d.below(12))] for d in drawn], [
        stream(0, "generate", row_key(str(i)), 1).key for i in range(count)
    ]


def decoded(model, prompts, *settings) -> list[Completion]:
    found = dict(decode(model, prompts, *settings))
    return [found[row] for row in range(len(prompts))]


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize(
    "sampling", [Sampling(24), Sampling(24, top_p=0.9), Sampling(24, top_k=20, top_p=0.95)], ids=str
)
def test_a_row_does_not_depend_on_its_batch(kind, sampling, monkeypatch):
    model = tiny(kind)
    ids, keys = prompts(100)
    whole = decoded(model, ids, keys, sampling, [END])
    assert len({tuple(c.tokens) for c in whole}) > 50
    for together in (1, 7 * 36):
        monkeypatch.setitem(decoding.TOKENS_TOGETHER, "cpu", together)
        again = decoded(model, ids[::-1], keys[::-1], sampling, [END])[::-1]
        differ = sum(a != b for a, b in zip(whole, again, strict=True))
        print(f"{kind}, {sampling}, {together} tokens together: {differ} of {len(whole)} rows differ")
        assert differ == 0


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_greedy_is_that_of_transformers(kind):
    model = tiny(kind)
    ids, keys = prompts(20)
    ours = decoded(model, ids, keys, Sampling(16, temperature=0), [END])
    for prompt, completion in zip(ids, ours, strict=True):
        theirs = model.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=16, pad_token_id=END)[0]
        theirs = theirs[len(prompt) :].tolist()
        assert completion.tokens == (theirs[: theirs.index(END)] if END in theirs else theirs)
        assert completion.finished == (END in theirs)


def test_the_end_token_is_barred_until_the_minimum():
    model = tiny()
    with torch.no_grad():
        model.lm_head.weight[END] *= 40
    ids, keys = prompts(60)
    free = decoded(model, ids, keys, Sampling(12), [END])
    barred = decoded(model, ids, keys, Sampling(12, min_new_tokens=5), [END])
    assert min(len(c.tokens) for c in free) < 5 <= min(len(c.tokens) for c in barred)
    assert all(END not in c.tokens for c in [*free, *barred])
    assert all(len(c.tokens) == 12 for c in [*free, *barred] if not c.finished)


class Script(torch.nn.Module):
    """A stub that says a fixed continuation after any prompt, and notes the batches it was given."""

    class config:
        num_hidden_layers = 1
        get_text_config = classmethod(lambda cls, **kwargs: cls)

    def __init__(self, continuation, limit=10**9):
        super().__init__()
        self.continuation, self.limit, self.sizes = continuation, limit, []
        self.device = torch.device("cpu")

    def forward(self, input_ids, attention_mask, past_key_values, use_cache):
        self.sizes.append(len(input_ids))
        if len(input_ids) > self.limit:
            raise RuntimeError("CUDA out of memory.")
        step = attention_mask.shape[1] - self.first if input_ids.shape[1] == 1 and hasattr(self, "first") else 0
        if step == 0:
            self.first = attention_mask.shape[1]
        logits = torch.full((len(input_ids), 1, VOCABULARY), -50.0)
        logits[:, 0, self.continuation[min(step, len(self.continuation) - 1)]] = 50.0
        return type("Output", (), {"logits": logits})


def test_too_large_a_batch_is_halved(monkeypatch):
    monkeypatch.setattr(decoding, "DynamicCache", lambda config: None)
    model = Script([5, 6, END], limit=4)
    found = decoded(model, [[1, 2]] * 20, list(range(20)), Sampling(8), [END])
    assert found == [Completion([5, 6], True)] * 20
    assert model.sizes[0] == 20, "it tries all at once"
    assert max(size for size in model.sizes if size <= 4) in (3, 4), "and halves no further than it must"


def test_other_errors_are_not_swallowed(monkeypatch):
    monkeypatch.setattr(decoding, "DynamicCache", lambda config: None)
    model = Script([5, END], limit=0)
    with pytest.raises(RuntimeError, match="out of memory"):
        decoded(model, [[1]], [1], Sampling(8), [END])


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([0, 1, 5, 40]),
    st.sampled_from([0.1, 0.5, 0.9, 0.999, 1.0]),
    st.sampled_from([0.3, 1.0, 2.0]),
)
def test_truncation_is_that_of_transformers(seed, top_k, top_p, temperature):
    logits = torch.randn(3, 2000, generator=torch.Generator().manual_seed(seed)) * 4
    scores, tokens = decoding._survivors(logits.double() / temperature, Sampling(1, 0, temperature, top_k, top_p))
    theirs = TemperatureLogitsWarper(temperature)(None, logits.double()) if temperature != 1 else logits.double()
    theirs = TopKLogitsWarper(top_k)(None, theirs) if top_k else theirs
    theirs = TopPLogitsWarper(top_p)(None, theirs) if top_p < 1 else theirs
    for row in range(3):
        ours = set(tokens[row][scores[row] > -torch.inf].tolist())
        assert ours == set(torch.nonzero(theirs[row] > -torch.inf)[:, 0].tolist())


def test_draws_follow_the_probabilities():
    logits = torch.randn(1, 40, generator=torch.Generator().manual_seed(1)).expand(40_000, 40) * 2
    keys = torch.tensor([decoding._signed(mix(i)) for i in range(40_000)])
    for sampling in (Sampling(1), Sampling(1, temperature=0.7), Sampling(1, top_k=5)):
        drawn = torch.bincount(next_tokens(logits, keys, 3, sampling), minlength=40) / 40_000
        scores = logits[0].double() / sampling.temperature
        if sampling.top_k:
            scores = TopKLogitsWarper(sampling.top_k)(None, scores[None])[0]
        assert (drawn - scores.softmax(-1)).abs().max() < 0.012


def test_noise_is_gumbel_and_depends_on_row_step_and_token():
    keys = torch.tensor([decoding._signed(mix(i)) for i in range(300)])
    tokens = torch.arange(1000).expand(300, 1000)
    noise = gumbel(keys, 2, tokens)
    assert abs(noise.mean().item() - 0.5772) < 0.01
    assert abs(noise.var().item() - math.pi**2 / 6) < 0.03
    assert torch.equal(noise[:, [3, 500]], gumbel(keys, 2, torch.tensor([[3, 500]] * 300)))
    assert not torch.isclose(noise, gumbel(keys, 3, tokens)).any()
    correlation = torch.corrcoef(torch.stack([noise[0], noise[1], gumbel(keys, 3, tokens)[0]]))
    assert (correlation - torch.eye(3)).abs().max() < 0.12


def test_scrambling_is_that_of_the_streams():
    for value in (0, 1, 123456789012345678, 2**63, 2**64 - 1):
        assert decoding._mix(torch.tensor([decoding._signed(value)])).item() % 2**64 == mix(value)
