"""What users notice of the transforms that edit characters: keyboard, ocr, typo, split_word, case, homoglyph."""

import unicodedata
from collections import Counter
from itertools import pairwise

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hf_augment import build
from hf_augment.embedded import char_tables
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written
from hf_augment.transforms.characters import PIECE, pieces

SENTENCE = "The waiter brought another bottle without asking whether anybody wanted more water at our table"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
SPECS = [
    {"name": "keyboard"},
    {"name": "keyboard", "layout": "ru", "characters": 2},
    {"name": "keyboard", "layout": "he"},
    {"name": "ocr", "characters": 3},
    {"name": "typo"},
    {"name": "typo", "characters": 3, "keep_first": False},
    {"name": "split_word"},
    {"name": "case"},
    {"name": "case", "mode": "upper"},
    {"name": "case", "mode": "title"},
    {"name": "homoglyph", "characters": 2},
]
CHINESE = "我们 昨天 晚上 一起 去 那家 新开 的 餐厅 吃饭 服务员 非常 热情 可是 价格 有点 贵 电影 很 好看 音乐 也 不错 下次 还 想 再来"
THAI = "ฉัน ชอบ หนัง เรื่อง นี้ มาก เพราะ ดนตรี ไพเราะ และ นักแสดง เก่ง แต่ ราคา แพง ไป หน่อย อาหาร อร่อย บริการ ดี เมื่อวาน เรา กิน ข้าว ด้วย กัน"


def outcome(text: str, copy: int = 1, **spec) -> Written | Declined:
    transform = build(spec)
    (found,) = transform.apply([Row(text)], [stream(0, transform.name, row_key(text), copy)])
    return found


def written(text: str, copy: int = 1, **spec) -> str:
    found = outcome(text, copy, **spec)
    assert isinstance(found, Written), found
    return found.text


def clusters(text: str) -> list[str]:
    return regex.findall(r"\X", text)


# How much is changed


@pytest.mark.parametrize("name", ["keyboard", "ocr", "typo", "split_word", "case", "homoglyph"])
@pytest.mark.parametrize(("rate", "changed"), [(0.0, 1), (0.1, 1), (0.5, 7), (1.0, 15)])
def test_rate_is_the_share_of_words(name, rate, changed):
    edits = outcome(SENTENCE, name=name, rate=rate).notes["edits"][0]
    touched = {
        place for edit in edits for place, span in enumerate(pieces(SENTENCE, 1)) if span[0] <= edit.start <= span[1]
    }
    # "at" is too short for typos and splits; everything else has 15 words that can be edited.
    assert len(touched) == (changed if rate < 1 or name not in ("typo", "split_word") else 14)


@pytest.mark.parametrize("name", ["keyboard", "ocr", "homoglyph"])
def test_characters_is_the_number_of_edits_in_a_word(name):
    for copy in range(1, 20):
        assert len(outcome("smooth", copy, name=name, characters=3).notes["edits"][0]) == 3


def test_typos_leave_a_character_between_them():
    for copy in range(1, 50):
        edits = outcome("extraordinary", copy, name="typo", characters=4).notes["edits"][0]
        assert 1 <= len(edits) <= 4
        assert all(left.end < right.start for left, right in pairwise(edits))


@pytest.mark.parametrize("name", ["keyboard", "ocr", "homoglyph"])
def test_words_of_one_character_stay(name):
    assert outcome("I a o s x", name=name, rate=1.0) == Declined("nothing to change")


@pytest.mark.parametrize("name", ["typo", "split_word"])
def test_short_words_and_numbers_stay(name):
    assert outcome("We do 12345 at 3.50 or 100,000 in B2B", name=name, rate=1.0) == Declined("nothing to change")


@pytest.mark.parametrize("spec", [{"name": "keyboard"}, {"name": "typo"}, {"name": "ocr"}, {"name": "homoglyph"}])
def test_impossible_numbers_are_refused(spec):
    with pytest.raises(ValueError, match=r"rate: expected a number from 0 to 1, got 1\.5"):
        build({**spec, "rate": 1.5})
    with pytest.raises(ValueError, match="characters: expected a number from 1 to 100, got 0"):
        build({**spec, "characters": 0})


# Keyboard


