"""
`prompt` through a real server that fails: `transformers serve` with the embedded model, behind a proxy that loses 40 %.

    pip install 'transformers[serving]'
    python -m tests.benchmarks.endpoint [--rows 500] [--many 10000]

The embedded model continues texts, so it is first taught, in two minutes, to answer questions in JSON.
"""

import argparse
import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, disable_progress_bars, load_dataset
from transformers.utils.import_utils import is_serve_available

from hf_augment import Augment, Prompt
from hf_augment.engine import endpoint
from hf_augment.engine.resources import locate, read_lm
from hf_augment.engine.spending import summary
from hf_augment.streams import row_key, stream
from hf_augment.transform import Row, Written
from tests.faulty_proxy import ALL_TEN_PERCENT, forward, obedient, serve

ASK = {"prompt": {"user": "Write a {label} {kind}."}, "kind": "review", "max_new_tokens": 72, "temperature": 0.7}
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
STEPS, BATCH, RATE = 250, 16, 1e-3


def reviews() -> Any:
    """Return the embedded reviews."""
    return load_dataset("json", data_files=str(locate("embedded:reviews") / "train.jsonl"), split="train")


def taught(folder: Path) -> Path:
    """Fine-tune the embedded generator to answer in JSON, with a chat template."""
    torch.manual_seed(0)
    model, tokenizer = read_lm(locate("embedded:generator"))
    tokenizer.chat_template = TEMPLATE
    model.config.max_position_embeddings = 512  # the question and its repair are longer than its training texts
    asking = Prompt(model="m", endpoint="http://localhost", **ASK)
    examples = []
    for row in reviews():
        messages = asking.conversation(Row("", row["label"]), stream(0, "prompt", b"", 1)).messages
        prompt = tokenizer(
            tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True),
            add_special_tokens=False,
        ).input_ids
        answer = " " + json.dumps({"text": row["text"]}, ensure_ascii=False)
        examples.append((prompt, [*tokenizer(answer, add_special_tokens=False).input_ids, tokenizer.eos_token_id]))
    examples = [example for example in examples if sum(map(len, example)) <= 128]
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    order = torch.Generator().manual_seed(0)
    model.train()
    for step in range(STEPS):
        chosen = [examples[i] for i in torch.randint(len(examples), (BATCH,), generator=order).tolist()]
        width = max(len(prompt) + len(answer) for prompt, answer in chosen)
        ids = torch.tensor([(p + a) + [0] * (width - len(p) - len(a)) for p, a in chosen])
        labels = torch.tensor([[-100] * len(p) + a + [-100] * (width - len(p) - len(a)) for p, a in chosen])
        mask = torch.tensor([[1] * (len(p) + len(a)) + [0] * (width - len(p) - len(a)) for p, a in chosen])
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 20) * (1 - step / STEPS)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.generation_config.do_sample = True  # without which transformers serve takes the likeliest token
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    print(f"taught on {len(examples)} reviews, {STEPS} steps: loss {loss.item():.2f}")
    return folder


