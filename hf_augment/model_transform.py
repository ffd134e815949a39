"""Transforms that ask a model: whatever it wrote for a row is remembered, so a killed run goes on where it stopped."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from hf_augment.edits import Edit, Editing
from hf_augment.engine.store import Store, open_store, remembers
from hf_augment.streams import Stream
from hf_augment.transform import Declined, Row, Transform, Written, canonical

Outcome = Written | Declined


@dataclass(frozen=True, kw_only=True)
class ModelTransform(Transform):
    """
    A transform whose texts cost a model call; subclasses write `write`.

    Outcomes are remembered in `$HF_AUGMENT_CACHE/outputs` by the transform's identity, the row and the stream, so a
    second run, or one with a few more rows, asks the model only for what is missing. `HF_AUGMENT_REMEMBER=0` turns
    that off. The files keep to `HF_AUGMENT_CACHE_LIMIT` (20 GB by default) by forgetting what was used least recently.
    """

    @property
    def repeatable(self) -> bool:
        """Whether the same would be written again; else it is never pruned, as long as nobody asks for that."""
        return True

    @abstractmethod
    def write(self, rows: Sequence[Row], streams: Sequence[Stream]) -> Iterator[tuple[int, Outcome]]:
        """
        Write one text for each row, yielding each as soon as it is finished.

        Args:
            rows (`Sequence[Row]`): The rows, in any grouping: no row may influence another one's text.
            streams (`Sequence[Stream]`): One for each row.

        Yields:
            `tuple[int, Written | Declined]`: The position of a row, in any order, and its outcome.
        """

    def apply(self, rows, streams):
        if not rows:
            return []
        if not remembers():
            outcomes = dict(self.write(rows, streams))
            return [outcomes[i] for i in range(len(rows))]
        store = self._store()
        keys = [_key(row, stream) for row, stream in zip(rows, streams, strict=True)]
        known = {key: _outcome(output) for key, output in store.read(list(dict.fromkeys(keys))).items()}
        missing = list({key: i for i, key in reversed(list(enumerate(keys))) if key not in known}.values())[::-1]
        if missing:
            self._ask(rows, streams, keys, missing, known, store)
        return [known[key] for key in keys]

    def _store(self) -> Store:
        return open_store(self.name, canonical(self.identity()), self.repeatable)

    def _ask(
        self,
        rows: Sequence[Row],
        streams: Sequence[Stream],
        keys: Sequence[bytes],
        missing: Sequence[int],
        known: dict[bytes, Outcome],
        store: Store,
    ) -> None:
        try:
            for place, outcome in self.write([rows[i] for i in missing], [streams[i] for i in missing]):
                key = keys[missing[place]]
                known[key] = outcome
                if not (isinstance(outcome, Declined) and outcome.passing):
                    store.write([(key, _plain(outcome))])
        finally:
            store.commit()  # also what was written before an error or Ctrl-C


def _key(row: Row, stream: Stream) -> bytes:
    content = canonical([row.text, row.label, dict(row.context), *([row.fixed] if row.fixed else [])])
    return blake2b(content.encode(), digest_size=16, key=stream.key.to_bytes(8, "little")).digest()


def _plain(outcome: Outcome) -> list[Any]:
    if isinstance(outcome, Declined):
        return [outcome.reason]
    return [outcome.text, outcome.by, dict(outcome.also), dict(outcome.notes)]


def _outcome(plain: list[Any]) -> Outcome:
    if len(plain) == 1:
        return Declined(plain[0])
    text, by, also, notes = plain
    if "edits" in notes:
        notes["edits"] = [[Edit(*edit) for edit in step] for step in notes["edits"]]
    return Written(text, by, also, notes)


@dataclass(frozen=True, kw_only=True)
class ModelEditTransform(ModelTransform, Editing):
    """
    A transform that edits spans of the text as a model says; subclasses write `find_edits`.

    Args:
        protect (`list[str]`, *optional*, defaults to `[]`): Regular expressions; what they match is never touched.
        reserved (`list[str]`, *optional*, defaults to `[]`): Words and phrases that are never touched, in any case.
    """

    @abstractmethod
    def find_edits(
        self, rows: Sequence[Row], streams: Sequence[Stream]
    ) -> Iterator[tuple[int, list[Edit] | Declined]]:
        """
        Find the edits of each row, yielding them as soon as they are known.

        Yields:
            `tuple[int, list[Edit] | Declined]`: The position of a row, in any order, and its edits (in any order, none
            overlapping another or a protected span, none to decline), or the reason why there are none.
        """

    def write(self, rows, streams):
        for place, found in self.find_edits(rows, streams):
            yield place, found if isinstance(found, Declined) else self.written(rows[place], found)
