"""From rows to the tokens that a model learns from."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hf_augment.blocks import DataConfig, TrainConfig
from hf_augment.blocks.study import CLASSIFY
from hf_augment.data import bound
from hf_augment.engine.blanks import frame, prefix
from hf_augment.engine.prompt import IGNORED, PromptFormat
from hf_augment.fields import template_fields
from hf_augment.labels import verbalise


def usable_rows(dataset: Any, config: DataConfig, template: str) -> tuple[Any, dict[str, int]]:
    """
    Keep what can be trained on: each text of the task's field, such as every turn of the assistant in a dialogue.

    Args:
        dataset (`Dataset`): A split.
        config ([`DataConfig`]): Its task, and its columns.
        template (`str`): The prompt's template; labels and other fields are read only where it has them.

    Returns:
        `tuple`: A `Dataset` with the columns `text` and `label`, the label's name, and one of each field that the
            template holds; and how many rows were left out, by reason.
    """
    from datasets import Dataset

    conditional = "{label}" in template
    names = getattr(dataset.features[config.label], "names", None) if conditional else None
    labels = dataset[config.label] if conditional else [None] * len(dataset)
    task, fields = bound(config, dataset), template_fields(template)
    kept: dict[str, list[Any]] = {name: [] for name in ("text", "label", *fields)}
    skipped: Counter[str] = Counter()
    values = zip(*(dataset[column] for column in task.reads()), strict=True)
    for row, value in zip(values, labels, strict=True):
        found, label = task.rows(row), verbalise(value, names, config.label)
        if isinstance(found, str):
            skipped[found] += 1
            continue
        if conditional and not label:
            skipped["no label"] += 1
            continue
        for text, _, context, _ in found:
            kept["text"].append(text)
            kept["label"].append(label)
            for name in fields:
                kept[name].append(context[name])
    if not kept["text"]:
        columns = "data.text" if config.task == CLASSIFY else "data.columns, data.field"
        raise ValueError(
            f"None of {len(dataset)} rows can be trained on: {dict(skipped)}. Check {columns}, data.label."
        )
    return Dataset.from_dict(kept), dict(skipped)


def closed_set(dataset: Any, rows: Any, config: DataConfig, template: str) -> tuple[str, ...]:
    """
    Return the labels that a generator is to know; none where any goes.

    Labels that the dataset names, or that stand in two rows on average, are a closed set. What is a text of its own in
    every row, such as a keyword or a title, is none, and a generator can be asked for others.

    Args:
        dataset (`Dataset`): The training split.
        rows (`Dataset`): What `usable_rows` made of it.
        config ([`DataConfig`]): Names its columns.
        template (`str`): The prompt's template.
    """
    if "{label}" not in template:
        return ()
    labels = sorted(set(rows["label"]))
    named = getattr(dataset.features[config.label], "names", None) is not None
    return tuple(labels) if named or 2 * len(labels) <= len(rows) else ()


def tokenize(rows: Any, prompt: PromptFormat, tokenizer: Any, config: TrainConfig, longest: int, split: str) -> Any:
    """
    Turn the rows of `usable_rows` into `input_ids` and `labels`, the tokens that a model may be asked for.

    Args:
        rows (`Dataset` or `IterableDataset`): The rows.
        prompt ([`PromptFormat`]): What goes before a text.
        tokenizer (`PreTrainedTokenizerBase`): The model's tokenizer.
        config ([`TrainConfig`]): `objective` and `packed`.
        longest (`int`): Tokens kept of a row; of a sequence, where rows are packed.
        split (`str`): For the progress bar.
    """
    from datasets import Features, IterableDataset, List, Value

    def encode(batch: dict[str, list]) -> dict[str, list]:
        if not config.packed:
            given = (prompt, tokenizer, batch["label"], batch["text"], longest)
            if config.objective == "masked":
                return masked_examples(*given)
            return PromptFormat.encode_examples(*given, contexts_of(batch, prompt))
        end = tokenizer.eos_token_id
        ids = pack(prompt.encode_texts(tokenizer, batch["text"]), end, longest)
        if config.objective == "causal":
            return {"input_ids": ids, "labels": ids}
        # An end is given, never asked for.
        return {"input_ids": ids, "labels": [[IGNORED if token == end else token for token in row] for row in ids]}

    features = Features({"input_ids": List(Value("int32")), "labels": List(Value("int64"))})
    shared = {"batched": True, "remove_columns": ["text", "label", *prompt.fields], "features": features}
    if isinstance(rows, IterableDataset):
        return rows.map(encode, **shared)
    return rows.map(
        encode,
        **shared,
        keep_in_memory=True,
        new_fingerprint=split,  # nothing is looked up by it, and hashing the tokenizer takes time
        desc=f"tokenize {split}",
    )


def contexts_of(batch: dict[str, list], prompt: PromptFormat) -> list[dict[str, Any]] | None:
    """Return what the prompts of a batch hold besides labels; `None` where they hold nothing else."""
    if not prompt.fields:
        return None
    return [
        dict(zip(prompt.fields, row, strict=True))
        for row in zip(*(batch[name] for name in prompt.fields), strict=True)
    ]


def masked_examples(
    prompt: PromptFormat, tokenizer: Any, labels: Sequence[str | None], texts: Sequence[str], max_length: int
) -> dict[str, list[list[int]]]:
    """
    Tokenise rows for a masked model as it will be asked: its special tokens around prompt and text.

    Args:
        prompt ([`PromptFormat`]): What goes before a text.
        tokenizer (`PreTrainedTokenizerBase`): The model's tokenizer.
        labels (`Sequence[str]`): The labels' names; not read where the prompt has none.
        texts (`Sequence[str]`): The texts.
        max_length (`int`): Tokens at most; the end of a longer text is cut off.

    Returns:
        `dict`: `"input_ids"`, and `"labels"`: the tokens of the text, which alone may be hidden.
    """
    around = frame(tokenizer, prompt.gap)
    heads = {label: [*around.before, *prefix(tokenizer, prompt, label)] for label in dict.fromkeys(labels)}
    examples: dict[str, list[list[int]]] = {"input_ids": [], "labels": []}
    for label, ids in zip(labels, prompt.encode_texts(tokenizer, texts), strict=True):
        head = heads[label]
        room = max_length - len(head) - len(around.after)
        if room < 1:
            raise ValueError(
                f"The prompt {prompt.prefix(label)!r} and what goes around it take {max_length - room} tokens, which "
                f"leaves none of max_length={max_length} to the text. Raise max_length or shorten the prompt."
            )
        written = ids[:room]
        examples["input_ids"].append([*head, *written, *around.after])
        examples["labels"].append([*[IGNORED] * len(head), *written, *[IGNORED] * len(around.after)])
    return examples


def pack(texts: list[list[int]], end: int, length: int) -> list[list[int]]:
    """
    Join tokenised texts, an end token after each, and cut the whole into sequences; only the last may be shorter.

    Args:
        texts (`list[list[int]]`): Token ids.
        end (`int`): The end token.
        length (`int`): Tokens of a sequence.

    Example:

    ```python
    >>> pack([[5, 6, 7], [8]], end=0, length=4)
    [[5, 6, 7, 0], [8, 0]]
    ```
    """
    joined = [token for text in texts for token in (*text, end)]
    return [joined[i : i + length] for i in range(0, len(joined), length)]
