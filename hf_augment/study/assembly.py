"""From finished cells to what a study says: one score each, what each arm cost, and what the gate decided."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hf_augment.blocks import GateConfig
from hf_augment.blocks.gate import SEARCH
from hf_augment.study import paired
from hf_augment.study.design import Design
from hf_augment.study.gate import Place, decide, gains
from hf_augment.study.tuning import TUNED

Results = Mapping[str, Mapping[str, Any]]


class Laid(NamedTuple):
    """
    A design and where it stands.

    Args:
        classifier (`str`): The classifier's name in the study.
        shots (`int`, *optional*): Training rows of each label, or in all where there are none.
        split (`int`): The split.
        design ([`Design`]): Arms, grid and cells.
        held_out (`tuple[Place, ...]`): For a design of the gate, the gold rows that its test rows are.
    """

    classifier: str
    shots: int | None
    split: int
    design: Design
    held_out: tuple[Place, ...] = ()


def scores(laid: Sequence[Laid], results: Results) -> list[dict[str, Any]]:
    """Return each arm's scores on validation and test rows, by classifier, shots, split, seed and metric."""
    found = []
    for place in laid:
        for ((method, arm), seed), result in place.design.results(results).items():
            named = {"classifier": place.classifier, "shots": place.shots, "method": method, "arm": arm}
            for metric in (name for name in result["test"] if name != "loss"):
                values = {"validation": result["validation"].get(metric), "test": result["test"][metric]}
                found.append({**named, "split": place.split, "seed": seed, "metric": metric, **values})
    return found


def facts(laid: Sequence[Laid], results: Results) -> dict[tuple, list[dict[str, float]]]:
    """Return rows, steps and seconds of each training, by classifier, shots, method and arm; a tuned arm's are its grid's."""
    found: dict[tuple, list[dict[str, float]]] = defaultdict(list)
    for place in laid:
        design = place.design
        took = {key: results[training.cell.key]["seconds"] for key, training in design.cells.items()}
        for (method, arm), made in design.arms.items():
            for seed in design.seeds:
                own = {"rows": len(made.rows.texts), "steps": made.steps, "seconds": took[(method, arm), seed]}
                found[place.classifier, place.shots, method, arm].append(own)
        chosen = design.tuning(results)["chosen"]
        for seed in design.seeds:
            point = design.grid[chosen[str(seed)]]
            own = {"rows": len(point.rows.texts), "steps": point.steps}
            own["seconds"] = round(sum(took[name, seed] for name in design.grid), 3)
            found[place.classifier, place.shots, None, TUNED].append(own)
    return found


def tuned(laid: Sequence[Laid], results: Results) -> list[dict[str, Any]]:
    """Count by classifier and shots how often each point of its grid was chosen, over splits and seeds."""
    found: dict[tuple[str, int | None], Counter] = defaultdict(Counter)
    for place in laid:
        found[place.classifier, place.shots].update(place.design.tuning(results)["chosen"].values())
    return [
        {"classifier": classifier, "shots": shots, "chosen": dict(sorted(counts.items()))}
        for (classifier, shots), counts in found.items()
    ]


def held_out_gains(folds: Sequence[Laid], results: Results, measure: str) -> dict[tuple, dict[Place, list[float]]]:
    """
    Return what each gold row gains while it is held out, over repeats and seeds.

    Args:
        folds (`Sequence[Laid]`): The designs of the gate.
        results (`Mapping`): Their results, with `test_rows`.
        measure (`str`): As in [`GateConfig`].

    Returns:
        `dict`: By classifier, shots, method and split; then by row.
    """
    found: dict[tuple, dict[Place, list[float]]] = defaultdict(lambda: defaultdict(list))
    for place in folds:
        of = place.design.results(results)
        for ((method, arm), seed), result in of.items():
            if arm == TUNED:
                continue
            own = gains(result["test_rows"], of[(None, TUNED), seed]["test_rows"], measure)
            for row, gain in zip(place.held_out, own, strict=True):
                found[place.classifier, place.shots, method, place.split][row].append(gain)
    return found


def gate(
    found: Mapping[tuple, Mapping[Place, Sequence[float]]],
    by_split: Mapping[tuple, Mapping[int, float]],
    config: GateConfig,
    metric: str,
) -> list[dict[str, Any]]:
    """
    Decide for each classifier, number of shots, method and split, and say what the decisions were worth on test rows.

    Args:
        found (`Mapping`): What `held_out_gains` returned.
        by_split (`Mapping`): The test scores by arm and split.
        config ([`GateConfig`]): The level.
        metric (`str`): What the decisions are judged by.

    Returns:
        `list[dict]`: One for each method; and one, `"search"`, for the method with the largest gain of each split.
    """
    decisions: dict[tuple, dict[int, dict[str, Any]]] = defaultdict(dict)
    for (classifier, shots, method, split), rows in found.items():
        decisions[classifier, shots, method][split] = decide(rows, config)
    tried: dict[tuple, dict[str, dict[int, dict[str, Any]]]] = defaultdict(dict)
    for (classifier, shots, method), own in decisions.items():
        tried[classifier, shots][method] = own
    entries = []
    for (classifier, shots), methods in tried.items():
        tuned = by_split[classifier, shots, metric, None, TUNED]
        gain = {
            method: {
                split: by_split[classifier, shots, metric, method, "augmented"][split] - tuned[split] for split in own
            }
            for method, own in methods.items()
        }
        named = {"classifier": classifier, "shots": shots}
        for method, own in methods.items():
            entries.append({**named, "method": method, **_worth(own, gain[method])})
        if len(methods) > 1:
            best = {
                split: max(methods, key=lambda name, split=split: methods[name][split]["gain"])
                for split in next(iter(methods.values()))
            }
            own = {split: {**methods[name][split], "method": name} for split, name in best.items()}
            entries.append(
                {**named, "method": SEARCH, **_worth(own, {split: gain[name][split] for split, name in best.items()})}
            )
    return entries


def _worth(decisions: Mapping[int, Mapping[str, Any]], gain: Mapping[int, float]) -> dict[str, Any]:
    gated = [gain[split] if own["augment"] else 0.0 for split, own in decisions.items()]
    always = [gain[split] for split in decisions]
    return {
        "augmented_in": sum(own["augment"] for own in decisions.values()),
        "splits": len(decisions),
        "mean_against_tuned": statistics.mean(gated),
        "interval_against_tuned": paired.t_interval(gated),
        "always_against_tuned": statistics.mean(always),
        "interval_always": paired.t_interval(always),
        "by_split": {str(split): {**own, "test_gain": gain[split]} for split, own in decisions.items()},
    }


def mean_held_out(entries: Sequence[Mapping[str, Any]]) -> dict[tuple, float]:
    """Return by classifier, shots and method the mean gain of held-out rows over all splits."""
    return {
        (own["classifier"], own["shots"], own["method"]): statistics.mean(
            split["gain"] for split in own["by_split"].values()
        )
        for own in entries
        if own["method"] != SEARCH
    }
