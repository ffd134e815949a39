import functools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from hf_augment.edits import Edit, EditTransform, share
from hf_augment.errors import one_split
from hf_augment.fields import between
from hf_augment.streams import Stream
from hf_augment.transform import Declined, Row, Written, canonical
from hf_augment.words import outside

_FILE = "mentions.json"


class _Mentions(NamedTuple):
    """The mentions of one type, and the place of each, whatever its case."""

    listed: Sequence[str]
    places: Mapping[str, int]

    def has_other(self, old: str) -> bool:
        return len(self.listed) > 1 or _key(old) not in self.places

    def other(self, old: str, stream: Stream) -> str:
        place = self.places.get(_key(old))
        if place is None:
            return stream.choice(self.listed)
        drawn = stream.below(len(self.listed) - 1)
        return self.listed[drawn + (drawn >= place)]


@dataclass(frozen=True, kw_only=True)
class MentionSwap(EditTransform):
    """
    Swap entity mentions for other mentions of their type.

    The mention replacement of Dai and Adel (2020, huggingface.co/papers/2010.11683), for the task
    `"token-classification"`: a person for a person, of one word or several, with the tags of the row's own scheme. What
    is put in is drawn evenly from the different mentions of a type, in the case that stands in the table; a mention is
    never swapped for itself in another case. Words around it stay, so an article or a verb may no longer agree.

    Fit the table on the training split alone: mentions of rows that you evaluate on would leak into training.

    Args:
        table (`str`, *optional*):
            The folder that `MentionSwap.fit` wrote.
        mentions (`dict[str, list[str]]`, *optional*):
            In its place mentions of your own by type, such as `{"PER": ["Anna Schmidt", "Li Wei"]}`. Types are
            called as the tags call them, without `B-` and the like.
        rate (`float`, *optional*, defaults to `0.5`):
            How many of a row's mentions are swapped, as a fraction from 0 to 1; at least one.

    Example:

    ```python
    >>> MentionSwap.fit(train, "mentions")
    >>> augment = Augment(MentionSwap(table="mentions"), task="token-classification", copies=2)
    >>> train = train.map(augment, batched=True)
    ```
    """

    name: ClassVar[str] = "mention_swap"
    reads: ClassVar[tuple[str, ...]] = ("text", "types")
    needs: ClassVar[str] = "tokens with tags, and a table: `MentionSwap.fit(train, folder)`"

    table: str | None = None
    mentions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rate: float = 0.5

    def check(self):
        between(self.rate, 0, 1, "mention_swap: rate")
        if (self.table is None) == (not self.mentions):
            raise ValueError(
                f"mention_swap: expected a table or mentions, got {'neither' if self.table is None else 'both'}. Write "
                "table=MentionSwap.fit(train, 'mentions'), or mentions={'PER': ['Anna Schmidt', 'Li Wei']}."
            )
        for kind, listed in self.mentions.items():
            if not listed or not all(mention.strip() for mention in listed):
                raise ValueError(f"mention_swap: mentions: {kind!r}: expected mentions, got {list(listed)}.")

    def references(self):
        from hf_augment.engine.resources import identity

        return {} if self.table is None else {"table": identity(self.table)}

    @classmethod
    def fit(
        cls,
        dataset: Any,
        folder: str | Path,
        *,
        tokens: str | None = None,
        tags: str | None = None,
        label_names: Sequence[str] | None = None,
    ) -> str:
        """
        Collect the mentions of the training split by type and write them into a folder.

        Of mentions that differ in case alone the most frequent is kept. Rows that the task declines are left out and
        counted in `mentions.json`.

        Args:
            dataset (`Dataset` or `IterableDataset`): The training split. Never one that you evaluate on.
            folder (`str` or `Path`): Where to; it appears when it is whole, and an earlier table there is replaced.
            tokens (`str`, *optional*): The column of tokens; by default it is found as the task finds it.
            tags (`str`, *optional*): The column of tags; by default it is found as the task finds it.
            label_names (`list[str]`, *optional*): Names of integer tags where the dataset does not carry them.

        Returns:
            `str`: The folder.

        Raises:
            `TypeError`: A `DatasetDict` was given, or no dataset.
            `ValueError`: There is no such column, or no mention.
        """
        from hf_augment.engine.new_pool import new_folder
        from hf_augment.record import write_json

        left_out: Counter = Counter()
        counted: dict[str, Counter] = defaultdict(Counter)
        for row in _tagged(dataset, tokens, tags, label_names, left_out):
            for kind, span in zip(row.context["types"], row.fixed, strict=True):
                counted[kind][" ".join(row.text[slice(*span)].split())] += 1
        if not counted:
            raise ValueError(
                "mention_swap: fit: there is no mention to make a table of. Rows left out: "
                f"{dict(left_out) or 'none'}; the others have no tag but 'O'."
            )
        # The most frequent spelling first, so that it is the one that is kept, in whatever order the rows come.
        ordered = {
            kind: sorted(found, key=lambda mention: (-found[mention], mention)) for kind, found in counted.items()
        }
        mentions = {kind: sorted(_different(listed).listed) for kind, listed in sorted(ordered.items())}
        with new_folder(folder, _FILE) as unfinished:
            write_json(unfinished / _FILE, {"mentions": mentions, "left_out": dict(sorted(left_out.items()))})
        return str(folder)

    def protected(self, row):
        return super().protected(row._replace(fixed=()))  # the mentions are fixed for all others

    def apply(self, rows, streams):
        table = self._table()  # once a batch: what lies in the folder is looked at each time
        return [self._outcome(table, row, stream) for row, stream in zip(rows, streams, strict=True)]

    def edits(self, row, stream):
        return self._edits(self._table(), row, stream)

    def _outcome(self, table: Mapping[str, _Mentions], row: Row, stream: Stream) -> Written | Declined:
        types = row.context.get("types")
        if not types:
            return Declined("no mentions")
        if not any(kind in table for kind in types):
            return Declined(f"no mentions to put in for {', '.join(sorted(set(types)))}")
        return self.written(row, self._edits(table, row, stream))

    def _edits(self, table: Mapping[str, _Mentions], row: Row, stream: Stream) -> list[Edit]:
        free = set(outside(list(row.fixed), self.protected(row)))
        able = []
        for span, kind in zip(row.fixed, row.context["types"], strict=True):
            if span in free and kind in table and table[kind].has_other(row.text[slice(*span)]):
                able.append((span, table[kind]))
        if not able:
            return []
        chosen = sorted(stream.sample(len(able), share(self.rate, len(able))))
        return [Edit(*span, found.other(row.text[slice(*span)], stream)) for span, found in (able[i] for i in chosen)]

    def _table(self) -> Mapping[str, _Mentions]:
        if self.table is None:
            return _given(canonical(self.mentions))
        from hf_augment.engine.resources import identity, locate

        return _read(str(locate(self.table)), identity(self.table))


