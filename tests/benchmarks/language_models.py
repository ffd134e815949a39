"""
How well the small language models know their texts, beside models that only count; and what they cost.

    python -m tests.benchmarks.language_models --causal embedded:generator --masked FOLDER \
        --train pieces/train.parquet --heldout pieces/validation.parquet --json figures.json

The files are those of scripts/make_pieces.py. Models and counts learn from the same pieces and are asked for the same
held-out tokens; xz learns from the held-out text alone. One thread; the counting needs about 2 GB of memory.
"""

import argparse
import functools
import importlib.util
import itertools
import json
import lzma
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import torch

from hf_augment.engine.decoding import Sampling, decode
from hf_augment.engine.resources import identity, locate, read_lm
from hf_augment.streams import row_key, stream
from tests.benchmarks.kneser_ney import KneserNey, Predict, by_counts

ROOT = Path(__file__).parent.parent.parent
MASKED_SHARE = 0.15
TOGETHER = 32  # sequences that go through a model at once
ROWS, NEW = 64, 48  # of the decoding that is timed
_LOAD = """
import sys, time
from pathlib import Path
from hf_augment.engine.resources import read_lm
for run in ("cold", "the libraries' code for this model imported"):
    before = time.process_time()
    read_lm(Path(sys.argv[1]), sys.argv[2])
    after = time.process_time()
    print(after if run == "cold" else after - before)
"""

Texts = Sequence[Sequence[str]]
Row = tuple[str, str, float]  # contender, measure, value


def documents(file: str) -> list[list[str]]:
    """Read the pieces of each text; without a column 'document', each piece is a text of its own."""
    table = pq.read_table(file)
    pieces = table["text"].to_pylist()
    names = table["document"].to_pylist() if "document" in table.column_names else range(len(pieces))
    groups = itertools.groupby(zip(names, pieces, strict=True), key=lambda row: row[0])
    return [[piece for _, piece in group] for _, group in groups]


def written(texts: Texts) -> bytes:
    """Return texts as they count in bytes: a line for each piece, so that each end token stands for one byte."""
    return "".join("\n".join(pieces) + "\n" for pieces in texts).encode()


def encode(tokenizer: Any, texts: Texts) -> np.ndarray:
    """Return the tokens of all pieces in order, each begun by a space and followed by the end token."""
    pieces = [" " + piece for text in texts for piece in text]
    end = tokenizer.eos_token_id
    found = []
    for start in range(0, len(pieces), 10_000):
        ids = tokenizer(pieces[start : start + 10_000], add_special_tokens=False, verbose=False)["input_ids"]
        found.append(np.array([token for piece in ids for token in (*piece, end)], dtype=np.int32))
    return np.concatenate(found)


class Window(NamedTuple):
    """Tokens from `start` to before `stop` go in; of those that they predict, `first` to `stop` are counted."""

    start: int
    stop: int
    first: int


