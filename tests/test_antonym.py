"""What a user notices of antonyms: the meaning stays, or the label goes with it."""

import subprocess
import sys
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from hf_augment import Antonym, Augment, Compose, Typo
from hf_augment.embedded.lexicon import FOLDER
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written

FLIP = {"positive": "negative", "negative": "positive"}
NAMES = ["negative", "positive"]
WORDNET = Path("/usr/share/wordnet")


def outcome(text, label="positive", copy=1, **params):
    made = Antonym(**params)
    (found,) = made.apply([Row(text, label)], [stream(0, made.name, row_key(text), copy)])
    return found


def every(text, copies=30, **params):
    return {outcome(text, copy=copy, **params)[0] for copy in range(1, copies + 1)}


# -- the meaning stays -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("The plot was boring.", {f"The plot was not {word}." for word in ("interesting", "exciting", "fascinating")}),
        ("The plot isn't good, and", {f"The plot is {word}, and" for word in ("bad", "poor", "terrible")}),
        ("the plot isn’t good", {f"the plot is {word}" for word in ("bad", "poor", "terrible")}),
        ("The plot is not useful.", {"The plot is useless.", "The plot is unhelpful."}),
        ("It's useless for me", {"It's not useful for me", "It's not helpful for me"}),
        ("IT WAS USELESS", {"IT WAS NOT USEFUL", "IT WAS NOT HELPFUL"}),
        ("He is better than me.", {"He is not worse than me."}),
    ],
)
def test_the_opposite_is_denied(text, denied):
    assert every(text) == denied


@pytest.mark.parametrize(
    "text",
    [
        "a boring plot",
        "Is good food dear?",
        "It was good enough.",
        "It was nice and cheap.",
        "It was good, cheap food.",
        "It was not good at all.",
        "She was best at it.",
        "It was good food.",
        "They have not good intentions.",
    ],
)
def test_what_a_not_would_spoil_stays(text):
    assert outcome(text) == Declined("nothing to change")


def test_no_double_negation():
    assert every("I was impressed.", vocabulary="all") == {"nothing to change"}


def test_without_flip_no_label_is_needed_and_none_is_changed():
    out = Augment(Antonym(), text="text")({"text": ["It was boring."], "label": ["negative"]})
    assert out["label"] == ["negative", "negative"]
    assert Antonym().reads == ("text",)


# -- the label goes with it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "turned"),
    [
        (
            "The acting was unconvincing.",
            {f"The acting was {word}." for word in ("convincing", "believable", "plausible")},
        ),
        ("AN UNRELIABLE TOY", {"A RELIABLE TOY", "A DEPENDABLE TOY"}),
        (
            "It worked unfairly, the worst!",
            {f"It worked fairly, the {word}!" for word in ("best", "greatest", "finest")},
        ),
        ("I liked it", {"I disliked it", "I hated it"}),
        ("It improves", {"It worsens", "It ruins"}),
        ("Not reliable", {"Not unreliable"}),
    ],
)
def test_words_turn_round_in_their_form(text, turned):
    assert every(text, flip=FLIP) <= turned
    assert every(text, flip=FLIP)


@pytest.mark.parametrize(
    "text", ["as well", "a kind of soup", "We met in Good Hope", "You had better go", "Well, no."]
)
def test_phrases_and_names_stay(text):
    assert outcome(text, flip=FLIP) == Declined("nothing to change")


def test_a_row_whose_label_flip_does_not_name_is_declined():
    assert outcome("It was good.", label="neutral", flip=FLIP) == Declined("flip does not name the label 'neutral'")


def test_a_label_is_not_turned_by_one_word_among_many():
    text = "The doors of the hall open at nine, at ten the lights go out, and nobody ever said that the play was dull."
    assert outcome(text, flip=FLIP) == Declined("too few words to turn the label round")
    assert isinstance(outcome(text, flip=FLIP, least=0.04), Written)
    assert isinstance(outcome(text), Written)


def test_wordnet_is_asked_for():
    assert outcome("The door was closed.", flip=FLIP) == Declined("nothing to change")
    assert every("The door was closed.", flip=FLIP, vocabulary="all") == {"The door was open."}


def test_a_table_of_ones_own(tmp_path):
    file = tmp_path / "mine.tsv"
    file.write_text("lecker\teklig\n", encoding="utf-8")
    assert every("Sehr lecker!", flip=FLIP, table=str(file)) == {"Sehr eklig!"}
    with pytest.raises(FileNotFoundError, match="antonym: table"):
        Antonym(table="nowhere.tsv")


