"""What the questions to an endpoint took: one small file for each process, added up by whoever asks."""

import os
import socket
from pathlib import Path

from hf_augment.record import read_json, write_json

COUNTS = ("calls", "retries", "repairs", "prompt_tokens", "completion_tokens", "uncounted")
_ENDING = ".spent.json"


class Ledger:
    """
    The counts of one process, on top of what its file says already.

    `calls` are requests sent; `retries` of them were repeated after a failure and `repairs` asked again for a readable
    answer; `uncounted` answers came without a count of their tokens.

    Args:
        folder (`Path`): Where the file lies, or will.
    """

    def __init__(self, folder: Path):
        # A process number comes back one day; then the new process goes on where the old one stopped.
        self._file = folder / f"{socket.gethostname()}-{os.getpid()}{_ENDING}"
        self._before = _counts(self._file)
        self.counts = dict.fromkeys(COUNTS, 0)

    def add(self, **counts: int) -> None:
        """Add to some counts."""
        for name, count in counts.items():
            self.counts[name] += count

    def save(self) -> None:
        """Write the file, where that is possible."""
        try:
            write_json(self._file, {name: self._before[name] + self.counts[name] for name in COUNTS})
        except OSError:
            pass  # the store, which lies beside it, warns


def _counts(file: Path) -> dict[str, int]:
    found = read_json(file)
    found = found if isinstance(found, dict) else {}
    return {name: int(found.get(name, 0)) for name in COUNTS}


def spent(folder: Path) -> dict[str, int]:
    """
    Add up what all processes and runs have spent.

    Args:
        folder (`Path`): Where their files lie.

    Returns:
        `dict[str, int]`: By the names of `COUNTS`.
    """
    found = [_counts(file) for file in folder.glob(f"*{_ENDING}")]
    return {name: sum(counts[name] for counts in found) for name in COUNTS}


def summary(counts: dict[str, int]) -> str:
    """Write counts as a line."""
    line = (
        "{calls:,} calls ({retries:,} retries, {repairs:,} repairs), {prompt_tokens:,} prompt and "
        "{completion_tokens:,} completion tokens"
    ).format(**counts)
    return line + (f", and {counts['uncounted']:,} answers without a count" if counts["uncounted"] else "")
