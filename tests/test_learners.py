import math
from dataclasses import replace

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    BertModel,
)

from hf_augment import metrics
from hf_augment.blocks import StudyConfig
from hf_augment.classifiers.examples import Examples
from hf_augment.learners import LEARNERS, squad
from hf_augment.learners.entities import entities, entity_scores
from hf_augment.learners.tagger import Tagger
from hf_augment.tasks import bind_task, read_pairs
from tests import tiny, tiny_tasks

QUICK = StudyConfig(batch_size=8, evaluations=2, max_length=64, max_new_tokens=24, hidden_size=32, learning_rate=5e-3)
STEPS = {
    "question-answering": 40,
    "token-classification": 40,
    "translation": 120,
    "summarization": 120,
    "dialogue": 30,
}


def examples(task, start, stop, **options):
    rows = tiny_tasks.rows(task, start, stop, **options)
    return Examples(*read_pairs(rows, bind_task(task, rows.column_names, rows.features)))


def splits(task, **options):
    return [examples(task, *edges, **options) for edges in ((0, 24), (24, 32), (32, 44))]


def joined(*parts):
    return Examples([text for part in parts for text in part.texts], [own for part in parts for own in part.labels], 0)


def numbers(result):
    return {name: value for name, value in result.items() if name not in ("seconds", "model")}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return str(tiny_tasks.encoder(tmp_path_factory.mktemp("encoder")))


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    return str(tiny.causal_lm(tmp_path_factory.mktemp("generator"), prompt=None))


@pytest.fixture(scope="module")
def settings(encoder, generator):
    of_task = {"translation": "seq2seq", "summarization": "seq2seq", "dialogue": generator}
    found = {task: replace(QUICK, classifier=of_task.get(task, encoder)) for task in LEARNERS}
    return found | {"dialogue": replace(found["dialogue"], max_new_tokens=12)}


@pytest.fixture(scope="module")
def trained(settings, tmp_path_factory):
    """One training of each task; what it returned, its folder, and its rows."""
    found = {}
    for task, learn in LEARNERS.items():
        folder, rows = tmp_path_factory.mktemp(task), splits(task)
        if task == "question-answering":  # some of SQuAD 2.0's kind
            rows = [
                joined(own, examples(task, *edges, answerable=False))
                for own, edges in zip(rows, ((0, 8), (24, 28), (32, 36)), strict=True)
            ]
        found[task] = learn(*rows, config=settings[task], seed=0, max_steps=STEPS[task], output_dir=folder), rows
    return found


# Answers


@pytest.mark.parametrize(
    ("answer", "right", "exact", "f1"),
    [
        ("the Cat!", ["cat"], 1.0, 1.0),
        ("a black cat", ["black dog", "the black cat sat"], 0.0, 4 / 5),  # 2 of 2 words, and 2 of 3
        ("cat cat", ["cat"], 0.0, 2 / 3),  # one of its two words counts
        ("", [], 1.0, 1.0),
        ("cat", [], 0.0, 0.0),
        ("", ["cat"], 0.0, 0.0),
        ("the", ["a"], 1.0, 1.0),  # nothing is left of either, as in the official script
    ],
)
def test_answers_are_scored_as_squad_does(answer, right, exact, f1):
    assert squad.exact_match(answer, right) == exact
    assert squad.f1(answer, right) == pytest.approx(f1)


def test_a_reader_learns_where_answers_are_and_where_there_is_none(trained):
    result, (_, _, test) = trained["question-answering"]
    assert result["test"]["f1"] > 0.8
    assert set(result["test"]) == {"f1", "exact_match", "loss"}
    never = sum(not answers["text"] for answers in test.labels) / len(test.texts)
    assert result["test"]["exact_match"] > never, "it finds more than nothing"