@contextlib.contextmanager
def transformers_serve(model: Path) -> Iterator[str]:
    """Run the real server on loopback, and give its base URL."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    run = "import sys; from transformers.cli.transformers import main; sys.exit(main())"
    command = [sys.executable, "-c", run, "serve", str(model), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--device", "cpu", "--dtype", "float32", "--log-level", "error"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                with (
                    contextlib.suppress(OSError),
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5),
                ):
                    break
                if process.poll() is not None:
                    raise RuntimeError("transformers serve did not start: run it by hand to see why.")
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


def map_twice(prompt: Prompt, rows: Dataset, server: Any) -> None:
    """Map once against the faulty server, and once more, otherwise batched, in two processes."""
    augment = Augment(prompt, text="text", label="label", key="id")
    fresh = {"batched": True, "load_from_cache_file": False}
    start = time.perf_counter()
    first = rows.map(augment, batch_size=1000, **fresh)
    seconds = time.perf_counter() - start
    calls = len(server.bodies)
    copies = Counter((row["id"], row["copy"]) for row in first)
    wanted = {(i, 0) for i in rows["id"]}
    declined = Counter(reason for reason in first["declined"] if reason)
    written = sum(row["copy"] == 1 for row in first)
    print(f"rows {len(rows)}: written {written}, declined {dict(declined)}")
    print(f"lost {len(wanted - set(copies))}, doubled {sum(count > 1 for count in copies.values())}")
    print(f"tries by what happened to them: {dict(sorted(server.happened.items()))}")
    print(f"{summary(prompt.spent())}; {seconds:.0f} s, {len(rows) / seconds:.1f} rows/s")
    start = time.perf_counter()
    second = rows.shuffle(seed=1).map(augment, batch_size=77, num_proc=2, **fresh)
    of = lambda data: {(row["id"], row["copy"]): (row["text"], row["declined"]) for row in data}  # noqa: E731
    one, other = of(first), of(second)
    differ = sum(one.get(place) != other.get(place) for place in one.keys() | other.keys())
    asked = len(server.bodies) - calls
    seconds = time.perf_counter() - start
    print(f"again, shuffled, in two processes: {asked} calls, {differ} of {len(one)} rows differ, {seconds:.1f} s")
    for text in [row["text"] for row in first if row["copy"] == 1][:5]:
        print("   ", text)


def in_process(model: str, rows: Sequence[Row]) -> None:
    """Ask the same model in this process, in batches of two kinds."""
    os.environ["HF_AUGMENT_REMEMBER"] = "0"
    prompt = Prompt(model=model, **ASK)
    streams = [stream(0, "prompt", row_key(i), 1) for i in range(len(rows))]
    start = time.perf_counter()
    whole = prompt.apply(rows, streams)
    seconds = time.perf_counter() - start
    parts = []
    for i in range(0, len(rows), 37):
        parts += prompt.apply(rows[i : i + 37], streams[i : i + 37])
    differ = sum(a != b for a, b in zip(whole, parts, strict=True))
    written = sum(isinstance(outcome, Written) for outcome in whole)
    print(f"in this process: {written} of {len(rows)} written, {len(rows) / seconds:.1f} rows/s")
    print(f"in batches of 37: {differ} of {len(rows)} rows differ")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=500, help="rows for the real server")
    parser.add_argument("--many", type=int, default=10_000, help="rows for a server that answers at once")
    parser.add_argument("--model", help="where the taught model goes, or lies")
    arguments = parser.parse_args()
    disable_progress_bars()
    torch.set_num_threads(1)
    endpoint.FIRST_WAIT = 0.1
    found = reviews()
    labels = [found["label"][i % len(found)] for i in range(max(arguments.rows, arguments.many))]
    data = Dataset.from_dict({"text": [""] * len(labels), "label": labels, "id": list(range(len(labels)))})
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(HF_AUGMENT_CACHE=f"{folder}/cache", HF_AUGMENT_REMEMBER="1")
        print("-- a server that answers at once, behind the same faults")
        with serve(obedient, ALL_TEN_PERCENT) as (url, server):
            quick = Prompt(model="m", endpoint=url, retries=20, timeout=3.0, concurrency=64, **ASK)
            map_twice(quick, data.select(range(arguments.many)), server)
        model = Path(arguments.model or f"{folder}/model")
        if not (model / "config.json").exists():
            taught(model)
        print("-- transformers serve with the embedded model, behind the faults")
        if is_serve_available():
            with transformers_serve(model) as real, serve(forward(real), ALL_TEN_PERCENT) as (url, server):
                asked = Prompt(model=str(model), endpoint=url, retries=20, timeout=20.0, concurrency=8, **ASK)
                map_twice(asked, data.select(range(arguments.rows)), server)
            repeated = Counter(hashlib.blake2b(question.encode()).digest() for question in server.answered.elements())
            print(f"answers that reached us: {server.answered.total()}, to {len(repeated)} questions")
        else:
            print("skipped: pip install 'transformers[serving]'")
        in_process(str(model), [Row("", label) for label in labels[: arguments.rows]])


if __name__ == "__main__":
    main()
