"""Training against moved embeddings and with smoothed labels; and texts cleaned of what would fool a classifier."""

from dataclasses import replace

import pytest
import torch
from datasets import Dataset
from hypothesis import assume, example, given
from hypothesis import strategies as st
from transformers import Trainer

from hf_augment import Augment, Homoglyph, RandomSwap, classifiers
from hf_augment.blocks import PreprocessConfig, StudyConfig
from hf_augment.classifiers import LSTMConfig, LSTMForSequenceClassification
from hf_augment.classifiers.adversarial import AdversarialTrainer, shortened, unit
from hf_augment.classifiers.victim import embeddings_of
from hf_augment.preprocess import Preprocess, sanitise
from hf_augment.streams import row_key, stream
from hf_augment.study.comparison import compare
from hf_augment.transform import Row, Written
from tests.contract import TEXTS
from tests.test_classifiers import QUICK, SPLITS, numbers, train
from tests.tiny_classifier import bart, bert


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return replace(QUICK, classifier=str(bert(tmp_path_factory.mktemp("bert"), SPLITS[0]["text"])))


def configured(request, kind: str) -> StudyConfig:
    return QUICK if kind == "lstm" else request.getfixturevalue("encoder")


KINDS = pytest.mark.parametrize("kind", ["lstm", "encoder"])


@pytest.mark.slow
@KINDS
def test_without_the_options_training_is_the_trainer_s_own(request, monkeypatch, kind, tmp_path):
    config = configured(request, kind)
    ours = train(config=config, max_steps=9, output_dir=tmp_path / "ours")

    monkeypatch.setattr(AdversarialTrainer, "compute_loss", Trainer.compute_loss)
    theirs = train(config=config, max_steps=9, output_dir=tmp_path / "theirs")
    assert numbers(ours) == numbers(theirs)
    weights = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("ours", "theirs")]
    assert weights[0] == weights[1]


OPTIONS = {
    "plain": {},
    "smoothed": {"label_smoothing": 0.2},
    "fgsm": {"adversarial_epsilon": 2.0},
    "pgd": {"adversarial_epsilon": 2.0, "adversarial_steps": 3},
    "both": {"adversarial_epsilon": 2.0, "label_smoothing": 0.2},
}


@pytest.mark.slow
@KINDS
def test_each_option_trains_another_model_and_the_same_one_twice(request, kind):
    config = configured(request, kind)
    first = {name: numbers(train(config=replace(config, **options), max_steps=6)) for name, options in OPTIONS.items()}
    losses = [found["history"][-1]["loss"] for found in first.values()]
    assert len(set(losses)) == len(OPTIONS)
    again = numbers(train(config=replace(config, **OPTIONS["pgd"]), max_steps=6))
    assert again == first["pgd"]


@pytest.mark.slow
@KINDS
@pytest.mark.parametrize("name", ["smoothed", "fgsm", "pgd"])
def test_it_still_learns(request, kind, name):
    options = {**OPTIONS[name], "adversarial_epsilon": min(0.3, OPTIONS[name].get("adversarial_epsilon", 0.0))}
    found = train(config=replace(configured(request, kind), **options), max_steps=60)
    assert found["test"]["accuracy"] >= 0.9


@pytest.mark.slow
@KINDS
def test_evaluation_stays_plain(request, kind):
    """The loss that chooses between steps is that of the rows, so trainings with and without can be compared."""
    config = replace(configured(request, kind), learning_rate=1e-12)
    plain = train(config=config, max_steps=1)
    for name in ("smoothed", "pgd", "both"):
        found = train(config=replace(config, **OPTIONS[name]), max_steps=1)
        for split in ("validation", "test"):
            assert found[split] == pytest.approx(plain[split], rel=1e-6), (name, split)
        assert found["history"][0]["loss"] == pytest.approx(plain["history"][0]["loss"], rel=1e-6)


# In a study


OPTIONAL = {"adversarial_epsilon": 0.3, "adversarial_steps": 2, "label_smoothing": 0.1}
COMPARED = replace(QUICK, seeds=(0,), metrics=("accuracy",), **OPTIONAL)


@pytest.fixture
def trained(monkeypatch):
    """The settings of each training that a study starts; nothing is trained."""
    configs = []

    def instead(*rows, config, output_dir, **options):
        configs.append(config)
        if output_dir is not None:
            (output_dir / "model").mkdir(parents=True, exist_ok=True)
            (output_dir / "model" / "config.json").write_text("{}")
        scores = {"accuracy": len(configs) / 100, "loss": 1.0}
        return {"test": scores, "validation": scores, "best_step": 1, "seconds": 0.5, "model": str(output_dir)}

    monkeypatch.setattr(classifiers, "train_classifier", instead)
    return configs


