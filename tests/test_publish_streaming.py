"""From the Hub to the Hub, a batch at a time: the README's example, and how much memory it takes."""

import re
import resource

import pytest

from tests.loopback_hub import LoopbackHub
from tests.stories import ROOT, told

pytestmark = pytest.mark.slow

WRITE = "hf_" + "WrItEwRiTe" * 4
TOKENS = {WRITE: ("me", "write")}
(EXAMPLE,) = re.findall(
    r"<!-- run on a Hub -->\n```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
)
FEW, MANY = 1_000, 8_000  # one batch, and eight


def put(rows: str) -> None:
    """Push rows of about a thousand characters, of which some hundred differ."""
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=["bad", "good"])})
    texts = [f"Row {i} was a good day, " + "and a bad night followed, " * 40 for i in range(int(rows))]
    Dataset.from_dict({"text": texts, "label": [i % 2 for i in range(len(texts))]}, features).push_to_hub("me/reviews")


def streamed() -> int:
    """Run the example, and return the most memory that the process had, in kilobytes."""
    exec(compile(EXAMPLE, "README.md", "exec"), {})  # noqa: S102  that is the test
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def same_as_mapped() -> list[bool]:
    from datasets import load_dataset

    from hf_augment import Augment, Eda

    augment = Augment(Eda(), text="text", label="label", copies=4)
    mapped = load_dataset("me/reviews", split="train").map(augment, batched=True)
    pushed = load_dataset("me/reviews-eda", split="train")
    by_source = [sorted(rows.to_list(), key=lambda row: (row["source_id"], row["copy"])) for rows in (pushed, mapped)]
    return [pushed.features == mapped.features, by_source[0] == by_source[1], len(pushed) == 5 * 30]


def test_the_example_writes_what_a_map_writes(tmp_path):
    with LoopbackHub(TOKENS) as hub:
        environment = hub.environment(tmp_path, WRITE)
        told(put, environment, "30")
        told(streamed, environment)
        assert hub.private("dataset", "me/reviews-eda")
        assert told(same_as_mapped, environment) == [True, True, True]


def test_eight_times_the_rows_take_little_more_memory(tmp_path):
    took = {}
    for rows in (FEW, MANY):
        with LoopbackHub(TOKENS) as hub:
            environment = hub.environment(tmp_path / str(rows), WRITE)
            told(put, environment, str(rows))
            took[rows] = told(streamed, environment)
    # The rows that are written would take some 300 MB in memory, and the pages of the allocator some.
    assert took[MANY] - took[FEW] < 100_000, took
