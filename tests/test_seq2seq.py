import functools
import json

import pytest
import torch
from transformers import DynamicCache, EncoderDecoderCache

from hf_augment.engine import seq2seq
from hf_augment.engine.decoding import Completion, Sampling
from hf_augment.engine.seq2seq import end_tokens, load_seq2seq, rewrite
from hf_augment.streams import Stream, mix, row_key, stream
from tests import tiny
from tests.tiny_seq2seq import GERMAN, KINDS, VOCABULARY, random_model, translator

model_of = functools.cache(random_model)


def sources(model, count: int) -> tuple[list[list[int]], list[int]]:
    end = model.generation_config.eos_token_id
    drawn = [Stream(mix(i)) for i in range(count)]
    ids = [[3 + d.below(VOCABULARY - 10) for _ in range(1 + d.below(20))] + [end] for d in drawn]
    return ids, [stream(0, "back_translate", row_key(str(i)), 1).key for i in range(count)]


def rewritten(model, ids, keys, sampling, **settings) -> list[Completion]:
    found = dict(rewrite(model, ids, keys, sampling, [model.generation_config.eos_token_id], **settings))
    return [found[row] for row in range(len(ids))]


def theirs(model, ids: list[int], most: int, beams: int, start: list[int] | None) -> Completion:
    forced = bool(start) or model.generation_config.forced_bos_token_id is not None
    [written] = model.generate(
        torch.tensor([ids]),
        do_sample=False,
        num_beams=beams,
        max_new_tokens=most + forced,
        # The cache that transformers makes lacks layers where a T5 has more of them in its decoder.
        past_key_values=EncoderDecoderCache(DynamicCache(), DynamicCache()),
        **({"forced_bos_token_id": start[0]} if start else {}),
    ).tolist()
    written, end = written[1 + forced :], model.generation_config.eos_token_id
    return Completion(written[: written.index(end)], True) if end in written else Completion(written, False)


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_likeliest_text_is_that_of_transformers(kind, beams):
    model = model_of(kind)
    ids, keys = sources(model, 24)
    start = [GERMAN] if kind == "m2m100" else None
    ours = rewritten(model, ids, keys, Sampling(16, temperature=0), start=start, beams=beams)
    assert len({tuple(completion.tokens) for completion in ours}) > 5
    assert any(completion.finished for completion in ours)
    for row, completion in zip(ids, ours, strict=True):
        assert completion == theirs(model, row, 16, beams, start)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("sampling", "beams"), [(Sampling(24), 1), (Sampling(24, top_k=20, top_p=0.95), 1), (Sampling(16), 3)], ids=str
)
def test_a_row_does_not_depend_on_its_batch(kind, sampling, beams, monkeypatch):
    model = model_of(kind)
    ids, keys = sources(model, 100)
    start = [GERMAN] if kind == "m2m100" else None
    monkeypatch.setitem(seq2seq.TOKENS_TOGETHER, "cpu", 1 << 30)
    whole = rewritten(model, ids, keys, sampling, start=start, beams=beams)
    assert len({tuple(c.tokens) for c in whole}) > (15 if beams > 1 else 50)
    for rows in (1, 7):
        together = 1 if rows == 1 else 7 * beams * (21 + sampling.max_new_tokens)
        monkeypatch.setitem(seq2seq.TOKENS_TOGETHER, "cpu", together)
        again = rewritten(model, ids[::-1], keys[::-1], sampling, start=start, beams=beams)[::-1]
        differ = sum(a != b for a, b in zip(whole, again, strict=True))
        print(f"{kind}, {sampling}, {beams} beams, batches of {rows}: {differ} of {len(whole)} rows differ")
        assert differ == 0


def test_another_key_gives_another_text():
    model = model_of("bart")
    ids, keys = sources(model, 30)
    first = rewritten(model, ids, keys, Sampling(12))
    assert first == rewritten(model, ids, keys, Sampling(12))
    other = rewritten(model, ids, [mix(key) for key in keys], Sampling(12))
    assert sum(a != b for a, b in zip(first, other, strict=True)) > 20


@pytest.mark.parametrize("beams", [1, 2])
def test_the_model_s_own_bars_hold(beams):
    marian, pad = random_model("marian"), VOCABULARY - 1
    with torch.no_grad():
        marian.final_logits_bias[0, pad] += 50  # nothing would be likelier
    ids, keys = sources(marian, 12)
    assert all(pad not in c.tokens for c in rewritten(marian, ids, keys, Sampling(12), beams=beams))
    marian.generation_config.bad_words_ids = None
    assert all(set(c.tokens) == {pad} for c in rewritten(marian, ids, keys, Sampling(12), beams=beams))


def test_repetitions_are_barred_as_in_transformers():
    model = random_model("m2m100")
    ids, keys = sources(model, 12)
    free = rewritten(model, ids, keys, Sampling(16, temperature=0))
    model.generation_config.update(no_repeat_ngram_size=2, repetition_penalty=1.3, suppress_tokens=[free[0].tokens[0]])
    barred = rewritten(model, ids, keys, Sampling(16, temperature=0))
    assert free != barred
    assert barred == [theirs(model, row, 16, 1, None) for row in ids]


@pytest.mark.parametrize("beams", [1, 3])
def test_forced_first_tokens_are_read_and_not_handed_back(beams):
    model = model_of("m2m100")
    ids, keys = sources(model, 20)
    settings = {"sampling": Sampling(12, temperature=0), "beams": beams}
    german = rewritten(model, ids, keys, start=[GERMAN], **settings)
    other = rewritten(model, ids, keys, start=[GERMAN + 1], **settings)
    assert german != other
    both = rewritten(model, ids, keys, start=[GERMAN, 5], **settings)
    assert all(len(completion.tokens) <= 12 for completion in [*german, *both])
    assert both not in (german, other)


