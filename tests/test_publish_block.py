"""Our part of a card is replaced; what others wrote around it, and changed in the metadata, stays."""

import pytest
import yaml

from hf_augment.publish.block import (
    BEGIN,
    END,
    INCOMPLETE,
    Card,
    has_block,
    is_unfinished,
    merge,
    read_notes,
    unfinished,
    whole,
)
from hf_augment.publish.escape import fenced, plain

CARD = Card({"license": "mit", "tags": ["synthetic", "hf-augment"]}, "# A title\n\nText.")
NEW = Card({"license": "apache-2.0", "tags": ["synthetic", "new"]}, "# Another title")


def metadata(text: str) -> dict:
    return yaml.safe_load(text.split("---\n")[1])


def test_a_new_card_is_ours_alone():
    text = whole(CARD, "", {"content": "abc"})
    assert metadata(text) == CARD.metadata
    assert text.startswith("---\nlicense: mit\n")
    assert text.rstrip().endswith(END)
    assert "# A title\n\nText." in text
    assert read_notes(text)["content"] == "abc"
    assert whole(CARD, text, {"content": "abc"}) == text


def test_incomplete_says_so_to_readers_and_to_us():
    text = unfinished(CARD, "", {})
    assert INCOMPLETE in text
    assert "> **Status: incomplete.**" in text
    assert metadata(text) == CARD.metadata
    assert is_unfinished(text)
    assert "# A title" not in text
    done = whole(CARD, text, {})
    assert not is_unfinished(done)
    assert INCOMPLETE not in done
    assert is_unfinished(unfinished(NEW, done, {}))


def test_words_about_it_are_no_mark():
    assert not is_unfinished(f"{INCOMPLETE}\n" + whole(Card({}, INCOMPLETE), "", {}))


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_what_others_wrote_around_it_stays(line_end):
    text = whole(CARD, "", {})
    edited = text.replace(BEGIN, f"Before us, and\n\n{BEGIN}").replace(END, f"{END}\n\n## After us\n\n| a | b |\n")
    edited = edited.replace("tags:", "co2_eq_emissions: 7\ntags:\n- mine").replace("\n", line_end)
    again = whole(NEW, edited, {})
    before, after = edited.split(BEGIN)[0].split("---" + line_end)[-1], edited.split(END)[1]
    assert again.split(BEGIN)[0].endswith(before)
    assert again.split(END)[1] == after
    assert "# Another title" in again
    assert "# A title" not in again
    assert metadata(again) == {"license": "apache-2.0", "tags": ["mine", "synthetic", "new"], "co2_eq_emissions": 7}


def test_what_others_changed_in_our_metadata_stays():
    there = {"license": "gpl-3.0", "tags": ["synthetic", "theirs"], "language": ["en"]}
    ours = {"license": "apache-2.0", "tags": ["synthetic", "hf-augment", "new"], "language": ["en", "de"]}
    before = {"license": "mit", "tags": ["synthetic", "hf-augment"], "language": ["en"]}
    assert merge(there, ours, before) == {
        "license": "gpl-3.0",  # changed by somebody
        "tags": ["synthetic", "theirs", "new"],  # "hf-augment" was taken out by somebody
        "language": ["en", "de"],
    }
    assert merge(before, {}, before) == {}
    assert merge({"dataset_info": 1}, ours, {}) == {"dataset_info": 1, **ours}


def test_metadata_that_do_not_change_keep_their_form():
    there = "---\n# a comment\nlicense:   mit   # mine\ntags: [synthetic, hf-augment]\n---\nText of others.\n"
    text = whole(CARD, there, {})
    assert "# a comment\nlicense:   mit   # mine\ntags: [synthetic, hf-augment]\n" in text
    assert text.rstrip().endswith("Text of others.")
    assert has_block(text)


def test_norwegian_stays_norwegian():
    there = "---\nlanguage: [no, en]\nprivate: no\n---\n"
    assert metadata(whole(CARD, there, {})) == {"language": ["no", "en"], "private": False, **CARD.metadata}


def test_broken_metadata_are_said():
    with pytest.raises(ValueError, match="no YAML"):
        whole(CARD, "---\na: [\n---\n", {})


def test_a_quoted_marker_ends_nothing():
    card = Card({}, f"```\n{END}\n{BEGIN}\n```\nthe end")
    text = whole(card, "", {"x": f"{END} -->"})
    assert text.count(END) == text.count(BEGIN) == 1
    assert read_notes(text)["x"] == f"{END} -->"
    assert whole(card, text, {"x": f"{END} -->"}) == text


def test_text_is_shown_and_not_obeyed():
    assert plain("a  <b>\n|c| `d`") == "a &#60;b&#62; &#124;c&#124; &#96;d&#96;"
    assert plain("snake_case, e.g. 3.5 % - fine: yes") == "snake_case, e.g. 3.5 % - fine: yes"
    assert len(plain("x" * 1000)) == 300
    assert plain("\ud800") == "?"
    assert fenced("a ``` b", "md") == "````md\na ``` b\n````"