def windows(length: int, context: int) -> Iterator[Window]:
    """
    Predict each token of a text once, but the first, in overlapping windows of one size.

    Args:
        length (`int`): Tokens of the text.
        context (`int`): Tokens of a window, of which half, after the first window, only serve as context.
    """
    first = 1
    while first < length:
        start = max(0, min(first - 1 - context // 2, length - 1 - context))
        stop = min(start + context, length - 1)
        yield Window(start, stop, first)
        first = stop + 1


@torch.inference_mode()
def causal_nats(model: Any, tokens: np.ndarray, context: int) -> np.ndarray:
    """Return -log p of each token but the first."""
    found = np.full(len(tokens), np.nan)
    whole = list(windows(len(tokens), context))
    for batch in (whole[at : at + TOGETHER] for at in range(0, len(whole), TOGETHER)):
        ids = torch.from_numpy(np.stack([tokens[start : stop + 1] for start, stop, _ in batch]).astype(np.int64))
        scores = model(input_ids=ids[:, :-1]).logits.float()
        losses = torch.nn.functional.cross_entropy(scores.transpose(1, 2), ids[:, 1:], reduction="none")
        for (start, stop, first), row in zip(batch, losses.numpy(), strict=True):
            found[first : stop + 1] = row[first - start - 1 :]
    return found[1:]


def bits_per_byte(nats: np.ndarray, size: int) -> float:
    """Return the bits that a model spends on each byte of a text of `size` bytes."""
    return float(nats.sum() / np.log(2) / size)


def causal_quality(model: Any, tokenizer: Any, train: Texts, heldout: Texts) -> Iterator[Row]:
    """Compare a causal language model with a 5-gram model over its tokens, and with xz."""
    tokens, text, end = encode(tokenizer, heldout), written(heldout), tokenizer.eos_token_id
    learned = encode(tokenizer, train)
    began = time.process_time()
    counted = KneserNey(learned, len(tokenizer), end).nats(tokens)
    seconds = time.process_time() - began
    contenders = {
        "causal model": causal_nats(model, np.concatenate([[end], tokens]), context_of(model, tokenizer)),
        "Kneser-Ney 5-gram, same tokens": counted,
    }
    for name, nats in contenders.items():
        yield name, "held-out bits per byte", bits_per_byte(nats, len(text))
        yield name, "held-out nats per token", float(nats.mean())
    for name, preset in (("xz -9", 9), ("xz -9e", 9 | lzma.PRESET_EXTREME)):
        yield f"{name}, learns from the held-out text alone", "bits per byte", _xz(text, preset)
    yield "Kneser-Ney 5-gram, same tokens", "training tokens", len(learned)
    yield "Kneser-Ney 5-gram, same tokens", "CPU seconds to count and to score", seconds
    yield "held-out text", "bytes", len(text)
    yield "held-out text", "tokens of the causal model", len(tokens)


def _xz(text: bytes, preset: int) -> float:
    return 8 * len(lzma.compress(text, preset=preset)) / len(text)


def context_of(model: Any, tokenizer: Any) -> int:
    """Return the tokens that a model was made for."""
    return min(model.config.max_position_embeddings, tokenizer.model_max_length)


def masked_places(block: np.ndarray, end: int, seed: int = 0) -> np.ndarray:
    """Draw 15 % of a block's tokens by what the block says; the end token is never asked for."""
    askable = np.flatnonzero(block != end)
    draws = stream(seed, "mask", row_key(block.tolist()), 0)
    drawn = draws.sample(len(askable), max(1, round(MASKED_SHARE * len(askable))))
    return np.sort(askable[np.array(drawn, dtype=int)])


def masked_scores(predict: Predict, blocks: np.ndarray, end: int) -> tuple[float, float]:
    """Return the accuracy and the mean nats of a contender on the hidden tokens of held-out blocks."""
    places = [masked_places(block, end) for block in blocks]
    hidden = blocks.copy()
    for row, at in zip(hidden, places, strict=True):
        row[at] = -1
    hits, nats = [], []
    for block, at, scores in zip(blocks, places, predict(hidden), strict=True):
        hits.extend(scores.argmax(1) == block[at])
        nats.extend(-scores[np.arange(len(at)), block[at]])
    return float(np.mean(hits)), float(np.mean(nats))


def by_model(model: Any, mask: int) -> Predict:
    """Predict with a masked language model."""

    @torch.inference_mode()
    def predict(hidden: np.ndarray) -> Iterator[np.ndarray]:
        for start in range(0, len(hidden), TOGETHER):
            ids = torch.from_numpy(hidden[start : start + TOGETHER].astype(np.int64))
            scores = model(input_ids=ids.masked_fill(ids < 0, mask)).logits.float().log_softmax(-1).numpy()
            yield from (row[block < 0] for row, block in zip(scores, hidden[start : start + TOGETHER], strict=True))

    return predict


def masked_quality(model: Any, tokenizer: Any, train: Texts, heldout: Texts) -> Iterator[Row]:
    """Compare a masked language model with counts over its tokens, on the same hidden tokens."""
    tokens, end, length = encode(tokenizer, heldout), tokenizer.eos_token_id, context_of(model, tokenizer)
    blocks = tokens[: len(tokens) // length * length].reshape(-1, length)
    contenders = {
        "masked model": by_model(model, tokenizer.mask_token_id),
        **by_counts(encode(tokenizer, train), len(tokenizer), end),
    }
    for name, predict in contenders.items():
        accuracy, nats = masked_scores(predict, blocks, end)
        yield name, "accuracy on held-out masked tokens", accuracy
        yield name, "nats per masked token", nats
    yield "held-out text", "masked tokens", sum(len(masked_places(block, end)) for block in blocks)


def costs(reference: str, objective: str, model: Any, tokenizer: Any, heldout: Texts) -> Iterator[Row]:
    """Measure what a model costs on one core: to load, to run, to store."""
    name, folder, length = f"{objective} model", locate(reference), context_of(model, tokenizer)
    yield name, "weights", model.num_parameters()
    sizes = {file.name: file.stat().st_size / 1e6 for file in folder.iterdir() if file.is_file()}
    yield name, "MB of weights", sum(size for file, size in sizes.items() if file.endswith(".safetensors"))
    yield name, "MB of all files", sum(sizes.values())
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", _LOAD, str(folder), objective]
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=ROOT).stdout.split()
        for _ in range(5)
    ]
    whole, load = (statistics.median(map(float, column)) for column in zip(*runs, strict=True))
    yield name, "CPU seconds to load in a fresh process, all code imported", load
    yield name, "CPU seconds from the start of a process, imports included", whole
    tokens = encode(tokenizer, heldout[:200])
    if objective == "masked":
        ids = torch.from_numpy(np.resize(tokens, (ROWS, length)).astype(np.int64))
        with torch.inference_mode():
            yield (
                name,
                f"tokens/s of CPU time, {ROWS} rows of {length}",
                ROWS * length / _seconds(lambda: model(input_ids=ids)),
            )
        return
    prompts = np.resize(tokens, (ROWS, length - NEW)).tolist()
    for what, asked, new in (("prefill", prompts, 1), ("decoding", [row[:1] for row in prompts], NEW)):
        sampling = Sampling(new, min_new_tokens=new, top_k=50, top_p=0.95)
        keys, end = [stream(0, "cost", row_key(str(row)), 1).key for row in range(ROWS)], [tokenizer.eos_token_id]
        call = functools.partial(decode, model, asked, keys, sampling, end)
        done = ROWS * (length - NEW if what == "prefill" else NEW)
        yield name, f"tokens/s of CPU time, {what} of {ROWS} rows of {done // ROWS}", done / _seconds(call)


def _seconds(call: Callable[[], Any]) -> float:
    """CPU time, which on one thread is what the clock shows on a machine that does nothing else."""
    call()  # the first one also warms up
    found = []
    for _ in range(5):
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return statistics.median(found)


def package() -> Iterator[Row]:
    """Build the wheel and measure it."""
    with tempfile.TemporaryDirectory() as folder:
        build = ["build", "--wheel", "--outdir", folder, str(ROOT)]
        wheel = ["pip", "wheel", "--no-deps", "--quiet", "-w", folder, str(ROOT)]
        command = build if importlib.util.find_spec("build") else wheel
        done = subprocess.run(
            [sys.executable, "-m", *command], check=False, capture_output=True, text=True, cwd=folder
        )
        if done.returncode:
            print(f"package: not built: {done.stderr.strip()[-300:]}", file=sys.stderr)
            return
        [file] = Path(folder).glob("*.whl")
        yield "package", "MB of the wheel", file.stat().st_size / 1e6


def figures(given: argparse.Namespace) -> Iterator[Row]:
    """Measure what the command line asks for."""
    train, heldout = documents(given.train), documents(given.heldout)
    for objective, quality in (("causal", causal_quality), ("masked", masked_quality)):
        reference = getattr(given, objective)
        if reference is not None:
            model, tokenizer = read_lm(locate(reference), objective)
            yield from quality(model.eval(), tokenizer, train, heldout)
            yield from costs(reference, objective, model, tokenizer, heldout)
    yield from package()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--causal", metavar="MODEL", help="a folder, or what ships with the package")
    parser.add_argument("--masked", metavar="MODEL")
    parser.add_argument("--train", required=True, metavar="FILE", help="the pieces that the models were trained on")
    parser.add_argument("--heldout", required=True, metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    print("| contender | measure | value |\n|---|---|---|")
    for contender, measure, value in figures(given):
        rows.append((contender, measure, value))
        shown = f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
        print(f"| {contender} | {measure} | {shown} |", flush=True)
    models = {reference: identity(reference) for reference in (given.causal, given.masked) if reference}
    if given.json:
        given.json.write_text(json.dumps({"models": models, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
