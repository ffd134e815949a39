"""Tokens and tags stay aligned: through every transform that says what it edited, in every scheme, however rows come."""

import time
from collections import Counter

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_augment import (
    TRANSFORMS,
    Augment,
    Compose,
    Edit,
    EditTransform,
    EntitySwap,
    MentionSwap,
    OneOf,
    Prompt,
    RandomDelete,
    RandomInsert,
    RandomSwap,
    SentenceSwap,
    Sometimes,
    SplitWord,
    Synonym,
    Typo,
    build,
)
from hf_augment.provenance import count
from hf_augment.registry import transform_class
from hf_augment.streams import row_key, stream
from hf_augment.tasks import bind_task
from tests.tag_schemes import SCHEMES, Mention, decode, encode, names
from tests.test_contract import transform

SOME = settings().max_examples  # more in a soak
TASK = "token-classification"
KINDS = ["PER", "LOC", "BUILDING", "EVENT"]  # the last three begin like prefixes of BILOU and IOBES
MENTIONS = {
    "PER": ["Anna Schmidt", "Li", "Jean-Luc de la Tour"],
    "LOC": ["Oslo", "New York", "Rio de Janeiro"],
    "BUILDING": ["the Old Mill", "Tower 5"],
    "EVENT": ["Expo 2000", "Christmas"],
}
NAMES = names("IOB2", KINDS)
TOKENS = ["Anna", "Schmidt", "flew", "from", "Paris", "to", "New", "York", "yesterday", "."]
NUMBERS = [1, 2, 0, 0, 3, 0, 3, 4, 0, 0]
# Every transform that edits, asks no model, and makes sense without a label; the cases know parameters for it.
EDITING = [
    name
    for name in TRANSFORMS
    if issubclass(transform_class(name), EditTransform) and not transform_class(name).of_labels
]


def made(name: str):
    return MentionSwap(mentions=MENTIONS) if name == "mention_swap" else transform(name)


def dataset() -> Dataset:
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=NAMES))})
    return Dataset.from_dict({"tokens": [TOKENS], "ner_tags": [NUMBERS]}, features=features)


def said(tokens, mentions: list[Mention]) -> list[tuple]:
    return [(kind, *tokens[first : last + 1]) for kind, first, last in mentions]


def assert_aligned(scheme: str, tokens, tags, changes: dict, swapped: bool = False) -> None:
    """Check a copy, whose column "place" held the number of each token, against its source."""
    new_tokens, new_tags, places = changes["tokens"], changes["ner_tags"], changes["place"]
    assert new_tokens
    assert len(new_tokens) == len(new_tags) == len(places)
    assert all(token and not token.isspace() for token in new_tokens)
    before, after = decode(scheme, tags), decode(scheme, new_tags)
    if swapped:
        assert [kind for kind, *_ in before] == [kind for kind, *_ in after]
        return
    assert said(tokens, before) == said(new_tokens, after)
    assert [place for place, tag in zip(places, new_tags, strict=True) if tag != "O"] == [
        place for place, tag in enumerate(tags) if tag != "O"
    ]
    for place, tag in zip(places, new_tags, strict=True):
        assert place is None or (tags[place] == "O") == (tag == "O")


# -- every scheme, every transform -------------------------------------------------------------------------------------

TOKEN = st.one_of(
    st.sampled_from(
        [
            *(
                "the",
                "a",
                "is",
                "not",
                "n't",
                "film",
                "good",
                "quiet",
                "said",
                "in",
                "Anna",
                "York",
                "U.S.",
                "5",
                "1,000",
            ),
            *(
                ",",
                ".",
                "(",
                ")",
                "``",
                "''",
                "-",
                "--",
                "&",
                "#",
                "@",
                "#tag",
                "@home",
                "<b>",
                "</b>",
                "10/10",
                "...",
            ),
            *(
                "don't",
                "it's",
                "we",
                "'re",
                "https://a.b/c?d",
                "me@x.org",
                "New York",
                "half  two",
                "Käse",
                "喜欢",
                "हिन्दी",
            ),
            *("e\u0301", "\u200d", "\U0001f468\u200d\U0001f469", "İ", "ß", "O", "A\u00a0B", "שלום", "x\ny"),
        ]
    ),
    st.text(min_size=1, max_size=6).filter(
        lambda text: text.strip() and not any("\ud800" <= c <= "\udfff" for c in text)
    ),
)


