"""Translation models as they lie on the Hub: their tokenizers are SentencePiece files, not a tokenizer.json."""

import json
import shutil

import pytest
import sentencepiece
from huggingface_hub.utils import filter_repo_objects
from transformers import MarianTokenizer

from hf_augment import BackTranslate
from hf_augment.engine import resources
from hf_augment.streams import row_key, stream
from hf_augment.transform import Row, Written
from tests.benchmarks.setups import reviews
from tests.tiny_seq2seq import write_translator

TEXT = "The room was cold and we left early."


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "texts.txt").write_text("\n".join(reviews()["text"]), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "texts.txt"), model_prefix=str(folder / "pieces"), vocab_size=300, minloglevel=2
    )
    return folder / "pieces.model"


def words(pieces, first, last=()):
    """Return a vocabulary of the pieces, between other tokens, and the file that holds it."""
    known = sentencepiece.SentencePieceProcessor(model_file=str(pieces))
    names = [*first, *(known.id_to_piece(i) for i in range(3, len(known))), *last]
    file = pieces.with_name("vocab.json")
    file.write_text(json.dumps({name: i for i, name in enumerate(names)}), encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
def marian(pieces, tmp_path_factory):
    vocab = words(pieces, ["</s>", "<unk>"], [">>de<<", ">>en<<", "<pad>"])
    tokenizer = MarianTokenizer(source_spm=str(pieces), target_spm=str(pieces), vocab=vocab, model_max_length=96)
    return write_translator(tmp_path_factory.mktemp("marian") / "model", tokenizer, 1)


def back(folder, **settings):
    transform = BackTranslate(forward=str(folder), **settings)
    return transform.apply([Row(TEXT)], [stream(0, "back_translate", row_key(TEXT), 1)])[0]


def test_marian_translates(marian):
    assert {"source.spm", "target.spm", "vocab.json"} <= {file.name for file in marian.iterdir()}
    found = back(marian)
    assert isinstance(found, Written)
    assert found.text != TEXT


@pytest.mark.parametrize("name", ["source.spm", "target.spm", "vocab.json"])
def test_all_that_marian_reads_comes_from_the_hub_and_counts(marian, name, tmp_path):
    assert name in filter_repo_objects([name, "pytorch_model.bin"], allow_patterns=resources._FETCHED)
    other = shutil.copytree(marian, tmp_path / "other")
    assert resources.identity(str(other)) == resources.identity(str(marian))
    (other / name).write_bytes((other / name).read_bytes() + b" ")
    assert resources.identity(str(other)) != resources.identity(str(marian))