@pytest.mark.parametrize("layout", sorted(char_tables.keyboards()))
def test_keyboard_puts_a_neighbour_in_the_same_case(layout):
    keys = char_tables.keyboards()[layout]
    capitals = {"tr": {"i": "İ"}}.get(layout, {})
    lower = {capitals.get(key, key.upper()): key for key in keys if key not in "ßς"} | {key: key for key in keys}
    text = "".join(lower)
    new = written(text, name="keyboard", layout=layout, rate=1.0, characters=100)
    changed = [(old, put) for old, put in zip(text, new, strict=True) if old != put]
    assert len(changed) > 0.9 * len(text)
    for old, put in changed:
        assert lower[put] in keys[lower[old]]
        assert put.isupper() == old.isupper()


def test_keyboard_knows_the_turkish_capital():
    found = {written("İĞ", copy, name="keyboard", layout="tr", rate=1.0) for copy in range(1, 40)}
    assert {text[0] for text in found} == set("İÜĞŞ")
    assert {text[1] for text in found} == set("ĞİPÜŞ")


def test_keyboard_says_which_layouts_there_are():
    with pytest.raises(
        ValueError, match=r"keyboard: layout: unknown layout 'eng'. Did you mean 'en'\? Available: de, el,"
    ):
        build({"name": "keyboard", "layout": "eng"})


def test_keyboard_says_that_the_layout_does_not_fit():
    assert outcome("我喜欢这部电影", name="keyboard") == Declined("no letter of the keyboard 'en'")
    assert outcome("Der Film war gut", name="keyboard", layout="ru") == Declined("no letter of the keyboard 'ru'")
    assert outcome("a b c", name="keyboard") == Declined("nothing to change")


# OCR and look-alikes


def test_ocr_confuses_pairs():
    found = {written("barn", copy, name="ocr") for copy in range(1, 80)}
    assert {"bam", "bari1", "6arn"} & found >= {"bam", "6arn"}
    assert {written("mm", copy, name="ocr") for copy in range(1, 40)} >= {"rnm", "mrn"}


def test_ocr_never_moves_a_decimal_point():
    for copy in range(1, 60):
        new = written("It costs 1,015.80 in all", copy, name="ocr", rate=1.0, characters=9)
        number = new.split()[2]
        assert [mark for mark in number if mark in ",."] == [",", "."]


def test_homoglyphs_look_the_same_and_are_not():
    text = "A price space, coPies and XeHo"
    new = written(text, name="homoglyph", rate=1.0, characters=100)
    changed = [(old, put) for old, put in zip(text, new, strict=True) if old != put]
    assert len(changed) > 20
    for old, put in changed:
        assert unicodedata.name(old).startswith("LATIN")
        assert unicodedata.name(put).startswith(("CYRILLIC", "GREEK"))
        assert put.isupper() == old.isupper()


def test_homoglyphs_of_other_scripts_are_latin():
    new = written("Россия сахар", name="homoglyph", rate=1.0, characters=100)
    assert "a" in new
    assert "x" in new


@pytest.mark.parametrize(
    "table", [char_tables.ocr(), char_tables.homoglyphs(), *map(char_tables.keyboard, char_tables.keyboards())]
)
def test_tables_hold_plain_characters(table):
    # A combining mark would join the letter before it, and edits of ASCII texts are not checked for that.
    for old, choices in table.choices.items():
        assert choices
        assert old not in choices
        for new in choices:
            assert clusters(f"x{new}x") == ["x", *new, "x"]


# Typo


def test_typo_kinds():
    words = SENTENCE.split()
    for kind, longer in {"swap": 0, "delete": -1, "insert": 1, "substitute": 0}.items():
        for copy in range(1, 20):
            new = written(SENTENCE, copy, name="typo", kinds=[kind], rate=1.0).split()
            for old, put in zip(words, new, strict=True):
                if len(old) < 3:
                    assert put == old
                    continue
                assert put != old
                assert put[0] == old[0]
                assert len(put) - len(old) == longer
                assert (Counter(put) == Counter(old)) == (kind == "swap")
                if kind == "substitute":
                    assert sum(a != b for a, b in zip(old, put, strict=True)) == 1


def test_typo_can_reach_the_first_character():
    for kind in ("swap", "delete", "substitute"):
        firsts = {written("bottle", copy, name="typo", kinds=[kind], keep_first=False)[0] for copy in range(1, 40)}
        assert len(firsts) > 1, kind


def test_typo_takes_letters_of_the_script_and_case_around():
    text = "ПРЕКРАСНЫЙ ресторан in the old quarter"
    for copy in range(1, 60):
        edits = outcome(text, copy, name="typo", kinds=["insert", "substitute"], rate=1.0).notes["edits"][0]
        for edit in edits:
            assert edit.new in text.upper() + text.lower()
            assert unicodedata.name(edit.new).startswith("CYRILLIC" if edit.start <= 19 else "LATIN")
            assert edit.new.isupper() == (edit.start <= 10)


