"""The most similar texts of a pool come out, never the row's own, and the pool is whole or not there."""

import json

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from datasets.fingerprint import Hasher

from hf_augment import SimilarSentence
from hf_augment.engine import new_pool, pools
from hf_augment.engine.encoder import load_encoder
from hf_augment.engine.pools import Query, load_pool
from hf_augment.engine.resources import identity
from hf_augment.engine.whole_texts import embed_whole
from hf_augment.sentences import sentences
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written
from hf_augment.words import same_words
from tests.contract import NAMES, RULES
from tests.stand_ins import resolve
from tests.tiny_encoder import bag_of_words

SUBJECTS = ["soup", "film", "hotel", "phone", "train", "song"]
PRAISE = ["was lovely", "was the best", "works well", "made us happy"]
BLAME = ["was awful", "was the worst", "broke at once", "made us angry"]
ENDS = ["today", "last week", "as always", "in our town", "for the children"]
TEXTS = {
    name: [f"The {subject} {said} {end}." for subject in SUBJECTS for said in verdicts for end in ENDS]
    for name, verdicts in (("positive", PRAISE), ("negative", BLAME))
}
ALL = [text for texts in TEXTS.values() for text in texts]
EVERYTHING = 1_000


def split(extra: list[tuple[str, str]] = ()) -> Dataset:
    rows = [(text, name) for name, texts in TEXTS.items() for text in texts] + list(extra)
    features = Features({"text": Value("string"), "label": ClassLabel(names=["positive", "negative"])})
    return Dataset.from_dict({"text": [t for t, _ in rows], "label": [name for _, name in rows]}, features=features)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return str(bag_of_words(tmp_path_factory.mktemp("encoder"), ALL, limit=32))


@pytest.fixture(scope="module")
def pool(tmp_path_factory, encoder):
    return fit(tmp_path_factory.mktemp("pools") / "pool", encoder)


def fit(folder, encoder, dataset=None, **settings) -> str:
    settings = {"text": "text", "label": "label", **settings}
    return SimilarSentence.fit(split() if dataset is None else dataset, folder, encoder=encoder, **settings)


def rows() -> list[Row]:
    return [Row(text, name) for name, texts in TEXTS.items() for text in texts]


def written(transform: SimilarSentence, given: list[Row], copy: int = 1) -> list[Written | Declined]:
    return transform.apply(given, [stream(0, transform.name, row_key(row.text), copy) for row in given])


def test_the_nearest_of_the_label_come_out_as_an_exact_search_finds_them(pool, encoder):
    found = load_pool(pool).nearest([Query(row.text, row.label, 7) for row in rows()])
    vectors = load_encoder(encoder).embed(ALL).astype(np.float64)
    for row, neighbours in zip(rows(), found, strict=True):
        assert {neighbour.label for neighbour in neighbours} == {row.label}
        asked = load_encoder(encoder).embed([row.text])[0].astype(np.float64)
        cosines = {text: round(float(vectors[ALL.index(text)] @ asked), 5) for text in TEXTS[row.label]}
        best = sorted(cosines.values(), reverse=True)[:7]
        assert [round(neighbour.cosine, 5) for neighbour in neighbours] == pytest.approx(best, abs=2e-5)
        assert [cosines[neighbour.text] for neighbour in neighbours] == pytest.approx(best, abs=2e-5)


def test_a_query_is_answered_alike_in_any_company(pool):
    found = load_pool(pool)
    queries = [Query(f"{text} Really?", None, 5) for text in ALL]
    together = found.nearest(queries)
    assert [found.nearest([query])[0] for query in queries] == together
    assert found.nearest(queries[::-1])[::-1] == together


@pytest.mark.parametrize("same_label", [True, False])
@pytest.mark.parametrize("change", [str, str.upper, lambda text: f"  {text[:-1]} !! "])
def test_no_row_gets_its_own_words(pool, same_label, change):
    transform = SimilarSentence(pool=pool, same_label=same_label, threshold=-1, top_k=EVERYTHING, temperature=0.05)
    given = [Row(change(row.text), row.label) for row in rows()]
    for copy in (1, 2):
        for row, outcome in zip(given, written(transform, given, copy), strict=True):
            assert same_words(outcome.text) != same_words(row.text)
            assert outcome.text.strip() in (TEXTS[row.label] if same_label else ALL)


