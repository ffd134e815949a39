"""Work on several processes, one thread each; what is done is on disk, so any of them may die."""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any


def default_jobs() -> int:
    """Return half the physical cores, at least one: trainings are bound by memory as much as by cores."""
    import psutil

    return max(1, (psutil.cpu_count(logical=False) or 1) // 2)


def in_parallel(
    function: Callable[[Any], Any], tasks: Sequence[Any], jobs: int, log: Path
) -> Iterator[tuple[int, Any]]:
    """
    Call a function on each task, and yield each task's number and result when it is done.

    With one job all happens in this process. An error ends the work; what other processes have begun is finished.

    Args:
        function (`Callable`): Importable by name.
        tasks (`Sequence`): Its arguments; they and the results are sent to and from other processes.
        jobs (`int`): How many processes.
        log (`Path`): Takes what other processes say.
    """
    if jobs == 1 or len(tasks) < 2:
        for number, task in enumerate(tasks):
            yield number, function(task)
        return
    os.environ["OMP_NUM_THREADS"] = "1"  # inherited: processes of several threads each would slow each other down
    context = get_context("spawn")  # a forked process would wait for threads that were not forked with it
    with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=context, initializer=_start, initargs=(log,)) as pool:
        futures = {pool.submit(function, task): number for number, task in enumerate(tasks)}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _start(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as opened:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(opened.fileno(), stream.fileno())
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    one_thread()


def one_thread() -> None:
    """Leave torch one thread: results are then the same on any number of cores."""
    import torch

    torch.set_num_threads(1)


def _end_with_the_parent() -> None:
    wait([parent_process().sentinel])
    os._exit(1)  # it was killed, and nobody asks any more
