"""The report of a study, as a page and as Markdown: what stands in it, and that no text can break it."""

import copy
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_augment.study.page import page
from hf_augment.study.scale import ticks
from hf_augment.study.study_markdown import study_markdown
from hf_augment.study.texts import cut, differences, visible
from tests import made_up_study

VOID = {"meta", "br", "col", "use", "line", "circle", "rect", "path"}
ANY = st.text(st.characters(), max_size=40) | st.sampled_from(made_up_study.EVIL)


class Reader(HTMLParser):
    """Reads a page as a browser would, and notes its elements, its text and what is left open."""

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.open, self.texts, self.scripts, self.ids = [], [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag == "script":
            self.scripts.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> ends something else"

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def sections(html: str) -> list[str]:
    return [tag["id"] for name, tag in Reader(html).tags if name == "section"]


def test_the_sections_stand_in_their_order():
    reader = Reader(page(made_up_study.study()))
    assert not reader.open
    assert sections(page(made_up_study.study())) == [
        *("results", "gains", "curve", "scores", "selection", "map", "examples", "review", "cost", "settings")
    ]
    assert next(data for data in reader.texts if data.startswith("Augment with generate"))
    assert len(set(reader.ids)) == len(reader.ids)
    of_examples = page(made_up_study.study()).split('<section id="examples">')[1].split("</section>")[0]
    headings = re.findall("<h3><bdi>(.*?)</bdi>", of_examples)
    assert headings == ["eda", "masked_lm", "generate"]  # as the study tried them, not by the alphabet
    targets = {attrs["href"][1:] for tag, attrs in reader.tags if tag in ("a", "use")}
    assert targets <= set(reader.ids)


def test_the_table_says_what_the_study_found():
    study = made_up_study.study()
    found = next(
        row
        for row in study["differences"]
        if (row["classifier"], row["shots"], row["method"], row["against"], row["metric"])
        == ("features", 10, "generate", "duplicated", "accuracy")
    )
    found.update(mean=-0.0312, interval=[-0.06, -0.0025], holm=0.0004, wins=3, ties=2, losses=10)
    found["worst"] = {"split": "13", "value": -0.1}
    told = re.sub(r"\s+", " ", Reader(page(study)).text)
    for written in ("−3.1", "−6.0 to −0.2", "< 0.001", "3 / 2 / 10", "−10.0 (split 13)"):
        assert written in told
        assert written.replace("<", "&lt;") in study_markdown(study)


def test_a_gain_is_marked_only_where_its_interval_leaves_zero_out():
    study = made_up_study.study()
    study["table"] = [row for row in study["table"] if row["metric"] == "accuracy"]
    html = page(study)
    of_table = html.split('id="gains"')[0]
    clear = sum(
        row["interval"][0] > 0 or row["interval"][1] < 0 for row in study["differences"] if row["metric"] == "accuracy"
    )
    assert 0 < clear < 24
    assert of_table.count('<span class="marked">') == clear


def test_equal_gains_of_all_splits_are_no_proof():
    study = made_up_study.study()
    for row in study["differences"]:
        row.update(mean=0.05, interval=None, bootstrap=[0.05, 0.05])
    html = page(study)
    assert '<span class="marked">' not in html
    assert '<line class="bar"' not in html


def test_the_same_study_gives_the_same_bytes_also_after_a_file():
    study = made_up_study.study()
    again = json.loads(json.dumps(study, sort_keys=True))
    assert page(again) == page(study)
    assert study_markdown(again) == study_markdown(study)


@pytest.mark.parametrize("write", [page, study_markdown])
def test_all_that_may_be_missing_may_be_missing(write):
    assert "Nothing was compared." in write(made_up_study.small())
    whole = {**everywhere("word"), "verdict": "All but one is there."}
    for name in set(whole) - {"version", "title", "verdict", "metric"}:
        for empty in (None, type(whole[name])()):
            assert whole["verdict"] in write({**whole, name: empty}), name


def test_what_is_missing_leaves_its_section_out():
    assert sections(page(made_up_study.small())) == []
    study = made_up_study.study()
    for name, section in [("review", "review"), ("map", "map"), ("selection", "scores"), ("cost", "cost")]:
        assert section not in sections(page({**study, name: None}))
    assert "curve" not in sections(page({**study, "table": [row for row in study["table"] if row["shots"] == 10]}))


@pytest.mark.parametrize("write", [page, study_markdown])
def test_one_split_has_no_spread_no_interval_and_no_p(write):
    study = made_up_study.study()
    for row in study["table"]:
        row.update(std=None, splits=1)
    for row in study["differences"]:
        row.update(std=None, bootstrap=None, interval=None, p_value=None, holm=None, by_split={"0": row["mean"]})
    study["table"] = [{**row, "shots": None} for row in study["table"] if row["shots"] == 10]
    study["differences"] = [{**row, "shots": None} for row in study["differences"] if row["shots"] == 10]
    told = write(study)
    assert "±" not in told.split("Scores of the rows")[0]
    assert "None" not in told
    assert "nan" not in told


def test_controls_of_each_method_and_further_controls_are_told_apart():
    study = made_up_study.study()
    for row in study["table"]:
        if row["arm"] == "duplicated":
            row["method"] = "eda"
    more = [{**row, "against": "gold"} for row in study["differences"] if row["against"] == "duplicated"]
    study["differences"] += more
    html = page(study)
    assert "duplicated, as eda" in html
    assert "Against all controls" in html
    assert html.count('class="forest-plot') == 24  # the controls that decide, no others


@given(ANY)
def test_no_text_breaks_the_page(text):
    html = page(everywhere(text))
    html.encode("utf-8")
    reader = Reader(html)
    assert not reader.open
    assert len(reader.scripts) == 2
    assert {tag for tag, _ in reader.tags} <= TAGS
    assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]
    seen = visible(text)
    if seen.strip():
        assert seen in reader.text
    assert json.loads(reader.scripts[0])["ids"] == [f"1{text}", f"2{text}"]
    assert not re.search("[<>&]", reader.scripts[0])  # nothing there can end the element or begin a comment


