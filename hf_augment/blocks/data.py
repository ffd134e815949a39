"""The `data` block: the rows, and what they are for."""

import dataclasses

from hf_augment.blocks.study import CLASSIFY
from hf_augment.errors import unknown
from hf_augment.fields import between, positive
from hf_augment.metrics import OF_TASKS


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """
    The data.

    Args:
        path (`str`): A Hub id, `embedded:reviews` or another name of `hf_augment/embedded`, a csv, jsonl or parquet file, a folder of such files named after
            their splits, or a folder written by `save_to_disk`.
        name (`str`, *optional*): The configuration of a Hub dataset.
        revision (`str`, *optional*): A commit, branch or tag of a Hub dataset.
        task (`str`, *optional*, defaults to `"text-classification"`): What the rows are, one of
            `hf_augment.tasks.TASKS`.
        field (`str`, *optional*): What is written in a row, as for [`Augment`]; the task's first field by default. A
            generator learns to write it too.
        columns (`dict[str, str]`, *optional*): The columns of another task than `text-classification` by role, where
            they are not called as usual, such as `{context: passage}`.
        text (`str`, *optional*, defaults to `"text"`): The text column; for `text-classification`.
        label (`str`, *optional*): The label column, by default `"label"` for `text-classification`, and none for other
            tasks, which need none and may have one; `null` for texts without labels, from which only P(text) can be
            learnt.
        label_names (`list[str]`, *optional*): Names of integer labels that carry none.
        train_split, validation_split, test_split (`str`, *optional*): The splits. Without a validation split,
            `validation_share` of the training rows is set aside before anything else happens. An absent test split
            is an error for `study` only.
        validation_share (`float`, *optional*, defaults to `0.1`): See above; drawn by `seed`, label by label where
            texts belong to labels.
        shots_per_label (`int`, *optional*): Keep only that many training rows of each label, drawn by `seed`.
        validation_shots_per_label, test_shots_per_label (`int`, *optional*): The same for the other splits.
        shots (`int`, *optional*): Keep only that many training rows in all, whatever their labels, drawn by `seed`.
        validation_shots, test_shots (`int`, *optional*): The same for the other splits.
        streaming (`bool`, *optional*, defaults to `False`): Read texts while training, in bounded memory, rather than
            all of them before: for pretraining on more than a disk holds. Needs `label: null` and `train.max_steps`.
        validation_rows (`int`, *optional*, defaults to `1000`): How many texts of a streamed validation split are
            evaluated on; without such a split, the first texts of the training split, which are not trained on.
    """

    path: str
    name: str | None = None
    revision: str | None = None
    task: str = CLASSIFY
    field: str | None = None
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    text: str = "text"
    label: str | None = ""  # until the task is known
    label_names: tuple[str, ...] | None = None
    train_split: str = "train"
    validation_split: str | None = "validation"
    test_split: str | None = "test"
    validation_share: float = 0.1
    shots_per_label: int | None = None
    validation_shots_per_label: int | None = None
    test_shots_per_label: int | None = None
    shots: int | None = None
    validation_shots: int | None = None
    test_shots: int | None = None
    streaming: bool = False
    validation_rows: int = 1000

    def __post_init__(self):
        if self.task not in OF_TASKS:
            raise ValueError("data: task: " + unknown("task", self.task, OF_TASKS))
        if self.label == "":
            object.__setattr__(self, "label", "label" if self.task == CLASSIFY else None)
        self._check_task()
        if self.streaming and self.label is not None:
            raise ValueError(
                f"data: streaming: is for texts without labels, but label is {self.label!r}. Write label: null, or "
                "streaming: false."
            )
        positive(self.validation_rows, "data: validation_rows")
        between(self.validation_share, 0.01, 0.9, "data: validation_share")
        for name in ("shots", "validation_shots", "test_shots"):
            positive(getattr(self, name), f"data: {name}")
            each = f"{name}_per_label"
            positive(getattr(self, each), f"data: {each}")
            if getattr(self, name) is not None and getattr(self, each) is not None:
                raise ValueError(
                    f"data: expected {name} (rows in all) or {each}, got {getattr(self, name)} and "
                    f"{getattr(self, each)}. Leave one of them out."
                )
            if getattr(self, each) is not None and self.label is None and self.task != CLASSIFY:
                raise ValueError(
                    f"data: {each}: the task {self.task!r} has no labels. Write {name}: {getattr(self, each)} for so "
                    "many rows in all, or name the label column."
                )

    def _check_task(self) -> None:
        if self.task == CLASSIFY:
            if self.columns:
                raise ValueError(
                    f"data: columns: are for other tasks than {self.task!r}, got {self.columns}. Write text: and label:."
                )
            return
        if self.text != "text":
            raise ValueError(
                f"data: text: the task {self.task!r} has columns by role, got {self.text!r}. Write columns: {{ROLE: "
                f"{self.text}}}."
            )
        if self.streaming:
            raise ValueError(
                f"data: streaming: is for texts alone, got the task {self.task!r}. Write streaming: false."
            )
