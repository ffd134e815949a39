import shutil

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, PreTrainedTokenizerFast

from hf_augment import Generate
from hf_augment.engine import decoding, resources
from hf_augment.engine.prompt import PromptFormat
from hf_augment.engine.resources import CausalLM, locate
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written

LABELS = ("negative", "numeric", "abbreviation", "bookrestaurant")
BEGINNING = "the first three"
CONTINUATION = " words and a plausible continuation ."


@pytest.fixture(scope="module")
def tokenizer():
    """Byte-level BPE in which "negative" is one token and "bookrestaurant" several, as in the defect."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    corpus = ["negative negative negative: the first three words and a plausible continuation . numeric"] * 20
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trained.train_from_iterator(
        corpus, trainers.BpeTrainer(vocab_size=420, special_tokens=["<end>"], initial_alphabet=alphabet)
    )
    return PreTrainedTokenizerFast(tokenizer_object=trained, eos_token="<end>")


class Speaks(torch.nn.Module):
    """A stub that continues every prompt with the same tokens and the end token."""

    def __init__(self, tokens: list[int], end: int, vocabulary: int):
        super().__init__()
        self.tokens, self.end, self.vocabulary = tokens, end, vocabulary
        self.device = torch.device("cpu")
        self.generation_config = GenerationConfig(eos_token_id=end)
        self.config = type("Config", (), {"max_position_embeddings": 256})

    def forward(self, input_ids, attention_mask, past_key_values, use_cache):
        if input_ids.shape[1] > 1 or not past_key_values.said:
            past_key_values.said, step = True, 0
            self.prompts = [ids[mask.bool()].tolist() for ids, mask in zip(input_ids, attention_mask, strict=True)]
            self.width = attention_mask.shape[1]
        else:
            step = attention_mask.shape[1] - self.width
        logits = torch.full((len(input_ids), 1, self.vocabulary), -50.0)
        logits[:, 0, self.tokens[step] if step < len(self.tokens) else self.end] = 50.0
        return type("Output", (), {"logits": logits})


@pytest.fixture
def say(tokenizer, monkeypatch):
    """Let the generator say a given text, whatever it is asked."""

    class Cache:
        said = False

        def batch_select_indices(self, places):
            pass

    monkeypatch.setattr(decoding, "DynamicCache", lambda config: Cache())

    def prepare(text: str, template: str, **settings):
        ids = tokenizer(text, split_special_tokens=False).input_ids
        model = Speaks(ids, tokenizer.eos_token_id, len(tokenizer))
        loaded = CausalLM(model, tokenizer, PromptFormat(template, LABELS))
        monkeypatch.setattr(resources, "load_causal_lm", lambda reference, revision: loaded)

        def write(rows: list[Row]) -> list:
            drawn = [stream(0, "generate", row_key(row.text), 1) for row in rows]
            return Generate(model="stub", **{"max_new_tokens": 100, **settings}).apply(rows, drawn)

        return write, model

    return prepare


ROWS = [Row(f"{BEGINNING} words of a row", label) for label in LABELS]


@pytest.mark.parametrize("template", ["{label}<SEP>{text}", "{label}: {text}", "label {label} text {text}"])
def test_the_output_is_exactly_the_continuation(say, template):
    """The defect of Kumar et al.'s released code: prompt, separator or label fragments in the output."""
    write, model = say(CONTINUATION, template)
    assert write(ROWS) == [Written(CONTINUATION.strip(), "generate")] * len(ROWS)
    assert len({len(prompt) for prompt in model.prompts}) > 1, "the labels should differ in length"
    write, _ = say(CONTINUATION, template, context="words", words=3)
    assert write(ROWS) == [Written(BEGINNING + CONTINUATION, "generate")] * len(ROWS)


def test_one_row_and_many_give_the_same(say):
    write, _ = say(CONTINUATION, "{label}: {text}", context="words")
    assert [write([row])[0] for row in ROWS] == write(ROWS)


@pytest.mark.parametrize(
    ("said", "settings", "reason"),
    [
        ("", {}, "empty"),
        (" \n ", {}, "empty"),
        ("", {"context": "words"}, "empty"),
        ("<SEP>the first three words", {}, "prompt leaked"),
        (" words<SEP>negative again", {}, "prompt leaked"),
        (" the first three words", {"context": "words"}, "prompt leaked"),
        (CONTINUATION, {"max_new_tokens": 3}, "unfinished"),
        ("the first three words of a row", {}, "copied the text"),
        (" words of a row", {"context": "words"}, "copied the text"),
        (" caf\ufffd", {}, "broken character"),
    ],
)
def test_what_is_no_text_is_declined(say, said, settings, reason):
    write, _ = say(said, "{label}<SEP>{text}", **settings)
    assert write(ROWS) == [Declined(reason)] * len(ROWS)