@given(ANY)
def test_no_text_breaks_the_markdown(text):
    markdown_it = pytest.importorskip("markdown_it")
    written = study_markdown(everywhere(text))
    written.encode("utf-8")
    html = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(written)
    reader = Reader(html)
    assert not reader.open
    assert {tag for tag, _ in reader.tags} <= {
        *("h1", "h2", "h3", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "pre", "code"),
        *("ins", "del", "details", "summary"),
    }
    seen = [*filter(None, visible(text).replace("\n", " ⏎ ").replace("\t", " ").split())]
    assert " ".join(seen) in " ".join(reader.text.split())


TAGS = {tag for tag, _ in Reader(page(made_up_study.study())).tags}


def everywhere(text: str) -> dict:
    """A study with a text in each place where one can be."""
    score = {"classifier": text, "shots": 10, "method": text, "arm": "augmented", "metric": text}
    spread = {"mean": 0.5, "std": 0.1, "splits": 2, "rows": 3, "steps": 4, "seconds": 1.5}
    gains = {"against": text, "by_split": {"0": 0.1}, "bootstrap": None, "interval": [0.1, 0.2], "p_value": 0.5}
    gains |= {"holm": 0.5, "wins": 1, "ties": 0, "losses": 0, "worst": {"split": text, "value": 0.1}}
    example = {"method": text, "label": text, "source": text, "text": f"{text} a", "by": text, "kept": False}
    example |= {"dropped": text, "scores": {text: 0.5}}
    histogram = {"edges": [0.0, 0.5, 1.0], "gold": [1, 2], "kept": [0, 1], "dropped": [0, 0]}
    point = {"x": 0.1, "y": 0.2, "kind": "kept", "label": text, "text": text}
    return {
        "version": 1,
        "title": text,
        "verdict": text,
        "metric": text,
        "settings": {"recipe": text, "set": [text], "splits": [0], "versions": {text: text}},
        "classifiers": {text: {text: text}},
        "methods": {text: {"transform": text, "rows_added": 1.5}},
        "scores": [{**score, "split": 0, "seed": 0, "validation": None, "test": 0.5}],
        "table": [{**score, **spread}, {**score, **spread, "shots": 50}],
        "differences": [{**score, **spread, **gains}],
        "chosen": [{"classifier": text, "shots": None, "method": text, "validation": None, "says": text}],
        "gate": [{"classifier": text, "shots": 10, "method": text, "augmented_in": 1, "splits": 2}],
        "selection": {
            text: {"rows": {"gold": 1, "kept": 1, "dropped": 1}, "dropped": {text: 1}, "histograms": {text: histogram}}
        },
        "map": {text: [point]},
        "examples": [{**example, "id": f"1{text}"}, {**example, "id": f"2{text}", "source": "", "kept": True}],
        "review": {"made_from": text},
        "cost": [{"what": text, "method": text, "seconds": 1.0, "tokens": None}],
        "overlaps": {text: {"rows": 1, "validation": 0, "test": 0}},
    }