def test_what_a_reader_scores_is_what_its_saved_model_answers(trained):
    result, (_, _, test) = trained["question-answering"]
    model, tokenizer = (
        kind.from_pretrained(result["model"]) for kind in (AutoModelForQuestionAnswering, AutoTokenizer)
    )
    answers = []
    for pair in test.texts:  # each fits one window; every span is tried, one by one
        encoded = tokenizer(*pair, return_offsets_mapping=True, return_tensors="pt")
        places = encoded.pop("offset_mapping")[0].tolist()
        context = [token for token, part in enumerate(encoded.sequence_ids(0)) if part == 1]
        with torch.no_grad():
            output = model(**encoded)
        first, last = output.start_logits[0], output.end_logits[0]
        spans = [(float(first[i] + last[j]), places[i][0], places[j][1]) for i in context for j in context if i <= j]
        score, start, end = max(spans)
        answers.append("" if float(first[0] + last[0]) >= score else pair[1][start:end])
    right = [own["text"] for own in test.labels]
    for name in ("f1", "exact_match"):
        by_hand = sum(getattr(squad, name)(*pair) for pair in zip(answers, right, strict=True)) / len(right)
        assert result["test"][name] == pytest.approx(by_hand)


def test_without_questions_that_have_no_answer_a_reader_always_answers(settings):
    task = "question-answering"
    unanswerable = examples(task, 32, 40, answerable=False)
    validation = examples(task, 24, 28)
    result = LEARNERS[task](examples(task, 0, 8), validation, unanswerable, config=settings[task], seed=0, max_steps=2)
    assert result["test"]["exact_match"] == 0.0


def test_an_answer_behind_the_first_window_is_found(settings):
    task = "question-answering"
    filler = " ".join(["That is Ann ."] * 40)  # several times what is read at once

    def far(start, stop):
        found = examples(task, start, stop)
        texts = [[question, f"{filler} {context}"] for question, context in found.texts]
        moved = [
            {"text": own["text"], "answer_start": [place + len(filler) + 1 for place in own["answer_start"]]}
            for own in found.labels
        ]
        return Examples(texts, moved, 0)

    config = replace(settings[task], max_length=40)
    result = LEARNERS[task](far(0, 24), far(24, 28), far(32, 40), config=config, seed=0, max_steps=50)
    assert result["test"]["exact_match"] > 0.7


def test_a_question_without_end_leaves_room_for_the_text(settings):
    task = "question-answering"
    endless = examples(task, 0, 4)
    endless = endless._replace(texts=[[question * 50, context] for question, context in endless.texts])
    result = LEARNERS[task](
        endless, endless, endless, config=replace(settings[task], max_length=32), seed=0, max_steps=1
    )
    assert math.isfinite(result["test"]["loss"])
    with pytest.raises(ValueError, match="max_length: a reader needs at least 32 tokens, got 16"):
        LEARNERS[task](endless, endless, endless, config=replace(settings[task], max_length=16), seed=0, max_steps=1)


# Entities


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["B-PER", "I-PER", "O", "B-LOC"], [(0, 2, "PER"), (3, 4, "LOC")]),
        (["B-PER", "B-PER"], [(0, 1, "PER"), (1, 2, "PER")]),
        (["O", "I-PER", "I-LOC", "I-LOC"], [(1, 2, "PER"), (2, 4, "LOC")]),  # as conlleval reads it
        (["S-PER", "S-PER", "B-LOC", "E-LOC", "I-LOC"], [(0, 1, "PER"), (1, 2, "PER"), (2, 4, "LOC"), (4, 5, "LOC")]),
        (["U-PER", "B-LOC", "L-LOC"], [(0, 1, "PER"), (1, 3, "LOC")]),
        (["PER", "PER", "O", "LOC"], [(0, 2, "PER"), (3, 4, "LOC")]),
        (["B-PER", "M-PER", "E-PER"], [(0, 3, "PER")]),
        (["B", "I", "O", "B"], [(0, 2, ""), (3, 4, "")]),
        ([], []),
    ],
)
def test_entities_of_tags(tags, found):
    assert entities(tags) == found


