"""
What `masked_lm` writes, how fast beside nlpaug with the same model, and whether the batch matters.

    python -m tests.benchmarks.masked_lm speed --nlpaug-python /path/to/venv/bin/python
    python -m tests.benchmarks.masked_lm outputs
    python -m tests.benchmarks.masked_lm invariance --rows 10000
    python -m tests.benchmarks.masked_lm conditional

The other venv holds nlpaug 1.1.11, which needs transformers 4: `pip install nlpaug==1.1.11 transformers==4.57.6
torch==2.13.0 requests pandas nltk`. Set OMP_NUM_THREADS=1: one thread on both sides. The texts lie beside the
repository, in `shared`; without them nothing is measured.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hf_augment import Augment, MaskedLM
from hf_augment.streams import row_key, stream
from hf_augment.transform import Row, Written
from tests.tiny_masked import bert

SHARED = Path(__file__).parents[2].parent / "shared"
PEER = """
import json, random, sys, time
import numpy, torch
import nlpaug.augmenter.word as naw
torch.set_num_threads(1)
made = {action: naw.ContextualWordEmbsAug(model_path=sys.argv[1], action=action, batch_size=32)
        for action in ("substitute", "insert")}
for line in sys.stdin:
    job = json.loads(line)
    augmenter = made[job["action"]]
    for module in (random, numpy.random):
        module.seed(job["seed"])
    torch.manual_seed(job["seed"])
    wall, cpu = time.perf_counter(), time.process_time()
    if job["mode"] == "list":
        found = augmenter.augment(list(job["texts"]))
    else:
        found = [augmenter.augment(text)[0] for text in job["texts"]]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    changed = sum(a.split() != b.split() for a, b in zip(found, job["texts"]))
    print(json.dumps({"wall": wall, "cpu": cpu, "changed": changed}), flush=True)
"""


def read(path: str) -> Any:
    """Read a file of texts, or say that there are none and stop."""
    file = SHARED / path
    if not file.is_file():
        sys.exit(f"Skipped: there is no {file}.")
    if file.suffix == ".json":
        return json.loads(file.read_text())
    import pyarrow.parquet as pq

    return pq.read_table(file)["text"].to_pylist()


def write(transform: MaskedLM, texts: list[str], copy: int = 1) -> list:
    streams = [stream(0, transform.name, row_key(text), copy) for text in texts]
    return transform.apply([Row(text) for text in texts], streams)


class Peer:
    """nlpaug in a process of its own, which stays between jobs as ours does."""

    def __init__(self, python: str, model: Path):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [python, "-c", PEER, str(model)],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def run(self, texts: list[str], action: str, mode: str, seed: int) -> tuple[float, float]:
        """Return rows a second of wall time and of CPU time."""
        self.process.stdin.write(json.dumps({"texts": texts, "action": action, "mode": mode, "seed": seed}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"nlpaug's process ended with status {self.process.wait()}. Run it by hand to see why.")
        found = json.loads(line)
        if not found["changed"]:
            sys.exit("nlpaug changed nothing, so its time is worth nothing.")
        return len(texts) / found["wall"], len(texts) / found["cpu"]


def ours(transform: MaskedLM, texts: list[str], copy: int) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = write(transform, texts, copy)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if sum(isinstance(outcome, Written) for outcome in found) < 0.9 * len(texts):
        sys.exit(f"Most rows were declined, so the time is worth nothing: {found[:5]}.")
    return len(texts) / wall, len(texts) / cpu


def speed(python: str, runs: int) -> None:
    """Run ours and nlpaug's in turn on the same texts and the same model."""
    inputs = {
        "20-word sentences": (read("examples/peers/data/bench_sents.json"), 1000, 60),
        "230-word documents": (read("examples/peers/data/bench_docs.json"), 100, 6),
    }
    with tempfile.TemporaryDirectory() as folder:
        # nlpaug takes the kind of model from its name.
        model = bert(
            Path(folder) / "tiny-bert-uncased",
            [text for texts, _, _ in inputs.values() for text in texts],
            vocabulary=8192,
            layers=4,
            width=256,
            heads=4,
            context=512,
        )
        peer = Peer(python, model)
        print("| texts | action | masked_lm | nlpaug, list | nlpaug, one by one | against its better | in CPU time |")
        print("|---|---|---|---|---|---|---|")
        for name, (texts, many, few) in inputs.items():
            for action in ("substitute", "insert"):
                transform = MaskedLM(model=str(model), action=action, rate=0.3, top_k=100, top_p=1.0)
                ours(transform, texts[:5], 0)
                found: dict[str, list[tuple[float, float]]] = {"ours": [], "list": [], "single": []}
                for run in range(runs):
                    for mode in ("list", "single"):
                        peer.run(texts[:2], action, mode, run)
                        found[mode].append(peer.run(texts[:few], action, mode, run))
                    found["ours"].append(ours(transform, texts[:many], run + 1))
                wall, cpu = (
                    {who: statistics.median(times[i] for times in found[who]) for who in found} for i in (0, 1)
                )
                shown = " | ".join(f"{wall[who]:.1f} ({cpu[who]:.1f})" for who in found)
                ratio, ratio_cpu = (of["ours"] / max(of["list"], of["single"]) for of in (wall, cpu))
                print(f"| {name} | {action} | {shown} | {ratio:.1f}x | {ratio_cpu:.1f}x |", flush=True)
        peer.process.stdin.close()
        peer.process.wait()
    print(
        f"rows/s of wall time (of CPU time), medians of {runs} runs in turn, one thread; load {os.getloadavg()[0]:.1f}"
    )
    print("masked_lm replaces 30 % of all words; nlpaug 30 % too, but 10 a text at most.")


