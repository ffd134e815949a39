"""
Run in a process of its own by `test_study_kill.py`: forks a study whenever it is asked to, so that each starts at once.

    python -m tests.killed_study RECIPE OUTPUT < a line for each run

It answers with the process id of the fork, and with `done STATUS` when that has ended.
"""

import os
import sys
import traceback
from pathlib import Path


def main() -> None:
    import torch
    from datasets import disable_progress_bars

    import hf_augment.classifiers  # noqa: F401 - what takes long to import is there before the fork
    from hf_augment.studies import study

    torch.set_num_threads(1)
    disable_progress_bars()
    recipe, output = sys.argv[1:]
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                study(recipe, [f"output={output}", *line.split()], 1, report=lambda line: None)
            except BaseException:  # noqa: BLE001 - the test prints it
                Path(output).with_suffix(".txt").write_text(traceback.format_exc())
                os._exit(1)
            os._exit(0)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(f"done {status}", flush=True)


if __name__ == "__main__":
    main()
