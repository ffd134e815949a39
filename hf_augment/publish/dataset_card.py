"""The card of an augmented dataset, from the record of its run."""

from collections.abc import Mapping
from typing import Any

from hf_augment.publish.block import Card
from hf_augment.publish.card_parts import (
    PROJECT,
    TAGS,
    cost,
    how_to_repeat,
    is_hub_id,
    licence,
    metadata,
    named_source,
    together,
    verdict,
)
from hf_augment.publish.escape import fenced, paragraphs, plain
from hf_augment.publish.spec import endpoints
from hf_augment.study.markdown import head, line
from hf_augment.transform import canonical

FOLDER = "hf-augment/"  # of what lies beside the rows
SPLITS = ("train", "validation", "test")
_SIZES = (
    *((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K"), (1e6, "100K<n<1M"), (1e7, "1M<n<10M")),
    *((1e8, "10M<n<100M"), (1e9, "100M<n<1B"), (1e10, "1B<n<10B"), (1e11, "10B<n<100B"), (1e12, "100B<n<1T")),
)


def dataset_card(record: Mapping[str, Any]) -> Card:
    """
    Write the card.

    Args:
        record (`Mapping`): What `record.json` holds, with `publish`.
    """
    publish, data, spec = record["publish"], record["data"], record["augment"]["spec"]
    total = sum(split["rows"] for split in publish["rows"].values())
    known = {
        **metadata(record, data=True),
        "task_categories": [spec["task"]] if spec.get("label") else None,
        "size_categories": [next((name for limit, name in _SIZES if total < limit), "n>1T")],
        "source_datasets": [data["path"]] if is_hub_id(data) else None,
        "tags": list(TAGS),
    }
    text = paragraphs(
        *(_what(record), _rows(record), _selection(record), verdict(record, FOLDER), _examples(record)),
        *(how_to_repeat(record), cost(record), _limits(record), licence(record, "dataset")),
    )
    return Card({name: value for name, value in known.items() if value}, text)


def _what(record: Mapping[str, Any]) -> str:
    name = record["publish"]["dataset"]
    train = record["publish"]["rows"]["train"]
    share = f"{train['synthetic'] / train['rows']:.1%}" if train["rows"] else "none"
    writers = sorted(writer for writer in record["augment"]["rows_by"] if writer != "original")
    load = f'from datasets import load_dataset\n\ntrain = load_dataset("{name}", split="train")'
    if "select" in record and record["publish"]["include_gold"]:
        load += '\ntrain = train.filter(lambda row: row["selected"])  # without the rows that selection dropped'
    gold = (
        "The real rows are among them."
        if record["publish"]["include_gold"]
        else "The real rows are left out, as whoever pushed it wished; a row that edits a real text holds most of it."
        + _left_out(record)
    )
    return paragraphs(
        f"# {plain(name)}",
        f"{named_source(record)}, augmented by {PROJECT}: **{share} of the training rows are synthetic**, written by "
        f"{', '.join(f'<code>{plain(writer)}</code>' for writer in writers) or 'nothing'}. {gold}",
        fenced(load, "python"),
        together(record, "dataset"),
    )


def _left_out(record: Mapping[str, Any]) -> str:
    found = {why: number for why, number in (record["publish"].get("left_out") or {}).items() if number}
    if not found:
        return ""
    reasons = ", ".join(f"{number} because {why}" for why, number in sorted(found.items()))
    return f" {sum(found.values())} written rows are left out too: {reasons}."


def _rows(record: Mapping[str, Any]) -> str:
    lines = head("split", "rows", "real", "synthetic", "synthetic, selected")
    rows = record["publish"]["rows"]
    for name, split in ((name, rows[name]) for name in SPLITS if name in rows):
        counts = (split["rows"], split["rows"] - split["synthetic"], split["synthetic"], split["selected"])
        lines.append(line(plain(name), *counts))
    columns = (
        "`augmented_by`: what wrote the row, or `original`; `source_id`: the row it was written from; `copy`: its number, "
        "0 for the original; `declined`: why copies of the row are missing."
    )
    if "select" in record:
        columns += (
            " `selected`: whether selection kept the row; `dropped`: why not; `round`: the round that wrote it. Scores are "
            "columns too."
        )
    if record["publish"]["include_gold"]:
        columns += " A written row repeats the other columns of its source."
    else:
        columns += " The other columns of the source are left out, since they are those of real rows."
    spec = canonical(record["augment"]["spec"])
    told = (
        'The whole transform is `augment.json`, for `Augment.from_pretrained(..., repo_type="dataset")`:'
        if record["publish"]["spec_travels"]
        else "The whole transform; what it refers to is not on the Hub:"
    )
    if record["publish"]["spec_travels"] and any(endpoints(record["augment"]["spec"]["transform"])):
        told = (
            "The whole transform is `augment.json`. It asks a server, so read it, and load it by `Augment.from_spec`:"
        )
    return "\n".join(["## Rows", "", *lines, "", columns, "", told, "", fenced(spec, "json")])


def _selection(record: Mapping[str, Any]) -> str:
    declined = record["augment"]["declined_by_reason"]
    found = record.get("select")
    lines = ["## Selection", ""]
    if found:
        lines += [f"{found['kept']} of {found['candidates']} written rows were kept.", ""]
        lines += head("dropped because", "rows")
        lines += [line(plain(reason), number) for reason, number in sorted(found["dropped"].items())]
        judge = (found.get("judge") or {}).get("says")
        lines += ["", f"Judge of labels: {plain(judge, 1000)}." if judge else "No judge of labels was asked.", ""]
        lines += [f"- {plain(name)}: {plain(value)}" for name, value in sorted(found["thresholds"].items())]
        declined = {}
        for one in found.get("rounds", ()):
            for reason, number in one["declined_by_reason"].items():
                declined[reason] = declined.get(reason, 0) + number
    else:
        lines += ["Nobody selected among the written rows. Samples that nobody selected can do harm."]
    if declined:
        lines += ["", *head("not written because", "copies")]
        lines += [line(plain(reason), number) for reason, number in sorted(declined.items())]
    return "\n".join(lines)


def _examples(record: Mapping[str, Any]) -> str:
    rows = record["publish"].get("examples")
    if not rows:
        return ""
    lines = ["## Examples of written rows", "", *head("written by", "label", "text")]
    lines += [line(plain(row["by"]), plain(row["label"]), plain(row["text"])) for row in rows]
    return "\n".join(lines)


def _limits(record: Mapping[str, Any]) -> str:
    overlap = (record.get("study") or {}).get("overlaps", {}).get("added")
    counted = (
        f" {overlap['test']} of the {overlap['rows']} rows that were trained on have exactly the text of a test row."
        if overlap
        else ""
    )
    return (
        "## Limits\n\nSynthetic rows say what a transform made of real ones: they can be wrong, carry the label of the "
        "row they came from although they no longer mean it, repeat what a model once read, and hold its prejudices. "
        "Score on real rows only, never on these." + counted + " The rows were not read by a person unless it says so "
        "above."
    )
