from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import datasets

from hf_augment.errors import unknown
from hf_augment.metrics.texts import TextMetric


class LabelFidelity(TextMetric):
    """
    How often a classifier gives texts the labels that they were written for
    (Kumar et al. 2020, huggingface.co/papers/2003.02245).

    The classifier should be better than the one that is to be trained, e.g. fine-tuned on all real data; its own
    accuracy on real texts is the yardstick.

    Args:
        predictions (`list[str]`): The texts.
        references (`list[str]` or `list[int]`): Their intended labels: the classifier's names, or the numbers of its
            outputs.
        oracle (`str` or `Callable`): A folder or Hub id of a sequence classifier with weights in safetensors; or what
            takes a list of texts and returns a list of labels.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.
        label_names (`list[str]`, *optional*): What the classifier's outputs are called in your data, in their order.
        max_length (`int`, *optional*, defaults to `512`): Tokens of a text that the classifier reads.

    Returns:
        `dict`: `label_fidelity`, from 0 to 1, and `label_fidelity_by_label`.

    Example:

    ```python
    >>> oracle = lambda texts: ["positive" if "good" in text else "negative" for text in texts]
    >>> fidelity = metrics.load("label_fidelity", oracle=oracle)
    >>> fidelity.compute(predictions=["so good", "so-so"], references=["positive", "positive"])
    {'label_fidelity': 0.5, 'label_fidelity_by_label': {'positive': 0.5}}
    ```
    """

    source: ClassVar[str] = (
        "Kumar, Choudhary and Cho. Data Augmentation Using Pre-trained Transformer Models. Life-long Learning for "
        "Spoken Language Systems, 2020."
    )
    url: ClassVar[str] = "https://huggingface.co/papers/2003.02245"

    def _inputs(self) -> Any:
        text = datasets.Value("string")
        kinds = (text, datasets.Value("int64"))
        return [datasets.Features({"predictions": text, "references": kind}) for kind in kinds]

    def _score(
        self,
        predictions: list[str],
        references: Sequence[str | int],
        oracle: str | Callable[[list[str]], Sequence[Any]] | None = None,
        revision: str | None = None,
        label_names: Sequence[str] | None = None,
        max_length: int = 512,
    ) -> dict[str, Any]:
        if oracle is None:
            raise ValueError(
                "label_fidelity: oracle: expected a classifier's folder or Hub id, or a callable, got None. Write "
                "load('label_fidelity', oracle=...)."
            )
        if callable(oracle):
            said = _asked(oracle, predictions, references)
            named = [label_names[label] if label_names and isinstance(label, int) else label for label in said]
            return _shares(named, list(references))
        numbers, names = _classified(oracle, revision, predictions, max_length)
        if label_names is not None and len(label_names) != len(names):
            raise ValueError(
                f"label_fidelity: label_names: the classifier has the {len(names)} labels {list(names)}, and "
                f"{len(label_names)} names were given. Write one for each, in that order."
            )
        names = tuple(label_names or names)
        wanted = [label if isinstance(label, int) else _number(label, names) for label in references]
        if max(wanted) >= len(names) or min(wanted) < 0:
            raise ValueError(
                f"label_fidelity: references: expected numbers from 0 to {len(names) - 1}, those of {list(names)}, "
                f"got {sorted(set(wanted))}."
            )
        return _shares([names[number] for number in numbers], [names[number] for number in wanted])


def _asked(oracle: Callable, texts: list[str], references: Sequence[str | int]) -> list[str | int]:
    said = [label.item() if hasattr(label, "item") else label for label in oracle(texts)]
    if len(said) != len(texts):
        raise ValueError(f"label_fidelity: the oracle gave {len(said)} labels for {len(texts)} texts.")
    return said


def _number(label: str, names: Sequence[str]) -> int:
    if label not in names:
        raise ValueError(
            "label_fidelity: references: "
            + unknown(
                "label",
                label,
                names,
                "If the classifier calls it otherwise, "
                "write label_names=[...], your names in the order of its outputs.",
            )
        )
    return list(names).index(label)


def _classified(
    reference: str, revision: str | None, texts: list[str], max_length: int
) -> tuple[list[int], tuple[str, ...]]:
    """Return the number of the likeliest label of each text, and what the classifier calls its labels."""
    import torch

    from hf_augment.classifiers.victim import TOKENS_TOGETHER, load_victim
    from hf_augment.engine.batching import in_batches

    loaded = load_victim(reference, revision, max_length)
    rows = loaded.tokenizer(texts, truncation=True, max_length=loaded.limit).input_ids
    together = TOKENS_TOGETHER.get(loaded.model.device.type, TOKENS_TOGETHER["cuda"])
    found = [0] * len(texts)

    @torch.inference_mode()
    def run(batch: list[int]) -> list[int]:
        padded = loaded.tokenizer.pad({"input_ids": [rows[row] for row in batch]}, return_tensors="pt")
        return loaded.model(**padded.to(loaded.model.device)).logits.argmax(-1).tolist()

    for batch, numbers in in_batches([len(row) for row in rows], run, together, "classify", "text"):
        for row, number in zip(batch, numbers, strict=True):
            found[row] = number
    return found, loaded.names


def _shares(said: list[Any], wanted: list[Any]) -> dict[str, Any]:
    right: dict[str, list[bool]] = {}
    for label, intended in zip(said, wanted, strict=True):
        right.setdefault(str(intended), []).append(label == intended)
    every = [hit for hits in right.values() for hit in hits]
    return {
        "label_fidelity": sum(every) / len(every),
        "label_fidelity_by_label": {label: sum(right[label]) / len(right[label]) for label in sorted(right)},
    }