def test_typo_finds_the_only_place():
    assert written("aaa aaa aaaaaaaaab aaaa", name="typo", kinds=["swap"]) == "aaa aaa aaaaaaaaba aaaa"
    assert outcome("aaa aaaa", name="typo", kinds=["swap", "substitute"]) == Declined("nothing to change")


def test_typos_do_not_cancel_out():
    for copy in range(1, 300):
        assert written("aabbaabb", copy, name="typo", characters=3, kinds=["insert", "delete"]) != "aabbaabb"


def test_typo_needs_a_kind():
    with pytest.raises(ValueError, match="typo: kinds: expected at least one"):
        build({"name": "typo", "kinds": []})
    with pytest.raises(ValueError, match=r"kinds\[0\]: expected one of \['swap', 'delete', 'insert', 'substitute'\]"):
        build({"name": "typo", "kinds": ["twist"]})


@pytest.mark.parametrize("vocabulary", [CHINESE, THAI], ids=["Chinese", "Thai"])
def test_scripts_without_spaces_get_typos(vocabulary):
    drawn = stream(7, "sentences", b"", 0)
    changed = []
    for _ in range(1000):
        text = "".join(drawn.choice(vocabulary.split()) for _ in range(4 + drawn.below(20)))
        found = outcome(text, name="typo", rate=0.25)
        assert isinstance(found, Written), text
        changed.append(len(found.notes["edits"][0]) / max(1, len(clusters(text)) / PIECE))
    assert 0.15 < sum(changed) / len(changed) < 0.3  # a quarter of the pieces, whole numbers rounded down


# Splitting and case


def test_split_words_are_whole_again_without_the_spaces():
    for text in (SENTENCE, "नमस्ते दुनिया कितनी सुंदर", "ฉันชอบหนังเรื่องนี้มาก", "可是价格有点贵"):
        new = written(text, name="split_word", rate=1.0)
        assert new.replace(" ", "") == text.replace(" ", "")
        assert not set(clusters(new)) - set(clusters(text)) - {" "}
        assert "  " not in new
        assert new == new.strip()


@pytest.mark.parametrize(
    ("mode", "text", "expected"),
    [
        ("lower", "I paid at McDonald's, NOT here", "i paid at mcdonald's, not here"),
        ("upper", "Straße und ﬁnden, don't", "STRASSE UND FINDEN, DON'T"),
        ("upper", "see https://a.org/b  it\n<br/>@you", "SEE https://a.org/b  IT\n<br/>@you"),
        ("lower", "ΟΔΥΣΣΕΥΣ ΚΑΙ ΣΑΣ", "οδυσσευς και σας"),
        ("lower", "İΣ İI", "i̇ς i̇i"),
        ("title", "don't RUN low-income iPhone ΣΑΣ İKİ ǆep", "Don't Run Low-income Iphone Σας İki̇ ǅep"),
        ("swap", "iPhone ß", "IpHONE SS"),
        ("upper", "iPhone手机", "IPHONE手机"),
    ],
)
def test_case_modes(mode, text, expected):
    assert written(text, name="case", mode=mode, rate=1.0) == expected


def test_case_counts_only_words_that_change():
    text = "one Two three Four five six seven eight nine ten"
    assert (
        written(text, name="case", mode="lower", rate=0.5).count("T")
        + written(text, name="case", mode="lower", rate=0.5).count("F")
        == 1
    )
    assert outcome("already lower", name="case", mode="lower") == Declined("nothing to change")
    assert outcome("नमस्ते 你好", name="case") == Declined("nothing to change")


def test_random_case_changes_every_chosen_word():
    for copy in range(1, 40):
        new = written("it is so Good", copy, name="case", rate=1.0)
        assert all(
            put != old and put.lower() == old.lower()
            for old, put in zip(["it", "is", "so", "Good"], new.split(), strict=True)
        )


# Any text at all


