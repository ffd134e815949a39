"""What a study trains for tasks other than classification: readers, taggers, writers and repliers."""

import functools

from hf_augment.learners.reader import train_reader
from hf_augment.learners.reply import train_reply
from hf_augment.learners.seq2seq import train_seq2seq
from hf_augment.learners.tagger import train_tagger

__all__ = ["LEARNERS", "train_reader", "train_reply", "train_seq2seq", "train_tagger"]

LEARNERS = {
    "question-answering": train_reader,
    "token-classification": train_tagger,
    "translation": functools.partial(train_seq2seq, task="translation"),
    "summarization": functools.partial(train_seq2seq, task="summarization"),
    "dialogue": train_reply,
}