def outputs(count: int) -> None:
    """Show what comes out of real sentences."""
    texts = read("data/sst2_sentences/train.parquet")[::601][:count]
    for action in ("substitute", "insert"):
        for text, outcome in zip(texts, write(MaskedLM(model="embedded:masked", action=action), texts), strict=True):
            print(f"- {text}\n  {action}: {getattr(outcome, 'text', outcome)}")


def invariance(count: int) -> None:
    """Count the rows that another batch size or number of processes changes."""
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    names = [*(f"sst2_sentences/{split}" for split in ("train", "test", "validation")), "imdb/train"]
    texts = list(dict.fromkeys(text for name in names for text in read(f"data/{name}.parquet")))[:count]
    rows = Dataset.from_dict({"text": texts})
    augment = Augment(MaskedLM(model="embedded:masked", action="either"), text="text")
    whole = rows.map(augment, batched=True, batch_size=1000)
    print(f"{len(texts)} rows, {sum(by != 'original' for by in whole['augmented_by'])} written")
    for name, how in {
        "batches of 7": {"batch_size": 7},
        "batches of 100": {"batch_size": 100},
        "2 processes": {"num_proc": 2},
        "1 process, shuffled": {},
    }.items():
        given = rows.shuffle(seed=0) if "shuffled" in name else rows
        other = given.map(augment, batched=True, **how)
        found = {(row["source_id"], row["copy"]): (row["text"], row["declined"]) for row in other}
        differ = sum(found.get((r["source_id"], r["copy"])) != (r["text"], r["declined"]) for r in whole)
        print(f"{name}: {differ} of {len(whole)} rows differ", flush=True)


def conditional(epochs: int) -> None:
    """Fine-tune a model that reads the label, and count how often a new text still has its label."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from hf_augment import training
    from hf_augment.engine.encoder import embed
    from hf_augment.recipe import load_recipe

    rows = {name: labelled(f"data/sst2_sentences/{name}.parquet") for name in ("train", "validation")}
    with tempfile.TemporaryDirectory() as folder:
        for name, (texts, labels) in rows.items():
            lines = [json.dumps({"text": t, "label": label}) for t, label in zip(texts, labels, strict=True)]
            Path(folder, f"{name}.jsonl").write_text("\n".join(lines))
        settings = {"output": f"{folder}/run", "data.path": folder, "data.test_split": "null", "study": "null"}
        settings |= {"data.shots_per_label": "null", "train.batch_size": 32, "train.epochs": epochs}
        recipe = load_recipe("masked-conditional", [f"{key}={value}" for key, value in settings.items()])
        record = training.train(recipe)
        print(f"fine-tuned on {len(rows['train'][0])} sentences for {epochs} epochs: {record['seconds']:.0f} s")
        texts, labels = rows["validation"]
        judge = LogisticRegression(max_iter=1000).fit(embed(rows["train"][0]), rows["train"][1])
        print(
            f"a judge (MiniLM and logistic regression on {len(rows['train'][0])} sentences), {len(texts)} sentences:"
        )
        print(f"- as they are: {np.mean(judge.predict(embed(texts)) == labels):.3f} have their label")
        for name, settings in {
            "embedded:masked": {"model": "embedded:masked"},
            "fine-tuned, without the label": {"model": str(recipe.generator)},
            "fine-tuned, with the label": {"model": str(recipe.generator), "label_conditional": True},
            "fine-tuned, with the other label": {"model": str(recipe.generator), "label_conditional": True},
        }.items():
            asked = [{"pos": "neg", "neg": "pos"}[label] for label in labels] if "other" in name else labels
            transform = MaskedLM(**settings, rate=0.3)
            streams = [stream(0, transform.name, row_key(text), 1) for text in texts]
            found = transform.apply([Row(text, label) for text, label in zip(texts, asked, strict=True)], streams)
            written = [
                outcome.text if isinstance(outcome, Written) else text
                for outcome, text in zip(found, texts, strict=True)
            ]
            print(f"- {name}: {np.mean(judge.predict(embed(written)) == labels):.3f}", flush=True)
            for text in written[:3]:
                print(f"    {text}")


def labelled(path: str) -> tuple[list[str], list[str]]:
    """Read texts and the names of their labels."""
    from datasets import Dataset

    read(path)
    rows = Dataset.from_parquet(str(SHARED / path))
    return rows["text"][:], [rows.features["label"].int2str(label)[:3] for label in rows["label"]]


def main() -> None:
    """Run one of the measurements."""
    os.environ.setdefault("HF_AUGMENT_REMEMBER", "0")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "outputs", "invariance", "conditional"])
    parser.add_argument("--nlpaug-python", help="the interpreter of the other venv, for speed")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    if given.what == "speed":
        speed(given.nlpaug_python, given.runs)
    elif given.what == "outputs":
        outputs(min(given.rows, 10))
    elif given.what == "conditional":
        conditional(given.epochs)
    else:
        invariance(given.rows)


if __name__ == "__main__":
    main()