def test_the_page_forbids_all_scripts_but_its_own_and_loads_nothing():
    reader = Reader(page(made_up_study.study()))
    policy = next(attrs["content"] for tag, attrs in reader.tags if attrs.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[\w+/]+='", policy)
    assert not [attrs for tag, attrs in reader.tags if "src" in attrs or tag == "link"]
    assert "@import" not in page(made_up_study.study())
    assert "url(" not in page(made_up_study.study())


def test_a_review_is_about_the_rows_of_one_method():
    study = made_up_study.study()
    data = json.loads(Reader(page(study)).scripts[0])
    assert data["made_from"] == study["review"]["made_from"]
    assert data["ids"] == [row["id"] for row in study["examples"] if row["method"] == "generate"]
    del study["review"]["method"]
    study["selection"] = {"eda": study["selection"]["eda"]}
    data = json.loads(Reader(page(study)).scripts[0])
    assert data["ids"] == [row["id"] for row in study["examples"] if row["method"] == "eda"]


@given(ANY, ANY)
def test_the_pieces_are_the_texts(source, text):
    left, right = differences(source, text)
    assert "".join(piece.text for piece in left) == source
    assert "".join(piece.text for piece in right) == text
    if source == text:
        assert not [piece for piece in left + right if piece.changed]


def test_differences_are_found_word_by_word():
    left, right = differences("it never rises above a soap .", "it hardly ever rises above a telenovela .")
    assert [piece.text for piece in left if piece.changed] == ["never", "soap"]
    assert [piece.text for piece in right if piece.changed] == ["hardly ever", "telenovela"]
    left, right = differences("这部电影很好看", "这部电影不好看")
    assert [piece.text for piece in right if piece.changed] == ["不"]
    assert not [piece for piece in differences("a slow film", "the soup made up for it")[1] if piece.changed]


@given(st.text(st.characters(), max_size=60))
def test_what_is_unseen_is_written_out(text):
    shown = visible(text)
    shown.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    if text.isprintable():
        assert shown == text


def test_a_long_text_is_cut_and_says_so():
    assert cut("x" * 2000) == "x" * 2000
    assert cut("x" * 2500).endswith("… (500 more characters)")
    study = made_up_study.study()
    study["examples"][0]["text"] = "word " * 200_000
    assert len(page(study)) < 1_000_000
    assert len(study_markdown(study)) < 200_000


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_ticks_span_what_they_are_for(low, high):
    low, high = sorted((low, high))
    found = ticks(low, high)
    assert 2 <= len(found) <= 9
    assert found[0] <= low + 1e-6
    assert found[-1] >= high - 1e-6
    assert copy.copy(found) == sorted(set(found))
