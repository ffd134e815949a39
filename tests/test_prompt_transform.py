import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from hypothesis import given
from hypothesis import strategies as st

from hf_augment import Augment, Compose, Prompt, RandomSwap, Sometimes
from hf_augment.engine import chat
from hf_augment.engine.conversation import Problem
from hf_augment.engine.resources import identity, load_causal_lm
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written
from hf_augment.transforms.answers import read_answer
from hf_augment.transforms.prompt import prompts_in
from tests.faulty_proxy import obedient, serve
from tests.stand_ins import resolve

ROOT = Path(__file__).parent.parent
ROW = Row("The soup was cold, and nobody cared.", "negative")
LABELS = {"negative": "the writer was let down", "neutral": "", "positive": "the writer was pleased"}
HERE = {"model": "m", "endpoint": "http://localhost:1"}


def drawn(row: Row = ROW, copy: int = 1):
    return stream(0, "prompt", row_key(row.text), copy)


def asked(row: Row = ROW, copy: int = 1, **settings) -> str:
    (message,) = Prompt(**HERE, **settings).conversation(row, drawn(row, copy)).messages
    assert message["role"] == "user"
    return message["content"]


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> str:
    rows = [(f"The {label} text with the number {i}.", label) for label in LABELS for i in range(20)]
    data = Dataset.from_dict({"text": [text for text, _ in rows], "label": [label for _, label in rows]})
    return str(Prompt.fit(data, tmp_path_factory.mktemp("pool") / "examples", label="label"))


ANSWER = """Answer with one JSON object and nothing before or after it, with the new {kind} as its text:
{"text": "..."}"""


def test_what_paraphrase_says():
    assert (
        asked(kind="review")
        == """Say what the review below says in other words. Keep its meaning, its opinion and its language, all names \
and numbers, and about its length; change the wording and the order.

The soup was cold, and nobody cared.

"""
        + ANSWER.replace("{kind}", "review")
    )


def test_what_generate_says(pool):
    said = asked(prompt="generate", kind="review", labels=LABELS, examples=pool, shots=2)
    first, meaning, examples, answer = said.split("\n\n")
    assert first == 'Write a new review that a careful reader would give the label "negative".'
    assert meaning == 'Here "negative" means: the writer was let down'
    head, one, other, tail = examples.split("\n")
    assert head == "These are real ones with that label:"
    assert {json.loads(line)["text"][:17] for line in (one, other)} == {"The negative text"}
    assert tail.startswith("Do not copy from them.")
    assert answer == ANSWER.replace("{kind}", "review")
    assert asked(prompt="generate").split("\n\n") == [
        'Write a new text that a careful reader would give the label "negative".',
        ANSWER.replace("{kind}", "text"),
    ]


def test_what_contrast_says():
    row = Row("x", "positive")
    said = {asked(row, copy, prompt="contrast", labels=LABELS) for copy in range(1, 30)}
    assert len(said) == 2, "one for each of the other labels"
    (negative,) = [text for text in said if "let down" in text]
    first, meaning, other, _ = negative.split("\n\n")
    assert 'give the label "positive", but a hasty reader the label "negative".' in first
    assert meaning == 'Here "positive" means: the writer was pleased'
    assert other == 'Here "negative" means: the writer was let down'
    (neutral,) = said - {negative}
    assert '"neutral" means' not in neutral


def test_attributes_are_drawn_for_each_copy_whatever_their_order():
    attributes = {"length": ["one sentence", "two sentences"], "about": {"negative": ["noise"], "positive": ["rooms"]}}
    turned = dict(reversed(attributes.items()))
    said = [asked(copy=copy, prompt="attributes", attributes=attributes) for copy in range(1, 30)]
    assert said == [asked(copy=copy, prompt="attributes", attributes=turned) for copy in range(1, 30)]
    assert len(set(said)) == 2
    assert "It has to be like this:\n- about: noise\n- length: one sentence\n\n" in "".join(said)
    assert "rooms" not in "".join(said)
    prompt = Prompt(**HERE, prompt="attributes", attributes=attributes)
    outcome = prompt.conversation(Row("x", "neutral"), drawn())
    assert outcome == Declined("the attribute 'about' has no values for the label 'neutral'")


def test_examples_are_drawn_for_each_copy_and_have_the_label(pool):
    said = {asked(copy=copy, prompt="generate", examples=pool) for copy in range(1, 10)}
    assert len(said) == 9
    assert all(text.count('{"text": "The negative text with the number') == 3 for text in said)
    mixed = "".join(asked(copy=copy, prompt="generate", examples=pool, same_label=False) for copy in range(1, 10))
    assert "The neutral text" in mixed
    outcome = Prompt(**HERE, prompt="generate", examples=pool).conversation(Row("x", "angry"), drawn())
    assert outcome == Declined("the pool has no examples of the label 'angry'")