def compared(output, **change):
    added = SPLITS[0].map(Augment(RandomSwap(rate=0.5), text="text"), batched=True)
    config = replace(COMPARED, **change)
    return compare(SPLITS[0], added, *SPLITS[1:], text="text", label="label", config=config, output=output)


def test_each_option_reaches_every_arm_and_makes_cells_of_its_own(tmp_path, trained):
    changes = [{}, {"adversarial_epsilon": 0.2}, {"adversarial_steps": 1}, {"label_smoothing": 0.0}]
    tables = [compared(tmp_path, **change).report["table"] for change in changes]
    asked = [replace(COMPARED, **change).for_task("text-classification") for change in changes]
    assert trained == [config for config in asked for _ in range(4)]
    assert len(list((tmp_path / "cells").iterdir())) == 16
    assert len({str(table) for table in tables}) == 4


def test_a_killed_study_with_them_goes_on(tmp_path, trained, monkeypatch):
    train_on = classifiers.train_classifier

    def killed(*rows, **options):
        if len(trained) == 3:
            raise KeyboardInterrupt
        return train_on(*rows, **options)

    monkeypatch.setattr(classifiers, "train_classifier", killed)
    with pytest.raises(KeyboardInterrupt):
        compared(tmp_path / "killed")
    monkeypatch.setattr(classifiers, "train_classifier", train_on)
    resumed = compared(tmp_path / "killed").report["table"]
    assert len(trained) == 4
    trained.clear()
    assert compared(tmp_path / "undisturbed").report["table"] == resumed
    assert len(trained) == 4


# One batch


@pytest.fixture(scope="module", params=["lstm", "encoder"])
def batch(request, tmp_path_factory):
    """A model that is being trained, without dropout, and a padded batch."""
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(0)
    if request.param == "lstm":
        model = LSTMForSequenceClassification(LSTMConfig(vocab_size=50, num_labels=2, dropout=0.0))
        with torch.no_grad():
            model.embed_tokens.weight.mul_(10)
    else:
        folder = bert(tmp_path_factory.mktemp("bert"), SPLITS[0]["text"])
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
        )
    ids = torch.tensor([[5, 6, 7, 8], [9, 10, 0, 0], [11, 0, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])
    return model.train(), {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([0, 1, 1])}


def trainer_for(model, tmp_path, **options):
    from transformers import TrainingArguments

    arguments = TrainingArguments(output_dir=str(tmp_path), report_to="none", use_cpu=True)
    return AdversarialTrainer(model=model, args=arguments, train_dataset=SPLITS[0], **options)


def moved(found, model, batch):
    """Return by what a trainer moves the embeddings of a batch."""
    with embeddings_of(model) as seen:
        loss = found._loss(model(**batch), batch)
    [slope] = torch.autograd.grad(loss, seen)
    return found._worst(model, model, batch, slope), slope


@pytest.mark.parametrize("gradients", [1, 2, 5])
@pytest.mark.parametrize("epsilon", [1e-6, 0.3, 4.0])
def test_no_row_is_moved_further_than_allowed(batch, tmp_path, epsilon, gradients):
    model, inputs = batch
    change, slope = moved(trainer_for(model, tmp_path, epsilon=epsilon, gradients=gradients), model, inputs)
    lengths = change.flatten(1).norm(dim=1)
    assert (lengths <= epsilon * (1 + 1e-5)).all()
    assert (lengths >= epsilon * 0.5).all()
    assert not change[inputs["attention_mask"] == 0].any(), "padding was moved"
    if gradients == 1:
        along = torch.nn.functional.cosine_similarity(change.flatten(1), slope.flatten(1))
        assert torch.allclose(along, torch.ones(3), atol=1e-4)


def test_the_moved_rows_cost_more_and_more_steps_find_worse_ones(batch, tmp_path):
    model, inputs = batch
    plain = trainer_for(model, tmp_path)
    losses = {}
    with torch.no_grad():
        losses["plain"] = float(plain._loss(model(**inputs), inputs))
    for gradients in (1, 10):
        found = trainer_for(model, tmp_path, epsilon=1.0, gradients=gradients)
        change, _ = moved(found, model, inputs)
        with torch.no_grad(), embeddings_of(model, change):
            losses[gradients] = float(found._loss(model(**inputs), inputs))
        total = found.compute_loss(model, dict(inputs)).item()
        assert total == pytest.approx((losses["plain"] + losses[gradients]) / 2, rel=1e-4)
    assert losses["plain"] < losses[1]
    assert losses["plain"] < losses[10]
    assert losses[10] >= losses[1] * 0.98


@pytest.mark.parametrize("gradients", [1, 2, 4])
def test_each_gradient_costs_a_pass(batch, tmp_path, gradients):
    model, inputs = batch
    passes = []
    handle = model.register_forward_hook(lambda *given: passes.append(1))
    trainer_for(model, tmp_path, epsilon=1.0, gradients=gradients).compute_loss(model, dict(inputs))
    handle.remove()
    assert len(passes) == 1 + gradients


@pytest.mark.parametrize("smoothing", [0.2, 1.0])
def test_the_smoothed_loss_is_that_of_a_label_that_is_less_sure(batch, tmp_path, smoothing):
    model, inputs = batch
    loss = trainer_for(model, tmp_path, smoothing=smoothing).compute_loss(model, dict(inputs))
    sure = model(**inputs).logits.detach().log_softmax(-1)
    wanted = torch.nn.functional.one_hot(inputs["labels"], 2) * (1 - smoothing) + smoothing / 2
    assert loss.item() == pytest.approx(-(wanted * sure).sum(-1).mean().item(), rel=1e-5)


def test_an_encoder_decoder_is_not_trained_so(tmp_path):
    from transformers import BartForSequenceClassification

    model = BartForSequenceClassification.from_pretrained(bart(tmp_path, ["a b c"])).train()
    ids = torch.tensor([[5, 6, model.config.eos_token_id]] * 2)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.tensor([0, 2])}
    with pytest.raises(ValueError, match=r"BartForSequenceClassification .* adversarial_epsilon=0"):
        trainer_for(model, tmp_path, epsilon=1.0).compute_loss(model, dict(inputs))
    assert trainer_for(model, tmp_path, smoothing=0.1).compute_loss(model, dict(inputs)).isfinite()