def test_the_nearest_alone_without_temperature(pool):
    nearest = written(SimilarSentence(pool=pool, temperature=0), rows())
    first = written(SimilarSentence(pool=pool, top_k=1), rows())
    assert [outcome.text for outcome in nearest] == [outcome.text for outcome in first]
    found = load_pool(pool).nearest([Query(row.text, row.label, 1, (same_words(row.text),)) for row in rows()])
    assert [outcome.text for outcome in nearest] == [neighbour.text for (neighbour,) in found]


def test_nearer_ones_are_drawn_more_often_and_copies_differ(pool):
    transform = SimilarSentence(pool=pool, top_k=10, temperature=0.1, threshold=-1)
    (row,) = rows()[:1]
    drawn = [written(transform, [row], copy)[0].text for copy in range(400)]
    (near,) = load_pool(pool).nearest([Query(row.text, row.label, 10, (same_words(row.text),))])
    weights = np.exp(np.array([neighbour.cosine for neighbour in near]) / 0.1)
    shares = np.array([drawn.count(neighbour.text) for neighbour in near]) / 400
    assert set(drawn) <= {neighbour.text for neighbour in near}
    assert np.abs(shares - weights / weights.sum()).max() < 0.08


def test_threshold_declines(pool):
    found = written(SimilarSentence(pool=pool, threshold=0.999), rows())
    assert set(found) == {Declined("nothing similar in the pool")}


def test_labels_that_lead_nowhere_are_declined(pool):
    given = [Row("The soup.", None), Row("The soup.", "neutral"), Row(" ", "positive")]
    reasons = ["the row has no label", "the pool has no text of the label 'neutral'", "no text"]
    for unit in ("text", "sentence"):
        found = written(SimilarSentence(pool=pool, unit=unit), given)
        assert [outcome.reason for outcome in found] == reasons


def test_sentences_are_replaced_where_they_stand(pool):
    text = f"  {ALL[0]} {ALL[30]}<br />\n{ALL[60]} Call 555-1234 now. {ALL[90]}"
    transform = SimilarSentence(pool=pool, unit="sentence", rate=0.7, threshold=-1, protect=[r"\d+"])
    own = {same_words(text[start:end]) for start, end in sentences(text)}
    for copy in range(20):
        (outcome,) = written(transform, [Row(text, "positive")], copy)
        (edits,) = outcome.notes["edits"]
        assert len(edits) == 3
        assert {(edit.start, edit.end) for edit in edits} < set(sentences(text))
        assert len({edit.new for edit in edits}) == 3
        assert not own.intersection(same_words(edit.new) for edit in edits)
        assert "Call 555-1234 now." in outcome.text


def test_whole_texts_with_something_protected_stay(pool):
    transform = SimilarSentence(pool=pool, reserved=["soup"])
    found = written(transform, rows())
    assert found[0] == Declined("the text holds what is protected")
    assert any(isinstance(outcome, Written) for outcome in found)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("unit", ["text", "sentence"])
def test_the_contract_with_labels(rule, unit):
    assert {"negative", "positive"} == set(NAMES)
    RULES[rule](SimilarSentence(pool=resolve("stand_in:similar_pool"), unit=unit, threshold=-1))


def test_a_pool_counts_what_it_holds_and_what_it_left_out(tmp_path, encoder):
    rows = [("A.", "positive"), ("a!", "positive"), ("A.", "negative"), (None, "positive"), (" ", "negative")]
    features = {"text": Value("string"), "label": ClassLabel(names=["positive", "negative"])}
    columns = {"text": [text for text, _ in rows] + ["B."], "label": [name for _, name in rows] + [None]}
    fit(tmp_path / "pool", encoder, Dataset.from_dict(columns, features=Features(features)))
    facts = json.loads((tmp_path / "pool" / "pool.json").read_text())
    assert facts["texts"] == 2
    assert facts["labels"] == {"negative": 1, "positive": 1}
    assert facts["left_out"] == {"no text": 2, "no label": 1, "repeated": 1}


