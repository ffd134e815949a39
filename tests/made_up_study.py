"""A study as `hf-augment study` writes it, but made up, and texts that would like to break its report."""

import copy
import functools
import statistics
from typing import Any

import numpy as np
from scipy import stats

from hf_augment.study import paired

METHODS = {"eda": 0.004, "masked_lm": 0.011, "generate": 0.031}  # with the gain that each really has
CLASSIFIERS = {"lstm": (0.55, 0.65), "features": (0.71, 0.79)}
SHOTS, SPLITS, METRICS = (10, 50), range(15), ("accuracy", "f1")
ARMS = {"gold": -0.03, "gold_tuned": 0.0, "gold_matched": -0.012, "duplicated": -0.008}

EVIL = (
    "<script>window.evil = 1</script>",
    "</script><script>window.evil = 2</script>",
    "<img src=x onerror=\"window.evil = 3\"><svg onload='window.evil = 4'>",
    "\" onmouseover=\"window.evil = 5\" ' autofocus onfocus='window.evil = 6'",
    "]]> <!-- <script> --> &lt;b&gt; &amp;amp; {{ 7 * 7 }} {% raw %} ${window.evil}",
    "right to left \u202e gnp.exe \u2066 never closed",
    "nul \x00 bell \x07 escape \x1b[31m next line \x85 \u2028 half \ud83d no character \uffff",
    "| a | table | `code` ![picture](http://evil.example/x.png) [link](javascript:evil) *b* _i_ # h\n---\n- list",
    "مرحبا بالعالم, a word of another direction, 好电影 น่าดู 🎬👩‍👩‍👧",
    "longwordlongword" * 40,
)


def study() -> dict[str, Any]:
    """Make a study of two classifiers, two numbers of shots, three methods and fifteen splits."""
    return copy.deepcopy(_study())


def small(**changed: Any) -> dict[str, Any]:
    """Make the study of which all is missing that may be, but for what is given."""
    return {
        "version": 1,
        "title": "small",
        "verdict": "Nothing was compared.",
        "metric": "accuracy",
        "settings": {},
        **{name: {} for name in ("classifiers", "methods", "selection", "map", "overlaps")},
        **{name: [] for name in ("scores", "table", "differences", "chosen", "gate", "examples", "cost")},
        "review": None,
        **changed,
    }