def test_rate_and_protection():
    text = "A good, clean, dangerous and rude place"
    changed = [word not in outcome(text, flip=FLIP, rate=0.5).text for word in ("good", "clean", "dangerous", "rude")]
    assert sum(changed) == 2
    assert outcome(text, flip=FLIP, reserved=["good"], protect=["clean.*"]) == Declined("nothing to change")
    assert outcome("It is not good", protect=[" "]) == Declined("nothing to change")


def test_an_empty_flip_is_refused():
    with pytest.raises(ValueError, match="expected what each label turns into"):
        Antonym(flip={})


# -- in a dataset ------------------------------------------------------------------------------------------------------

TEXTS = ["A great film.", "It was dull.", "No word.", "Fine by me"]


def dataset(labels, feature):
    features = Features({"text": Value("string"), "stars": feature})
    return Dataset.from_dict({"text": TEXTS, "stars": labels}, features=features)


def copies(rows):
    return [(row["text"], row["stars"]) for row in rows if row["copy"]]


@pytest.mark.parametrize(
    ("labels", "feature", "expected"),
    [
        ([1, 0, 1, 0], ClassLabel(names=NAMES), [0, 1]),
        ([0, 1, 0, 1], ClassLabel(names=NAMES[::-1]), [1, 0]),
        (["positive", "negative"] * 2, Value("string"), ["negative", "positive"]),
    ],
)
def test_the_new_label_is_written_as_the_column_holds_it(labels, feature, expected):
    given = dataset(labels, feature)
    augment = Augment(Antonym(flip=FLIP), text="text", label="stars").bind(given)
    for way in (
        given.map(augment, batched=True),
        given.map(augment, batched=True, batch_size=1),
        given.to_iterable_dataset().map(augment, batched=True, features=augment.features(given.features)),
    ):
        found = copies(way)
        assert [label for _, label in found] == expected
        assert way.features["stars"] == feature
        assert [row["stars"] for row in way if not row["copy"]] == labels
    unbatched = given.map(augment)
    assert unbatched["stars"] == [*expected, *labels[2:]]


def test_a_pipeline_carries_the_label_on():
    given = dataset([1, 0, 1, 0], ClassLabel(names=NAMES))
    pipeline = Compose(transforms=[Antonym(flip=FLIP), Typo(rate=0.5)])
    out = given.map(Augment(pipeline, text="text", label="stars"), batched=True)
    found = {row["augmented_by"]: row["stars"] for row in out if row["text"] not in TEXTS and row["source_id"]}
    assert found["antonym+typo"] in (0, 1)
    assert [row["stars"] for row in out if row["augmented_by"] == "antonym+typo"] == [0, 1]


def test_a_label_that_the_column_does_not_know_is_an_error_that_names_the_others():
    given = dataset([1, 0, 1, 0], ClassLabel(names=NAMES))
    augment = Augment(Antonym(flip={"positive": "negativ", "negative": "positive"}), text="text", label="stars")
    with pytest.raises(ValueError, match=r"unknown label 'negativ'\. Did you mean 'negative'\?"):
        augment.bind(given)(given[:])


def test_labels_of_other_kinds_are_refused():
    augment = Augment(Antonym(flip={"5": "1"}), text="text", label="stars")
    with pytest.raises(TypeError, match=r"writes the label '1', and the labels are like 5\.0"):
        augment({"text": ["A great film."], "stars": [5.0]})


# -- the tables --------------------------------------------------------------------------------------------------------


def test_judgements_go_both_ways_and_nothing_is_its_own_opposite():
    for name in ("judgements", "antonyms"):
        rows = [line.split("\t") for line in (FOLDER / f"{name}.tsv").read_text(encoding="utf-8").splitlines()]
        table = {word: others.split() for word, others, *_ in rows}
        assert len(table) == len(rows) > 400
        for word, others in table.items():
            assert word not in others
            assert others
    judgements = {line.split("\t")[0] for line in (FOLDER / "judgements.tsv").read_text(encoding="utf-8").splitlines()}
    offered = {other for word in judgements for other in table[word]}
    assert offered <= judgements, "a word is offered that has no way back"


@pytest.mark.slow
@pytest.mark.skipif(not WORDNET.is_dir(), reason="needs Debian's wordnet-base")
def test_the_tables_are_what_the_script_makes(tmp_path):
    (tmp_path / "stop_words.txt").write_bytes((FOLDER / "stop_words.txt").read_bytes())
    script = Path(__file__).parent.parent / "scripts" / "make_antonyms.py"
    subprocess.run([sys.executable, str(script), str(WORDNET), str(tmp_path)], check=True)
    for name in ("judgements.tsv", "antonyms.tsv"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()
