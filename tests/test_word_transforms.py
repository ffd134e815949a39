"""What a user notices of the transforms that edit words by rule."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_augment import (
    Contraction,
    Eda,
    NoiseWord,
    Punctuation,
    RandomDelete,
    RandomInsert,
    RandomSwap,
    Spelling,
    Synonym,
)
from hf_augment.embedded import lexicon, thesaurus
from hf_augment.embedded.inflection import ER, EST, ING, PARTICIPLE, PAST, S, inflect, new_article, readings
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written
from tests.contract import assert_only_edited

SENTENCE = "The waiter was friendly, and the soup we ordered arrived within twenty minutes of our first call."
WORD_TRANSFORMS = (RandomDelete, RandomInsert, RandomSwap, Synonym, Punctuation, Contraction, Spelling, NoiseWord, Eda)
WORDNET = Path("/usr/share/wordnet")


def outcome(transform, text, copy=1):
    (found,) = transform.apply([Row(text)], [stream(0, transform.name, row_key(text), copy)])
    return found


def written(transform, text, copy=1):
    found = outcome(transform, text, copy)
    assert isinstance(found, Written), f"{transform} declined {text!r}: {found}"
    return found.text


def every(transform, text, copies=40):
    return {written(transform, text, copy) for copy in range(1, copies + 1)}


def table(folder, *rows):
    file = folder / "synonyms.tsv"
    file.write_text("\n".join(rows), encoding="utf-8")
    return str(file)


# -- deletion ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("one  two", {"one", "two"}),
        ("\tone two\n", {"\ttwo\n", "\tone\n"}),
        ("one, two", {", two", "one,"}),
        ("(one) two", {"() two", "(one)"}),
        ("one\ntwo", {"one", "two"}),
        ("one. two!", {". two!", "one.!"}),
        ("http://a.b/ one! two", {"http://a.b/ ! two", "http://a.b/ one!"}),
    ],
)
def test_a_deleted_word_takes_one_run_of_space_along(text, left):
    assert every(RandomDelete(rate=0), text) == left


def test_deletion_joins_no_lines():
    assert "bad\nfood" in every(RandomDelete(rate=0), "bad place\nfood")


def test_words_deleted_side_by_side_leave_no_gap():
    for text in every(RandomDelete(rate=0.8), "We liked it. The rest was dull."):
        assert "  " not in text
        assert " ." not in text


@pytest.mark.parametrize("rate", [0.5, 1.0])
def test_one_word_always_stays(rate):
    for text in every(RandomDelete(rate=rate), "good cheap food"):
        assert re.search(r"\w", text)
    assert outcome(RandomDelete(rate=rate), "Good.") == Declined("nothing to change")


def test_a_protected_word_may_be_the_one_that_stays():
    assert written(RandomDelete(reserved=["Paris"]), "Paris rocks!") == "Paris!"


def test_deletions_follow_the_rate():
    text = " ".join(f"word{i}" for i in range(40))
    for rate, gone in ((0, 1), (0.1, 4), (0.5, 20), (1, 39)):
        assert len(written(RandomDelete(rate=rate), text).split()) == 40 - gone


# -- inflection --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lemma", "pos", "form", "expected"),
    [
        ("movie", "n", S, "movies"),
        ("story", "n", S, "stories"),
        ("boy", "n", S, "boys"),
        ("box", "n", S, "boxes"),
        ("child", "n", S, "children"),
        ("human", "n", S, "humans"),
        ("attempt", "v", ING, "attempting"),
        ("make", "v", ING, "making"),
        ("stop", "v", ING, "stopping"),
        ("visit", "v", ING, "visiting"),
        ("admit", "v", ING, "admitting"),
        ("agree", "v", ING, "agreeing"),
        ("die", "v", ING, "dying"),
        ("frolic", "v", PAST, "frolicked"),
        ("carry", "v", PAST, "carried"),
        ("play", "v", PAST, "played"),
        ("begin", "v", PAST, "began"),
        ("begin", "v", PARTICIPLE, "begun"),
        ("overcome", "v", PAST, "overcame"),
        ("work", "v", PAST, "worked"),
        ("take part", "v", PAST, "took part"),
        ("large", "a", ER, "larger"),
        ("big", "a", EST, "biggest"),
        ("happy", "a", ER, "happier"),
        ("simple", "a", EST, "simplest"),
        ("bad", "a", EST, "worst"),
        ("enormous", "a", ER, "more enormous"),
    ],
)
def test_words_are_written_in_each_form(lemma, pos, form, expected):
    assert inflect(lemma, pos, form) == expected
    if " " not in expected:
        assert (lemma, pos) in {(found, as_pos) for found, as_pos, _ in readings(expected)}


def test_forms_that_are_only_written():
    assert inflect("fireman", "n", S) == "firemen"
    assert inflect("thesis", "n", S) == "theses"
    assert inflect("stomach", "n", S) == "stomachs"
    assert inflect("think", "v", PAST) == "thought"


def test_a_form_is_read_as_the_word_that_is_written_that_way():
    assert {lemma for lemma, _, _ in readings("hoping")} & {"hop", "hope"} == {"hope"}
    assert {lemma for lemma, _, _ in readings("hopping")} & {"hop", "hope"} == {"hop"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Both films were shown.", {"Both movies were shown."}),
        ("He purchased it.", {"He bought it."}),
        ("He bought it.", {"He purchased it."}),
        ("It has started.", {"It has begun."}),
        ("She started.", {"She began."}),
        ("The starting gun.", {"The beginning gun."}),
        ("A bigger plate.", {"A larger plate.", "A more enormous plate."}),
        ("The film's end.", {"The movie's end."}),
        ("The film’s end.", {"The movie’s end."}),
        ("Kids, films and more.", {"Children, films and more.", "Kids, movies and more."}),
    ],
)
def test_a_synonym_takes_the_form_of_the_word(tmp_path, text, expected):
    rows = ("film\tmovie\tn", "purchase\tbuy\tv", "buy\tpurchase\tv", "start\tbegin\tv", "kid\tchild\tn")
    transform = Synonym(table=table(tmp_path, *rows, "big\tlarge enormous\taa"), rate=0)
    assert every(transform, text) == expected


def test_a_past_that_could_be_a_participle_is_not_guessed(tmp_path):
    transform = Synonym(table=table(tmp_path, "start\tbegin\tv"), rate=0)
    assert outcome(transform, "The work started late.") == Declined("nothing to change")


def test_a_verb_stays_where_its_synonym_is_a_noun(tmp_path):
    transform = Synonym(table=table(tmp_path, "command\tdictation\tn", "watch\ttimepiece\tn", "look\tseem\tv"), rate=0)
    for text in ("It commands the scene.", "We will watch.", "I looked at it."):
        assert outcome(transform, text) == Declined("nothing to change")
    assert written(transform, "His watch stopped.") == "His timepiece stopped."
    assert written(transform, "It looked good.") == "It seemed good."


# -- casing, names and articles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Film again.", "Movie again."),
        ("FILM AGAIN.", "MOVIE AGAIN."),
        ("A FILM.", "A MOVIE."),
        ("The Film Of The Year", "The Movie Of The Year"),
    ],
)
def test_capitals_are_restored(tmp_path, text, expected):
    assert written(Synonym(table=table(tmp_path, "film\tmovie")), text) == expected


def test_names_and_odd_capitals_stay(tmp_path):
    transform = Synonym(table=table(tmp_path, "bush\tshrub", "green\tverdant", "film\tmovie"))
    for text in ("I met George Bush.", "we saw Green Bush", "the FiLm"):
        assert outcome(transform, text) == Declined("nothing to change")


@pytest.mark.parametrize(
    ("article", "before", "now", "expected"),
    [
        ("a", "film", "opera", "an"),
        ("an", "opera", "film", "a"),
        ("A", "film", "opera", "An"),
        ("A", "FILM", "OPERA", "AN"),
        ("AN", "OPERA", "FILM", "A"),
        ("an", "hour", "minute", "a"),
        ("a", "minute", "hour", "an"),
        ("a", "unique", "original", "an"),
        ("an", "unusual", "unique", "a"),
        ("an", "uninteresting", "useful", "a"),
        ("an", "old", "one-off", "a"),
        ("a", "film", "movie", None),
        ("the", "film", "opera", None),
        ("a", "opera", "exit", None),
        ("an", "film", "opera", None),
    ],
)
def test_articles_follow_the_sound(article, before, now, expected):
    assert new_article(article, before, now) == expected


def test_the_article_follows_the_synonym_unless_it_is_protected(tmp_path):
    path = table(tmp_path, "film\topera")
    assert written(Synonym(table=path), "It was a film.") == "It was an opera."
    assert written(Synonym(table=path), "It was A  film.") == "It was An  opera."
    assert written(Synonym(table=path), "It was a film's end.") == "It was an opera's end."
    assert written(Synonym(table=path), "Grade A, film.") == "Grade A, opera."
    assert written(Synonym(table=path, reserved=["a"]), "It was a film.") == "It was a opera."


def test_stop_words_stay_unless_the_users_own_table_lists_them(tmp_path):
    assert outcome(Synonym(rate=1), "and there it was, above the other") == Declined("nothing to change")
    assert written(Synonym(table=table(tmp_path, "above\tover")), "above the other") == "over the other"


def test_replacements_follow_the_rate(tmp_path):
    path = table(tmp_path, "film\tmovie")
    for rate, count in ((0, 1), (0.1, 1), (0.5, 5), (1, 10)):
        assert written(Synonym(table=path, rate=rate), " ".join(["film"] * 10)).split().count("movie") == count


# -- sources of synonyms -----------------------------------------------------------------------------------------------


def test_the_hash_follows_the_content_of_the_table_not_its_place(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = Synonym(table=table(tmp_path / "a", "film\tmovie"))
    second = Synonym(table=table(tmp_path / "b", "film\tmovie"))
    assert first.identity() == second.identity()
    before = first.identity()
    table(tmp_path / "a", "film\tmovie picture")
    assert first.identity() != before
    assert written(first, "film", copy=1) in ("movie", "picture")
    assert Synonym().identity() != before


@pytest.mark.parametrize("kind", [Synonym, RandomInsert, Eda])
def test_an_edited_embedded_table_changes_the_hash(kind, tmp_path, monkeypatch):
    before = kind().identity()
    for name, file in lexicon.TABLES.items():
        data = (lexicon.FOLDER / file).read_bytes()
        (tmp_path / file).write_bytes(data + b"\n" if name == "stop_words" else data)
    monkeypatch.setattr(lexicon, "FOLDER", tmp_path)
    assert kind().identity() != before


def test_a_table_that_is_not_there_or_not_a_table_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"synonym: table: there is no file 'nowhere\.tsv'"):
        Synonym(table="nowhere.tsv")
    path = table(tmp_path, "film\tmovie", "just words")
    with pytest.raises(ValueError, match=r"line 2: .*got 'just words'"):
        outcome(Synonym(table=path), "film")


def test_the_embedded_table_offers_no_stop_word_and_inflects_without_error():
    look, stop_words = thesaurus.substitutes("embedded", None), lexicon.stop_words()
    for word, synonyms in lexicon.synonyms().items():
        assert synonyms
        for other, pos in synonyms:
            assert other != word
            assert pos in "nvar"
            for form in {"n": (S,), "v": (S, ING, PAST, PARTICIPLE), "a": (ER, EST), "r": ()}[pos]:
                assert inflect(other, pos, form).strip()
    assert not any(look(word) for word in stop_words)


def in_a_process(code, **environment):
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, cwd=Path(__file__).parent.parent
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_full_wordnet_is_read_through_nltk(tmp_path):
    pytest.importorskip("nltk", reason="needs the extra 'wordnet'")
    if not (WORDNET / "data.noun").is_file():
        pytest.skip(f"no WordNet database in {WORDNET}: apt-get install wordnet-base")
    folder = tmp_path / "corpora" / "wordnet"
    folder.mkdir(parents=True)
    for file in (*WORDNET.glob("data.*"), *WORDNET.glob("index.*"), *WORDNET.glob("*.exc"), WORDNET / "cntlist.rev"):
        shutil.copy(file, folder)  # a link would lead out of NLTK's folders, which it refuses
    # NLTK's own package has two files more: names for the 45 groups of synsets, and an index that it only maps by.
    (folder / "lexnames").write_text("".join(f"{i:02d}\tgroup{i}\t1\n" for i in range(45)))
    (folder / "index.sense").write_text("")
    code = """
