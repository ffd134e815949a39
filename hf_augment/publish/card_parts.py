"""What the three cards have in common: how to repeat a run, what it found, what it cost."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from hf_augment.publish.escape import fenced, paragraphs, plain
from hf_augment.study.markdown import ARMS, head, line, markdown

TAGS = ["synthetic", "hf-augment"]
PROJECT = "`hf_augment`"
PICTURE = "comparison.png"
GAINS = "gains.png"
_COMMIT = re.compile(r"[0-9a-f]{7,64}\Z")
_STEPS = {
    "train": "training the generator",
    "augment": "writing rows",
    "select": "selecting rows",
    "study": "training and scoring the classifiers",
}


def is_hub_id(data: Mapping[str, Any]) -> bool:
    """Return whether the data of a record came from the Hub: only there have they a commit."""
    return bool(data.get("commit"))


def named_source(record: Mapping[str, Any]) -> str:
    """Name the source dataset, with a link where it is on the Hub."""
    data = record["data"]
    if not is_hub_id(data):
        return f"<code>{plain(data['path'])}</code>"
    name = f"[{plain(data['path'])}](https://huggingface.co/datasets/{data['path']})"
    return f"{name} at commit <code>{plain(data['commit'])}</code>"


def together(record: Mapping[str, Any], but: str) -> str:
    """Name what else the same run pushed."""
    pushed = record["publish"]
    kinds = {"dataset": "datasets/", "classifier": "", "generator": ""}
    links = [
        f"the {kind} [{plain(pushed[kind])}](https://huggingface.co/{path}{pushed[kind]})"
        for kind, path in kinds.items()
        if pushed.get(kind) and kind != but
    ]
    return f"Pushed together with {' and '.join(links)}." if links else ""


def how_to_repeat(record: Mapping[str, Any]) -> str:
    """Give the command, the recipe, and what it ran on."""
    recipe, machine = record["recipe"], record["environment"]
    name = recipe["file"] if recipe["file"].endswith(".yaml") else f"{recipe['file']}.yaml"
    settings = list(recipe["set"])
    if is_hub_id(record["data"]):  # what a branch was then
        settings = [setting for setting in settings if not setting.startswith("data.revision=")]
        settings.append(f"data.revision={record['data']['commit']}")
    words = ["hf-augment", "run", name, *(word for setting in settings for word in ("--set", setting))]
    packages = {name: version for name, version in machine["packages"].items() if version}
    versions = ", ".join(f"{plain(name)} {plain(version)}" for name, version in sorted(packages.items()))
    commit = machine.get("git_commit") or ""
    at = f" (git commit <code>{commit}</code>)" if _COMMIT.match(commit) else ""
    devices = ", ".join(map(plain, machine["accelerators"])) or "no accelerator"
    return paragraphs(
        "## How to repeat it",
        f"Save this recipe as <code>{plain(name)}</code>, and run",
        fenced(shlex.join(words), "bash"),
        fenced(recipe["text"], "yaml"),
        f"With Python {plain(machine['python'])}, {versions}{at}; on {plain(machine['system'])}, {machine['cpus']} cores, "
        f"{devices}. The seed is {record['seed']}. The dataset repository holds every number of this card, in "
        "<code>hf-augment/record.json</code>.",
    )


def cost(record: Mapping[str, Any]) -> str:
    """Say how long each step took."""
    of_a_study = record.get("steps", {})  # which names them a little otherwise
    found = {step: record.get("seconds", {}).get(step) for step in _STEPS}
    found |= {step.split()[0]: facts["seconds"] for step, facts in of_a_study.items()}
    lines = [*head("step", "seconds")]
    lines += [line(_STEPS[step], f"{took:.1f}") for step, took in found.items() if took is not None]
    if len(lines) == 2:
        return ""
    note = "Of a step that was begun several times, the longest."
    return "\n".join(["## Cost", "", *lines, "", note])


def verdict(record: Mapping[str, Any], folder: str) -> str:
    """
    Give the comparison's sentence, its picture and its table; before them those of a study, if there was one.

    Args:
        record (`Mapping`): The record.
        folder (`str`): Where the pictures lie, as seen from the card.
    """
    comparison, study = record.get("study"), record["publish"].get("study")
    parts = []
    if study:
        chosen = "\n".join(f"- {plain(pick['classifier'])}: {plain(pick['says'], 2000)}" for pick in study["chosen"])
        parts += [plain(study["verdict"], 2000), chosen]
        parts += (
            [f"![The gain of each method over each control, a dot a split]({folder}{GAINS})"] if study["gains"] else []
        )
        parts += ["### One draw of the data"] if comparison else []
    if comparison:
        arms = {name: comparison["arms"][name] for name in ARMS if name in comparison["arms"]}  # JSON keeps no order
        said, _, rest = markdown({**comparison, "arms": arms}).removeprefix("# Comparison\n\n").partition("\n\n")
        rest = re.sub(r"^## ", "### ", rest, flags=re.MULTILINE).strip()
        parts += [said, f"![Test scores of each arm, a dot a seed]({folder}{PICTURE})", rest]
    if not parts:
        parts = ["Nobody has compared training with and without these rows yet."]
    return paragraphs("## Does it help?", *parts)


def licence(record: Mapping[str, Any], kind: str) -> str:
    """Say under which licence it is, and who said so; or that nobody did."""
    publish, card = record["publish"], record["data"].get("card") or {}
    source = plain(" or ".join(as_list(card.get("license"))))
    if publish.get("license"):
        return f"## Licence\n\nThe {kind} is under <code>{plain(publish['license'])}</code>, says who pushed it."
    if kind == "dataset" and source:
        return f"## Licence\n\nThe source dataset is under <code>{source}</code>, says its card, and so is this one."
    known = f" The source dataset, says its card, is under <code>{source}</code>." if source else ""
    return f"## Licence\n\nNo licence is known for this {kind}.{known} Ask who pushed it before you use it."


def as_list(value: Any) -> list[str]:
    """Return a value of a card's metadata as a list: the Hub takes one or several."""
    return [] if not value else [str(value)] if isinstance(value, str) else [str(one) for one in value]


def metadata(record: Mapping[str, Any], *, data: bool) -> dict[str, Any]:
    """
    Return the licence and language that a card's metadata state; what nobody said is absent.

    Args:
        record (`Mapping`): The record.
        data (`bool`): For a dataset, for which its source may speak; a model's licence is stated or unknown.
    """
    publish, card = record["publish"], record["data"].get("card") or {}
    found: dict[str, Any] = {}
    languages = as_list(publish.get("language")) or as_list(card.get("language"))
    if languages:
        found["language"] = languages
    if publish.get("license"):
        found["license"] = publish["license"]
    elif data and card.get("license"):
        found |= {name: card[name] for name in ("license", "license_name", "license_link") if card.get(name)}
    return found
