"""The `study` block: the comparison."""

import dataclasses
import re
from pathlib import PurePath
from typing import Any

from hf_augment.blocks.gate import GateConfig
from hf_augment.errors import unknown
from hf_augment.fields import above_zero, between, positive, read
from hf_augment.metrics import METRICS, OF_TASKS

OF_THE_WHOLE = ("splits", "shots", "classifiers", "gate")  # what `hf-augment study` reads, and no single classifier
CLASSIFY = "text-classification"
_OF_CLASSIFIERS = ("label_smoothing", "synthetic_weight", "two_stage", "adversarial_epsilon", "gate")
_OF_TEXTS = ("translation", "summarization")
KINDS = {  # what `classifier` names, by task
    CLASSIFY: "an encoder",
    "question-answering": "an encoder",
    "token-classification": "an encoder",
    "translation": "an encoder-decoder",
    "summarization": "an encoder-decoder",
    "dialogue": "a causal language model, as 'embedded:generator'",
}
FOLDER = re.compile(r"[A-Za-z0-9][\w.+-]*\Z")  # what may name one


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """
    The comparison: one classifier with the gold rows, with each twice, and with gold and augmented rows.

    Args:
        classifier (`str`, *optional*, defaults to `"lstm"`): `"lstm"`; `"features"`, logistic regression on frozen
            sentence embeddings; or a Hub id or folder of any encoder that `AutoModelForSequenceClassification` loads.
            For other tasks, the reader, tagger, translator, summarizer or replier that is trained: a Hub id or folder
            of an encoder for `question-answering` and `token-classification`, of a causal language model, or
            `"embedded:generator"`, for `dialogue`, of an encoder-decoder for `translation` and `summarization`; for
            these two also `"seq2seq"`, a small one from scratch.
        revision (`str`, *optional*): A commit, branch or tag of a Hub model.
        encoder (`str`, *optional*): What embeds sentences (`"features"` only), a Hub id or a folder;
            `all-MiniLM-L6-v2` by default.
        hidden_size (`int`, *optional*, defaults to `256`): The width of the LSTM's state (`"lstm"`), or of the small
            encoder-decoder (`"seq2seq"`). Halving it takes half the time.
        seeds (`list[int]`, *optional*, defaults to `[0, 1, 2]`): Each arm is trained once with each.
        epochs (`float`, *optional*, defaults to `10.0`): Passes over the gold rows without augmentation.
        evaluations (`int`, *optional*, defaults to `10`): Evaluations on gold validation rows; the best is kept.
        whole_epochs (`bool`, *optional*, defaults to `False`): Count the last, smaller batch of each epoch as a step,
            as published code does; by default an epoch of 20 rows in batches of 8 is 2.5 steps.
        learning_rate, batch_size, weight_decay, warmup_steps: as in `transformers.TrainingArguments`.
        max_length (`int`, *optional*, defaults to `128`): Tokens of an input. What is longer is cut off; a reader and
            a tagger read it in windows instead, and of a dialogue the end is kept.
        max_new_tokens (`int`, *optional*, defaults to `64`): Tokens of a translation, summary or reply, trained on or
            written; at the end of what is longer, they are left out.
        schedule_steps (`int`, *optional*): The number of steps that the linear schedule is told, where that is not
            the number that is trained: for replays of code that gets it wrong.
        tune_learning_rates (`list[float]`, *optional*): Adds an arm with the gold rows alone, tuned for each seed on
            validation rows: these learning rates and `learning_rate`, each for the steps of the gold and of the
            augmented arm.
        label_smoothing (`float`, *optional*, defaults to `0.0`): The share of each training row's label that is spread
            over all classes.
        synthetic_weight (`float`, *optional*, defaults to `1.0`): What an augmented row counts in the loss, beside a
            real one's 1.
        two_stage (`float`, *optional*): This share of the steps on the augmented rows alone, the others on the real
            rows alone, with a new head on an encoder in between; `null` trains on all at once.
        adversarial_epsilon (`float`, *optional*, defaults to `0.0`): Trains on each row as it is and with its
            embeddings moved to where the loss is higher, by a vector that is at most so long; 0 does not. From 0.5 to
            5 is usual.
        adversarial_steps (`int`, *optional*, defaults to `1`): How many gradients it follows there: one is the fast
            gradient method, more are projected gradient descent. Each takes as long as a training step.
        metrics (`list[str]`, *optional*): What the test rows are scored by, the one that is spoken of first: for
            classes `accuracy` and `f1`, or others of `hf_augment.metrics` that compare predicted with true classes;
            `f1` and `exact_match` (question-answering); `f1`, `precision` and `recall` of entities
            (token-classification); `bleu` and `chrf`, as shares of 1 (translation); `rougeL`, `rouge1` and `rouge2`
            (summarization); `perplexity` of the real replies, of which less is better, `distinct_1` and `distinct_2`
            of written ones (dialogue).
        task (`str`, *optional*): What `data.task` says; a recipe fills it in.
    """

    classifier: str = "lstm"
    revision: str | None = None
    encoder: str = "sentence-transformers/all-MiniLM-L6-v2"
    hidden_size: int = 256
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: float = 10.0
    evaluations: int = 10
    whole_epochs: bool = False
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup_steps: int = 0
    schedule_steps: int | None = None
    batch_size: int = 16
    max_length: int = 128
    max_new_tokens: int = 64
    tune_learning_rates: tuple[float, ...] = ()
    label_smoothing: float = 0.0
    synthetic_weight: float = 1.0
    two_stage: float | None = None
    adversarial_epsilon: float = 0.0
    adversarial_steps: int = 1
    metrics: tuple[str, ...] = ()
    task: str | None = None
    splits: int = 1
    shots: tuple[int, ...] = ()
    classifiers: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    gate: GateConfig | None = None

    def __post_init__(self):
        counts = ("hidden_size", "evaluations", "batch_size", "max_length", "max_new_tokens", "schedule_steps")
        for name in (*counts, "adversarial_steps", "splits"):
            positive(getattr(self, name), f"study: {name}")
        for shots in self.shots:
            positive(shots, "study: shots")
        if len(set(self.shots)) != len(self.shots):
            raise ValueError(f"study: shots: expected different numbers, got {list(self.shots)}.")
        above_zero(self.epochs, "study: epochs")
        above_zero(self.learning_rate, "study: learning_rate")
        for rate in self.tune_learning_rates:
            above_zero(rate, "study: tune_learning_rates")
        between(self.weight_decay, 0, 1e6, "study: weight_decay")
        between(self.warmup_steps, 0, 1 << 40, "study: warmup_steps")
        between(self.synthetic_weight, 0, 1e6, "study: synthetic_weight")
        if self.two_stage is not None:
            between(self.two_stage, 0.01, 0.99, "study: two_stage")
        between(self.label_smoothing, 0, 1, "study: label_smoothing")
        between(self.adversarial_epsilon, 0, 1e6, "study: adversarial_epsilon")
        if len(set(self.seeds)) != len(self.seeds) or not self.seeds or min(self.seeds) < 0:
            raise ValueError(f"study: seeds: expected different whole numbers from 0 up, got {list(self.seeds)}.")
        if self.task is not None:
            self._check_task()
            self._check_metrics()
        self.each()

    def for_task(self, task: str) -> "StudyConfig":
        """
        Return the settings for a task, with its metrics where none are named.

        Args:
            task (`str`): What the rows are for.

        Raises:
            `ValueError`: Settings that the task has no use for, or another task.
        """
        if self.task not in (None, task):
            raise ValueError(f"study: task: got {self.task!r}, and data.task is {task!r}. Leave it out of 'study'.")
        usual = ("accuracy", "f1") if task == CLASSIFY else OF_TASKS.get(task, ())
        return dataclasses.replace(self, task=task, metrics=self.metrics or usual)

    def _check_task(self) -> None:
        if self.task not in OF_TASKS:
            raise ValueError("study: task: " + unknown("task", self.task, OF_TASKS))
        if self.task != CLASSIFY and not self.classifiers and self.classifier in ("lstm", "features"):
            small = "'seq2seq', or " if self.task in _OF_TEXTS else ""
            raise ValueError(
                f"study: classifier: {self.classifier!r} names classes, and the task is {self.task}. Write {small}the "
                f"Hub id or folder of {KINDS[self.task]}."
            )
        if self.task not in _OF_TEXTS and self.classifier == "seq2seq":
            raise ValueError(
                f"study: classifier: 'seq2seq' writes texts of its own, for {' and '.join(_OF_TEXTS)}; the task is "
                f"{self.task}. Write "
                + ("'lstm' or 'features', or " if self.task == CLASSIFY else "")
                + f"the Hub id or folder of {KINDS[self.task]}."
            )
        plain = {field.name: field.default for field in dataclasses.fields(self)}
        for name in _OF_CLASSIFIERS if self.task != CLASSIFY else ():
            if getattr(self, name) != plain[name]:
                raise ValueError(f"study: {name}: is for classifiers, and the task is {self.task}. Leave it out.")

    def _check_metrics(self) -> None:
        """Refuse names that the task is not scored by."""
        possible = OF_TASKS[self.task]
        for name in self.metrics:
            if name in METRICS and name not in possible and self.task == CLASSIFY:
                raise ValueError(
                    f"study: metrics: {name!r} scores texts, and a study compares classifiers, which predict classes. "
                    f"Possible here: {', '.join(possible)}. Score texts with hf_augment.metrics.load({name!r})."
                )
            if name not in possible:
                raise ValueError("study: metrics: " + unknown("metric", name, possible))

    def each(self) -> dict[str, "StudyConfig"]:
        """Return the settings of each classifier by its name; without `classifiers`, the one there is."""
        if not self.classifiers:
            return {PurePath(self.classifier).name: self}
        own = {name: value for name, value in dataclasses.asdict(self).items() if name not in OF_THE_WHOLE}
        found = {}
        for name, changes in self.classifiers.items():
            where = f"study: classifiers: {name}"
            if not FOLDER.match(name):
                raise ValueError(
                    f"study: classifiers: {name!r} is to name files. Use letters, digits, '-', '_' and '.'."
                )
            for key in (*OF_THE_WHOLE, "metrics"):
                if key in changes:
                    raise ValueError(f"{where}: {key!r} is of the study as a whole. Write it under 'study'.")
            try:
                found[name] = read(StudyConfig, {**own, **changes}, where)
            except (TypeError, ValueError) as error:
                said = str(error) if str(error).startswith(where) else f"{where}: {str(error).removeprefix('study: ')}"
                raise type(error)(said) from error
        return found

    def several(self) -> str:
        """Name the first setting that only `hf-augment study` reads; `""` if there is none."""
        given = {"splits": self.splits > 1, "shots": self.shots, "classifiers": self.classifiers, "gate": self.gate}
        return next((name for name, value in given.items() if value), "")