def test_entities_count_with_their_very_edges_and_kind():
    right = [["B-PER", "I-PER", "O", "B-LOC"], ["B-ORG", "O", "O", "O"]]
    predicted = [["B-PER", "O", "O", "B-LOC"], ["B-PER", "O", "B-ORG", "O"]]
    # One of four that were predicted is one of the three that there are.
    assert entity_scores(predicted, right) == {"precision": 1 / 4, "recall": 1 / 3, "f1": pytest.approx(2 / 7)}
    assert entity_scores([["O"]], [["O"]]) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_a_tagger_learns_and_its_scores_are_those_of_the_saved_model(trained):
    result, (_, _, test) = trained["token-classification"]
    model, tokenizer = (
        kind.from_pretrained(result["model"]) for kind in (AutoModelForTokenClassification, AutoTokenizer)
    )
    predicted = []
    for tokens in test.texts:
        encoded = tokenizer(tokens, is_split_into_words=True, return_tensors="pt")
        with torch.no_grad():
            said = model(**encoded).logits[0].argmax(-1).tolist()
        words = encoded.word_ids(0)
        predicted.append([model.config.id2label[said[words.index(place)]] for place in range(len(tokens))])
    by_hand = entity_scores(predicted, test.labels)
    assert {name: result["test"][name] for name in by_hand} == pytest.approx(by_hand)
    assert result["test"]["f1"] > 0.9


def test_no_token_of_a_long_row_goes_without_a_tag(settings):
    task = "token-classification"

    def long(start, stop):
        found = examples(task, start, stop)
        return Examples([tokens * 20 for tokens in found.texts], [tags * 20 for tags in found.labels], 0)

    config = replace(settings[task], max_length=16)
    result = LEARNERS[task](long(0, 8), long(8, 12), long(12, 16), config=config, seed=0, max_steps=40)
    assert result["test"]["recall"] > 0.9


