"""
Run in a process of its own, and killed by `test_kill.py`: maps a file of rows with `masked_lm` on two processes.

    python -m tests.killed_map ROWS.jsonl OUT.json COUNTS COMMIT_EVERY ENOUGH
"""

import json
import os
import signal
import sys
from pathlib import Path

from datasets import disable_progress_bars, load_dataset

from hf_augment import Augment, MaskedLM
from hf_augment.engine import masked_model, store


def main() -> None:
    rows, out, counts, commit_every, enough = sys.argv[1:]
    store.COMMIT_EVERY = float(commit_every)
    ask = masked_model._logits

    def counted(lm, windows):
        file = os.open(counts, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{len(windows)}\n".encode())  # in one piece, so that a kill leaves no half of a number
        os.close(file)
        if sum(map(int, Path(counts).read_text().split())) >= int(enough):
            os.killpg(0, signal.SIGKILL)  # the other process too, and the one that waits for both
        return ask(lm, windows)

    masked_model._logits = counted
    masked_model._can_select = lambda lm: True  # it asks the model too, but for no row
    masked_model.TOKENS_TOGETHER["cpu"] = 512
    disable_progress_bars()
    given = load_dataset("json", data_files=rows, split="train")
    augment = Augment(MaskedLM(model="embedded:masked", action="either", rate=0.3), text="text")
    found = given.map(augment, batched=True, batch_size=200, num_proc=2)
    with open(out, "w", encoding="utf-8") as file:
        json.dump(found.to_dict(), file)


if __name__ == "__main__":
    main()