def test_a_prompt_of_ones_own():
    prompt = Prompt(
        **HERE, prompt={"system": "You write {kind}s.", "user": 'Turn {text} into {"a": {label}}.\n\n{examples}'}
    )
    row = Row("{label} and {kind} and {other}", "positive")
    system, user = prompt.conversation(row, drawn(row)).messages
    assert system == {"role": "system", "content": "You write texts."}
    assert user["content"].split("\n\n")[0] == 'Turn {label} and {kind} and {other} into {"a": positive}.'
    assert prompt.reads == ("text", "label")
    assert Prompt(**HERE, prompt={"user": "Write something."}).reads == ()


def test_what_is_read_follows_from_the_prompt(pool):
    assert Prompt(**HERE).reads == ("text",)
    assert Prompt(**HERE, prompt="generate").reads == ("label",)
    own = {"user": "Like these: {examples} but about {text}"}
    assert Prompt(**HERE, prompt=own, examples=pool).reads == ("text", "label")
    assert Prompt(**HERE, prompt=own, examples=pool, same_label=False).reads == ("text",)
    with pytest.raises(ValueError, match="no label column"):
        Augment(Prompt(**HERE, prompt="generate"), text="text")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prompt": "paraphrse"}, "unknown prompt 'paraphrse'. Did you mean 'paraphrase'"),
        ({"prompt": {"users": "x"}}, "expected the keys 'user'"),
        ({"prompt": {"user": "{labels}"}}, "unknown place '{labels}'. Did you mean '{label}'"),
        ({"examples": "pool"}, "examples: this prompt has no place {examples}"),
        ({"labels": LABELS}, "labels: this prompt has no place {label}"),
        ({"prompt": "attributes"}, "needs some, e.g."),
        ({"prompt": "attributes", "attributes": {"a": []}}, "attributes: a: expected values"),
        ({"prompt": "contrast", "labels": {"a": ""}}, "is drawn from the labels"),
        ({"endpoint": "localhost:8000"}, "expected a URL such as 'http://localhost:8000/v1', got 'localhost:8000'"),
        ({"endpoint": "https://me:secret@host/v1"}, "may hold no key"),
        ({"endpoint": "https://host/v1?api_key=secret"}, "may hold no key"),
        ({"extra": {"messages": []}}, "'messages' is set by the transform itself"),
        ({"endpoint": None, "extra": {"top_k": 1}}, "without an endpoint, only 'chat_template_kwargs'"),
        ({"concurrency": 0}, "concurrency: expected a number from 1 to 100"),
        ({"timeout": 0.0}, "timeout: expected a number above 0"),
        ({"kind": " "}, "kind: expected what the texts are"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is what matters
        Prompt(**{**HERE, **settings})
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


SHOWN = ["A real text that was shown as an example.", "Good film"]
SAID = "Say it in other words and keep the names of all people. " + " ".join(SHOWN)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ('{"text": "New words."}', "New words."),
        ('```json\n{"text": "New words."}\n```', "New words."),
        ('Here you are:\n{"text": "New words."} I hope it helps {or not}.', "New words."),
        ('<think>{"text": "no"} hm</think>\n{"text": "New words."}', "New words."),
        ('so {"text": "no"}</think> {"text": "New words."}', "New words."),
        ('{"text": "New\nwords."}', "New\nwords."),
        ('{"text": "\\u4f60\\u597d", "label": 1}', "你好"),
        ('{"answer": {"text": "New words."}}', "New words."),
        ('{oops} {"a": 1} {"text": "New words."}', "New words."),
        ('{"text": "a {brace} in it"}', "a {brace} in it"),
        ('{"text": "The names of all people were kept."}', "The names of all people were kept."),
        ('{"text": "A good film, said he."}', "A good film, said he."),
    ],
)
def test_answers_that_can_be_read(answer, text):
    assert read_answer("prompt", ROW, SHOWN, SAID, answer, True) == Written(text, "prompt")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("New words.", Problem("the answer holds no JSON object")),
        ("", Problem("the answer holds no JSON object")),
        ("[1, 2]", Problem("the answer holds no JSON object")),
        ("{" * 5000, Problem("the answer holds no JSON object")),
        ('{"a":' * 5000, Problem("the answer holds no JSON object")),
        ('{"Text": "x"}', Problem('the JSON object of the answer has no string under "text"')),
        ('{"text": ["x"]}', Problem('the JSON object of the answer has no string under "text"')),
        ('{"text": "..."}', Declined("no words")),
        ('{"text": ""}', Declined("no words")),
        ('{"text": "half a pair \\ud83d"}', Declined("broken character")),
        ('{"text": "the soup was cold and nobody cared!"}', Declined("copied the text")),
        ('{"text": "Good film!"}', Declined("copied an example")),
        ('{"text": "a real text that was shown as an example, and more"}', Declined("copied an example")),
        ('{"text": "In other words, and keep the names of all people."}', Declined("copied the prompt")),
    ],
)
def test_answers_that_cannot(answer, outcome):
    assert read_answer("prompt", ROW, SHOWN, SAID, answer, True) == outcome


