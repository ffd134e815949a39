"""Summarization: documents and summaries of any layout, and summaries that stay true."""

import pytest
from datasets import Dataset

from hf_augment import Augment, EntitySwap, RandomDelete, RandomSwap, Typo
from tests.rewriters import Drop, MoreOfIt, Upper

SWAP = RandomSwap(rate=0.5)
DOCUMENT = "Obama visited a small town near Berlin in 2013. Many people came to see him, and it was very hot."
SUMMARY = "In 2013, Obama came to Berlin."


def augmented(document, summary, field="document", transform=SWAP, **settings) -> dict:
    return Augment(transform, task="summarization", field=field, **settings)(
        {"document": [document], "summary": [summary]}
    )


@pytest.mark.parametrize(
    ("document", "summary"),
    [
        ("article", "highlights"),
        ("dialogue", "summary"),
        ("text", "summary"),
        ("source", "target"),
        ("report", "summary"),
    ],
)
def test_the_usual_names_are_found(document, summary):
    given = Dataset.from_dict({"id": ["1"], document: [DOCUMENT], summary: [SUMMARY]})
    for field, own, other in (("document", document, summary), ("summary", summary, document)):
        out = given.map(Augment(SWAP, task="summarization", field=field), batched=True)
        assert out[own][0] != out[own][1]
        assert out[other][0] == out[other][1]


def test_a_column_that_is_named_is_not_found_twice():
    given = Dataset.from_dict({"article": [SUMMARY], "text": [DOCUMENT]})
    out = given.map(Augment(SWAP, task="summarization", columns={"summary": "article"}), batched=True)
    assert out["article"] == [SUMMARY] * 2
    assert out["text"][1] != DOCUMENT
    with pytest.raises(
        ValueError, match=r"needs a column for its 'summary'.*\['article', 'text'\].*columns=\{'summary': 'text'\}"
    ):
        given.map(Augment(SWAP, task="summarization"), batched=True)


def test_lists_of_sentences_and_of_references():
    sentences = [DOCUMENT, "", None, "The end was as long as it was expected to be."]
    references = [SUMMARY, " ", "Many people came there."]
    out = augmented(sentences, references)
    old, new = out["document"]
    assert old == sentences
    assert (new[1], new[2]) == ("", None)
    assert new[0] != old[0]
    assert new[3] != old[3]
    assert out["summary"] == [references] * 2
    out = augmented(sentences, references, "summary")
    assert out["summary"][1][1] == " "
    assert out["summary"][1][2] != references[2]
    assert out["document"] == [sentences] * 2
    given = Dataset.from_dict({"document": [sentences], "summary": [references], "id": [1]})
    augment = Augment(SWAP, task="summarization")
    batched = given.map(augment, batched=True)[1]
    assert batched["copy"] == 1
    for rows in (given.map(augment), given.to_iterable_dataset().map(augment)):
        assert next(iter(rows)) == batched
    for kind in ("numpy", "torch"):
        if kind == "numpy":  # torch has no texts that are None
            assert given.with_format(kind).map(augment, batched=True).with_format(None)[1] == batched


@pytest.mark.parametrize(
    ("document", "summary", "reason"),
    [
        (None, SUMMARY, "text is None"),
        ("", SUMMARY, "text is empty"),
        (7, SUMMARY, "text is not a string"),
        ([], SUMMARY, "no text"),
        ([None, ""], SUMMARY, "text is None"),
        ([["a"]], SUMMARY, "text is not a string"),
        (DOCUMENT, None, "summary: text is None"),
        (DOCUMENT, [], "summary: no text"),
        (DOCUMENT, ["", None], "summary: text is empty"),
        ("half a pair \ud83d", SUMMARY, "text is not valid Unicode"),
        ("x " * 1_000_000, SUMMARY, "text is longer than 1000000 characters"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(document, summary, reason):
    out = augmented(document, summary)
    assert (out["document"], out["summary"], out["declined"]) == ([document], [summary], [reason])


def test_what_a_summary_tells_stays_in_the_document():
    for transform in (EntitySwap(rate=1.0), Typo(rate=1.0), RandomDelete(rate=0.9), Drop(rate=0.3), Upper()):
        for text in augmented(DOCUMENT, SUMMARY, transform=transform, copies=10)["document"]:
            assert all(word in text.lower() for word in ("obama", "berlin", "2013")), transform


def test_a_summary_tells_nothing_that_is_not_in_the_document():
    out = augmented(DOCUMENT, SUMMARY, "summary", MoreOfIt(), copies=30)
    assert "a number or name that the document does not hold" in out["declined"][0]
    assert all("Zebulon" not in text and "70" not in text for text in out["summary"])
    assert len(out["copy"]) > 3


def test_somebodys_is_somebody():
    out = augmented(
        "Many people near the lake know Rosa and her dog.", "That is Rosa's dog.", transform=EntitySwap(rate=1.0)
    )
    assert all("Rosa" in text for text in out["document"])
