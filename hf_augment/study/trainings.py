"""One training of a study: what it needs, what decides its result, and how it is carried out in any process."""

import dataclasses
import functools
import gc
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from hf_augment.blocks import StudyConfig
from hf_augment.blocks.study import CLASSIFY, OF_THE_WHOLE
from hf_augment.study.arms import Arm
from hf_augment.study.cells import Cell, digest

if TYPE_CHECKING:
    from hf_augment.classifiers.examples import Examples

_OF_ARMS = ("seeds", "tune_learning_rates", "learning_rate")  # which arms there are, and what each has of its own
_OF_TASKS = ("task", "max_new_tokens")  # which decide nothing about a classifier


@dataclasses.dataclass(frozen=True)
class Training:
    """
    A cell that is to be filled.

    Args:
        cell ([`Cell`]): Where the result goes.
        arm ([`Arm`]): Rows, steps and learning rate.
        validation ([`Examples`]): The rows that choose.
        test ([`Examples`]): The rows that score.
        names (`Sequence[str]`): The classes; none for other tasks.
        config ([`StudyConfig`]): The classifier, or what else is trained for its task.
        per_row (`bool`, *optional*, defaults to `False`): Whether the result has `test_rows`.
    """

    cell: Cell
    arm: Arm
    validation: "Examples"
    test: "Examples"
    names: Sequence[str]
    config: StudyConfig
    per_row: bool = False

    def carry_out(self) -> dict[str, Any]:
        """Train, write the result to the cell's file, and return it."""
        return self.cell.finish(self.train())

    def train(self) -> dict[str, Any]:
        """Return what `train_classifier` does, or the learner of another task."""
        from hf_augment.classifiers import train_classifier

        _settle()
        if self.config.task not in (None, CLASSIFY):
            return self._learn()
        return train_classifier(
            *(self._dataset(rows) for rows in (self.arm.rows, self.validation, self.test)),
            text="text",
            label="label",
            seed=self.cell.seed,
            max_steps=self.arm.steps,
            output_dir=self.cell.folder,
            config=dataclasses.replace(self.config, learning_rate=self.arm.learning_rate),
            added=self.arm.added,
            per_row=self.per_row,
        )

    def _learn(self) -> dict[str, Any]:
        from hf_augment.learners import LEARNERS

        return LEARNERS[self.config.task](
            self.arm.rows,
            self.validation,
            self.test,
            seed=self.cell.seed,
            max_steps=self.arm.steps,
            output_dir=self.cell.folder,
            config=dataclasses.replace(self.config, learning_rate=self.arm.learning_rate),
        )

    def _dataset(self, rows: "Examples") -> Any:
        from datasets import ClassLabel, Dataset, Features, Value

        features = Features({"text": Value("string"), "label": ClassLabel(names=list(self.names))})
        return Dataset.from_dict({"text": rows.texts, "label": rows.labels}, features=features)


@functools.cache
def _settle() -> None:
    """Take what is imported out of the garbage collections, of which each training makes one: half a small one's time."""
    gc.freeze()


def decided_by_data(validation: "Examples", test: "Examples", names: Sequence[str]) -> dict[str, Any]:
    """Return how the evaluation rows decide a result."""
    return {"names": list(names), "validation": digest(validation), "test": digest(test)}


def decided_by_classifier(config: StudyConfig) -> dict[str, Any]:
    """Return how the classifier decides a result: a model trained anew into the same folder is another one."""
    from hf_augment.classifiers.checkpoint import classifier_identity

    config = config.for_task(config.task or CLASSIFY)
    of_no_part = (*OF_THE_WHOLE, *_OF_ARMS, "classifier", "encoder", "revision")
    of_no_part += _OF_TASKS if config.task == CLASSIFY else ()
    settings = {name: value for name, value in dataclasses.asdict(config).items() if name not in of_no_part}
    fitted_by = {"scikit-learn": version("scikit-learn")} if config.classifier == "features" else {}
    return {
        **fitted_by,
        "classifier": classifier_identity(config.classifier, config.encoder, config.revision),
        "settings": settings,
    }


def decided_by_arm(arm: Arm) -> dict[str, Any]:
    """Return how an arm decides a result; its name does not."""
    rows = {"train": digest(arm.rows), "steps": arm.steps, "learning_rate": arm.learning_rate}
    return {**rows, "added": arm.added} if arm.added else rows