def test_an_answer_that_was_cut_counts_if_its_object_is_whole():
    assert read_answer("prompt", ROW, [], "", '{"text": "New words', False) == Problem(
        "the answer was cut before its end"
    )
    assert read_answer("prompt", ROW, [], "", '{"text": "New words."} and the', False) == Written(
        "New words.", "prompt"
    )


@given(st.text(alphabet='{}"\\:,[] textud8é\n`<>/', max_size=60))
def test_any_answer_can_be_read(answer):
    outcome = read_answer("prompt", ROW, SHOWN, SAID, answer, True)
    assert isinstance(outcome, Written | Declined | Problem)
    if isinstance(outcome, Written):
        outcome.text.encode()


def test_a_pool_holds_each_text_once_in_an_order_of_its_own(tmp_path):
    features = Features({"review": Value("string"), "label": ClassLabel(names=["bad", "good"])})
    rows = {"review": ["b", "a", " ", None, "b", "c \ud83d"[:1], "é"], "label": [1, 0, 0, 1, 1, -1, 1]}
    data = Dataset.from_dict(rows, features=features)
    folder = Prompt.fit(data, tmp_path / "pool", text="review", label="label")
    assert json.loads((folder / "texts.json").read_text("utf-8")) == {
        "text": ["a", "b", "é"],
        "label": ["bad", "good", "good"],
    }
    before = identity(str(folder))
    assert identity(str(Prompt.fit(data.shuffle(seed=1), tmp_path / "pool", text="review", label="label"))) == before
    shown = {"prompt": "generate", "examples": str(folder)}
    hashed = Prompt(**HERE, **shown).identity()
    Prompt.fit(data.select(range(2)), tmp_path / "pool", text="review", label="label")
    assert Prompt(**HERE, **shown).identity() != hashed
    assert asked(Row("x", "good"), **shown).count('{"text": "b"}') == 1
    assert list(folder.iterdir()) == [folder / "texts.json"]


def test_what_no_pool_can_be_made_of(tmp_path):
    data = Dataset.from_dict({"text": ["a"], "label": ["x"]})
    with pytest.raises(TypeError, match="Pass the training split"):
        Prompt.fit(DatasetDict({"train": data}), tmp_path / "pool")
    with pytest.raises(ValueError, match=r"unknown column 'labl'\. Did you mean 'label'"):
        Prompt.fit(data, tmp_path / "pool", label="labl")
    with pytest.raises(ValueError, match="No text in the column"):
        Prompt.fit(Dataset.from_dict({"text": [" "]}), tmp_path / "pool")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="something else than a pool"):
        Prompt.fit(data, tmp_path / "mine")
    with pytest.raises(FileNotFoundError, match=r"Write one with Prompt\.fit"):
        asked(prompt="generate", examples=str(tmp_path / "mine"))


def test_a_model_without_chat_template_is_no_chat_model():
    with pytest.raises(ValueError, match="'embedded:generator' has no chat template: it continues texts"):
        Prompt(model="embedded:generator").apply([ROW], [drawn()])


@pytest.fixture
def prompts(monkeypatch) -> list:
    """What the model in this process is given, round by round."""
    found, decode = [], chat.decode

    def watched(model, given, *rest):
        found.append([load_causal_lm(resolve("stand_in:chat")).tokenizer.decode(ids) for ids in given])
        return decode(model, given, *rest)

    monkeypatch.setattr(chat, "decode", watched)
    return found


