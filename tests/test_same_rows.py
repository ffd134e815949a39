"""However a dataset is cut, ordered or fed, every registered transform writes the same rows."""

import os

import pytest
from datasets import concatenate_datasets

from hf_augment import TRANSFORMS, Augment
from tests.contract import TEXTS, augment_with, dataset_for
from tests.test_contract import transform

ROWS = int(os.environ.get("SAME_ROWS", "96"))  # SAME_ROWS=1000 pytest -s tests/test_same_rows.py for the long run
COLUMNS = ("text", "augmented_by", "declined")


GIVEN = [TEXTS[i] if i < len(TEXTS) else f"{TEXTS[i % len(TEXTS)]} It was visit number {i}." for i in range(ROWS)]


def found(rows) -> dict:
    return {(row["id"], row["copy"]): tuple(row[name] for name in COLUMNS) for row in rows}


def ways(given, augment: Augment) -> dict:
    stream = given.to_iterable_dataset(num_shards=3)
    shards = [given.shard(5, index) for index in range(5)]
    bound = augment.bind(given)
    return {
        "batch_size 1": given.map(augment, batched=True, batch_size=1),
        "batch_size 7": given.map(augment, batched=True, batch_size=7),
        "num_proc 2": given.map(augment, batched=True, num_proc=2),
        "shuffled": given.shuffle(seed=0).map(augment, batched=True),
        "in 5 shards": concatenate_datasets([shard.map(augment, batched=True) for shard in shards]),
        "streamed": stream.map(bound, batched=True, batch_size=50, features=bound.features(stream.features)),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_same_rows_come_out(name):
    given = dataset_for(transform(name), GIVEN)
    augment = augment_with(transform(name), copies=1, key="id")
    whole = found(given.map(augment, batched=True, batch_size=1000))
    assert len(whole) >= ROWS + 5
    for way, rows in ways(given, augment).items():
        again = found(rows)
        differ = sum(whole.get(place) != again.get(place) for place in whole.keys() | again.keys())
        print(f"{name:<14} {way:<13} {differ} of {len(whole)} rows differ")
        assert differ == 0, way