@st.composite
def rows(draw, scheme: str):
    tokens = draw(st.lists(TOKEN, min_size=1, max_size=14))
    mentions, place = [], 0
    while place < len(tokens):
        size, kind = draw(st.integers(0, 3)), draw(st.sampled_from(KINDS))
        last = min(place + size, len(tokens)) - 1
        if size and not (scheme == "plain" and mentions and mentions[-1][0] == kind and mentions[-1][2] == place - 1):
            mentions.append((kind, place, last))
            place = last + 1
        else:
            place += 1
    return tokens, encode(scheme, len(tokens), mentions)


def written_and_checked(made, scheme, tokens, tags, known, swapped=False, copies=2) -> list[str]:
    """Augment one row, check its copies against it and what the edits made of its text; return why there was none."""
    kind = ClassLabel(names=known) if known else Value("string")
    features = Features({"tokens": List(Value("string")), "ner_tags": List(kind)})
    stored = [known.index(tag) for tag in tags] if known else tags
    told = names(scheme, KINDS) if scheme == "BMES" else None  # which else looks like IOBES where no mention is long
    task = bind_task(TASK, ["tokens", "ner_tags", "place"], features, label_names=told)
    values = (tokens, stored, list(range(len(tokens))))
    (row,) = task.rows(values)
    drawn = [stream(0, made.name, row_key(row.text), copy) for copy in range(copies)]
    reasons = []
    for outcome in made.apply([row] * copies, drawn):
        ([accepted], changes) = task.accept(values, [row], [outcome])
        if not changes:
            reasons.append(accepted.reason)
            continue
        if known:
            changes["ner_tags"] = [known[number] for number in changes["ner_tags"]]
        assert "".join("".join(changes["tokens"]).split()) == "".join(outcome.text.split())
        assert_aligned(scheme, tokens, tags, changes, swapped)
    return reasons


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", EDITING)
@settings(max_examples=SOME // 4)
@given(data=st.data())
def test_any_tokens_in_any_scheme(name, scheme, data):
    tokens, tags = data.draw(rows(scheme))
    known = names(scheme, KINDS) if data.draw(st.booleans()) else None
    written_and_checked(made(name), scheme, tokens, tags, known, swapped=name == "mention_swap")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["masked_lm", "infill", "similar_word", "similar_sentence"])
def test_transforms_with_a_model_that_edit(name):
    made, copies = transform(name), 0
    for scheme in ("IOB1", "plain"):
        for tokens, tags in zip(*made_up(scheme, 15), strict=True):
            copies += 2 - len(written_and_checked(made, scheme, tokens, tags, names(scheme, KINDS)))
    assert copies > (0 if name == "similar_sentence" else 40)  # few sentences hold no mention


@pytest.mark.parametrize("scheme", SCHEMES)
@settings(max_examples=SOME)
@given(data=st.data())
def test_any_chain_of_transforms(scheme, data):
    tokens, tags = data.draw(rows(scheme))
    steps = data.draw(st.lists(st.sampled_from(EDITING), min_size=2, max_size=4))
    chain = Compose(transforms=[made(name) for name in steps])
    written_and_checked(chain, scheme, tokens, tags, names(scheme, KINDS), swapped="mention_swap" in steps)


WORDS = [
    "the",
    "a",
    "film",
    "room",
    "was",
    "is",
    "good",
    "cold",
    "slow",
    "and",
    "but",
    "not",
    "never",
    "we",
    "they",
    "saw",
    "left",
    "said",
    "in",
    "on",
    "of",
    "with",
    "very",
    "quiet",
]


