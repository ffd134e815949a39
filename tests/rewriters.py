"""Transforms that write a text anew without saying what they edited, as models do: what a task must not trust."""

import dataclasses
import re
from abc import abstractmethod

from hf_augment.transform import Declined, Transform, Written


class _Rewriter(Transform):
    @abstractmethod
    def rewritten(self, text, stream):
        """Return the new text."""

    def apply(self, rows, streams):
        texts = [self.rewritten(row.text, stream) for row, stream in zip(rows, streams, strict=True)]
        return [
            Written(text, self.name) if text.strip() and text != row.text else Declined("nothing to change")
            for text, row in zip(texts, rows, strict=True)
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Upper(_Rewriter):
    """Write in capitals."""

    def rewritten(self, text, stream):
        return text.upper()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drop(_Rewriter):
    """Drop words."""

    rate: float = 0.1

    def rewritten(self, text, stream):
        return " ".join(word for word in text.split() if stream.uniform() >= self.rate)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BySentence(_Rewriter):
    """Write some of the sentences backwards, and shuffle all of them, as a poor translator would."""

    def rewritten(self, text, stream):
        found = [part for part in re.split(r"(?<=[.?!]) ", text) if part]
        found = [" ".join(part.split()[::-1]) if stream.uniform() < 0.3 else part for part in found]
        return " ".join(found[i] for i in stream.sample(len(found), len(found)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class MoreOfIt(_Rewriter):
    """Say one of the words twice, and add a number and a name that nobody knows."""

    def rewritten(self, text, stream):
        parts = text.split()
        word = stream.choice(parts) if parts else ""
        tail = ("", f" ({7_000 + stream.below(1000)})", " by Zebulon", f" {word}")[stream.below(4)]
        return f"{word} {text}{tail}"


REWRITERS = (Upper(), Drop(rate=0.05), Drop(rate=0.3), BySentence(), MoreOfIt())
