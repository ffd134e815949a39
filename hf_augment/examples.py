"""From labelled rows to the tokens that a generator learns from."""

from collections import Counter
from typing import Any

from hf_augment.blocks import DataConfig
from hf_augment.engine.prompt import PromptFormat
from hf_augment.tasks import verbalise


def usable_rows(dataset: Any, config: DataConfig, template: str) -> tuple[Any, dict[str, int]]:
    """
    Keep the rows that can be trained on.

    Args:
        dataset (`Dataset`): A split.
        config ([`DataConfig`]): Names its columns.
        template (`str`): The prompt's template; labels are read only where it has `{label}`.

    Returns:
        `tuple`: A `Dataset` with the columns `text` and `label`, the label's name; and how many rows were left out,
            by reason.
    """
    from datasets import Dataset

    conditional = "{label}" in template
    names = getattr(dataset.features[config.label], "names", None) if conditional else None
    labels = dataset[config.label] if conditional else [None] * len(dataset)
    kept: dict[str, list[str | None]] = {"text": [], "label": []}
    skipped: Counter[str] = Counter()
    for text, value in zip(dataset[config.text], labels, strict=True):
        label = verbalise(value, names, config.label)
        if not isinstance(text, str):
            skipped["text is None" if text is None else "text is not a string"] += 1
        elif not text.strip():
            skipped["text is empty"] += 1
        elif conditional and not label:
            skipped["no label"] += 1
        else:
            kept["text"].append(text)
            kept["label"].append(label)
    if not kept["text"]:
        raise ValueError(
            f"None of {len(dataset)} rows can be trained on: {dict(skipped)}. Check data.text, data.label."
        )
    return Dataset.from_dict(kept), dict(skipped)


def tokenize(rows: Any, prompt: PromptFormat, tokenizer: Any, longest: int, split: str) -> Any:
    """
    Turn the rows of `usable_rows` into `input_ids` and `labels`.

    Args:
        rows (`Dataset`): The rows.
        prompt ([`PromptFormat`]): What goes before a text.
        tokenizer (`PreTrainedTokenizerBase`): The model's tokenizer.
        longest (`int`): Tokens kept of a row.
        split (`str`): For the progress bar.
    """
    from datasets import Features, List, Value

    return rows.map(
        lambda row: prompt.encode_example(tokenizer, row["label"], row["text"], longest),
        remove_columns=rows.column_names,
        features=Features({"input_ids": List(Value("int32")), "labels": List(Value("int64"))}),
        keep_in_memory=True,
        new_fingerprint=split,  # nothing is looked up by it, and hashing the tokenizer takes time
        desc=f"tokenize {split}",
    )
