import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import GPT2Tokenizer, LlamaTokenizer

from hf_augment.engine.prompt import IGNORED, PROMPT_FILE, PromptFormat
from tests import tiny

LABELS = ("negative", "positive")
FORMAT = PromptFormat("{label}: {text}", LABELS)


def written(example: dict) -> list[int]:
    """The tokens that carry loss."""
    return [token for token in example["labels"] if token != IGNORED]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.sampled_from(LABELS))
def test_the_loss_is_on_the_text_and_its_end_alone(text, label):
    tokenizer = tiny.tokenizer()
    example = tiny.encode(FORMAT, tokenizer, label, text, 10_000)
    assert len(example["input_ids"]) == len(example["labels"])
    assert tokenizer.decode(written(example)) == f" {text}<|endoftext|>"
    prompt = FORMAT.encode_prompt(tokenizer, label)
    assert example["input_ids"] == prompt + written(example)
    assert tokenizer.decode(prompt) == f"{label}:"


def test_the_space_belongs_to_the_text():
    tokenizer = tiny.tokenizer()
    example = tiny.encode(FORMAT, tokenizer, "negative", "The film was dull.", 64)
    [first, *_] = written(example)
    assert tokenizer.convert_ids_to_tokens(first).startswith("Ġ")
    assert FORMAT.prefix("negative") == "negative:"
    assert PromptFormat("{text}").gap == ""
    assert PromptFormat("{label}\n\n{text}", LABELS).gap == "\n\n"


def test_a_text_that_is_cut_gets_no_end():
    tokenizer = tiny.tokenizer()
    whole = tiny.encode(FORMAT, tokenizer, "negative", "The film was dull and far too long.", 64)["input_ids"]
    assert whole[-1] == tokenizer.eos_token_id
    assert (
        tiny.encode(FORMAT, tokenizer, "negative", "The film was dull and far too long.", len(whole))["input_ids"]
        == whole
    )
    cut = tiny.encode(FORMAT, tokenizer, "negative", "The film was dull and far too long.", len(whole) - 1)
    assert cut["input_ids"] == whole[:-1]
    assert tokenizer.eos_token_id not in cut["input_ids"]


def test_a_text_cannot_spell_the_end_token():
    tokenizer = tiny.tokenizer()
    example = tiny.encode(FORMAT, tokenizer, "negative", "It said <|endoftext|> and went on.", 64)
    assert example["input_ids"].count(tokenizer.eos_token_id) == 1
    assert example["input_ids"][-1] == tokenizer.eos_token_id


def test_a_tokenizer_that_begins_with_a_token_keeps_doing_so():
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2, "▁": 3, "a": 4, "b": 5, ":": 6, "▁a": 7, "▁b": 8}
    tokenizer = LlamaTokenizer(vocab=vocabulary, merges=[("▁", "a"), ("▁", "b")], add_bos_token=True)
    assert tokenizer("a").input_ids[0] == tokenizer.bos_token_id
    example = tiny.encode(PromptFormat("{label}: {text}", ("a",)), tokenizer, "a", "b", 64)
    assert example["input_ids"].count(tokenizer.bos_token_id) == 1
    assert example["input_ids"][0] == tokenizer.bos_token_id
    assert example["input_ids"][-1] == tokenizer.eos_token_id
    assert written(example)[-1] == tokenizer.eos_token_id
    assert PromptFormat("{text}").encode_prompt(tokenizer, None) == [tokenizer.bos_token_id]


def test_an_empty_prompt_begins_with_the_token_that_parts_texts():
    tokenizer = tiny.tokenizer()
    assert PromptFormat(" {text}").encode_prompt(tokenizer, None) == [tokenizer.eos_token_id]
    assert PromptFormat(" {text}").prefix(None) == ""
    example = tiny.encode(PromptFormat(" {text}"), tokenizer, None, "The lamp was warm.", 64)
    assert example["labels"][0] == IGNORED
    assert tokenizer.decode(written(example)) == " The lamp was warm.<|endoftext|>"


def test_without_any_token_to_begin_with_the_error_says_what_to_write():
    tokenizer = GPT2Tokenizer(vocab={"a": 0}, merges=[], bos_token=None, eos_token=None, unk_token=None)
    with pytest.raises(ValueError, match=r"neither a bos_token nor an eos_token.*'review: {text}'"):
        PromptFormat("{text}").encode_prompt(tokenizer, None)


def test_labels_with_braces_stay_as_they_are():
    assert PromptFormat("{label}: {text}", ("{text}", "{x}")).prefix("{text}") == "{text}:"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PromptFormat("{label}:", LABELS), "ends with {text}.*Write e.g. '{label}: {text}'"),
        (lambda: PromptFormat("{text} {text}"), "its only one"),
        (lambda: FORMAT.prefix("positiv"), "unknown label 'positiv'. Did you mean 'positive'"),
        (lambda: FORMAT.prefix(None), "unknown label None"),
        (
            lambda: tiny.encode(FORMAT, tiny.tokenizer(), "negative", "x", 3),
            "leaves none of max_length=3 to the text",
        ),
    ],
)
def test_errors_say_what_to_write(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_format_travels_with_the_model(tmp_path):
    FORMAT.save(tmp_path)
    assert PromptFormat.load(tmp_path) == FORMAT
    first = (tmp_path / PROMPT_FILE).read_bytes()
    FORMAT.save(tmp_path)
    assert (tmp_path / PROMPT_FILE).read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == [PROMPT_FILE]


def test_a_folder_without_a_format_has_none(tmp_path):
    assert PromptFormat.load(tmp_path) is None


@pytest.mark.parametrize("content", ["{", "[]", "null", '{"template": "{text}", "label": []}', '{"template": 3}'])
def test_a_damaged_format_is_an_error_that_names_the_file(tmp_path, content):
    (tmp_path / PROMPT_FILE).write_text(content)
    with pytest.raises(ValueError, match=PROMPT_FILE):
        PromptFormat.load(tmp_path)