def test_a_label_may_be_a_word_of_the_text(say):
    write, _ = say(" a numeric, negative abbreviation .", "{label} {text}")
    assert {type(outcome) for outcome in write(ROWS)} == {Written}
    write, _ = say(" a numeric, negative: abbreviation .", "{label}: {text}")
    assert set(write(ROWS)) == {Declined("prompt leaked")}


def test_a_cut_text_is_kept_when_asked(say):
    write, _ = say(CONTINUATION, "{label}: {text}", max_new_tokens=3, allow_unfinished=True)
    (outcome, *_) = write(ROWS)
    assert CONTINUATION.strip().startswith(outcome.text)


def test_the_articles_way_continues_as_much_as_there_is_room_for(say, tokenizer):
    write, model = say(CONTINUATION, "{label}: {text}", context="text")
    long = Row("the first three words and a plausible continuation . " * 40, "negative")
    assert write([long]) == [Written(CONTINUATION.strip(), "generate")]
    (prompt,) = model.prompts
    assert len(prompt) == 256 - 100
    assert tokenizer.decode(prompt).startswith("negative: the first three words")


def test_rows_without_words_have_no_beginning(say):
    write, _ = say(CONTINUATION, "{label}: {text}", context="words")
    assert write([Row("...!", "negative")]) == [Declined("no words to begin with")]


def test_an_unknown_label_is_declined_and_the_known_ones_are_named(say):
    write, _ = say(CONTINUATION, "{label}: {text}")
    bad, good = write([Row("a b c", "negativ"), Row("a b c", "negative")])
    assert bad.reason == "the generator knows no label 'negativ', only negative, numeric, abbreviation, bookrestaurant"
    assert isinstance(good, Written)


def test_new_tokens_must_fit_the_context(say):
    write, _ = say(CONTINUATION, "{label}: {text}", max_new_tokens=256)
    with pytest.raises(ValueError, match="max_new_tokens=256 leaves no room"):
        write(ROWS)
    write, _ = say(CONTINUATION, "{label}: {text}", max_new_tokens=254)
    assert Declined("no room for the prompt") in write(ROWS)


def test_a_model_without_prompt_format_asks_for_one(monkeypatch, tokenizer):
    model = Speaks([], tokenizer.eos_token_id, len(tokenizer))
    monkeypatch.setattr(resources, "load_causal_lm", lambda reference, revision: CausalLM(model, tokenizer, None))
    with pytest.raises(ValueError, match=r"carries no prompt format.*pass prompt='\{label\}: \{text\}'"):
        Generate(model="gpt2").apply(ROWS, [])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top_p": 0}, "generate: top_p: expected a number from 1e-06 to 1"),
        ({"temperature": -1}, "generate: temperature"),
        ({"min_new_tokens": 9, "max_new_tokens": 8}, "generate: min_new_tokens: expected a number from 0 to 8"),
        ({"context": "sentence"}, r"expected one of \['label', 'words', 'text'\], got 'sentence'"),
        ({"prompt": "{label}:"}, "ends with {text}"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        Generate(model="x", **settings)


def test_what_it_reads_follows_from_its_settings():
    assert Generate(model="x").reads == ("label",)
    assert Generate(model="x", context="words").reads == ("label", "text")
    assert Generate(model="x", context="text", prompt="{text}").reads == ("text",)


EMBEDDED = {
    "model": "embedded:generator",
    "prompt": "{label}: {text}",
    "max_new_tokens": 24,
    "allow_unfinished": True,
    "top_k": 50,
}


@pytest.mark.slow
def test_a_folder_and_its_copy_write_the_same_rows(tmp_path):
    shutil.copytree(locate("embedded:generator"), tmp_path / "copy")
    rows = [Row(f"one two three four {i}", "positive") for i in range(16)]
    drawn = [stream(0, "generate", row_key(row.text), 1) for row in rows]
    here = Generate(**EMBEDDED)
    there = Generate(**{**EMBEDDED, "model": str(tmp_path / "copy")})
    assert here.apply(rows, drawn) == there.apply(rows, drawn)
    assert here.identity() == there.identity()
    assert here.to_spec() != there.to_spec()


@pytest.mark.slow
def test_a_changed_weight_changes_the_hash(tmp_path):
    from datasets.fingerprint import Hasher
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "copy"
    shutil.copytree(locate("embedded:generator"), folder)
    transform = Generate(**{**EMBEDDED, "model": str(folder)})
    before = Hasher.hash(transform)
    weights = load_file(folder / "model.safetensors")
    name = min(weights)
    weights[name].view(-1)[0] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert Hasher.hash(transform) != before
