"""Logistic regression on frozen sentence embeddings: a classifier that takes a moment once the texts are embedded."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_augment.blocks import StudyConfig
from hf_augment.classifiers.examples import Examples
from hf_augment.classifiers.scoring import rank, row_scores
from hf_augment.engine.embeddings import embed_once
from hf_augment.record import write_json

COSTS = (0.01, 0.1, 1.0, 10.0, 100.0)  # inverse strengths of regularisation, the strongest first


def train_features(
    splits: dict[str, Examples],
    names: Sequence[str],
    config: StudyConfig,
    weights: Sequence[float],
    added: int = 0,
    output_dir: str | Path | None = None,
    per_row: bool = False,
) -> dict[str, Any]:
    """
    Fit one regression for each strength of regularisation, and score the one that is best on the validation rows.

    Nothing in it is random, and there are no steps: `history` has an entry for each strength, and `best_step` counts
    them from 1.

    Args:
        splits (`dict[str, Examples]`): `train`, `validation` and `test`.
        names (`Sequence[str]`): The names of the classes.
        config ([`StudyConfig`]): Its encoder and metrics.
        weights (`Sequence[float]`): What each training row counts.
        added (`int`, *optional*, defaults to `0`): How many of the last training rows are augmented. The others are
            embedded by themselves, once for all that is added to them.
        output_dir (`str` or `Path`, *optional*): Save the regression there, in `model`.
        per_row (`bool`, *optional*, defaults to `False`): Add `test_rows`.

    Returns:
        `dict`: As [`train_classifier`] does.
    """
    from hf_augment import metrics

    start = time.perf_counter()
    scores = metrics.combine(config.metrics)
    embed = lambda texts: embed_once(texts, config.encoder, config.revision).astype(np.float64)  # noqa: E731
    vectors = {split: embed(rows.texts) for split, rows in splits.items() if split != "train"}
    texts, real = splits["train"].texts, len(splits["train"].texts) - added
    vectors["train"] = np.concatenate([embed(part) for part in (texts[:real], texts[real:]) if part])
    numbers = {split: np.array(rows.labels) for split, rows in splits.items()}
    fitted = [Regression.fit(vectors["train"], numbers["train"], weights, cost, len(names)) for cost in COSTS]
    history = []
    for step, (cost, model) in enumerate(zip(COSTS, fitted, strict=True), 1):
        found = model.probabilities(vectors["validation"])
        right = float((found.argmax(1) == numbers["validation"]).mean())
        history.append({"step": step, "C": cost, "accuracy": right, "loss": _loss(found, numbers["validation"])})
    best = max(history, key=rank)
    model = fitted[best["step"] - 1]
    found = {split: model.probabilities(vectors[split]) for split in ("validation", "test")}
    scored = {}
    for split, given in found.items():
        computed = scores.compute(predictions=given.argmax(1), references=numbers[split])
        scored[split] = {name: float(value) for name, value in computed.items()} | {
            "loss": _loss(given, numbers[split])
        }
    folder = None if output_dir is None else Path(output_dir) / "model"
    if folder is not None:
        model.save(folder, {"encoder": config.encoder, "labels": list(names), "C": best["C"]})
    return {
        **scored,
        **({"test_rows": row_scores(found["test"], splits["test"].labels)} if per_row else {}),
        "best_step": best["step"],
        "steps": len(COSTS),
        "history": history,
        "rows": {split: len(rows.texts) for split, rows in splits.items()},
        "skipped": {split: rows.skipped for split, rows in splits.items()},
        "seconds": round(time.perf_counter() - start, 3),
        "label_names": list(names),
        "device": "cpu",
        "model": None if folder is None else str(folder),
    }


class Regression:
    """
    A multinomial logistic regression.

    Args:
        weight (`np.ndarray` of shape `(classes, d)`): One row a class.
        bias (`np.ndarray` of shape `(classes,)`): Minus infinity for a class that it never saw.
    """

    def __init__(self, weight: np.ndarray, bias: np.ndarray):
        self.weight, self.bias = weight, bias

    @classmethod
    def fit(cls, vectors: np.ndarray, numbers: np.ndarray, weights: Sequence[float], cost: float, classes: int):
        """Fit one; a single class is all that it then knows."""
        from sklearn.linear_model import LogisticRegression

        weight, bias = np.zeros((classes, vectors.shape[1])), np.full(classes, -np.inf)
        if len(set(numbers.tolist())) == 1:
            bias[numbers[0]] = 0.0
            return cls(weight, bias)
        found = LogisticRegression(C=cost, max_iter=1000).fit(vectors, numbers, sample_weight=np.asarray(weights))
        if len(found.classes_) == 2:
            weight[found.classes_] = np.stack([np.zeros(vectors.shape[1]), found.coef_[0]])
            bias[found.classes_] = [0.0, found.intercept_[0]]
        else:
            weight[found.classes_], bias[found.classes_] = found.coef_, found.intercept_
        return cls(weight, bias)

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes, of shape `(rows, classes)`."""
        logits = vectors @ self.weight.T + self.bias
        raised = np.exp(logits - logits.max(1, keepdims=True))
        return raised / raised.sum(1, keepdims=True)

    def save(self, folder: Path, facts: dict[str, Any]) -> None:
        """Write it as `model.safetensors` and `config.json`."""
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file({"weight": self.weight, "bias": self.bias}, folder / "model.safetensors")
        write_json(folder / "config.json", facts)


def _loss(probabilities: np.ndarray, numbers: np.ndarray) -> float:
    return float(-np.log(np.maximum(probabilities[np.arange(len(numbers)), numbers], 1e-12)).mean())
