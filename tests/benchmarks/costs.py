"""
What the ground costs, in CPU time: a stream, a hash around a large model folder, a swap through `Dataset.map`.

    python -m tests.benchmarks.costs
"""

import os
import statistics
import tempfile
import time
import timeit
from pathlib import Path

from datasets import Dataset, disable_progress_bars, load_dataset
from datasets.fingerprint import Hasher

from hf_augment import Augment, Generate, RandomSwap
from hf_augment.streams import row_key, stream

REVIEWS = Path(__file__).parent.parent.parent / "hf_augment" / "embedded" / "reviews" / "train.jsonl"


def cpu(call, number: int, repeat: int = 5) -> str:
    times = [
        seconds / number * 1e6
        for seconds in timeit.repeat(call, number=number, repeat=repeat, timer=time.process_time)
    ]
    return f"{min(times):.2f} (median {statistics.median(times):.2f})"


def main() -> None:
    """Print the figures, in microseconds."""
    disable_progress_bars()
    key = row_key("A quiet room.")
    print("a stream:", cpu(lambda: stream(0, "random_swap", key, 1), 100_000))
    with tempfile.TemporaryDirectory() as folder:
        for name, size in (("model.safetensors", 496_000_000), ("config.json", 2)):
            file = Path(folder) / name
            with file.open("wb") as opened:
                opened.truncate(size)
            os.utime(file, (0, 0))  # a younger file's digest is not remembered
        augment = Augment(Generate(model=folder), text="text", label="label")
        Hasher.hash(augment)
        print("a hash around 496 MB, known:", cpu(lambda: Hasher.hash(augment), 100))
    texts = load_dataset("json", data_files=str(REVIEWS), split="train")["text"][:] * 30
    rows = Dataset.from_dict({"text": texts})
    for name, mapped in (("identity", lambda batch: batch), ("swap", Augment(RandomSwap(), text="text"))):
        found = cpu(lambda mapped=mapped: rows.map(mapped, batched=True), 1)
        print(f"{name} map of {len(rows)} reviews, a run: {found}; divide by the rows")


if __name__ == "__main__":
    main()
