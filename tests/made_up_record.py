"""A record as a run and a push leave it, with numbers all different and with texts that would like to break a card."""

from pathlib import Path
from typing import Any

from hf_augment.study import paired

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = [
    "<script>alert(1)</script> & <!-- hf-augment: end --> --> # no heading",
    "![x](http://evil.example/p.png) [a link](javascript:x) https://evil.example www.evil.example",
    "`code` ```\nfence``` | a | cell | *bold* _it_ snake_case $x$ ~~gone~~\n---\nlicense: mit",
]
RECIPE = """# A comment with ```backticks``` and <!-- hf-augment: end -->
output: runs/film
data: {path: you/films, shots_per_label: 50}
train: {model: small/gpt}
augment: {pipeline: [{name: generate}]}
select: {per_label: 300}
study: {classifier: lstm, seeds: [3, 4, 5]}
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ARMS = {"gold": 101, "gold_matched": 101, "duplicated": 733, "augmented": 733}
SCORES = {
    "gold": (0.611, 0.632, 0.643),
    "gold_matched": (0.602, 0.621, 0.618),
    "duplicated": (0.597, 0.588, 0.579),
    "augmented": (0.688, 0.702, 0.697),
}


def made_up_record() -> dict[str, Any]:
    """Return the record."""
    rows = [
        {"arm": arm, "seed": seed, "metric": "accuracy", "value": value}
        for arm, values in SCORES.items()
        for seed, value in zip((3, 4, 5), values, strict=True)
    ]
    seeds = ("3", "4", "5")
    study = {
        "reading": "Accuracy rises by 6.7 points against gold.",
        "config": {"classifier": "lstm", "batch_size": 32, "learning_rate": 2e-3, "evaluations": 7},
        "seeds": [3, 4, 5],
        "arms": {
            arm: {
                "rows": number,
                "steps": 40 if arm == "gold" else 230,
                "seconds": {seed: number / 10 + place for place, seed in enumerate(seeds)},
                "best_step": dict(zip(seeds, (90, 120, 150), strict=True)),
            }
            for arm, number in ARMS.items()
        },
        "tuning": {},
        "rows": rows,
        "table": paired.table(rows),
        "differences": paired.differences(rows),
        "overlaps": {
            "added": {"rows": 632, "test": 2, "validation": 1},
            "gold": {"rows": 101, "test": 0, "validation": 0},
        },
        "evaluated_on": {"validation": 104, "test": 872},
        "classifiers": {"augmented": "classifier/augmented/model"},
    }
    rounds = [
        {"seed": 0, "rows_by": {"generate": 700, "original": 101}, "declined_by_reason": {"unfinished": 13}},
        {"seed": 9, "wanted": {}, "rows_by": {"generate": 210}, "declined_by_reason": {"unfinished": 4, "<b>": 6}},
    ]
    return {
        "recipe": {"file": "film.yaml", "text": RECIPE, "sha256": "0" * 64, "set": ["train.epochs=2", "output='a b'"]},
        "seed": 17,
        "environment": {
            "python": "3.11.7",
            "packages": {"datasets": "5.2.0", "hf-augment": "0.1.0", "torch": "2.13.0+cpu", "peft": None},
            "git_commit": COMMIT,
            "system": "Linux x86_64",
            "cpus": 16,
            "accelerators": ["A <fast> GPU"],
        },
        "data": {
            "path": "you/films",
            "name": None,
            "commit": COMMIT,
            "card": {"license": "cc-by-4.0", "language": ["en"]},
            "splits": {
                "train": {"rows": 101, "labels": {"bad": 51, "<good>": 50}},
                "validation": {"rows": 104, "labels": {}},
                "test": {"rows": 872, "labels": {}},
            },
        },
        "train": {
            "base": {"model": "small/gpt", "commit": COMMIT, "revision": None, "identity": "f" * 64},
            "settings": {
                "train": {
                    "objective": "causal",
                    "prompt": "{label}: {text}",
                    "batch_size": 8,
                    "accumulation": 2,
                    "learning_rate": 3e-4,
                }
            },
            "processes": 2,
            "parameters": 2557632,
            "rows": {"train": {"used": 99}, "validation": {"used": 103}},
            "tokens": {"train": 4731, "validation": 3961},
            "steps": 312,
            "best_step": 260,
            "eval_loss": 4.32287,
        },
        "augment": {
            "spec": {
                "task": "text-classification",
                "text": "text",
                "label": "label",
                "transform": {"name": "generate", "model": "me/film-generator", "version": 1},
            },
            "identity": {},
            "rows_by": {"generate": 700, "original": 101},
            "declined_by_reason": {"unfinished": 13},
            "made_from": "a" * 64,
        },
        "select": {
            "candidates": 910,
            "kept": 632,
            "dropped": {"too short": 166, "another label (<i>)": 112},
            "judge": {"says": "right on 81.3 % of 1,205 rows"},
            "thresholds": {"length": "4 to 57 words"},
            "rounds": rounds,
            "made_from": "b" * 64,
        },
        "study": study,
        "seconds": {"train": 61.27, "augment": 412.9, "select": 38.55, "study": 1234.5},
        "publish": {
            "dataset": "me/film-augmented",
            "classifier": "me/film-classifier",
            "generator": "me/film-generator",
            "license": None,
            "language": None,
            "include_gold": True,
            "rows": {
                "train": {"rows": 1011, "synthetic": 910, "selected": 632},
                "validation": {"rows": 104, "synthetic": 0, "selected": 0},
                "test": {"rows": 872, "synthetic": 0, "selected": 0},
            },
            "examples": [{"by": "generate", "label": "<good>", "text": text} for text in HOSTILE],
            "classifier_base": None,
            "spec_travels": True,
            "study": None,
        },
    }


def cards(record: dict[str, Any]) -> dict[str, str]:
    """Write the cards of what a record says is pushed, whole."""
    from hf_augment.publish.block import whole
    from hf_augment.publish.classifier_card import classifier_card
    from hf_augment.publish.dataset_card import dataset_card
    from hf_augment.publish.generator_card import generator_card

    made = {"dataset": dataset_card, "classifier": classifier_card, "generator": generator_card}
    return {kind: whole(card(record), "", {}) for kind, card in made.items() if record["publish"][kind]}


if __name__ == "__main__":  # python -m tests.made_up_record, and read what has changed
    for kind, text in cards(made_up_record()).items():
        (GOLDEN / f"{kind}_card.md").write_text(text, encoding="utf-8")
