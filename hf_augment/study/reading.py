"""Rows of a dataset as a study trains on them: inputs and outputs, whatever the task calls its columns."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hf_augment.blocks import DataConfig
from hf_augment.blocks.study import CLASSIFY

if TYPE_CHECKING:
    from hf_augment.classifiers.examples import Examples


class Reading(NamedTuple):
    """
    How rows are read.

    Args:
        task (`str`): What they are for.
        text (`str`, *optional*): The text column of a classifier; other tasks have columns of their own.
        label (`str`, *optional*): Its label column.
        label_names (`Sequence[str]`, *optional*): The names of integer labels that carry none.
        columns (`Mapping[str, str]`, *optional*): Columns of other tasks by role, where they are not called as usual.
        names (`Sequence[str]`, *optional*, defaults to `()`): The classes, as `with_names` finds them.
    """

    task: str
    text: str | None
    label: str | None
    label_names: Sequence[str] | None = None
    columns: Mapping[str, str] | None = None
    names: Sequence[str] = ()

    def with_names(self, gold: Any) -> "Reading":
        """
        Learn the classes.

        Args:
            gold (`Dataset`): The real training rows.
        """
        from hf_augment.classifiers.examples import class_names

        return self._replace(names=class_names(gold, self.label, self.label_names)) if self.task == CLASSIFY else self

    def read(self, dataset: Any, split: str) -> "Examples":
        """
        Read the usable rows of a split.

        Args:
            dataset (`Dataset`): The split.
            split (`str`): What errors call it.

        Raises:
            `ValueError`: A column is missing, a label is none of the classes, or no row is usable.
        """
        from hf_augment.classifiers.examples import Examples, read_examples

        if self.task == CLASSIFY:
            columns = {"text": self.text, "label": self.label, "names": self.names, "label_names": self.label_names}
            return read_examples(dataset, split=split, **columns)
        from hf_augment.tasks import bind_task, read_pairs

        names = {"given": self.columns, "label_names": self.label_names}
        task = bind_task(self.task, dataset.column_names, dataset.features, **names)
        found = Examples(*read_pairs(dataset, task))
        if not found.texts:
            raise ValueError(f"None of the {len(dataset)} {split} rows can be used for {self.task}.")
        return found


def reading_of(config: DataConfig, gold: Any) -> Reading:
    """
    Return how the rows of a recipe are read.

    Args:
        config ([`DataConfig`]): Its `data` block.
        gold (`Dataset`): The real training rows.
    """
    return Reading(config.task, config.text, config.label, config.label_names, config.columns).with_names(gold)
