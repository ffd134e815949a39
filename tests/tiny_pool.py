"""A retrieval pool and tables of words and mentions made on the spot, over the texts that the contract is tested with."""

from pathlib import Path

from datasets import Dataset

from hf_augment.transforms.mention_swap import MentionSwap
from hf_augment.transforms.similar_sentence import SimilarSentence
from hf_augment.transforms.tfidf import TfIdf
from tests.contract import NAMES, TEXTS, tagged
from tests.stand_ins import resolve
from tests.tiny_encoder import bag_of_words

MORE = [
    "The soup was warm, and everybody at the counter seemed to care.",
    "The soup was cold and the room was slow and noisy.",
    "A quiet place, a soft bed and the slowest staff in town.",
    "Nothing in the room worked, and nobody seemed to care.",
    "The waiter never came back, so we left before the soup.",
    "They are late, and we don't know who is tired.",
    "It arrived two days late and looked old after a day of use.",
    "I think I will go back to that kind, quiet place.",
    "La musique est très belle, et le serveur aimable.",
    "Die Straße ist laut, der Käse schmeckt leider nicht.",
]


def encoder(folder: Path) -> None:
    bag_of_words(folder, [*TEXTS, *MORE])


def split() -> Dataset:
    texts = [*TEXTS, *MORE] * 2  # each text with both labels
    labels = [NAMES[0]] * (len(texts) // 2) + [NAMES[1]] * (len(texts) // 2)
    return Dataset.from_dict({"text": texts, "label": labels})


def pool(folder: Path) -> None:
    SimilarSentence.fit(split(), folder, text="text", label="label", encoder=resolve("stand_in:pool_encoder"))


def table(folder: Path) -> None:
    TfIdf.fit(split(), folder, text="text")


def mentions(folder: Path) -> None:
    tokens, tags = zip(*map(tagged, [*TEXTS, *MORE]), strict=True)
    MentionSwap.fit(Dataset.from_dict({"tokens": tokens, "ner_tags": tags}), folder)
