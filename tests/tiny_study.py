"""A study small enough for tests: rules instead of models, an LSTM of eight units, a bag of words for an encoder."""

from pathlib import Path

from tests import tiny
from tests.tiny_encoder import bag_of_words

RECIPE = """
# Two methods on three draws of five rows a label.
output: {folder}/out
data: {{path: {folder}/rows, shots_per_label: 5, validation_shots_per_label: 3}}
methods:
  swap: {{augment: {{pipeline: [{{name: random_swap, rate: 0.5}}]}}}}
  delete:
    augment: {{pipeline: [{{name: random_delete, rate: 0.3}}], copies: 2}}
    select: {{length: null, near_duplicate: null, agreement: false, encoder: {folder}/encoder}}
study:
  splits: 3
  metrics: [accuracy]
  classifiers:
    lstm: {{epochs: 1, evaluations: 1, hidden_size: 8, seeds: [0, 1], tune_learning_rates: [0.01]}}
    features: {{classifier: features, encoder: {folder}/encoder, seeds: [0]}}
"""


def write(folder: Path) -> str:
    """Write the rows, the encoder and the recipe, and return the recipe's path."""
    rows = tiny.write_rows(folder / "rows", train=26, validation=10)
    test = (rows / "train.jsonl").read_text(encoding="utf-8").splitlines()[-12:]
    (rows / "test.jsonl").write_text("\n".join(test) + "\n", encoding="utf-8")
    train = (rows / "train.jsonl").read_text(encoding="utf-8").splitlines()[:-12]
    (rows / "train.jsonl").write_text("\n".join(train) + "\n", encoding="utf-8")
    bag_of_words(folder / "encoder", [text for text, _ in tiny.ROWS])
    file = folder / "tiny.yaml"
    file.write_text(RECIPE.format(folder=folder), encoding="utf-8")
    return str(file)


def without_seconds(value):
    """Return a study without what no two runs share."""
    if isinstance(value, dict):
        return {name: without_seconds(own) for name, own in value.items() if name != "seconds"}
    return [without_seconds(own) for own in value] if isinstance(value, list) else value
