"""Rows of unequal length through a model: sorted, in batches of about equal cost, halved when memory is short."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from tqdm.auto import tqdm


def in_batches(
    lengths: Sequence[int],
    run: Callable[[list[int]], Any],
    together: int,
    desc: str,
    unit: str = "row",
    tokens: Callable[[Any], int] | None = None,
) -> Iterator[tuple[list[int], Any]]:
    """
    Run a model over rows, the shortest first.

    Args:
        lengths (`Sequence[int]`): What each row costs, in tokens; a batch costs its longest row times its rows.
        run (`Callable`): Runs the model on the rows at these positions.
        together (`int`): The most that a batch may cost, unless it is one row. Halved when the device is out of memory.
        desc (`str`): What the progress bar says.
        unit (`str`, *optional*, defaults to `"row"`): What it counts.
        tokens (`Callable`, *optional*): How many tokens came out of `run`, for the bar.

    Yields:
        `tuple[list[int], Any]`: The positions of a batch, and what `run` returned for it.
    """
    order = sorted(range(len(lengths)), key=lambda row: (lengths[row], row))
    with tqdm(total=len(order), desc=desc, unit=unit, leave=False, delay=2) as bar:
        done = written = 0
        while done < len(order):
            stop = done + 1
            while stop < len(order) and (stop + 1 - done) * lengths[order[stop]] <= together:
                stop += 1
            batch = order[done:stop]
            try:
                found = run(batch)
            except RuntimeError as error:
                if len(batch) == 1 or not should_reduce_batch_size(error):
                    raise
                clear_device_cache(garbage_collection=True)
                together //= 2
                continue
            yield batch, found
            done = stop
            if tokens is not None:
                written += tokens(found)
                bar.set_postfix_str(f"{written / max(bar.format_dict['elapsed'], 1e-9):.0f} tokens/s", refresh=False)
            bar.update(len(batch))