from hf_augment import Synonym
from hf_augment.streams import Stream
from hf_augment.transform import Row
synonym = Synonym(source="wordnet", rate=0)
rows = [Row("An automobile."), Row("Two dogs.")] * 90
found = {outcome.text for outcome in synonym.apply(rows, [Stream(i) for i in range(180)])}
assert {"A car.", "An auto.", "A motorcar.", "Two hounds.", "Two domestic dogs."} <= found, found
assert not any("Canis" in text for text in found), found
assert "wordnet" in synonym.identity() and "synonyms" not in synonym.identity()
print("read")
"""
    assert in_a_process(code, NLTK_DATA=str(tmp_path)) == "read\n"


@pytest.mark.slow
def test_a_missing_wordnet_says_how_to_get_it():
    pytest.importorskip("nltk", reason="needs the extra 'wordnet'")
    code = """
import nltk
nltk.data.path.clear()
from hf_augment import Synonym
from hf_augment.streams import Stream
from hf_augment.transform import Row
try:
    Synonym(source="wordnet").apply([Row("film")], [Stream(0)])
except LookupError as error:
    print(error)
"""
    assert "nltk.downloader wordnet" in in_a_process(code)


def test_a_missing_nltk_says_which_extra_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nltk", None)
    with pytest.raises(ImportError, match=r"hf_augment\[wordnet\]"):
        outcome(Synonym(source="wordnet"), "cellulose")


# -- insertion ---------------------------------------------------------------------------------------------------------


def test_an_insertion_is_a_synonym_of_a_word_of_the_text_at_any_place():
    look = thesaurus.substitutes("embedded", None)
    offered = {new for word in re.findall(r"\w+", SENTENCE.lower()) for new, _ in look(word)}
    places = Counter()
    for copy in range(1, 301):
        found = outcome(RandomInsert(rate=0), SENTENCE, copy)
        (edit,) = [edit for edit in found.notes["edits"][0] if edit.start == edit.end]
        assert edit.new.endswith(" ")
        assert edit.new.strip() in offered
        places[edit.start] += 1
    assert len(places) == len(SENTENCE.split()) - 1  # a sentence keeps its first word
    assert max(places.values()) < 3 * 300 / len(places)


def test_nothing_is_inserted_between_a_sign_and_its_number(tmp_path):
    path = table(tmp_path, "film\tmovie")
    for transform in (RandomInsert(table=path), Punctuation(), NoiseWord()):
        for text in every(transform, "a film for $5 or -7%"):
            assert "$5" in text
            assert "-7" in text


def test_the_article_follows_the_inserted_word(tmp_path):
    texts = every(RandomInsert(table=table(tmp_path, "film\topera"), rate=0), "He saw a film.")
    assert "He saw an opera film." in texts
    assert "He saw a opera film." not in texts


def test_fillers_of_ones_own():
    for text in every(NoiseWord(fillers=["halt", "eben"], rate=0), "Das war gut."):
        assert re.fullmatch(r"Das (halt|eben) war gut\.|Das war (halt|eben) gut\.", text)
    with pytest.raises(ValueError, match="fillers"):
        NoiseWord(fillers=[])


# -- AEDA --------------------------------------------------------------------------------------------------------------


def test_marks_stand_before_words_and_all_six_are_used():
    text = " ".join(f"word{i}" for i in range(20))
    counts, marks, places = Counter(), Counter(), Counter()
    for copy in range(1, 601):
        tokens = written(Punctuation(), text, copy).split(" ")
        assert [token for token in tokens if token[0] == "w"] == text.split()
        inserted = [i for i, token in enumerate(tokens) if token[0] != "w"]
        assert all(tokens[i + 1][0] == "w" for i in inserted)
        counts[len(inserted)] += 1
        marks.update(tokens[i] for i in inserted)
        places.update(tokens[i + 1] for i in inserted)
    assert set(marks) == set(".,!?;:")
    assert set(counts) == set(range(1, 7))  # from one to 0.3 of twenty
    assert len(places) == 20
    for found in (counts, marks, places):
        assert max(found.values()) < 1.6 * sum(found.values()) / len(found)


# -- contractions and misspellings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "text", "expected"),
    [
        ("contract", "Do not go.", "Don't go."),
        ("contract", "DO NOT GO.", "DON'T GO."),
        ("contract", "I am here and i am glad.", "I'm here and i'm glad."),
        ("contract", "She cannot know", "She can't know"),
        ("expand", "I can't, they won't and you're late.", "I cannot, they will not and you are late."),
        ("expand", "I'M SURE IT DIDN'T", "I AM SURE IT DID NOT"),
        ("expand", "We don’t know.", "We do not know."),
        ("contract", "“We do not know.” She’s late.", "“We don’t know.” She’s late."),
        ("both", "I'm sure he was not.", "I am sure he wasn't."),
    ],
)
def test_phrases_are_contracted_and_expanded(direction, text, expected):
    assert written(Contraction(direction=direction, rate=1), text) == expected


@pytest.mark.parametrize(
    ("direction", "text"),
    [
        ("contract", "Yes, I am."),
        ("contract", "Yes I am, really"),
        ("contract", "he, is late"),
        ("expand", "he's gone and I'd know"),
        ("expand", "the dog's tail"),
        ("contract", "I don't"),
    ],
)
def test_what_cannot_be_contracted_or_expanded_stays(direction, text):
    assert outcome(Contraction(direction=direction, rate=1), text) == Declined("nothing to change")


def test_misspellings_are_known_ones():
    known = {new for others in lexicon.misspellings().values() for new in others}
    for text in every(Spelling(rate=0), "I definitely tried."):
        assert text.split()[1] in known or text.split()[2].strip(".") in known
    assert written(Spelling(rate=1), "DEFINITELY").isupper()
    assert written(Spelling(rate=1), "Definitely").istitle()


# -- the mixture -------------------------------------------------------------------------------------------------------


def test_eda_draws_the_four_operations_equally_often_and_names_the_one_that_spoke():
    found = Counter(outcome(Eda(), SENTENCE, copy).by for copy in range(1, 801))
    assert set(found) == {"synonym", "random_insert", "random_swap", "random_delete"}
    assert all(150 < count < 250 for count in found.values()), found


def test_eda_takes_the_next_operation_where_one_cannot_change_the_text():
    found = Counter(outcome(Eda(), "Il était une fois", copy).by for copy in range(1, 201))
    assert set(found) == {"random_swap", "random_delete"}  # no synonyms: what was theirs goes to the next, the swap
    assert found["random_swap"] > 2 * found["random_delete"]
    assert outcome(Eda(), "nu") == Declined("nothing to change")


def test_eda_hands_its_settings_on(tmp_path):
    transform = Eda(table=table(tmp_path, "film\tmovie"), alpha=1, reserved=["good"], protect=[r"\d+"])
    seen = set()
    for copy in range(1, 60):
        found = outcome(transform, "good film of 1999 by us", copy)
        assert "good" in found.text
        assert "1999" in found.text
        seen.add((found.by, "movie" in found.text))
    assert {("synonym", True), ("random_insert", True), ("random_swap", False), ("random_delete", False)} == seen


def test_eda_recommends_an_alpha_by_the_number_of_rows():
    assert [Eda.recommended(rows).alpha for rows in (500, 2000, 2001, 50_000)] == [0.05, 0.05, 0.1, 0.1]


# -- all of them -------------------------------------------------------------------------------------------------------

PIECES = """
The waiter didn't bring a bigger plate because it is an awful film and I am not happy about these movies definitely their
believe Children FILM Café e\u0301te\u0301 naïve l'été don’t KEEP1 KEEP22 5/6 $7 3.5% https://example.org/the-film?a=b
me@example.org @film #film <br/> &amp; यह फ़िल्म अच्छी \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd 好电影 ... (good) "bad"
"""
TEXTS = st.lists(
    st.tuples(
        st.sampled_from([*PIECES.split(), "New York"]), st.sampled_from([" ", " ", " ", "  ", "\n", "\t", ", ", ". "])
    ),
    max_size=25,
)
KEPT = re.compile(r"KEEP\d+|(?<!\w)new york(?!\w)|https://\S+|me@example\.org|[@#]\w+|<br/>|&amp;", re.IGNORECASE)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(
    pieces=TEXTS,
    kind=st.sampled_from(WORD_TRANSFORMS),
    rate=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    copy=st.integers(1, 9),
)
def test_nothing_outside_the_edits_is_touched_and_protected_spans_survive(pieces, kind, rate, copy):
    text = "".join(piece + gap for piece, gap in pieces)
    transform = kind(**{"alpha" if kind is Eda else "rate": rate}, protect=[r"KEEP\d+"], reserved=["New York"])
    found = outcome(transform, text, copy)
    if isinstance(found, Written):
        assert found.text != text
        assert_only_edited(text, found)
        assert KEPT.findall(found.text) == KEPT.findall(text)
        assert found.text.strip()


@pytest.mark.parametrize("kind", WORD_TRANSFORMS)
@pytest.mark.parametrize("text", ["这部电影很好看，演员也很好。", "ฉันชอบหนังเรื่องนี้มาก"])
def test_scripts_without_spaces_are_declined(kind, text):
    assert outcome(kind(), text) == Declined("no words between spaces")


@pytest.mark.parametrize("kind", WORD_TRANSFORMS)
def test_a_rate_beyond_one_is_refused(kind):
    with pytest.raises(ValueError, match=r"from 0 to 1, got 1\.5"):
        kind(**{"alpha" if kind is Eda else "rate": 1.5})


def test_a_table_may_replace_an_article(tmp_path):
    path = table(tmp_path, "a\tone", "cat\tanimal")
    assert written(Synonym(rate=1.0, table=str(path)), "a cat sat") == "one animal sat"
