"""
The store of remembered outputs under load: many writers at once, what checksums cost, how long a check takes.

    python -m tests.benchmarks.store [--writers 8] [--seconds 60] [--pruners 0] [--limit 20GB] [--folder FOLDER]
"""

import argparse
import multiprocessing
import os
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from hf_augment.engine import cache, store
from hf_augment.engine.store import Store

BATCH = 20  # outputs between two looks at what others have written
TEXT = "It was a long visit, and the room was quiet, and what we had for dinner was better than it had to be. "


def entries(start: int, count: int, writer: int = 0) -> Iterator[tuple[bytes, list[Any]]]:
    """Yield keys and outputs that a reader can tell from the key alone."""
    for number in range(start, start + count):
        key = writer.to_bytes(2, "big") + blake2b(number.to_bytes(8, "big"), digest_size=14).digest()
        yield key, [f"output {number} of {writer}: {TEXT}", "echo", {}, {"edits": [[[0, 3, "X"]]]}]


def work(folder: Path, writers: int = 8, seconds: float = 60, pruners: int = 0) -> dict[str, Any]:
    """
    Let processes write to one folder at once, each reading what another one writes, and compare what is there then.

    Args:
        folder (`Path`): Where they write.
        writers (`int`, *optional*, defaults to `8`): How many.
        seconds (`float`, *optional*, defaults to `60`): How long.
        pruners (`int`, *optional*, defaults to `0`): Processes that prune to the limit meanwhile, again and again.

    Returns:
        `dict`: How many outputs were `written`, are `lost` (or pruned) and `wrong`, the `errors` (warnings are errors),
        how many files were `pruned` by the pruners, and the `size` in bytes.
    """
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    until = time.time() + seconds + 1.0  # they take a while to start
    processes = [context.Process(target=_write, args=(folder, i, writers, until, told)) for i in range(writers)]
    processes += [context.Process(target=_prune, args=(until, told)) for _ in range(pruners)]
    for process in processes:
        process.start()
    reports = [told.get(timeout=seconds + 300) for _ in processes]
    for process in processes:
        process.join()
    lost = wrong = 0
    reader = Store(folder)
    for report in reports:
        if "writer" in report:
            for start in range(0, report["written"], 1000):
                count = min(1000, report["written"] - start)
                expected = dict(entries(start, count, report["writer"]))
                found = reader.read(list(expected))
                lost += len(expected) - len(found)
                wrong += sum(expected[key] != output for key, output in found.items())
    return {
        "written": sum(report.get("written", 0) for report in reports),
        "lost": lost,
        "wrong": wrong + sum(report.get("wrong", 0) for report in reports),
        "errors": [report["error"] for report in reports if "error" in report],
        "pruned": sum(report.get("pruned", 0) for report in reports),
        "size": sum(path.stat().st_size for path in folder.glob("*.sqlite*")),
        "files": len(list(folder.glob("*.sqlite"))),
    }


def _write(folder: Path, writer: int, writers: int, until: float, told: Any) -> None:
    warnings.simplefilter("error")
    report: dict[str, Any] = {"writer": writer, "written": 0, "wrong": 0}
    try:
        one = Store(folder)
        while time.time() < until:
            one.write(entries(report["written"], BATCH, writer))
            report["written"] += BATCH
            others = dict(entries(report["written"] // 2, BATCH, (writer + 1) % writers))
            found = one.read(list(others))
            report["wrong"] += sum(others[key] != output for key, output in found.items())
        one.commit()
    except Exception:  # noqa: BLE001 - it is reported
        report["error"] = traceback.format_exc()
    told.put(report)


def _prune(until: float, told: Any) -> None:
    report: dict[str, Any] = {"pruned": 0}
    try:
        while time.time() < until:
            report["pruned"] += len(cache.prune_to(cache.limit()))
    except Exception:  # noqa: BLE001 - it is reported
        report["error"] = traceback.format_exc()
    told.put(report)


def costs(folder: Path, count: int = 100_000) -> dict[str, float]:
    """Measure seconds of processor time for writing, reading and checking outputs, with and without checksums."""
    whole = list(entries(0, count))
    found: dict[str, float] = {}
    real = store._sum, store._is_sound
    for turn in range(3):
        for name in ("plain", "summed"):
            if name == "plain":
                store._sum, store._is_sound = (lambda key, output: b"12345678"), (lambda entry: True)
            else:
                store._sum, store._is_sound = real
            one = Store(folder / f"{name}-{turn}")
            for verb, do in (("write", _write_all), ("read", _read_all), ("check", lambda one, _: one.check())):
                began = time.process_time()
                do(one, whole)
                spent = time.process_time() - began
                found[f"{verb} {name}"] = min(found.get(f"{verb} {name}", spent), spent)
            one._stop_writing()
    store._sum, store._is_sound = real
    return found


def _write_all(one: Store, whole: list) -> None:
    for start in range(0, len(whole), 50):
        one.write(whole[start : start + 50])
    one.commit()


def _read_all(one: Store, whole: list) -> None:
    for start in range(0, len(whole), 1000):
        one.read([key for key, _ in whole[start : start + 1000]])


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pruners", type=int, default=0)
    parser.add_argument("--limit", default="20GB")
    parser.add_argument("--folder", help="on a network share, for instance; by default a temporary one")
    given = parser.parse_args()
    os.environ["HF_AUGMENT_CACHE_LIMIT"] = given.limit
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        os.environ["HF_AUGMENT_CACHE"] = place
        report = work(Path(place, "outputs", "echo-0"), given.writers, given.seconds, given.pruners)
        print(
            f"{given.writers} writers, {given.pruners} that prune, {given.seconds:.0f} s, limit {given.limit}: {report}"
        )
        began = time.perf_counter()
        sound, damaged = Store(Path(place, "outputs", "echo-0")).check()
        print(f"check: {sound:,} outputs in {time.perf_counter() - began:.1f} s, {len(damaged)} files damaged")
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        os.environ["HF_AUGMENT_CACHE"] = place
        found = costs(Path(place, "outputs"))
        for name, spent in found.items():
            print(f"{name:14s} {spent:6.2f} s of processor time per 100,000 outputs")
        for verb in ("write", "read"):
            print(f"{verb}: with checksums {found[f'{verb} summed'] / found[f'{verb} plain']:.3f} times as long")


if __name__ == "__main__":
    main()