def made_up(scheme: str, count: int) -> tuple[list[list[str]], list[list[str]]]:
    """Write sentences with a mention or three, some side by side, and without a mention now and then."""
    drawn = stream(0, "made up", row_key(scheme), 0)
    rows, tags = [], []
    for _ in range(count):
        tokens, mentions = [], []
        for _ in range(1 + drawn.below(5)):
            tokens += [drawn.choice(WORDS) for _ in range(drawn.below(6))]
            if tokens and drawn.below(4) == 0:
                tokens.append(drawn.choice([",", ".", ";", "!"]))
            kind = drawn.choice(KINDS)
            beside = mentions and mentions[-1][2] == len(tokens) - 1
            if drawn.below(4) and not (beside and scheme == "plain" and mentions[-1][0] == kind):
                words = drawn.choice(MENTIONS[kind]).split()
                mentions.append((kind, len(tokens), len(tokens) + len(words) - 1))
                tokens += words
        rows.append(tokens or ["ok"])
        tags.append(encode(scheme, len(rows[-1]), mentions))
    return rows, tags


@pytest.mark.slow
def test_twenty_thousand_copies():
    emitted, by_reason, began = 0, Counter(), time.process_time()
    for name in EDITING:
        for scheme in SCHEMES:
            tokens, tags = made_up(scheme, 80)
            known = names(scheme, KINDS)
            features = {"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=known))}
            columns = {
                "tokens": tokens,
                "ner_tags": [[known.index(tag) for tag in own] for own in tags],
                "place": [list(range(len(own))) for own in tokens],
                "id": list(range(len(tokens))),
            }
            features |= {"place": List(Value("int32")), "id": Value("int32")}
            rows = Dataset.from_dict(columns, features=Features(features))
            out = rows.map(Augment(made(name), task=TASK, copies=5, key="id"), batched=True)
            by_reason.update(count(out["augmented_by"], out["declined"])["declined_by_reason"])
            for row in out:
                row["ner_tags"] = [known[number] for number in row["ner_tags"]]
                if row["copy"] == 0:
                    assert (row["tokens"], row["ner_tags"]) == (tokens[row["id"]], tags[row["id"]])
                    continue
                emitted += 1
                assert row["tokens"] != tokens[row["id"]], name
                assert_aligned(scheme, tokens[row["id"]], tags[row["id"]], row, swapped=name == "mention_swap")
    seconds = time.process_time() - began
    print(f"{emitted} copies of {len(EDITING)} transforms in {seconds:.0f} s of CPU; declined: {dict(by_reason)}")
    assert emitted >= 20_000
    assert seconds < 60


# -- however rows come -------------------------------------------------------------------------------------------------


def test_one_row_by_hand():
    (out,) = [row for row in dataset().map(Augment(RandomSwap(), task=TASK), batched=True) if row["copy"]]
    assert sorted(out["tokens"]) == sorted(TOKENS)
    assert out["tokens"] != TOKENS
    assert [token for token, tag in zip(out["tokens"], out["ner_tags"], strict=True) if tag] == [
        "Anna",
        "Schmidt",
        "Paris",
        "New",
        "York",
    ]
    assert out["ner_tags"] == NUMBERS
    assert out["augmented_by"] == "random_swap"


def wide() -> Dataset:
    tokens, tags = made_up("IOB2", 40)
    columns = {
        "id": [str(i) for i in range(40)],
        "tokens": tokens,
        "pos_tags": [[f"{token}/{i}" for i, token in enumerate(own)] for own in tokens],
        "ner_tags": [[NAMES.index(tag) for tag in own] for own in tags],
        "boxes": [[[i, i + 1] for i in range(len(own))] for own in tokens],
        "vector": [[0.5] * 7] * 40,
        "topics": ["news"] * 40,
    }
    features = {"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=NAMES)), "topics": Value("string")}
    features |= {"id": Value("string"), "pos_tags": List(Value("string")), "boxes": List(List(Value("int32")))}
    features |= {"vector": List(Value("float32"), length=7)}
    return Dataset.from_dict(columns, features=Features(features))


@pytest.mark.parametrize(
    "transform", [RandomSwap(rate=0.4), RandomDelete(rate=0.3), RandomInsert(rate=0.5), SplitWord()]
)
def test_other_columns_of_a_value_a_token_stay_aligned(transform):
    kept = 0
    for row in wide().map(Augment(transform, task=TASK), batched=True):
        assert len(row["tokens"]) == len(row["ner_tags"]) == len(row["pos_tags"]) == len(row["boxes"])
        assert row["vector"] == [0.5] * 7
        assert row["topics"] == "news"
        for token, pos, box in zip(row["tokens"], row["pos_tags"], row["boxes"], strict=True):
            assert (pos is None) == (box is None)
            if pos is not None and row["copy"]:
                assert pos == f"{token}/{box[0]}"  # a word that moved took its values along
                kept += 1
    assert kept > 200


def test_a_word_replaced_one_for_one_keeps_its_values():
    given = Dataset.from_dict(
        {"tokens": [["a", "quiet", "room"]], "ner_tags": [["O"] * 3], "pos_tags": [["D", "A", "N"]]}
    )
    (out,) = [row for row in given.map(Augment(Synonym(rate=0.1), task=TASK), batched=True) if row["copy"]]
    assert out["tokens"] != ["a", "quiet", "room"]
    assert out["pos_tags"] == ["D", "A", "N"]


def test_a_column_of_fixed_length_is_no_column_of_tokens():
    features = Features(
        {"tokens": List(Value("string")), "ner_tags": List(Value("string"))} | {"v": List(Value("int8"), 3)}
    )
    given = Dataset.from_dict(
        {"tokens": [["a", "quiet", "room"]], "ner_tags": [["O"] * 3], "v": [[1, 2, 3]]}, features
    )
    out = given.map(Augment(RandomDelete(), task=TASK), batched=True)
    assert [len(row["tokens"]) for row in out] == [3, 2]
    assert out["v"][:] == [[1, 2, 3]] * 2


def plain(row: dict) -> dict:
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in row.items()}


def test_the_same_rows_however_they_come():
    given = wide().remove_columns(["vector"])
    augment = Augment(Compose(transforms=[MentionSwap(mentions=MENTIONS), RandomSwap(), Typo()]), task=TASK)
    bound = augment.bind(given)
    stream_ = given.to_iterable_dataset(num_shards=3)
    features = bound.features(given.features)
    expected = sorted(given.map(augment, batched=True), key=str)
    assert sum(row["copy"] for row in expected) > 35
    batch = bound({name: given[name][:] for name in given.column_names})
    ways = {
        "one at a time": given.map(augment, batched=True, batch_size=1),
        "shuffled": given.shuffle(seed=1).map(augment, batched=True, batch_size=7),
        "streamed": stream_.map(bound, batched=True, batch_size=9, features=features),
        "a dict of lists": [dict(zip(batch, row, strict=True)) for row in zip(*batch.values(), strict=True)],
    }
    for way, rows in ways.items():
        assert sorted(map(plain, rows), key=str) == expected, way
    single = sorted(given.map(augment), key=str)
    assert single == sorted(stream_.map(bound, features=features), key=str)
    assert [row for row in expected if row["copy"]] == sorted((row for row in single if row["copy"]), key=str)
    assert len(single) == len(given)


def test_batches_of_arrays():
    import numpy as np

    given = wide().remove_columns(["vector", "boxes"])
    augment = Augment(RandomSwap(), task=TASK).bind(given)
    expected = list(given.map(augment, batched=True))
    arrays = {name: np.empty(len(given), dtype=object) for name in given.column_names}
    for name, column in arrays.items():
        for i, value in enumerate(given[name]):
            column[i] = np.array(value) if isinstance(value, list) else value
    out = augment(arrays)
    for name in ("tokens", "ner_tags", "pos_tags"):
        assert [list(value) for value in out[name]] == [row[name] for row in expected], name
    stream_ = given.to_iterable_dataset().with_format("numpy")
    rows = list(stream_.map(augment, batched=True, features=augment.features(given.features)))
    assert [row["tokens"].tolist() for row in rows] == [row["tokens"] for row in expected]


def test_string_tags_stay_strings_and_numbers_take_given_names():
    strings = Dataset.from_dict({"words": [TOKENS], "labels": [[NAMES[number] for number in NUMBERS]]})
    for label_names in (None, NAMES):
        swap = MentionSwap(mentions=MENTIONS, rate=1.0)
        out = strings.map(Augment(swap, task=TASK, label_names=label_names), batched=True)
        assert all(isinstance(tag, str) for row in out["labels"] for tag in row)
        decode("IOB2", out["labels"][1])
    numbers = Dataset.from_dict({"tokens": [TOKENS], "ner_tags": [NUMBERS]})
    with pytest.raises(ValueError, match=r"holds integers without names.*label_names="):
        numbers.map(Augment(RandomSwap(), task=TASK), batched=True)
    named = numbers.map(Augment(RandomSwap(), task=TASK, label_names=NAMES), batched=True)
    assert named["tokens"][1] == dataset().map(Augment(RandomSwap(), task=TASK), batched=True)["tokens"][1]


def test_the_order_of_the_names_changes_no_text():
    reordered = ["B-ORG", *NAMES[::-1]]
    tags = [[reordered.index(NAMES[number]) for number in NUMBERS]]
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=reordered))})
    other = Dataset.from_dict({"tokens": [TOKENS], "ner_tags": tags}, features=features)
    augment = Augment(MentionSwap(mentions=MENTIONS), task=TASK, copies=5)
    assert dataset().map(augment, batched=True)["tokens"] == other.map(augment, batched=True)["tokens"]


