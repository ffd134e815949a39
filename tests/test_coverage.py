"""COVERAGE.md keeps its word: each method of the peers has a line, and what a line names is there."""

import importlib
import re
from pathlib import Path

import pytest

from hf_augment.registry import TRANSFORMS

TEXT = (Path(__file__).parent.parent / "COVERAGE.md").read_text(encoding="utf-8")
SECTIONS = {section.partition("\n")[0]: section for section in TEXT.split("\n## ")[1:]}
ROWS = [
    (title, *(cell.strip() for cell in line.strip("|").split(" | ")))
    for title, section in SECTIONS.items()
    for line in section.splitlines()
    if line.startswith("| ") and not line.startswith("| there")
]
# Read from the repositories: the classes that take a text, without their abstract bases.
PEERS = {
    "TextAttack: transformations": """
        WordSwapEmbedding WordSwapHowNet WordSwapWordNet WordSwapMaskedLM WordSwapGradientBased WordSwapHomoglyphSwap
        WordSwapInvisibleCharacters WordSwapReorderings WordSwapDeletions WordSwapDifferentialEvolution
        WordSwapInflections WordSwapNeighboringCharacterSwap WordSwapQWERTY WordSwapRandomCharacterDeletion
        WordSwapRandomCharacterInsertion WordSwapRandomCharacterSubstitution WordSwapChangeLocation WordSwapChangeName
        WordSwapChangeNumber WordSwapContract WordSwapExtend WordDeletion WordInnerSwapRandom WordInsertionMaskedLM
        WordInsertionRandomSynonym WordMergeMaskedLM BackTranslation BackTranscription ChineseHomophoneCharacterSwap
        ChineseMorphonymCharacterSwap ChineseWordSwapHowNet ChineseWordSwapMaskedLM CompositeTransformation
        """,
    "TextAttack: recipes and the rest": """
        WordNetAugmenter EmbeddingAugmenter CharSwapAugmenter EasyDataAugmenter CheckListAugmenter CLAREAugmenter
        BackTranslationAugmenter SwapAugmenter DeletionAugmenter SynonymInsertionAugmenter
        """,
    "nlpaug": """
        KeyboardAug OcrAug RandomCharAug RandomWordAug SpellingAug SplitAug ReservedAug SynonymAug AntonymAug TfIdfAug
        WordEmbsAug ContextualWordEmbsAug BackTranslationAug ContextualWordEmbsForSentenceAug AbstSummAug LambadaAug
        OpenAIGenAug RandomSentAug Sequential Sometimes
        """,
    "AugLy": """
        ApplyLambda ChangeCase Contractions EncodeText GetBaseline InsertPunctuationChars InsertText
        InsertWhitespaceChars InsertZeroWidthChars MergeWords ReplaceBidirectional ReplaceFunFonts ReplaceSimilarChars
        ReplaceSimilarUnicodeChars ReplaceText ReplaceUpsideDown ReplaceWords SimulateTypos SplitWords SwapGenderedWords
        """,
}


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def is_there(name: str) -> bool:
    module, _, attribute = name.partition(":")
    return name in TRANSFORMS or (bool(attribute) and hasattr(importlib.import_module(module), attribute))


@pytest.mark.parametrize("peer", PEERS)
def test_every_method_has_one_line(peer):
    listed = [there for title, there, *_ in ROWS if title == peer]
    for method in PEERS[peer].split():
        assert listed.count(method) == 1, method


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_what_a_line_names_is_there(row):
    _, there, here, *remark = row
    assert here == "none" or names(here), f"{there}: neither a name nor none"
    assert here != "none" or len(" ".join(remark)) > 5, f"{there}: no reason why there is none"
    for name in names(here):
        assert is_there(name), f"{there}: there is no {name!r}"
    for name in names(" ".join(remark)):
        assert not re.fullmatch(r"[\w.]+:\w+", name) or is_there(name), f"{there}: there is no {name!r}"


def test_a_line_that_names_nothing_would_be_found():
    assert len(ROWS) > 100
    assert not is_there("word_dance")
    assert not is_there("hf_augment.preprocess:sanitize")
