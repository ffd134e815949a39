"""What a user notices of swapped names, places and numbers."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_augment import EntitySwap
from hf_augment.embedded.entities import FOLDER
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written
from tests.contract import assert_only_edited

NAMES = [line.split("\t") for line in (FOLDER / "names.tsv").read_text(encoding="utf-8").splitlines()]
PLACES = [line.split("\t") for line in (FOLDER / "places.tsv").read_text(encoding="utf-8").splitlines()]
GROUP = {row[0]: row[1] for row in NAMES + PLACES}


def outcome(text, copy=1, **params):
    made = EntitySwap(**params)
    (found,) = made.apply([Row(text)], [stream(0, made.name, row_key(text), copy)])
    return found


def every(text, copies=40, **params):
    found = [outcome(text, copy, **params) for copy in range(1, copies + 1)]
    assert all(isinstance(each, Written) for each in found), found
    return [each.text for each in found]


def stays(text, **params):
    assert outcome(text, **params) == Declined("nothing to change")


# -- names and places --------------------------------------------------------------------------------------------------


def test_a_name_gets_one_replacement_everywhere_and_keeps_its_gender():
    text = "Anna Schmidt met Omar. ANNA was late; Anna's bag (Schmidt's!) was Omar’s."
    shape = re.compile(r"(\w+) ([\w']+) met (\w+)\. (\w+) was late; (\w+)'s bag \((.+)'s!\) was (\w+)’s\.")
    for new in every(text):
        first, surname, man, loud, again, family, owner = shape.fullmatch(new).groups()
        assert (loud, again, family, owner) == (first.upper(), first, surname, man)
        assert [GROUP[first], GROUP[surname], GROUP[man]] == ["female name", "surname", "male name"]
        assert not {first, surname, man} & {"Anna", "Schmidt", "Omar"}


def test_a_place_stays_of_its_kind():
    text = "From New York and Ohio to the Netherlands, Kenya and Paris-based firms"
    for new in every(text):
        found = re.fullmatch(r"From (.+) and (.+) to the (.+), (.+) and (.+)-based firms", new).groups()
        groups = [GROUP[name] for name in found]
        assert groups == ["city", "state of the US", "country with an article", "country", "city"]


def test_two_names_for_one_country_get_the_same_replacement():
    for new in every("The UK is the United Kingdom"):
        found = re.fullmatch(r"The (.+) is the (.+)", new)
        assert found[1] == found[2] != "United Kingdom"


@pytest.mark.parametrize(
    "text",
    [
        "Will you mark the white line, and hope?",
        "Will Young people stay?",
        "Grace is a virtue and Brown a colour",
        "anna went to paris",
        "The SAM hit the Boston Globe",
        "I read the London Review",
        "Netherlands",
    ],
)
def test_what_may_be_another_word_stays(text):
    stays(text)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("Mr. Brown sat. Then Brown rose.", r"Mr\. (.+) sat\. Then \1 rose\."),
        ("Grace Kowalski and Grace", r"(.+) .+ and \1"),
        ("I saw Will Smith", r"I saw \S+ \S+"),
        ("They live in Dar es Salaam, I think", r"They live in .+, I think"),
    ],
)
def test_a_title_or_another_name_makes_it_one(text, pattern):
    for new in every(text):
        assert re.fullmatch(pattern, new)
        assert not re.search(r"Brown|Grace|Will|Smith|Salaam", new)


def test_a_place_after_a_first_name_is_a_surname():
    for new in every("Jack London in London", copies=5):
        assert re.fullmatch(r"(?!Jack)\S+ London in (?!London).+", new)


def test_articles_and_bare_possessives_follow():
    for new in every("An Athens hotel, a Berlin hotel and James' car", copies=80):
        first, second, owner = re.fullmatch(r"(An? .+) hotel, (an? .+) hotel and (\S+) car", new).groups()
        for article, place in (first.lower().split(" ", 1), second.lower().split(" ", 1)):
            assert (article == "an") == (place[0] in "aeiou"), new
        assert owner.endswith("s'") or re.fullmatch(r".*[^s']'s", owner), new


def test_different_names_stay_different():
    names = [name for name, group, _, *mark in NAMES if group == "female name" and not mark][::5]
    for new in every(", ".join(names), copies=3):
        assert len({*names, *new.split(", ")}) == 2 * len(names)


def test_replacements_come_evenly_from_all_regions():
    region = {name: where for name, group, where, *mark in NAMES if group == "female name" and not mark}
    drawn = Counter(region[new] for new in every("Anna", copies=800))
    assert len(drawn) == 8
    assert all(60 < count < 145 for count in drawn.values()), drawn


def test_the_tables_are_balanced_and_say_one_thing_of_each_name():
    assert len(GROUP) == len(NAMES) + len(PLACES)
    for group, least in (("female name", 25), ("male name", 25), ("surname", 25)):
        regions = Counter(where for _, kind, where, *_ in NAMES if kind == group)
        assert len(regions) == 8
        assert min(regions.values()) >= least
    assert min(Counter(where for _, kind, where, *_ in PLACES if kind == "city").values()) >= 28


# -- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "shape"),
    [
        ("7", r"[2-9]"),
        ("42", r"[1-9]\d"),
        ("500", r"[1-9]00"),
        ("007", r"00[2-9]"),
        ("1,250,000.50", r"[2-9],\d{3},\d{3}\.\d\d"),
        ("1.250,50", r"[2-9]\.\d{3},\d\d"),
        ("3.5", r"[1-9]\.\d"),
        ("3,5", r"[1-9],\d"),
        ("0.05", r"0\.0[1-9]"),
        ("1.5", r"[2-9]\.\d"),
        ("1999", r"19[89]\d|200\d"),
        ("two", r"three|four|five|six|seven|eight|nine|ten|eleven|twelve"),
        ("Ninety", r"(?:Twen|Thir|For|Fif|Six|Seven|Eigh)ty"),
    ],
)
def test_a_number_keeps_its_shape(number, shape):
    for new in every(f"They paid ${number}."):
        found = re.fullmatch(r"They paid \$(.+)\.", new)[1]
        assert re.fullmatch(shape, found)
        assert found != number


@pytest.mark.parametrize(
    "text",
    [
        "0 or 1 of them",
        "zero, one",
        "10/10",
        "on 12/05/2023",
        "at 10:30",
        "v1.2.3",
        "10-12 days",
        "9 out of 10",
        "192.168.0.1",
        "100%",
    ],
)
def test_dates_ratios_and_the_like_stay(text):
    stays(text)


def test_equal_numbers_stay_equal_and_years_keep_their_distance():
    for new in every("42 of 42 in 1990, 17 in 2004"):
        a, b, early, other, late = re.findall(r"\d+", new)
        assert a == b != other
        assert int(late) - int(early) == 14
        assert 1 <= abs(int(early) - 1990) <= 9


def test_an_article_follows_a_number():
    for new in every("Take an 8 and a 5 and an eleven."):
        for article, number in re.findall(r"\b(an?) (\w+)", new):
            assert (article == "an") == (number.startswith("8") or number in ("eight", "eleven")), new


@given(st.from_regex(r"\d{1,6}([.,]\d{1,4}){0,2}", fullmatch=True), st.integers(1, 5))
def test_any_number_keeps_its_digits_and_marks(number, copy):
    found = outcome(f"x {number} y", copy, kinds=["number"])
    if isinstance(found, Written):
        assert re.sub(r"\d", "0", found.text) == re.sub(r"\d", "0", f"x {number} y")
        assert_only_edited(f"x {number} y", found)


# -- what the user chooses ---------------------------------------------------------------------------------------------


def test_kinds_choose():
    text = "Anna spent 7 days in Paris"
    for kind, word in (("name", "Anna"), ("number", "7"), ("place", "Paris")):
        for new in every(text, copies=5, kinds=[kind]):
            assert [each for each in ("Anna", "7", "Paris") if each not in new] == [word]


def test_tables_of_ones_own():
    tables = {"drug": ["aspirin", "ibuprofen", "vitamin C"]}
    for new in every("Aspirin and vitamin C; ASPIRIN's box", kinds=[], tables=tables):
        first, second, third = re.fullmatch(r"(.+) and (.+); (.+)'s box", new).groups()
        assert first.lower() != "aspirin"
        assert second != "vitamin C"
        assert third == first.upper()
    stays("Anna took nothing", kinds=[], tables=tables)


def test_both_names_of_a_table_change_places():
    assert set(every("cats hate dogs", kinds=[], tables={"pet": ["cats", "dogs"]})) == {"dogs hate cats"}


def test_rate_counts_different_names():
    for new in every("Anna, Omar, Anna, Nairobi and Osaka; Omar", rate=0.5):
        assert sum(name not in new for name in ("Anna", "Omar", "Nairobi", "Osaka")) == 2


def test_protected_text_stays():
    for new in every("Anna Schmidt of New York, 42 and 43", reserved=["anna", "42"], protect=["York| "]):
        assert new.startswith("Anna ")
        assert new.split()[2:5] == ["of", "New", "York,"]
        assert "42 and" in new
        assert "43" not in new


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"kinds": ["date"]}, r"expected one of \['name', 'place', 'number'\], got 'date'"),
        ({"kinds": []}, "neither kinds nor tables"),
        ({"tables": {"drug": ["aspirin"]}}, "two or more different names"),
        ({"tables": {"drug": ["aspirin", " "]}}, "two or more different names"),
        ({"rate": 2}, "from 0 to 1, got 2"),
    ],
)
def test_impossible_settings(params, message):
    with pytest.raises(ValueError, match=message):
        EntitySwap(**params)
