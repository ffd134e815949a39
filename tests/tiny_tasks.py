"""Rows of every task, small enough to be learnt in seconds, and an encoder with [CLS] and [SEP] to learn them with."""

from pathlib import Path

import torch
from datasets import Dataset, Features, Sequence, Value

PEOPLE = ("Ann", "Bob", "Cleo", "Dan", "Eve", "Finn")
PLACES = ("Rome", "Oslo", "Kyiv", "Lima", "Bonn")
_ANSWERS = {"text": Sequence(Value("string")), "answer_start": Sequence(Value("int64"))}


def _pair(number: int) -> tuple[str, str]:
    return PEOPLE[number % len(PEOPLE)], PLACES[number % len(PLACES)]


def question(number: int, answerable: bool = True) -> dict:
    person, place = _pair(number)
    context = f"{person} lives in {place} since {1900 + number} ."
    found = {"text": [place], "answer_start": [context.index(place)]}
    asked = f"Where does {person} live ?" if answerable else f"Who is {place} ?"
    none = {"text": [], "answer_start": []}
    return {"question": asked, "context": context, "answers": found if answerable else none}


def tagged(number: int) -> dict:
    person, place = _pair(number)
    tokens = [person, "lives", "in", place, "since", str(1900 + number)]
    return {"tokens": tokens, "ner_tags": ["B-PER", "O", "O", "B-LOC", "O", "O"]}


def translated(number: int) -> dict:
    person, place = _pair(number)
    year = 1900 + number
    return {
        "source": f"{person} lives in {place} since {year}.",
        "target": f"{person} wohnt seit {year} in {place}.",
    }


def summarized(number: int) -> dict:
    person, place = _pair(number)
    return {"document": f"{person} lives in {place}. That is since {1900 + number}.", "summary": [place, person]}


def talked(number: int) -> dict:
    person, place = _pair(number)
    asked = {"role": "user", "content": f"{person}, {1900 + number}?"}
    return {"messages": [asked, {"role": "assistant", "content": f"In {place}."}]}


ROWS = {
    "question-answering": question,
    "token-classification": tagged,
    "translation": translated,
    "summarization": summarized,
    "dialogue": talked,
}
_FEATURES = {
    "question-answering": Features({"question": Value("string"), "context": Value("string"), "answers": _ANSWERS})
}


def rows(task: str, start: int, stop: int, **options) -> Dataset:
    """Make rows of a task; equal numbers make equal rows."""
    return Dataset.from_list([ROWS[task](n, **options) for n in range(start, stop)], features=_FEATURES.get(task))


def encoder(folder: Path, width: int = 32) -> Path:
    """Write a random BERT of two layers, and a tokenizer of whole words that knows what stands in the rows above."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    splitter = pre_tokenizers.Whitespace()
    texts = [*PEOPLE, *PLACES, "Where does live lives in since Who is That ? . ,"]
    words = dict.fromkeys(word for text in texts for word, _ in splitter.pre_tokenize_str(text))
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[CLS]", "[SEP]", "[UNK]", *words])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    core.pre_tokenizer = splitter
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]"
    )
    torch.manual_seed(0)
    sizes = {"hidden_size": width, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 2 * width}
    config = BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, pad_token_id=0, **sizes)
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
