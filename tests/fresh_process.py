"""Run in a process of its own: prints, for each spec given as JSON on standard input, its hash and its texts."""

import json
import sys

from datasets import disable_progress_bars
from datasets.fingerprint import Hasher

from hf_augment import build
from tests.contract import augment_with, dataset_for, written_in


def main() -> None:
    disable_progress_bars()
    found = {}
    for name, spec in json.load(sys.stdin).items():
        transform = build(spec)
        given = dataset_for(transform)
        augment = augment_with(transform).bind(given)
        found[name] = {"hash": Hasher.hash(augment), "texts": augment(given[:])[written_in(transform)]}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
