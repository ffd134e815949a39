"""What a prompt would take from its endpoint: tokens, time and money, before a row is asked for."""

import datetime
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row

COUNTED = 1_000  # rows whose prompts are written out; the others are taken to be like them
_BYTES = 4  # of a token, where there is no tokenizer to ask


def estimate(
    prompt: Any,
    rows: Sequence[Row],
    copies: Sequence[int],
    seed: int,
    probe: int = 0,
    price: tuple[float, float] | None = None,
) -> list[str]:
    """
    Estimate what a run would take. Nothing is asked unless `probe` says so.

    Args:
        prompt ([`Prompt`]): What would be run.
        rows (`Sequence[Row]`): Some of the rows, evenly drawn, at least one.
        copies (`Sequence[int]`): How many copies are wanted of each row of the whole data.
        seed (`int`): The seed of the run.
        probe (`int`, *optional*, defaults to `0`): Rows to ask for, in order to measure the length of an answer and
            the time it takes.
        price (`tuple[float, float]`, *optional*): Of a million tokens of prompt, and of completion.

    Returns:
        `list[str]`: The lines of a table.
    """
    streams = [stream(seed, prompt.name, row_key(row.text), 1) for row in rows]
    asked = [prompt.conversation(row, drawn) for row, drawn in zip(rows, streams, strict=True)]
    declined = Counter(found.reason for found in asked if isinstance(found, Declined))
    ready = [place for place, found in enumerate(asked) if not isinstance(found, Declined)]
    total = round(sum(copies) * len(ready) / len(rows))
    where = f" at {prompt.endpoint}" if prompt.endpoint else ", in this process"
    lines = [f"{prompt.model}{where}", _line("copies", f"{total:,}", "what is remembered already costs nothing")]
    lines += [
        _line("", f"{count / len(rows):.0%}", f"of the rows are declined: {why}")
        for why, count in sorted(declined.items())
    ]
    if not ready:
        return lines
    count, how = _counter(prompt)
    length = sum(count(asked[place].messages) for place in ready) / len(ready)
    lines.append(
        _line("prompt tokens", f"{length * total:,.0f}", f"{length:.0f} a copy, {how} over {len(ready)} rows")
    )
    chosen = ready[:: max(1, len(ready) // probe)][:probe] if probe else []
    answer, seconds, why = _probe(prompt, [rows[i] for i in chosen], [streams[i] for i in chosen])
    at_most = answer is None
    answer = float(prompt.max_new_tokens) if at_most else answer
    known = "at most, as max_new_tokens says" if at_most else f"{answer:.0f} a copy, measured {why}"
    lines.append(_line("completion tokens", f"{answer * total:,.0f}", known))
    if seconds is None:
        lines.append(_line("time", "?", why))
    else:
        whole = datetime.timedelta(seconds=round(seconds * total))
        lines.append(_line("time", str(whole), f"{seconds:.2g} s a copy, {_at_once(prompt)}, measured {why}"))
    if price is None:
        lines.append(_line("cost", "?", "--price IN OUT, of a million tokens each"))
    else:
        cost = (price[0] * length + price[1] * answer) * total / 1e6
        bound = "at most, " if at_most else ""
        lines.append(_line("cost", f"{cost:,.2f}", f"{bound}at {price[0]:g} and {price[1]:g} a million tokens"))
    return lines


def _line(name: str, value: str, remark: str) -> str:
    return f"  {name:<18}{value:>14}  {remark}"


def _at_once(prompt: Any) -> str:
    return f"{prompt.concurrency} at a time" if prompt.endpoint else "in one batch"


def _probe(prompt: Any, rows: Sequence[Row], streams: Sequence[Any]) -> tuple[float | None, float | None, str]:
    """Ask for some rows; return tokens and seconds a copy, and what there is to say about them."""
    if not rows:
        return None, None, "--probe N asks for N rows and measures it"
    before, start = prompt.spent(), time.perf_counter()
    outcomes = dict(prompt.write(rows, streams))
    seconds = (time.perf_counter() - start) / len(rows)
    after = prompt.spent()
    counted = after["calls"] - before["calls"] - (after["retries"] - before["retries"])
    tokens = after["completion_tokens"] - before["completion_tokens"]
    written = sum(not isinstance(outcome, Declined) for outcome in outcomes.values())
    why = f"over {len(rows)} rows, {written} of them written"
    return (tokens / len(rows) if counted and tokens else None), seconds, why


def _counter(prompt: Any) -> tuple[Callable[[Sequence[Mapping[str, str]]], int], str]:
    """Return what counts the tokens of messages, and how it does."""
    tokenizer = _tokenizer(prompt)
    if tokenizer is None:
        return lambda said: round(sum(len(each["content"].encode()) for each in said) / _BYTES), (
            f"guessed at {_BYTES} bytes a token"
        )
    if not tokenizer.chat_template:
        return lambda said: sum(len(tokenizer(each["content"]).input_ids) for each in said), "counted by the tokenizer"

    def count(said: Sequence[Mapping[str, str]]) -> int:
        text = tokenizer.apply_chat_template(list(said), tokenize=False, add_generation_prompt=True)
        return len(tokenizer(text, add_special_tokens=False).input_ids)

    return count, "counted by the tokenizer"


def _tokenizer(prompt: Any) -> Any:
    from transformers import AutoTokenizer

    from hf_augment.engine.resources import EMBEDDED, locate

    local = prompt.endpoint is None and prompt.model.startswith(EMBEDDED)
    name = locate(prompt.model) if local else prompt.model
    revision = prompt.revision if prompt.endpoint is None else None  # of an endpoint it is any name
    try:
        return AutoTokenizer.from_pretrained(name, revision=revision or "main", trust_remote_code=False)
    except (OSError, ValueError):
        return None