# -- rows that hold something else -------------------------------------------------------------------------------------

AWKWARD = [  # tokens, tags, and why there is no copy
    (None, None, "no tokens"),
    (None, ["O"], "no tokens"),
    ([], [], "no tokens"),
    (["a", "quiet", "room"], None, "not one tag a token"),
    (["a", "quiet", "room"], [], "not one tag a token"),
    (["a", "quiet", "room"], [0, 0], "not one tag a token"),
    (["a", "quiet", "room"], [0, 0, 0, 0], "not one tag a token"),
    (["a", "", "room"], [0, 0, 0], "a token is empty"),
    (["a", " \n", "room"], [0, 0, 0], "a token is empty"),
    ([None, "quiet", "room"], [0, 0, 0], "a token is None"),
    (["a", "half \ud83d", "room"], [0, 0, 0], "a token is not valid Unicode"),
    (["a", "x" * 1_000_001, "room"], [0, 0, 0], "a token is longer than 1000000 characters"),
    (["x" * 400_000] * 3, [0, 0, 0], "text is longer than 1000000 characters"),
    (["a", "quiet", "room"], [0, -100, 0], "a tag without a name"),
    (["a", "quiet", "room"], [0, 99, 0], "a tag without a name"),
    (["a", "quiet", "room"], [0, None, 0], "a tag without a name"),
    (["a", "quiet", "room"], ["O", "", "O"], "a tag without a name"),
    (["a", "quiet", "room"], [0.0, 0.0, 0.0], "a tag without a name"),
    ("a quiet room", [0, 0, 0], "no tokens"),
    (["Anna"], [1], "nothing to change"),
    (["Anna", "Schmidt"], [1, 2], "nothing to change"),
]


