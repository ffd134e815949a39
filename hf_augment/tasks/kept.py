"""Whether what no edit may touch still stands in what was written."""

from hf_augment.tasks.agreement import said, told
from hf_augment.transform import Row, Written


def lost(row: Row, written: Written) -> set[str]:
    """Return the numbers, placeholders and names among the fixed spans of a row that the new text does not hold."""
    if not row.fixed:
        return set()
    found = told(row.text)
    return {found[span] for span in row.fixed if span in found} - said(written.text)