def test_in_this_process_too_what_cannot_be_read_is_asked_for_once_more(prompts):
    rows = [Row(f"Row {i}.", "positive") for i in range(60)]
    prompt = Prompt(model=resolve("stand_in:chat"), prompt={"user": "About {text}"}, max_new_tokens=40)
    found = prompt.apply(rows, [drawn(row) for row in rows])
    first, second = prompts
    assert first[0].startswith("<|user|>About Row 0.\n\nAnswer with one JSON object")
    assert first[0].endswith('{"text": "..."}<|end|><|assistant|>')
    assert 4 < len(second) < 25, "two in ten cannot be read"
    assert all(text.startswith("<|user|>About Row ") for text in second)
    assert any(
        "<|assistant|>Sure, here it is.<|end|><|user|>The answer holds no JSON object. Ans" in t for t in second
    )
    declined = [outcome.reason for outcome in found if isinstance(outcome, Declined)]
    assert len(declined) < len(second) / 2
    assert set(declined) <= {"the answer holds no JSON object", "the answer was cut before its end"}


def test_template_variables_reach_the_template(prompts, monkeypatch):
    tokenizer = load_causal_lm(resolve("stand_in:chat")).tokenizer
    monkeypatch.setattr(tokenizer, "chat_template", "{{ mood }}" + tokenizer.chat_template)
    extra = {"chat_template_kwargs": {"mood": "gloomy"}}
    Prompt(model=resolve("stand_in:chat"), max_new_tokens=2, extra=extra).apply([ROW], [drawn()])
    assert prompts[0][0].startswith("gloomy<|user|>")


def test_prompts_are_found_in_a_pipeline():
    one, other = Prompt(**HERE), Prompt(**HERE, prompt="generate")
    pipeline = Compose(transforms=[RandomSwap(), Sometimes(transform=one), Compose(transforms=[other])])
    assert list(prompts_in(pipeline)) == [one, other]
    assert list(prompts_in(RandomSwap())) == []


RECIPE = """
output: {folder}/out
data: {{path: {folder}/rows.csv, validation_share: 0.2}}
augment:
  pipeline: [{{name: prompt, model: nobodys-model, endpoint: "{url}", prompt: generate, max_new_tokens: 100}}]
  copies: 3
"""


def dry_run(folder: Path, url: str, *flags: str) -> subprocess.CompletedProcess:
    lines = [f"the {i}th film was long and loud,{label}" for i in range(20) for label in ("bad", "good")]
    (folder / "rows.csv").write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    (folder / "ask.yaml").write_text(RECIPE.format(folder=folder, url=url), encoding="utf-8")
    command = [sys.executable, "-m", "hf_augment.cli", "augment", str(folder / "ask.yaml"), *flags]
    environment = {**os.environ, "HF_AUGMENT_CACHE": str(folder / "cache")}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)


@pytest.mark.slow
def test_a_dry_run_asks_nothing_and_says_what_a_run_would_take(tmp_path):
    with serve(obedient) as (url, server):
        done = dry_run(tmp_path, url, "--dry-run", "--price", "10", "100")
        assert done.returncode == 0, done.stderr
        assert not server.bodies
        length = len(asked(Row("x", "bad"), prompt="generate")) / 4
        lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
        assert lines[0] == f"nobodys-model at {url}"
        assert lines[1].startswith("copies 96 ")
        assert lines[2].startswith("prompt tokens ")
        assert lines[2].endswith("a copy, guessed at 4 bytes a token over 32 rows")
        assert abs(int(lines[2].split()[2].replace(",", "")) - 96 * length) < 96
        assert lines[3] == "completion tokens 9,600 at most, as max_new_tokens says"
        assert lines[4] == "time ? --probe N asks for N rows and measures it"
        assert lines[5].endswith("at most, at 10 and 100 a million tokens")
        assert abs(float(lines[5].split()[1]) - (10 * 96 * length + 100 * 9600) / 1e6) < 0.01
        assert not (tmp_path / "out").exists()

        done = dry_run(tmp_path, url, "--dry-run", "--probe", "4")
        assert len(server.bodies) == 4
        assert "20 a copy, measured over 4 rows, 4 of them written" in done.stdout
        assert "completion tokens          1,920" in done.stdout
        assert "s a copy, 8 at a time, measured over 4 rows" in done.stdout

        done = dry_run(tmp_path, url)
        assert done.returncode == 0, done.stderr
        assert len(server.bodies) == 4 + 96
        assert "nobodys-model took, in all runs so far, 100 calls (0 retries, 0 repairs), 10,000 prompt" in done.stdout


def test_probe_without_dry_run_is_a_mistake(tmp_path):
    done = dry_run(tmp_path, "http://localhost:1", "--probe", "4")
    assert done.returncode == 2
    assert done.stderr == "error: --probe and --price belong to --dry-run.\n"