@functools.cache
def _study() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    scores = _scores(rng)
    settings = [(name, n) for name in CLASSIFIERS for n in SHOTS]
    return {
        "version": 1,
        "title": "kumar-sst2",
        "verdict": "Augment with generate: accuracy +4.0 points against tuned gold rows alone (95 % interval +2.1 to "
        "+6.0) and +4.5 against repeated gold rows (+2.0 to +6.9), features, 10 rows per class, 15 splits.",
        "metric": "accuracy",
        "settings": {
            "recipe": "name: kumar-sst2\ndata:\n  path: data/kumar_10shot\naugment:\n  transform: eda  # <b>no tag</b>\n",
            "set": ["study.epochs=20"],
            "splits": list(SPLITS),
            "seeds": [0],
            "shots": list(SHOTS),
            "test_rows": 1821,
            "versions": {"hf-augment": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0"},
        },
        "classifiers": {
            name: {"classifier": name, "epochs": 20.0, "learning_rate": 0.001, "metrics": list(METRICS)}
            for name in CLASSIFIERS
        },
        "methods": {
            "eda": {"transform": "EDA(rate=0.1)", "rows_added": 20.0},
            "masked_lm": {"transform": "MaskedLM(model='embedded:masked', rate=0.15)", "rows_added": 19.6},
            "generate": {"transform": "Generate(model='embedded:generator', top_p=0.95)", "rows_added": 100.0},
        },
        "scores": scores,
        "table": _table(scores),
        "differences": _differences(scores),
        "chosen": [
            {"classifier": name, "shots": n, "method": "generate", "validation": 0.61, "says": "Best of 3 methods."}
            for name, n in settings
        ],
        "gate": [
            {
                "classifier": name,
                "shots": n,
                "method": "generate",
                "augmented_in": 4,
                "splits": 15,
                "mean_against_tuned": 0.011,
                "interval_against_tuned": [-0.002, 0.024],
                "always_against_tuned": 0.028,
                "interval_always": [0.01, 0.046],
            }
            for name, n in settings
        ],
        "selection": {name: _selection(rng, i) for i, name in enumerate(METHODS)},
        "map": {name: _map(rng, i) for i, name in enumerate(METHODS)},
        "examples": [example for i, name in enumerate(METHODS) for example in _examples(rng, name, i)],
        "review": {"made_from": "3f1c0e" * 10, "method": "generate"},
        "cost": [
            {"what": "train generator", "method": "generate", "seconds": 812.4, "tokens": None},
            {"what": "augment", "method": "generate", "seconds": 240.8, "tokens": 184220},
            {"what": "augment", "method": "eda", "seconds": 0.6, "tokens": None},
            {"what": "select", "method": None, "seconds": 31.2, "tokens": None},
            {"what": "classifier lstm", "method": None, "seconds": 5120.0, "tokens": None},
        ],
        "overlaps": {name: {"rows": 100, "validation": 0, "test": i} for i, name in enumerate(METHODS)},
    }


def _scores(rng) -> list[dict[str, Any]]:
    rows = []
    for classifier, bases in CLASSIFIERS.items():
        for n, base in zip(SHOTS, bases, strict=True):
            for split in SPLITS:
                own = base + rng.normal(0, 0.035)  # splits differ, and all arms of a split with it
                runs = [(None, arm, shift) for arm, shift in ARMS.items()]
                runs += [(name, "augmented", effect * (1 if n == 10 else 0.3)) for name, effect in METHODS.items()]
                named = {"classifier": classifier, "shots": n, "split": split, "seed": 0}
                for name, arm, shift in runs:
                    score = float(np.clip(own + shift + rng.normal(0, 0.025), 0, 1))
                    for metric, less in zip(METRICS, (0.0, 0.02), strict=True):
                        found = {"metric": metric, "validation": score + 0.01, "test": score - less}
                        rows.append({**named, "method": name, "arm": arm, **found})
    return rows


def _groups(scores, *names: str) -> dict[tuple, list[dict[str, Any]]]:
    found: dict[tuple, list[dict[str, Any]]] = {}
    for row in scores:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return found


def _table(scores) -> list[dict[str, Any]]:
    names = ("classifier", "shots", "method", "arm", "metric")
    return [
        {
            **dict(zip(names, key, strict=True)),
            "mean": statistics.mean(row["test"] for row in rows),
            "std": statistics.stdev(row["test"] for row in rows),
            "splits": len(rows),
            "rows": key[1] * (12 if key[3] in ("augmented", "duplicated") else 2),
            "steps": 75 if key[3] == "gold" else 150,
            "seconds": 4.25,
        }
        for key, rows in _groups(scores, *names).items()
    ]


def _differences(scores) -> list[dict[str, Any]]:
    found = []
    for (classifier, n, metric), rows in _groups(scores, "classifier", "shots", "metric").items():
        value = {(row["arm"], row["method"], row["split"]): row["test"] for row in rows}
        for control in ("gold_tuned", "duplicated"):
            own = []
            for name in METHODS:
                gains = {str(i): value["augmented", name, i] - value[control, None, i] for i in SPLITS}
                named = {"classifier": classifier, "shots": n, "method": name, "against": control, "metric": metric}
                own.append({**named, **_paired(gains)})
            least = 0.0
            for i, row in enumerate(sorted(own, key=lambda row: row["p_value"])):
                least = row["holm"] = max(least, min(1.0, row["p_value"] * (len(own) - i)))
            found += own
    return found


def _paired(gains: dict[str, float]) -> dict[str, Any]:
    values = list(gains.values())
    worst = min(gains, key=gains.__getitem__)
    return {
        "mean": statistics.mean(values),
        "std": statistics.stdev(values),
        "by_split": gains,
        "bootstrap": paired.bootstrap_interval(values),
        "interval": paired.t_interval(values),
        "p_value": float(stats.wilcoxon(values).pvalue),
        "wins": sum(gain > 0 for gain in values),
        "ties": sum(gain == 0 for gain in values),
        "losses": sum(gain < 0 for gain in values),
        "worst": {"split": worst, "value": gains[worst]},
    }


def _selection(rng, i: int) -> dict[str, Any]:
    edges = [k / 10 for k in range(11)]
    spread = {"gold": (8, 1.5, 20), "kept": (6, 2, 100), "dropped": (2, 2, 300)}
    return {
        "rows": {"gold": 20, "kept": 100, "dropped": 300},
        "dropped": {
            "label: the judge says 'negative'": 141 - 20 * i,
            "duplicate of a candidate": 64 + 20 * i,
            "near duplicate of a gold row": 38,
            "not confident": 52,
            "over the quota": 5,
        },
        "histograms": {
            name: {
                "edges": edges,
                **{kind: np.histogram(rng.beta(a, b, n), edges)[0].tolist() for kind, (a, b, n) in spread.items()},
            }
            for name in ("label_probability", "similarity")
        },
    }


def _map(rng, i: int) -> list[dict[str, Any]]:
    points = []
    for kind, n, wide in (("gold", 20, 0.25), ("kept", 100, 0.2), ("dropped", 150, 0.34)):
        for _ in range(n):
            label = ("negative", "positive")[int(rng.integers(2))]
            x = (0.3 if label == "positive" else -0.3) + rng.normal(0, wide)
            text = f"{label} text number {len(points)}" if points else EVIL[i]
            points.append({"x": float(x), "y": float(rng.normal(0, wide)), "kind": kind, "label": label, "text": text})
    return points


_PAIRS = (
    (
        "a gripping, quietly funny film that earns its tears .",
        "a gripping, quietly comical film that earns its tears .",
    ),
    ("the plot is thin and the jokes fall flat", "the plot is very thin and jokes the fall flat"),
    ("one of the year 's most intelligent thrillers", "one of the year 's smartest and most intelligent thrillers"),
    ("it never rises above the level of a telanovela", "it hardly ever rises above the level of a soap"),
    ("", "a warm and funny story about two brothers who open a restaurant by the sea , and who never stop talking"),
    ("an absurdist comedy about alienation", "the service was slow, but the soup made up for it"),
    (
        "too long by half an hour, and the ending is a cheat; still, the two leads are a joy to watch together",
        "too long by an hour, and the last act is a cheat; still, both leads are a pleasure to watch together",
    ),
)


def _examples(rng, name: str, i: int) -> list[dict[str, Any]]:
    evil = EVIL if name == "generate" else EVIL[i::2]
    return [
        {
            "method": name,
            "id": f"{name}-{k:02d}",
            "label": ("negative", "positive")[k % 2],
            "source": source,
            "text": text,
            "by": name,
            "kept": k % 3 != 2,
            "dropped": "" if k % 3 != 2 else ("not confident", "duplicate of a candidate")[k % 2],
            "scores": {"label_probability": round(float(rng.uniform(0.4, 1)), 3), "similarity": 0.71},
        }
        for k, (source, text) in enumerate([*_PAIRS, *((text, f"{text} and more") for text in evil)])
    ]