def test_byte_level_tokenizers_see_the_spaces_between_tokens(settings, tmp_path):
    tiny.causal_lm(tmp_path, prompt=None)  # whose tokenizer puts none before the first word
    config = BertConfig(vocab_size=400, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    BertModel(config).save_pretrained(tmp_path)
    data = dict(zip(("train", "validation", "test"), splits("token-classification"), strict=True))
    tagger = Tagger(data, replace(settings["token-classification"], classifier=str(tmp_path)))
    read = {tagger.tokenizer.decode(row["input_ids"]) for row in tagger.rows}
    assert read == {" ".join(tokens) for tokens in data["train"].texts}


def test_a_tag_that_no_training_row_has_is_missed(settings):
    task = "token-classification"
    odd = Examples([["Ann", "lives"]], [["B-ORG", "O"]], 0)
    result = LEARNERS[task](examples(task, 0, 8), odd, odd, config=settings[task], seed=0, max_steps=1)
    assert result["test"]["recall"] == 0.0


# Translations and summaries


def written_by(result, test, read=64):
    model = AutoModelForSeq2SeqLM.from_pretrained(result["model"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(result["model"])
    found = []
    for text in test.texts:
        encoded = tokenizer(text, truncation=True, max_length=read, return_tensors="pt")
        out = model.generate(**encoded, max_new_tokens=QUICK.max_new_tokens, do_sample=False, num_beams=1)
        found.append(tokenizer.decode(out[0], skip_special_tokens=True).strip())
    return found


def test_a_translator_from_scratch_learns_and_scores_what_it_writes(trained):
    result, (_, _, test) = trained["translation"]
    texts = written_by(result, test)
    for name in ("bleu", "chrf"):
        by_hand = metrics.load(name).compute(predictions=texts, references=test.labels)[name]
        assert 100 * result["test"][name] == pytest.approx(by_hand)
    assert result["test"]["chrf"] > 0.4
    assert any(text[0].isupper() for text in texts), "case is kept"
    losses = {entry["step"]: entry["loss"] for entry in result["history"]}
    assert result["validation"]["loss"] == pytest.approx(min(losses.values()))
    assert result["best_step"] == min(losses, key=losses.get)


def test_the_nearest_of_several_summaries_counts(trained):
    result, (_, _, test) = trained["summarization"]
    texts = written_by(result, test)
    by_hand = metrics.load("rouge").compute(predictions=texts, references=test.labels)
    assert {name: result["test"][name] for name in by_hand} == pytest.approx(by_hand)
    assert result["test"]["rougeL"] > 0.1


def test_a_checkpoint_translates_on(trained, settings):
    before, rows = trained["translation"]
    config = replace(settings["translation"], classifier=before["model"], learning_rate=1e-5)
    after = LEARNERS["translation"](*rows, config=config, seed=0, max_steps=1)
    assert after["test"]["chrf"] == pytest.approx(before["test"]["chrf"], abs=0.02)


# Replies


def test_perplexity_is_that_of_the_reply_alone(trained):
    result, (_, _, test) = trained["dialogue"]
    model = AutoModelForCausalLM.from_pretrained(result["model"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(result["model"])
    total = count = 0
    for history, reply in zip(test.texts, test.labels, strict=True):
        before = [tokenizer.bos_token_id, *tokenizer(f"{history}\nassistant:").input_ids]
        after = [*tokenizer(f" {reply}").input_ids, tokenizer.eos_token_id]
        ids = torch.tensor([before + after])
        with torch.no_grad():
            told = model(ids, attention_mask=torch.ones_like(ids)).logits[0].log_softmax(-1)
        total -= sum(float(told[len(before) + i - 1, token]) for i, token in enumerate(after))
        count += len(after)
    assert result["test"]["perplexity"] == pytest.approx(math.exp(total / count), rel=1e-4)
    assert result["test"]["loss"] == pytest.approx(total / count, rel=1e-4)
    assert 0 <= result["test"]["distinct_1"] <= 1


def test_of_a_long_history_the_end_is_read(settings):
    task = "dialogue"
    own = examples(task, 0, 8)
    long = own._replace(texts=[f"user: {'Well. ' * 200}\n{text}" for text in own.texts])
    options = {"config": replace(settings[task], metrics=("perplexity",)), "seed": 0, "max_steps": 1}
    result = LEARNERS[task](own, own, long, **options)
    assert math.isfinite(result["test"]["perplexity"])
    assert set(result["test"]) == {"perplexity", "loss"}
    without = own._replace(texts=[""] * 8)
    assert math.isfinite(LEARNERS[task](own, own, without, **options)["test"]["perplexity"])


# All of them


@pytest.mark.parametrize("task", LEARNERS)
def test_the_same_call_gives_the_same_numbers(task, settings):
    rows = [examples(task, *edges) for edges in ((0, 10), (10, 14), (14, 18))]
    first, second = (LEARNERS[task](*rows, config=settings[task], seed=3, max_steps=4) for _ in range(2))
    assert numbers(first) == numbers(second)
    other = LEARNERS[task](*rows, config=settings[task], seed=4, max_steps=4)
    assert numbers(first) != numbers(other)


@pytest.mark.parametrize("task", LEARNERS)
def test_what_is_told_of_a_training(task, trained):
    result, rows = trained[task]
    names = ("train", "validation", "test")
    assert result["rows"] == {name: len(own.texts) for name, own in zip(names, rows, strict=True)}
    assert result["steps"] == STEPS[task]
    assert [entry["step"] for entry in result["history"]] == [STEPS[task] // 2, STEPS[task]]
    assert set(result["test"]) == {*metrics.OF_TASKS[task], "loss"}


@pytest.mark.parametrize(
    ("task", "wrong", "message"),
    [
        ("question-answering", {"classifier": "lstm"}, "'lstm' names classes, and the task is question-answering. Write the"),
        ("translation", {"classifier": "features"}, "Write 'seq2seq', or the Hub id or folder of an encoder-decoder"),
        ("dialogue", {"classifier": "seq2seq"}, "'seq2seq' writes texts of its own, for translation and summarization"),
        ("dialogue", {"two_stage": 0.5}, "two_stage: is for classifiers, and the task is dialogue"),
        ("translation", {"synthetic_weight": 0.5}, "synthetic_weight: is for classifiers"),
        ("translation", {"metrics": ("rougeL",)}, "unknown metric 'rougeL'. Available: bleu, chrf"),
        ("question-answering", {"metrics": ("accuracy",)}, "unknown metric 'accuracy'. Available: exact_match, f1"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_for_a_task_are_refused(task, wrong, message, settings):
    rows = splits(task)
    with pytest.raises(ValueError, match=message):
        LEARNERS[task](*rows, config=replace(settings[task], **wrong), seed=0, max_steps=1)


def test_a_split_without_rows_is_named(settings):
    rows = splits("translation")
    with pytest.raises(ValueError, match="no test rows for translation, 2 were skipped"):
        LEARNERS["translation"](*rows[:2], Examples([], [], 2), config=settings["translation"], seed=0, max_steps=1)