def test_awkward_rows_stay_with_a_reason():
    tokens, tags, reasons = zip(*AWKWARD, strict=True)
    good = ["a", "quiet", "room"]
    given = {"tokens": [*tokens, good], "ner_tags": [*tags, [0, 0, 0]], "pos_tags": [["X"]] * (len(tokens) + 1)}
    out = Augment(RandomSwap(), task=TASK, label_names=NAMES)(given)
    assert out["tokens"][: len(tokens) + 1] == [*tokens, good]
    assert out["ner_tags"][: len(tokens)] == list(tags)
    assert out["declined"] == [*reasons, "", ""]
    assert out["copy"] == [0] * (len(tokens) + 1) + [1]
    for own, own_tags, reason in AWKWARD:
        row = {"id": 7, "tokens": own, "ner_tags": own_tags}
        if not isinstance(own, str):  # unbatched, where one row comes as itself
            found = Augment(RandomSwap(), task=TASK, label_names=NAMES)(row)
            assert (found["declined"], found["copy"]) == (reason, 0)


def test_awkward_rows_of_a_dataset_and_a_stream():
    held = [  # what Arrow can hold
        (tokens, [-1 if tag in (99, -100) else tag for tag in tags] if tags else tags)
        for tokens, tags, reason in AWKWARD
        if not isinstance(tokens, str) and "Unicode" not in reason and not {str, float} & set(map(type, tags or ()))
    ]
    assert len(held) > 15
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=NAMES))})
    given = Dataset.from_list([{"tokens": tokens, "ner_tags": tags} for tokens, tags in held], features=features)
    augment = Augment(Typo(), task=TASK).bind(given)
    whole = list(given.map(augment, batched=True, batch_size=2))
    assert [(row["tokens"], row["ner_tags"]) for row in whole if row["copy"] == 0] == held
    assert all(row["declined"] for row in whole)
    stream_, features = given.to_iterable_dataset(), augment.features(given.features)
    for size in (1, 100):
        assert list(stream_.map(augment, batched=True, batch_size=size, features=features)) == whole
    assert list(given.map(augment)) == whole