def test_the_gradients_reach_the_embeddings_themselves(batch, tmp_path):
    model, inputs = batch
    model.zero_grad()
    trainer_for(model, tmp_path, epsilon=0.5).compute_loss(model, dict(inputs)).backward()
    table = model.get_input_embeddings().weight.grad
    assert table[[5, 9, 11]].abs().sum() > 0
    assert not table[20].any()


@given(
    rows=st.lists(st.lists(st.floats(-65536.0, 65536.0, width=32), min_size=6, max_size=6), min_size=1, max_size=4),
    longest=st.floats(0.125, 1024.0, width=32),
)
@example(rows=[[0.0] * 6], longest=1.0)
@example(rows=[[1e-30] * 6], longest=1.0)
def test_lengths_of_any_rows(rows, longest):
    given_rows = torch.tensor(rows).reshape(len(rows), 2, 3)
    short = shortened(given_rows, longest).flatten(1).norm(dim=1)
    assert (short <= longest * (1 + 1e-4)).all()
    before = given_rows.flatten(1).norm(dim=1)
    assert torch.allclose(short[before <= longest], before[before <= longest])
    ones = unit(given_rows).flatten(1).norm(dim=1)
    assert torch.isfinite(ones).all()
    assert torch.allclose(ones[before > 1e-10], torch.ones(1), atol=1e-4)


def test_settings_that_cannot_be():
    for name, value in (("label_smoothing", 1.5), ("adversarial_epsilon", -1.0), ("adversarial_steps", 0)):
        with pytest.raises(ValueError, match=f"study: {name}"):
            StudyConfig(**{name: value})


def test_a_recipe_may_say_so(tmp_path):
    from hf_augment.recipe import load_recipe

    file = tmp_path / "recipe.yaml"
    file.write_text(
        "output: out\ndata: {path: x.csv, text: t, label: l}\naugment: {pipeline: [{name: eda}]}\n"
        "preprocess: {sanitise: true}\n"
        "study: {label_smoothing: 0.1, adversarial_epsilon: 1, adversarial_steps: 3}\n"
    )
    recipe = load_recipe(file)
    assert recipe.preprocess.sanitise
    assert (recipe.study.label_smoothing, recipe.study.adversarial_epsilon, recipe.study.adversarial_steps) == (
        0.1,
        1.0,
        3,
    )


# Cleaning

WORDS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZäëïöÿèé", min_size=1, max_size=9)
LATIN = st.lists(st.one_of(WORDS, st.sampled_from(["don't", "1,234", "—", "…", "😀", "#tag"])), max_size=12)


