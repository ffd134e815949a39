"""Ten thousand real texts a transform: what is not edited stays byte for byte."""

from pathlib import Path

import pytest

from hf_augment import TRANSFORMS
from hf_augment.edits import EditTransform
from hf_augment.registry import transform_class
from hf_augment.streams import row_key, stream
from hf_augment.transform import Row, Written
from tests.contract import NAMES, assert_only_edited, row_for
from tests.test_contract import transform

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
RULES = [name for name in TRANSFORMS if issubclass(transform_class(name), EditTransform)]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    if not DATA.is_dir():
        pytest.skip("needs the development machine's data sets beside the checkout")
    from datasets import Dataset

    found = []
    for file, column, count in (
        ("imdb/train", "text", 1500),
        ("sst2_sentences/train", "text", 3500),
        ("sms_spam/train", "sms", 2500),
        ("trec/train", "text", 2500),
    ):
        found += Dataset.from_parquet(str(DATA / f"{file}.parquet"))[column][:count]
    assert len(found) == 10_000
    return found


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("name", RULES)
def test_only_the_edited_spans_change(name, texts):
    made = transform(name)
    rows = [row_for(made, Row(text, NAMES[0])) for text in texts]
    found = made.apply(rows, [stream(0, name, row_key(row.text), 1) for row in rows])
    written = 0
    for row, outcome in zip(rows, found, strict=True):
        if isinstance(outcome, Written):
            assert_only_edited(row.text, outcome)
            written += 1
    print(f"{name}: {written} of {len(texts)} texts rewritten, all equal outside the edits")
    assert written > 500