def test_spaces_inside_a_token_stay_where_nothing_touches_it():
    given = Dataset.from_dict({"tokens": [["10 000", "men", "saw", "New York"]], "ner_tags": [["O", "O", "O", "LOC"]]})
    out = given.map(Augment(RandomSwap(reserved=["10", "000"]), task=TASK, copies=3), batched=True)
    assert all(row["tokens"][0] == "10 000" and row["tokens"][3] == "New York" for row in out)
    assert any(row["tokens"][1:3] == ["saw", "men"] for row in out)


def test_tags_of_all_words_are_no_mentions():
    features = Features({"tokens": List(Value("string")), "pos_tags": List(ClassLabel(names=["NOUN", "VERB"]))})
    given = Dataset.from_dict({"tokens": [["cats", "sleep"]], "pos_tags": [[0, 1]]}, features=features)
    with pytest.raises(ValueError, match=r"without 'O' nobody knows"):
        given.map(Augment(RandomSwap(), task=TASK, columns={"tags": "pos_tags"}), batched=True)


def test_wrong_uses_are_named():
    with pytest.raises(ValueError, match=r"'prompt' makes no sense.*does not say which words it edited"):
        Augment(Prompt(model="me/chat"), task=TASK)
    with pytest.raises(ValueError, match=r"needs a column for its 'tags'"):
        Augment(RandomSwap(), task=TASK)({"tokens": [["a"]], "tag_list": [["O"]]})
    with pytest.raises(ValueError, match=r"columns=\{'tokens': 'words'\}"):
        Augment(RandomSwap(), task=TASK, text="words")


# -- mentions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["IOB2", "IOBES", "BILOU", "BMES"])
def test_plain_neighbours_may_come_to_stand_side_by_side(scheme):
    tokens, tags = ["Li", "met", "Bo"], encode(scheme, 3, [("PER", 0, 0), ("PER", 2, 2)])
    assert deleted(tokens, tags) == (["Li", "Bo"], [tags[0], tags[2]], "")


def test_in_iob1_a_b_keeps_neighbours_apart():
    assert deleted(["Li", "met", "Bo"], ["I-PER", "O", "I-PER"]) == (["Li", "Bo"], ["I-PER", "B-PER"], "")


def test_where_nothing_keeps_neighbours_apart_the_row_is_declined():
    assert deleted(["Li", "met", "Bo"], ["PER", "O", "PER"])[2] == "two mentions would run together"
    only_i = Augment(RandomDelete(), task=TASK, label_names=["O", "I-PER"])
    out = only_i({"tokens": [["Li", "met", "Bo"]], "ner_tags": [[1, 0, 1]]})
    assert out["declined"] == ["no tag for the words of a mention"]


def deleted(tokens, tags) -> tuple:
    out = Augment(RandomDelete(rate=1.0), task=TASK)({"tokens": [tokens], "ner_tags": [tags]})
    return out["tokens"][-1], out["ner_tags"][-1], out["declined"][0]


class Meddler(EditTransform):
    """Edit what it should not."""

    at: tuple[int, ...] = (0, 3)
    new: str = "X"

    def apply(self, rows, streams):
        from hf_augment.transform import Written

        start, end = self.at
        return [
            Written(row.text[:start] + self.new + row.text[end:], "m", {}, {"edits": [[Edit(start, end, self.new)]]})
            for row in rows
        ]

    def edits(self, row, stream):
        return []


@pytest.mark.parametrize(("at", "new"), [((0, 3), "X"), ((4, 6), "X"), ((2, 5), ""), ((4, 4), "X"), ((0, 9), " ")])
def test_a_transform_that_cuts_a_mention_is_declined(at, new):
    class Own(Meddler):
        pass

    Own.at, Own.new = at, new
    out = Augment(Own(), task=TASK)({"tokens": [["Anna", "Bell", "left"]], "ner_tags": [["B-PER", "I-PER", "O"]]})
    assert out["declined"] == ["a mention was cut"]