def test_a_pool_of_sentences_holds_each_once(tmp_path, encoder):
    texts = [f"{ALL[0]} {ALL[1]}", f"{ALL[1]}<br />{ALL[2]}"]
    fit(tmp_path / "pool", encoder, Dataset.from_dict({"text": texts}), label=None, unit="sentence")
    assert load_pool(str(tmp_path / "pool")).texts == sorted(ALL[:3])


def test_streams_can_be_fitted_too(tmp_path, encoder, pool):
    fit(tmp_path / "pool", encoder, split().to_iterable_dataset())
    assert identity(str(tmp_path / "pool")) == identity(pool)


def test_the_same_rows_give_the_same_pool_in_any_order_and_the_hash_follows_it(tmp_path, encoder, pool):
    again = fit(tmp_path / "again", encoder, split().shuffle(seed=1))
    assert identity(again) == identity(pool)
    folder = fit(tmp_path / "pool", encoder)
    before = Hasher.hash(SimilarSentence(pool=folder))
    fit(folder, encoder, split([("The soup was new to us.", "positive")]))
    assert Hasher.hash(SimilarSentence(pool=folder)) != before
    assert len(load_pool(folder).texts) == len(ALL) + 1


def test_one_more_text_moves_only_the_draws_that_it_wins(tmp_path, encoder, pool):
    new = "The soup was cheap last week."
    larger = fit(tmp_path / "larger", encoder, split([(new, "positive")]))
    settings = {"top_k": EVERYTHING, "threshold": -1}
    before = written(SimilarSentence(pool=pool, **settings), rows())
    after = written(SimilarSentence(pool=larger, **settings), rows())
    moved = [now.text for old, now in zip(before, after, strict=True) if old.text != now.text]
    assert set(moved) <= {new}


def test_a_failed_fit_changes_nothing(tmp_path, encoder, monkeypatch):
    folder = fit(tmp_path / "pool", encoder)
    before = identity(folder)

    def fail(*_):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(new_pool, "embed_whole", fail)
    with pytest.raises(RuntimeError, match="luck"):
        fit(folder, encoder)
    with pytest.raises(RuntimeError, match="luck"):
        fit(tmp_path / "other", encoder)
    assert identity(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["pool"]


def test_what_a_killed_fit_left_is_cleared_away(tmp_path, encoder):
    for name in ("pool.123.tmp", "pool.123.old.tmp", "pool.notes.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    fit(tmp_path / "pool", encoder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pool", "pool.notes.tmp"]


def test_other_folders_are_not_replaced(tmp_path, encoder):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"holds no pool\.json"):
        fit(tmp_path, encoder)
    assert (tmp_path / "thesis.txt").exists()


def test_evaluation_splits_are_kept_out(tmp_path, encoder):
    with pytest.raises(TypeError, match=r"dataset\['train'\]"):
        fit(tmp_path / "pool", encoder, DatasetDict({"train": split(), "test": split()}))
    with pytest.raises(TypeError, match=r"got list\. Write Dataset\.from_list"):
        fit(tmp_path / "pool", encoder, [{"text": "The soup.", "label": "positive"}])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"text": "texts"}, "unknown column 'texts'. Did you mean 'text'"),
        ({"label": "labels"}, "unknown column 'labels'. Did you mean 'label'"),
        ({"unit": "sentences"}, "Did you mean 'sentence'"),
        ({"index": "hnws"}, "Did you mean 'hnsw'"),
    ],
)
def test_wrong_settings_are_named(tmp_path, encoder, settings, message):
    with pytest.raises(ValueError, match=message):
        fit(tmp_path / "pool", encoder, **settings)


def test_a_split_without_texts_makes_no_pool(tmp_path, encoder):
    with pytest.raises(ValueError, match=r"no texts to make a pool of.*'no text': 1"):
        fit(tmp_path / "pool", encoder, Dataset.from_dict({"text": [" "], "label": ["positive"]}))
    assert not (tmp_path / "pool").exists()


