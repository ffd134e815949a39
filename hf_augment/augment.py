"""What `Dataset.map` runs: rows in, the same rows and their copies out."""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from hf_augment import streams, words
from hf_augment.batches import DictBatch, RowBatch, TableBatch, open_batch
from hf_augment.errors import one_split, unknown
from hf_augment.fields import conform
from hf_augment.labels import stored_as, verbalise
from hf_augment.provenance import PROVENANCE, Output, refuse_taken
from hf_augment.registry import build
from hf_augment.tasks import Task, bind_task, check_field, task_class
from hf_augment.transform import Declined, Row, Transform, Written, canonical

VERSION = 1  # raised when the same transform, rows and seed start to give other rows
_VERSIONS = {"augment": VERSION, "streams": streams.VERSION, "words": words.VERSION}
_LEFT = "left as it was: "  # before the reason why one of several texts of a copy is the source's


class _Source(NamedTuple):
    """One row of the batch: what it holds and how often it is to be copied, or why not."""

    values: tuple[Any, ...]  # of the columns that the task reads
    rows: Sequence[Row]  # its texts
    label: Any  # as the column holds it
    id: str
    key: bytes
    copies: int
    problem: str


@dataclasses.dataclass(frozen=True)
class Augment:
    """
    Make `Dataset.map` write augmented copies of rows.

    With `batched=True` each row comes out followed by its copies; without, one rewritten row takes its place. Every
    column is repeated, and four are added, never null: `augmented_by` (`"original"`, or the transforms that spoke),
    `source_id` (the row it came from), `copy` (0 for the original) and `declined` (why copies are missing). What is
    written depends on the transform, the row's content and `seed`; rows with equal content get equal copies.

    Args:
        transform ([`Transform`] or `dict`): What writes the copies, or its spec.
        text (`str` or `list[str]`, *optional*): For texts with labels, the column to rewrite, or several (a sentence
            pair); by default it is found as those of other tasks are.
        label (`str`, *optional*): The label column, for transforms that write from the label.
        task (`str`, *optional*, defaults to `"text-classification"`): The task of the dataset, one of
            `hf_augment.tasks.TASKS`. It finds its columns by their usual names, says what may be rewritten, and
            declines what no longer fits: an answer that is lost, a number that stands on one side alone.
        field (`str`, *optional*): What is rewritten: `"source"` or `"target"` of a translation, `"document"` or
            `"summary"`, `"question"` or `"context"`, the turns of the `"user"`, of the `"assistant"`, or its last,
            the `"reply"`. By default the first of those.
        columns (`dict[str, str]`, *optional*): The task's columns where they are called otherwise, such as
            `{"context": "passage"}`.
        copies (`int` or `str`, *optional*, defaults to `1`): Copies of each row, or the integer column that says
            how many, as made by [`plan`]. 0 only adds the columns.
        keep_original (`bool`, *optional*, defaults to `True`): Whether the row itself is emitted too. A row all of
            whose copies were declined always stays.
        seed (`int`, *optional*, defaults to `0`): Another seed writes other texts.
        key (`str`, *optional*): An id column that tells rows of equal content apart.
        label_names (`list[str]`, *optional*): Names of integer labels, where the dataset does not carry them;
            `bind` reads them off.

    Example:

    ```python
    >>> from hf_augment import Augment, RandomSwap
    >>> augment = Augment(RandomSwap(rate=0.1), text="text", label="label", copies=4)
    >>> train = train.map(augment, batched=True)
    ```
    """

    transform: Transform
    _: dataclasses.KW_ONLY
    text: str | tuple[str, ...] | None = None
    label: str | None = None
    task: str = "text-classification"
    field: str | None = None
    columns: dict[str, str] = dataclasses.field(default_factory=dict, hash=False)
    copies: int | str = 1
    keep_original: bool = True
    seed: int = 0
    key: str | None = None
    label_names: tuple[str, ...] | None = None

    def __post_init__(self):
        if isinstance(self.transform, Mapping):
            object.__setattr__(self, "transform", build(self.transform))
        if not isinstance(self.transform, Transform):
            raise TypeError(
                f"Augment: expected a transform such as RandomSwap(), got {self.transform!r}. To apply several, write "
                "Compose(transforms=[...])."
            )
        for field in dataclasses.fields(self):
            value = conform(getattr(self, field.name), field.type, f"Augment: {field.name}")
            object.__setattr__(self, field.name, value)
        object.__setattr__(self, "field", check_field(self.task, self.field))
        if isinstance(self.copies, int) and self.copies < 0:
            raise ValueError(f"Augment: copies: expected at least 0, got {self.copies}.")
        task = task_class(self.task)
        if self.text is not None and (not self.text or not all(self.texts) or len(set(self.texts)) < len(self.texts)):
            raise ValueError(f"Augment: text: expected a column or a list of different columns, got {self.text!r}.")
        if not task.labelled and self.text is not None:
            raise ValueError(
                f"Augment: text: the task {self.task!r} finds its columns by their names. To name them, write "
                f"columns={{{next(iter(task.roles))!r}: {self.texts[0]!r}}}."
            )
        if self.text is not None and self.columns:
            raise ValueError(f"Augment: columns: text={self.text!r} names the column already. Pass one of the two.")
        for role in self.columns:
            if role not in task.roles and role not in task.more_roles:
                raise ValueError("Augment: columns: " + unknown("role", role, (*task.roles, *task.more_roles)))
        if problem := task.refuses(self.transform, self.field):
            raise ValueError(f"{self.transform.name!r} makes no sense in the task {self.task!r}: {problem}.")
        if task.labelled and "label" in self.transform.reads and self.label is None:
            raise ValueError(
                f"{self.transform.name!r} writes from the label, and no label column was given. Pass label='label'."
            )

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns that `text` names."""
        return () if self.text is None else (self.text,) if isinstance(self.text, str) else self.text

    def bound(self, columns: Sequence[str], features: Mapping[str, Any] | None) -> Task:
        """Return the task, bound to the columns of a dataset."""
        given = {f"text {i}" if i else "text": name for i, name in enumerate(self.texts)} or self.columns
        settings = {"field": self.field, "given": given, "label_names": self.label_names}
        return bind_task(self.task, columns, features, **settings)

    def to_spec(self) -> dict[str, Any]:
        """Return a JSON-shaped description from which `Augment.from_spec` makes an equal one."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        # What was not asked for is left out: specs, hashes and caches from before there were other tasks stay good.
        defaults = {"field": check_field(self.task, None), "columns": {}}
        fields = {name: value for name, value in fields.items() if name not in defaults or value != defaults[name]}
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
        return {**listed, "transform": self.transform.to_spec(), "versions": dict(_VERSIONS)}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> "Augment":
        """Make the `Augment` that `to_spec` described; a spec of other versions, which wrote other rows, is refused."""
        fields = dict(spec)
        versions = fields.pop("versions", _VERSIONS)
        if versions != _VERSIONS:
            raise ValueError(
                f"The spec was written by the versions {versions}, installed are {_VERSIONS}, which write other rows. "
                "Install the release that wrote it, or drop 'versions' to take the installed ones."
            )
        return cls(**fields)

    def save_pretrained(self, folder: str | Path) -> None:
        """
        Write the spec into a folder, as `augment.json`. Models and pools that it names stay where they are.

        Args:
            folder (`str` or `Path`): Made if it is not there.
        """
        from hf_augment.publish.spec import save

        save(self, folder)

    @classmethod
    def from_pretrained(
        cls,
        id_or_folder: str | Path,
        *,
        revision: str | None = None,
        token: str | None = None,
        repo_type: Literal["model", "dataset"] = "model",
    ) -> "Augment":
        """
        Read what `save_pretrained`, `push_to_hub` or `hf-augment push` wrote; it writes the same rows.

        Args:
            id_or_folder (`str` or `Path`): A folder, or an id on the Hub.
            revision (`str`, *optional*): A commit, branch or tag there.
            token (`str`, *optional*): For a private repository; by default that of `hf auth login`.
            repo_type (`str`, *optional*, defaults to `"model"`): `"dataset"` for an augmented dataset, which
                `hf-augment push` gives its spec.

        Raises:
            `ValueError`: A model behind it has changed since, so that other rows would be written; or, on the Hub, it
                names a server that would be sent the rows, or code: read it, and if you trust it, use `from_spec`.
        """
        from hf_augment.publish.spec import check_identity, load

        found = load(id_or_folder, revision, token, repo_type)
        augment = cls.from_spec(found["spec"])
        check_identity(augment, found["identity"], str(id_or_folder))
        return augment

    def push_to_hub(
        self, repo_id: str, *, private: bool = True, token: str | None = None, license: str | None = None
    ) -> str:
        """
        Write the spec into a repository on the Hub, for `Augment.from_pretrained(repo_id)`.

        Args:
            repo_id (`str`): `NAMESPACE/NAME`.
            private (`bool`, *optional*, defaults to `True`): Whether a new repository is private.
            token (`str`, *optional*): By default that of `hf auth login`.
            license (`str`, *optional*): Of the spec; without one the card names none.

        Returns:
            `str`: Its address.

        Raises:
            `ValueError`: It refers to a folder of this machine: push that first, and name its id.
        """
        from hf_augment.publish.spec import push

        return push(self, repo_id, private, token, license)

    def identity(self) -> dict[str, Any]:
        """Return what decides the output: the spec with models and word lists replaced by their SHA-256."""
        return {**self.to_spec(), "transform": self.transform.identity()}

    def __reduce__(self):
        return _rebuild, (canonical(self.to_spec()), canonical(self.identity()))

    def bind(self, dataset: Any) -> "Augment":
        """Return an `Augment` that knows the label names of a dataset or stream (or of its `Features`)."""
        from datasets import DatasetDict, Features, IterableDatasetDict

        if isinstance(dataset, DatasetDict | IterableDatasetDict):
            raise TypeError(one_split(dataset, "bind to"))
        features = dataset if isinstance(dataset, Features) else dataset.features
        named = task_class(self.task).named if features is not None else ""
        names = _label_names(features, self.bound(list(features), features).columns[named] if named else self.label)
        return self if names is None else dataclasses.replace(self, label_names=tuple(names))

    def features(self, features: Any) -> Any:
        """Return `features` with the four provenance columns, for `stream.map(augment, features=...)`."""
        from datasets import Features, Value

        if features is None:
            raise ValueError(
                "The stream does not say its features. Name its columns: "
                "augment.features(Features({'text': Value('string'), 'label': ClassLabel(names=['negative', 'positive'])}))."
            )
        refuse_taken(features)
        return Features({**features, **{name: Value(kind) for name, kind in PROVENANCE.items()}})

    def __call__(self, batch: Any) -> Any:
        """
        Augment one batch, or, under `map` without `batched=True`, one row.

        Args:
            batch (`Mapping` or `pyarrow.Table`): What `map` hands over.

        Returns:
            `dict` or `pyarrow.Table`: A table where `map` handed Arrow data over: nothing is decoded and encoded again.
        """
        rows = open_batch(batch, self._is_row)
        self._check_columns(rows.columns)
        task = self._task(rows.columns, rows.features)
        sources = self._sources(rows, task)
        if rows.single and sources[0].copies > 1:
            raise ValueError(
                f"copies={sources[0].copies} makes rows, but map was called without batched=True. "
                "Write dataset.map(augment, batched=True)."
            )
        outcomes = self._apply(sources)
        names = self.label_names or _label_names(rows.features, self.label)
        output = Output()
        for index, source in enumerate(sources):
            self._emit(output, index, source, outcomes.get(index, {}), task, names, rows.single)
        for column in output.changes:
            if column not in rows.columns:
                raise ValueError(
                    f"{self.transform.name!r} writes a field that no column holds: "
                    + unknown("column", column, rows.columns)
                )
        return rows.grow(output.sources, output.changes, output.provenance())

    def _task(self, columns: Sequence[str], features: Mapping[str, Any] | None) -> Task | None:
        """Return the task, bound; none for rows that are not copied, which need not have its columns (a test split)."""
        try:
            return self.bound(columns, features)
        except ValueError:
            if self.copies != 0:
                raise
            return None

    def _is_row(self, given: Mapping[str, Any]) -> bool:
        task = self._task(list(given), None)
        return task is not None and task.is_row(given[task.reads()[0]])

    def _check_columns(self, columns: Sequence[str]) -> None:
        refuse_taken(columns)
        wanted = {"text": self.texts, "label": (self.label,) if self.copies != 0 else (), "key": (self.key,)}
        wanted["copies"] = (self.copies if isinstance(self.copies, str) else None,)
        for argument, names in wanted.items():
            for name in names:
                if name is not None and name not in columns:
                    purpose = {"text": "to augment", "copies": "of copies", "key": "of ids", "label": "of labels"}[
                        argument
                    ]
                    raise ValueError(
                        f"No column {name!r} {purpose}: the dataset has {list(columns)}. "
                        f"Pass one of them as {argument!r}."
                    )

    def _sources(self, rows: TableBatch | DictBatch | RowBatch, task: Task | None) -> list[_Source]:
        read = rows.columns if task is None else task.reads()
        values = list(zip(*(rows.values(name) for name in read), strict=True))
        labels = rows.values(self.label) if self.label in rows.columns else [None] * rows.length
        ids = rows.values(self.key) if self.key is not None else [None] * rows.length
        copies = rows.values(self.copies) if isinstance(self.copies, str) else [self.copies] * rows.length
        names = self.label_names or _label_names(rows.features, self.label)
        return [
            self._source(task, own, label, row_id, count, names)
            for own, label, row_id, count in zip(values, labels, ids, copies, strict=True)
        ]

    def _source(
        self, task: Task | None, values: tuple, label: Any, row_id: Any, copies: Any, names: Sequence[str] | None
    ) -> _Source:
        if not isinstance(copies, int) or copies < 0:
            raise ValueError(f"The column {self.copies!r} says {copies!r} copies. Expected a whole number from 0 up.")
        content = list(values) if task is None else task.identity(values)
        key = streams.row_key(row_id if self.key is not None else content)
        source_id = key.hex() if self.key is None else str(row_id)
        if copies == 0:
            return _Source(values, (), label, source_id, key, copies, "")
        if self.key is not None and row_id is None:
            return _Source(values, (), label, source_id, key, copies, "id is None")
        # Without an id, a row of a label and no text cannot be told from others of the label.
        read = "text" in self.transform.reads or (task.labelled and self.key is None)
        found = task.rows(values, read)
        if isinstance(found, str):
            return _Source(values, (), label, source_id, key, copies, found)
        if self.label is not None and "label" in self.transform.reads:
            name = verbalise(label, names, self.label)
            if name is None:
                return _Source(values, (), label, source_id, key, copies, "no label")
            found = [row._replace(label=name) for row in found]
        return _Source(values, found, label, source_id, key, copies, "")

    def _apply(self, sources: list[_Source]) -> dict[int, dict[int, list[Written | Declined]]]:
        """Write all copies of all rows in one call: source → copy → one outcome for each of its texts."""
        name = self.transform.name
        rows, drawn, places = [], [], []
        for index, source in enumerate(sources):
            if source.problem:
                continue
            width = len(source.rows)
            for copy in range(1, source.copies + 1):
                stream = streams.stream(self.seed, name, source.key, copy)
                rows += source.rows
                drawn += [stream] if width == 1 else [stream.child(f"text {place}") for place in range(width)]
                places.append((index, copy))
        outcomes = self.transform.apply(rows, drawn) if rows else []
        if len(outcomes) != len(rows):
            raise ValueError(
                f"{name!r} returned {len(outcomes)} outcomes for {len(rows)} rows. Return one for each row."
            )
        found: dict[int, dict[int, list[Written | Declined]]] = defaultdict(dict)
        start = 0
        for index, copy in places:
            end = start + len(sources[index].rows)
            found[index][copy] = outcomes[start:end]
            start = end
        return found

    def _emit(
        self,
        output: Output,
        index: int,
        source: _Source,
        outcomes: Mapping[int, list],
        task: Task,
        names: Sequence[str] | None,
        single: bool,
    ) -> None:
        written, reasons = {}, []
        for copy, given in outcomes.items():
            checked, changes = task.accept(source.values, source.rows, given)
            if changes:  # a copy of which one text was written counts as written; its other texts are the source's
                written[copy] = given, checked, changes
            else:
                reasons.append(", ".join(dict.fromkeys(outcome.reason for outcome in checked)))
        declined = (source.problem if source.copies else "") or "; ".join(reasons)
        stays = (self.keep_original and not single) or (not written and (declined or single))
        if stays:
            output.add(index, source.id, declined=declined)
        for copy, (given, checked, changes) in written.items():
            spoke = [outcome for outcome in checked if isinstance(outcome, Written)]
            left = [
                _LEFT + now.reason
                for before, now in zip(given, checked, strict=True)
                if isinstance(before, Written) and isinstance(now, Declined)
            ]
            # Without the original, the first copy carries the reasons.
            said = [declined] if declined and not stays else []
            by = "+".join(dict.fromkeys(outcome.by for outcome in spoke))
            position = output.add(index, source.id, copy, by, "; ".join([*said, *left]))
            declined = declined if stays else ""
            for column, value in changes.items():
                output.changes[column][position] = value
            for outcome in spoke:
                for other, value in outcome.also.items():
                    if other == "label" and self.label is not None:
                        other, value = self.label, stored_as(value, source.label, names, outcome.by)
                    output.changes[other][position] = value


def _rebuild(spec: str, identity: str) -> Augment:
    return Augment.from_spec(json.loads(spec))


def _label_names(features: Mapping[str, Any] | None, column: str | None) -> Sequence[str] | None:
    feature = (features or {}).get(column)
    feature = getattr(feature, "feature", feature)  # a list of labels
    return getattr(feature, "names", None)