def test_what_is_written_at_the_end_of_a_mention_is_a_token_of_its_own():
    class Mark(Meddler):
        at, new = (9, 9), "!"

    out = Augment(Mark(), task=TASK)({"tokens": [["Anna", "Bell", "left"]], "ner_tags": [["B-PER", "I-PER", "O"]]})
    assert out["tokens"][1] == ["Anna", "Bell", "!", "left"]
    assert out["ner_tags"][1] == ["B-PER", "I-PER", "O", "O"]


@pytest.mark.parametrize(
    ("at", "new", "word"), [((14, 14), "s", "lefts"), ((10, 10), "ab", "ableft"), ((12, 13), "", "let")]
)
def test_a_word_that_grows_or_shrinks_is_one_token(at, new, word):
    class Own(Meddler):
        pass

    Own.at, Own.new = at, new
    given = {
        "tokens": [["Anna", "Bell", "left", "us"]],
        "ner_tags": [["B-PER", "I-PER", "O", "O"]],
        "pos": [list("NNVP")],
    }
    out = Augment(Own(), task=TASK)(given)
    assert out["tokens"][1] == ["Anna", "Bell", word, "us"]
    assert out["pos"][1] == list("NNVP")


def test_a_copy_that_differs_in_space_alone_is_none():
    class Joined(Meddler):
        at, new = (14, 15), ""

    given = {"tokens": [["Anna", "Bell", "left", "us"]], "ner_tags": [["B-PER", "I-PER", "O", "O"]]}
    assert Augment(Joined(), task=TASK)(given)["declined"] == ["nothing to change"]


def test_types_that_begin_like_prefixes_are_types():
    given = {"tokens": [["the", "Old", "Mill", "stood"]], "ner_tags": [["BUILDING"] * 3 + ["O"]]}
    out = Augment(MentionSwap(mentions={"BUILDING": ["Tower"]}), task=TASK)(given)
    assert (out["tokens"][1], out["ner_tags"][1]) == (["Tower", "stood"], ["BUILDING", "O"])


def test_prefixes_without_a_type():
    given = {"tokens": [["acute", "otitis", "is", "bad"]], "ner_tags": [["B", "I", "O", "O"]]}
    out = Augment(MentionSwap(mentions={"": ["a long cold"]}), task=TASK)(given)
    assert (out["tokens"][1], out["ner_tags"][1]) == (["a", "long", "cold", "is", "bad"], ["B", "I", "I", "O", "O"])


@pytest.mark.slow
def test_long_rows_take_no_longer_a_token():
    def seconds(length: int) -> float:
        tokens, tags = ["word"] * length, ["O", "O", "O", "B-PER"] * (length // 4)
        began = time.process_time()
        out = Augment(Typo(rate=0.5), task=TASK)({"tokens": [tokens], "ner_tags": [tags]})
        assert len(out["tokens"]) == 2
        return time.process_time() - began

    seconds(400)
    assert seconds(40_000) < 40 * max(
        seconds(4_000), 0.02
    )  # all edits for each token would take a hundred times as long


def test_combined_transforms():
    swap = MentionSwap(mentions=MENTIONS, rate=1.0)
    for combined in (
        OneOf(transforms=[swap, RandomSwap()]),
        Sometimes(transform=swap, rate=0.5),
        Compose(transforms=[SentenceSwap(), swap, RandomDelete(), EntitySwap(kinds=["number"]), swap]),
    ):
        out = wide().map(Augment(combined, task=TASK, copies=2), batched=True)
        for row in out:
            decode("IOB2", [NAMES[number] for number in row["ner_tags"]])
        assert sum(row["copy"] > 0 for row in out) > 20
    with pytest.raises(ValueError, match="reads the types of a row"):
        Augment(Compose(transforms=[RandomSwap(), swap]), text="text")


def test_a_saved_augment_writes_the_same_rows(tmp_path):
    augment = Augment(made("mention_swap"), task=TASK, copies=2)
    augment.save_pretrained(tmp_path)
    again = Augment.from_pretrained(tmp_path)
    assert list(dataset().map(augment, batched=True)) == list(dataset().map(again, batched=True))
    assert build(augment.transform.to_spec()) == augment.transform