@given(words=LATIN, characters=st.integers(1, 3), copy=st.integers(1, 5))
@example(words=["cop", "said"], characters=3, copy=1)
def test_latin_text_comes_back_from_its_lookalikes(words, characters, copy):
    text = sanitise(" ".join(words))
    transform = Homoglyph(rate=1.0, characters=characters)
    [written] = transform.apply([Row(text)], [stream(0, "homoglyph", row_key(text), copy)])
    if isinstance(written, Written):
        # Nobody can tell what is written in another script from the first letter to the last.
        assume(any("a" <= letter.lower() <= "z" for letter in written.text))
        assert written.text != text
        assert sanitise(written.text) == text


CYRILLIC = [
    "Он пошёл в сор и взял рак, а потом уснул.",
    "Привет, мир! Это хорошая комедия.",
    "Где је рак и оса?",
    "Ο σκύλος ονειρεύεται το νησί και ο Άρης.",
]


@pytest.mark.parametrize("text", CYRILLIC)
def test_other_scripts_stay_and_come_back_too(text):
    assert sanitise(text) == text
    for copy in range(1, 6):
        [written] = Homoglyph(rate=0.5).apply([Row(text)], [stream(0, "homoglyph", row_key(text), copy)])
        assert sanitise(written.text) == text


HIDDEN = st.sampled_from(
    [*"\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\u202c\u2066\u2069\u200e\u200f\U000e0041\ufe0f\u034f"]
)
VISIBLE = st.text("abc XYZ,.!'äé", max_size=12)


@given(st.lists(st.tuples(VISIBLE, HIDDEN), max_size=6))
def test_nothing_invisible_stays_in_latin_text(parts):
    assert sanitise("".join(f"{text}{mark}" for text, mark in parts)) == "".join(text for text, _ in parts)


@given(st.text(st.characters(exclude_categories=())) | st.text("аоеpcx \u200d\u200c\ufe0fκν1\u20e3😀❤क्ष", max_size=12))
@example("a\ufe0f\u200d😀")
@example("\uffa0")
@example("а\u200b\u0308")
@example("\u0340\u200d")
def test_what_is_clean_stays_as_it_is(text):
    once = sanitise(text)
    assert sanitise(once) == once
    every = Preprocess(PreprocessConfig(sanitise=True, unicode_nfc=True, whitespace=True, lower_case=True), ["text"])
    assert every.clean(every.clean(text)) == every.clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم این کتاب\u200cها را",
        "क्\u200dष और र्\u200dय",
        "ශ්\u200dරී ලංකා",
        "ക\u0d4d\u200d",
        "👨\u200d👩\u200d👧 and 👩🏽\u200d⚕\ufe0f and ❤\ufe0f\u200d🔥",
        "1\ufe0f\u20e3 #\ufe0f\u20e3",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "葛\U000e0100城市",
        "the frequency ν and the letter Χ",
        "π ≈ 3.14, 20 °C, naïve café",
    ],
)
def test_what_a_script_or_an_emoji_needs_stays(text):
    assert sanitise(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ｆｒｅｅ 𝐦𝐨𝐧𝐞𝐲 ﬁrst ①", "free money first 1"),
        ("раураl", "paypal"),
        ("v\u200bi\u200da\u2060gra", "viagra"),
        ("h\U000e0068\U000e0069i", "hi"),
        ("\u202eevil\u202c", "evil"),
        ("пpивет, мир", "привет, мир"),
        ("cаfе\u0301", "café"),
    ],
)
def test_tricks_go(text, expected):
    assert sanitise(text) == expected


def test_it_is_a_step_of_the_preprocess_block():
    rows = Dataset.from_dict({"text": ["раураl", "<b>plаin</b>", None]})
    cleaned = rows.map(Preprocess(PreprocessConfig(sanitise=True, strip_html=True), ["text"]), batched=True)
    assert cleaned["text"][:] == ["paypal", "plain", None]
    assert all(sanitise(text) == text for text in TEXTS if "e\u0301" not in text.lower() and "…" not in text)


def test_time_grows_with_the_length_alone():
    import time

    def seconds(text: str) -> float:
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            sanitise(text)
            best = min(best, time.process_time() - start)
        return best

    for piece in ("а\u200d", "😀\u200d", "\U0001f3f4\U000e0067", "e\u0301\u0302", "аb "):
        assert seconds(piece * 50_000) < max(40 * seconds(piece * 5_000), 1.0)