_FRAGMENTS = [
    "bottle", "Corn", "don't", "low-income", "I", "ok", "1,000.5", "B2B", "https://example.org/a?b=c", "<br />", "@name",
    "Cafe\u0301", "e\u0301\u0323", "crème", "Straße", "İstanbul", "ΟΔΟΣ", "ᾳ\u0345", "Прекрасный", "поле", "ё",
    "नमस्ते", "क्षत्रिय", "हिन्दी", "האוכל", "שָׁלוֹם", "مرحبا", "مُحَمَّد", "می\u200cخواهم", "좋은", "영화였다",
    "\u1112\u1161\u11ab\u1100\u1173\u11af", "我喜欢这部电影", "手机iPhone拍摄", "ฉันชอบหนังเรื่องนี้มาก", "น้ำ", "データベース", "မြန်မာ",
    FAMILY, "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "1\ufe0f\u20e3", "\U0001f1eb\U0001f1f7", "a\U0001f3fd", "\u0600bottle", "\u0301", "\u200d",
]  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from([*_FRAGMENTS, " ", " ", " ", "  ", "\n", "\r\n", ", "]), max_size=14).map("".join),
    st.lists(st.sampled_from(_FRAGMENTS), max_size=8).map(" ".join),
)


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS, ids=str)
@settings(max_examples=300, deadline=None)
@given(text=TEXTS, rate=st.sampled_from([0.0, 0.1, 0.3, 0.7, 1.0]), copy=st.integers(1, 50))
@example(text="कx्ष a\U0001f3fdb", rate=1.0, copy=1)
@example(text="oa\U0001f3fd " * 9, rate=1.0, copy=1)
def test_whatever_is_not_edited_survives(spec, text, rate, copy):
    found = outcome(text, copy, **spec, rate=rate)
    if isinstance(found, Declined):
        return
    found.text.encode()
    edits = found.notes["edits"][0]
    assert 0 < _touched(text, edits) <= max(1, int(rate * len(pieces(text, 1))))
    kept = {match.span() for match in regex.finditer(r"\X", found.text)}
    whole = [match.span() for match in regex.finditer(r"\X", text)]
    if spec["name"] != "case":  # a capital keeps its accents
        assert {place for edit in edits for place in edit[:2]} <= {0, *(end for _, end in whole)}
    for start, end in whole:
        if not any(start < edit.end and edit.start < end for edit in edits):
            moved = start + sum(len(edit.new) - (edit.end - edit.start) for edit in edits if edit.end <= start)
            assert (moved, moved + end - start) in kept, (text[start:end], found.text)


def _touched(text: str, edits: list) -> int:
    spans = pieces(text, 1)
    places = [{i for i, (start, end) in enumerate(spans) if start <= edit.start and edit.end <= end} for edit in edits]
    assert all(places), f"an edit lies outside the words of {text!r}"
    touched = {place for found in places if len(found) == 1 for place in found}
    between = [found for found in places if len(found) > 1 and not found & touched]  # could belong to either piece
    return len(touched) + len({max(found) for found in between})


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS, ids=str)
@settings(max_examples=300, deadline=None)
@given(
    text=TEXTS,
    pattern=st.sampled_from([r"b\w+", "[aeiou]", "这部", "หนัง", r"\p{L}+\b.", "नम", "\u0301"]),
    copy=st.integers(1, 9),
)
def test_protected_text_survives(spec, text, pattern, copy):
    found = outcome(text, copy, **spec, rate=1.0, protect=[pattern], reserved=["ok", "Прекрасный"])
    if isinstance(found, Written):
        place = 0
        for part in regex.findall(f"{pattern}|\\bok\\b|\\bПрекрасный\\b", text):
            place = found.text.find(part, place)
            assert place >= 0, (part, found.text)
            place += len(part)


@pytest.mark.parametrize("name", ["keyboard", "ocr", "typo", "split_word", "case", "homoglyph"])
def test_windows_line_ends_are_no_obstacle(name):
    text = "\u00e9\r\nbottle\r\ncorner\r\n"
    first, *new, last = written(text, name=name, rate=1.0).split("\r\n")
    assert (first.lower(), last) == ("\u00e9", "")
    assert all(put != old for old, put in zip(["bottle", "corner"], new, strict=True))


def test_a_protected_phrase_leaves_the_rest_of_a_run_without_spaces():
    text = "我喜欢这部电影因为演员的表演非常精彩"
    new = written(text, name="typo", rate=1.0, protect=["电影"])
    assert "电影" in new
    assert new != text


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    text=st.text(alphabet="abcdefghiABC '-.,0123456789_\n", max_size=60),
    copy=st.integers(1, 5),
    spec=st.sampled_from(SPECS),
)
def test_another_row_beside_it_changes_nothing(text, copy, spec):
    transform = build({**spec, "rate": 0.5})
    rows = [Row(text), Row(SENTENCE), Row(text)]
    drawn = lambda: [stream(0, transform.name, row_key(row.text), copy) for row in rows]  # noqa: E731
    together = transform.apply(rows, drawn())
    assert together[0] == together[2] == transform.apply(rows[:1], drawn()[:1])[0]
