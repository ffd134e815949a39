"""
Does it help? One recipe over many draws of few gold rows, its arms compared split by split.

    python -m tests.benchmarks.gain --shots 50 200 --splits 10 --jobs 2 --output runs/gain
    python -m tests.benchmarks.gain --recipe recipes/eda-sst2.yaml --set augment.eda=false --set augment.copies=4

Split i is the recipe with seed i, which draws that many training and as many validation rows of each label; the test
rows are always all of them. What is finished is not done again. It leaves gain.md, gain.json and gain.png.
"""

import argparse
import json
import os
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from hf_augment.record import read_json, write_json
from tests.benchmarks.pooled import markdown, plot, pool

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "sst2_sentences"
SPLITS = ("train", "validation", "test")


def main(words: Sequence[str] | None = None) -> int:
    """Run every split, pool them, and return the exit status."""
    given = arguments().parse_args(words)
    missing = [split for split in SPLITS if not list(Path(given.data).glob(f"{split}*.*"))]
    if missing:
        print(f"error: --data: {given.data} has no files for {', '.join(missing)}.", file=sys.stderr)
        return 2
    os.environ["OMP_NUM_THREADS"] = "1"  # inherited: jobs with several threads each would slow each other down
    folders = {
        (shots, i): given.output / f"shots-{shots}" / f"split-{i}"
        for shots in given.shots
        for i in range(given.splits)
    }
    failed = 0
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool_of_jobs:
        jobs = {
            pool_of_jobs.submit(run_split, given.recipe, settings(given, shots, i), folder): (shots, i)
            for (shots, i), folder in folders.items()
        }
        for done, job in enumerate(as_completed(jobs), 1):
            problem, (shots, i) = job.result(), jobs[job]
            failed += bool(problem)
            print(f"[{done}/{len(jobs)}] {shots} rows a label, split {i}: {problem or 'done'}", flush=True)
    if failed:
        print(f"error: {failed} of {len(jobs)} splits failed; their log.txt says why.", file=sys.stderr)
        return 1
    reports = {key: read_json(folder / "comparison.json") for key, folder in folders.items()}
    found = {
        "recipe": Path(given.recipe).name,
        "set": given.set,
        "data": Path(given.data).resolve().name,
        "metric": given.metric,
        "shots": {
            str(shots): pool({i: reports[shots, i] for i in range(given.splits)}, given.metric)
            for shots in given.shots
        },
    }
    write_json(given.output / "gain.json", found)
    (given.output / "gain.md").write_text(markdown(found), encoding="utf-8")
    plot(found, given.output / "gain.png")
    print(markdown(found))
    return 0


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.gain", description="Does it help, over many splits?"
    )
    parser.add_argument("--recipe", default="recipes/sst2-select.yaml", help="default: %(default)s")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with train, validation and test files")
    parser.add_argument("--text", default="text", help="its text column (default: %(default)s)")
    parser.add_argument("--label", default="label", help="its label column (default: %(default)s)")
    parser.add_argument("--shots", type=int, nargs="+", default=[50], help="training rows a label (default: 50)")
    parser.add_argument("--splits", type=int, default=10, help="default: %(default)s")
    parser.add_argument("--metric", default="accuracy", help="default: %(default)s")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting of the recipe"
    )
    parser.add_argument("--jobs", type=int, default=1, help="splits at a time (default: 1)")
    parser.add_argument("--output", type=Path, default=Path("runs/gain"), help="default: %(default)s")
    return parser


def settings(given: argparse.Namespace, shots: int, split: int) -> list[str]:
    """Return what a split changes in the recipe; what the command line sets comes last and wins."""
    own = {
        "seed": split,
        "output": str(given.output / f"shots-{shots}" / f"split-{split}"),
        "data.path": str(given.data),
        "data.name": None,
        "data.revision": None,
        "data.text": given.text,
        "data.label": given.label,
        **{f"data.{name}_split": name for name in SPLITS},
        "data.shots_per_label": shots,
        "data.validation_shots_per_label": shots,
        "data.test_shots_per_label": None,
    }
    return [*(f"{name}={json.dumps(value)}" for name, value in own.items()), *given.set]  # JSON is YAML


def run_split(recipe: str, overrides: Sequence[str], folder: Path) -> str:
    """Carry out one split, its output in `log.txt`; return what went wrong, if anything did."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "log.txt", "a", encoding="utf-8") as log:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(log.fileno(), stream.fileno())  # the generator is trained by a process of its own
    try:
        import torch

        from hf_augment.run import run

        torch.set_num_threads(1)
        run(recipe, overrides)
    except Exception as error:  # noqa: BLE001 - the other splits go on
        traceback.print_exc()
        return f"{type(error).__name__}: {error}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