def test_pools_that_do_not_suit_are_named(tmp_path, encoder, pool):
    plain = fit(tmp_path / "plain", encoder, label=None)
    with pytest.raises(ValueError, match="fitted without labels"):
        written(SimilarSentence(pool=plain), rows())
    of_sentences = fit(tmp_path / "sentences", encoder, unit="sentence")
    with pytest.raises(ValueError, match="holds sentences"):
        written(SimilarSentence(pool=of_sentences), rows())
    with pytest.raises(FileNotFoundError, match="holds no pool"):
        written(SimilarSentence(pool=encoder), rows())


def test_another_encoder_is_refused_and_a_moved_one_can_be_named(tmp_path, encoder):
    given = [Row("The soup was new.", "positive")]
    there = tmp_path / "there"
    bag_of_words(there, ALL, limit=32)
    folder = fit(tmp_path / "pool", str(there))
    expected = written(SimilarSentence(pool=folder), given)
    there.rename(tmp_path / "elsewhere")
    assert written(SimilarSentence(pool=folder, encoder=str(tmp_path / "elsewhere")), given) == expected
    with pytest.raises(ValueError, match="another encoder"):
        written(SimilarSentence(pool=folder, encoder=str(bag_of_words(tmp_path / "new", ALL, width=64))), given)


def test_rows_of_the_pool_need_no_encoder(pool, monkeypatch):
    monkeypatch.setattr(pools, "load_encoder", lambda *_: pytest.fail("the encoder was asked"))
    assert all(isinstance(outcome, Written) for outcome in written(SimilarSentence(pool=pool), rows()))


def test_long_texts_are_embedded_to_their_end(encoder):
    # The encoder reads 32 words; the second text begins like the first and then goes on.
    soup, train = "The soup was lovely today. " * 20, "The train broke at once. " * 20
    both = f"{soup}{train}".strip()
    cut, whole = load_encoder(encoder).embed([both])[0], embed_whole(load_encoder(encoder), [both])[0]
    of_soup, of_train = embed_whole(load_encoder(encoder), [soup.strip(), train.strip()])
    assert cut @ of_soup > 0.99
    assert cut @ of_train < 0.9
    assert abs(whole @ of_soup - whole @ of_train) < 0.1
    assert np.linalg.norm(whole) == pytest.approx(1, abs=1e-6)
    assert np.allclose(embed_whole(load_encoder(encoder), [ALL[0], both])[0], load_encoder(encoder).embed([ALL[0]])[0])


def test_a_second_run_asks_no_pool(pool, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    monkeypatch.setenv("HF_AUGMENT_CACHE", str(tmp_path))
    transform = SimilarSentence(pool=pool)
    first = written(transform, rows())
    monkeypatch.setattr(pools.Pool, "nearest", lambda *_: pytest.fail("the pool was asked"))
    assert written(transform, rows()) == first


def test_an_index_finds_nearly_all_that_an_exact_search_finds(tmp_path, encoder, monkeypatch):
    pytest.importorskip("usearch")
    monkeypatch.setitem(new_pool.INDEX_FROM, "hnsw", 50)
    exact = fit(tmp_path / "exact", encoder, index="none")
    fast, again = (fit(tmp_path / name, encoder, index="hnsw") for name in ("fast", "again"))
    assert identity(fast) == identity(again) != identity(exact)
    for label in ("positive", None):
        queries = [Query(row.text, label, 10, (same_words(row.text),)) for row in rows()]
        truth, found = (load_pool(folder).nearest(queries) for folder in (exact, fast))
        hits = sum(
            len({n.text for n in ours} & {n.text for n in best}) for ours, best in zip(found, truth, strict=True)
        )
        assert hits > 0.99 * sum(map(len, truth))
        assert [load_pool(fast).nearest([query])[0] for query in queries] == found


def test_a_pool_without_labels_can_have_an_index(tmp_path, encoder, monkeypatch):
    pytest.importorskip("usearch")
    monkeypatch.setitem(new_pool.INDEX_FROM, "hnsw", 50)
    fast, exact = (fit(tmp_path / index, encoder, label=None, index=index) for index in ("hnsw", "none"))
    queries = [Query(text, None, 1, (same_words(text),)) for text in ALL]
    assert load_pool(fast).nearest(queries) == load_pool(exact).nearest(queries)