def _tagged(
    dataset: Any, tokens: str | None, tags: str | None, label_names: Sequence[str] | None, left_out: Counter
) -> Iterable[Row]:
    """Read the rows of a split as the task does; those that it declines are counted by reason."""
    from hf_augment.tasks import bind_task

    if isinstance(dataset, Mapping):
        raise TypeError(one_split(dataset, "collect mentions from"))
    if not hasattr(dataset, "select_columns"):
        raise TypeError(
            f"Expected a Dataset or an IterableDataset to collect mentions from, got {type(dataset).__name__}. Write "
            "Dataset.from_list(rows) or Dataset.from_pandas(frame)."
        )
    given = {role: column for role, column in (("tokens", tokens), ("tags", tags)) if column is not None}
    columns = dataset.column_names or list(given.values())
    task = bind_task("token-classification", columns, dataset.features, given=given, label_names=label_names)
    read = [task.columns["tokens"], task.columns["tags"]]
    for row in dataset.select_columns(read):
        found = task.rows([row[column] for column in read])
        if isinstance(found, str):
            left_out[found] += 1
        else:
            yield from found


def _key(mention: str) -> str:
    return " ".join(mention.casefold().split())


def _different(listed: Iterable[str]) -> _Mentions:
    """Keep the first of those that differ in case or white space alone."""
    found: dict[str, str] = {}
    for mention in listed:
        found.setdefault(_key(mention), " ".join(mention.split()))
    return _Mentions(list(found.values()), {key: place for place, key in enumerate(found)})


@functools.lru_cache(maxsize=16)
def _given(mentions: str) -> Mapping[str, _Mentions]:
    return {kind: _different(listed) for kind, listed in json.loads(mentions).items()}


@functools.lru_cache(maxsize=4)
def _read(folder: str, content: str) -> Mapping[str, _Mentions]:
    from hf_augment.record import read_json

    table = read_json(Path(folder) / _FILE)
    if not isinstance(table, dict):
        raise FileNotFoundError(
            f"The folder {folder!r} holds no mentions. Collect them from the training split: "
            "MentionSwap.fit(dataset, folder)."
        )
    return {kind: _different(listed) for kind, listed in table["mentions"].items()}
