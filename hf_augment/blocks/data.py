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
        path (`str`): A Hub id, `embedded:reviews`, a csv, jsonl or parquet file, a folder of such files named after
            their splits, or a folder written by `save_to_disk`.
        name (`str`, *optional*): The configuration of a Hub dataset.
        revision (`str`, *optional*): A commit, branch or tag of a Hub dataset.
        task (`str`, *optional*, defaults to `"text-classification"`): Or `"question-answering"`, `"translation"`,
            `"summarization"`, `"dialogue"`, `"token-classification"`.
        columns (`dict[str, str]`, *optional*): The columns of these other tasks by role, where they are not called as
            usual: `{context: passage}`.
        text (`str`, *optional*, defaults to `"text"`): The text column, of a classification.
        label (`str`, *optional*, defaults to `"label"`): The label column; `null` for texts without labels, from
            which only P(text) can be learnt.
        label_names (`list[str]`, *optional*): Names of integer labels that carry none.
        train_split, validation_split, test_split (`str`, *optional*): The splits. Without a validation split,
            `validation_share` of the training rows is set aside before anything else happens. An absent test split
            is an error for `study` only.
        validation_share (`float`, *optional*, defaults to `0.1`): See above; drawn by `seed`, label by label.
        shots_per_label (`int`, *optional*): Keep only that many training rows of each label, drawn by `seed`; where
            rows have no labels, that many rows.
        validation_shots_per_label, test_shots_per_label (`int`, *optional*): The same for the other splits.
        streaming (`bool`, *optional*, defaults to `False`): Read texts while training, in bounded memory, rather than
            all of them before: for pretraining on more than a disk holds. Needs `label: null` and `train.max_steps`.
        validation_rows (`int`, *optional*, defaults to `1000`): How many texts of a streamed validation split are
            evaluated on; without such a split, the first texts of the training split, which are not trained on.
    """

    path: str
    name: str | None = None
    revision: str | None = None
    task: str = CLASSIFY
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    text: str = "text"
    label: str | None = "label"
    label_names: tuple[str, ...] | None = None
    train_split: str = "train"
    validation_split: str | None = "validation"
    test_split: str | None = "test"
    validation_share: float = 0.1
    shots_per_label: int | None = None
    validation_shots_per_label: int | None = None
    test_shots_per_label: int | None = None
    streaming: bool = False
    validation_rows: int = 1000

    def __post_init__(self):
        if self.task not in OF_TASKS:
            raise ValueError("data: task: " + unknown("task", self.task, OF_TASKS))
        if self.task == CLASSIFY and self.columns:
            raise ValueError("data: columns: are those of other tasks. Write data.text and data.label.")
        if self.task != CLASSIFY:
            if self.text != "text" or self.label not in ("label", None):
                name = "text" if self.text != "text" else "label"
                raise ValueError(
                    f"data: {name}: is a column of a classification, and the task is {self.task}. Write data.columns."
                )
            object.__setattr__(self, "label", None)
        if self.streaming and self.label is not None:
            raise ValueError(
                f"data: streaming: is for texts without labels, but label is {self.label!r}. Write label: null, or "
                "streaming: false."
            )
        positive(self.validation_rows, "data: validation_rows")
        between(self.validation_share, 0.01, 0.9, "data: validation_share")
        for name in ("shots_per_label", "validation_shots_per_label", "test_shots_per_label"):
            positive(getattr(self, name), f"data: {name}")