@pytest.mark.parametrize("beams", [1, 3])
def test_the_end_token_is_barred_until_the_minimum(beams):
    model = random_model("bart")
    with torch.no_grad():
        model.final_logits_bias[0, 2] += 8
    ids, keys = sources(model, 30)
    free = rewritten(model, ids, keys, Sampling(12), beams=beams)
    barred = rewritten(model, ids, keys, Sampling(12, min_new_tokens=4), beams=beams)
    assert min(len(c.tokens) for c in free) < 4 <= min(len(c.tokens) for c in barred)
    assert all(len(c.tokens) == 12 for c in [*free, *barred] if not c.finished)
    assert all(2 not in c.tokens for c in [*free, *barred])


@pytest.mark.parametrize("beams", [1, 2])
def test_a_text_is_cut_at_the_model_s_last_position(beams):
    model = random_model("marian")
    with torch.no_grad():
        model.final_logits_bias[0, 0] -= 1000
    ids, keys = sources(model, 3)
    found = rewritten(model, ids, keys, Sampling(500), beams=beams)
    assert [(len(c.tokens), c.finished) for c in found] == [(64, False)] * 3


@pytest.mark.parametrize("beams", [1, 2])
def test_the_model_s_own_lengths_have_no_say(beams):
    model = random_model("bart")
    ids, keys = sources(model, 20)
    free = rewritten(model, ids, keys, Sampling(9, temperature=0), beams=beams)
    assert {completion.finished for completion in free} == {True, False}
    # BART's summarisers set these; the last would make a text that was cut look like one that ended.
    model.generation_config.update(min_length=8, max_length=5, forced_eos_token_id=2)
    assert rewritten(model, ids, keys, Sampling(9, temperature=0), beams=beams) == free


@pytest.mark.parametrize("beams", [1, 2])
def test_of_a_saved_model_s_settings_only_those_that_bar_tokens_count(beams, tmp_path):
    """Fine-tuned models on the Hub carry what their makers last sampled with."""
    plain = load_seq2seq(str(translator(tmp_path / "plain"))).model
    file = translator(tmp_path / "saved") / "generation_config.json"
    settings = {"do_sample": True, "num_return_sequences": 2, "num_beam_groups": 2, "diversity_penalty": 0.5}
    settings |= {"return_dict_in_generate": True, "cache_implementation": "static", "use_cache": False}
    settings |= {"min_new_tokens": 9, "max_time": 1e-9, "encoder_no_repeat_ngram_size": 1, "low_memory": True}
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    saved = load_seq2seq(str(tmp_path / "saved")).model
    assert saved is not plain
    ids = [[*row, plain.generation_config.eos_token_id] for row in ([20, 21, 22], [30, 31], [40])]
    expected = rewritten(plain, ids, [1, 2, 3], Sampling(12), beams=beams)
    assert all(completion.finished for completion in expected)
    assert rewritten(saved, ids, [1, 2, 3], Sampling(12), beams=beams) == expected
    file.write_text(json.dumps(json.loads(file.read_text()) | {"bad_words_ids": [[expected[0].tokens[0]]]}))
    barred = load_seq2seq(str(tmp_path / "saved")).model
    assert rewritten(barred, ids, [1, 2, 3], Sampling(12), beams=beams)[0] != expected[0]


def test_rows_that_finish_leave_the_batch():
    model, sizes = random_model("bart"), []
    ids, keys = sources(model, 40)
    model.model.decoder.register_forward_hook(lambda module, given, output: sizes.append(len(output[0])))
    found = rewritten(model, ids, keys, Sampling(24))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 40
    assert sizes[-1] <= sum(len(c.tokens) >= 23 for c in found) / 0.75 + 1


def test_a_batch_that_does_not_fit_is_halved(monkeypatch):
    model = random_model("t5")
    ids, keys = sources(model, 30)
    whole = rewritten(model, ids, keys, Sampling(10))
    forward, refused = model.encoder.forward, []

    def short_of_memory(*given, **named):
        if len(named["input_ids"]) > 8:
            refused.append(len(named["input_ids"]))
            raise RuntimeError("CUDA out of memory.")
        return forward(*given, **named)

    monkeypatch.setattr(model.encoder, "forward", short_of_memory)
    assert rewritten(model, ids, keys, Sampling(10)) == whole
    assert refused


def test_a_model_is_loaded_once_for_each_content(tmp_path):
    first = load_seq2seq(str(translator(tmp_path / "one")))
    assert load_seq2seq(str(translator(tmp_path / "two"))) is first
    assert not first.model.training
    assert first.model.dtype == torch.float32
    assert end_tokens(first) == [first.tokenizer.eos_token_id]


def test_other_models_are_refused(tmp_path):
    tiny.causal_lm(tmp_path)
    with pytest.raises(ValueError, match=r"'gpt2', which has no encoder and decoder\. Expected one such as Marian"):
        load_seq2seq(str(tmp_path))
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match="holds no weights in safetensors"):
        load_seq2seq(str(tmp_path))


def test_a_model_without_a_first_token_says_so():
    model = random_model("t5")
    model.generation_config.decoder_start_token_id = None
    with pytest.raises(ValueError, match=r"Set decoder_start_token_id in its generation_config\.json"):
        rewritten(model, *sources(model, 1), Sampling(4))
