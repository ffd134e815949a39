"""Every registered transform keeps every rule; its case file says what it writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets.fingerprint import Hasher

from hf_augment import TRANSFORMS, build
from hf_augment.streams import row_key, stream
from hf_augment.tasks import bind_task
from hf_augment.transform import Declined, Row, Written
from tests.contract import RULES, augment_with, dataset_for, written_in
from tests.stand_ins import resolve

CASES = Path(__file__).parent / "cases"


def cases(name: str) -> list[dict]:
    file = CASES / f"{name}.json"
    if not file.exists():
        pytest.fail(
            f"{name} has no golden cases. Write {file.relative_to(CASES.parent.parent)}, as its neighbours are."
        )
    return json.loads(file.read_text(encoding="utf-8"))


def transform(name: str, params: dict | None = None):
    return build({"name": name, **resolve(cases(name)[0]["params"] if params is None else params)})


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_rule(name, rule):
    RULES[rule](transform(name))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_golden_cases(name):
    for case in cases(name):
        made = transform(name, case["params"])
        if "tokens" in case:
            (row,) = bind_task("token-classification", ["tokens", "tags"]).rows([case["tokens"], case["tags"]])
        else:
            row = Row(case["text"], case.get("label"), case.get("context", {}))
        drawn = stream(case["seed"], name, row_key(row.text), case["copy"])
        (outcome,) = made.apply([row], [drawn])
        if "declined" in case:
            assert outcome == Declined(case["declined"]), f"real output: {outcome}"
        else:
            assert (outcome.text, outcome.by) == (case["expected"], case["by"]), f"real output: {outcome}"


@pytest.mark.parametrize("name", TRANSFORMS)
def test_docstring_opens_with_one_sentence(name):
    first = transform(name).__doc__.strip().split("\n\n")[0]
    assert first.endswith(".")
    assert "\n" not in first.strip()


@pytest.mark.slow
def test_fresh_processes_agree():
    specs = {name: transform(name).to_spec() for name in TRANSFORMS}
    found = []
    for salt in ("1", "2"):
        command = [sys.executable, "-m", "tests.fresh_process"]
        environment = {**os.environ, "PYTHONHASHSEED": salt}
        done = subprocess.run(
            command,
            input=json.dumps(specs),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=CASES.parent.parent,
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]
    for name in TRANSFORMS:
        given = dataset_for(transform(name))
        augment = augment_with(transform(name)).bind(given)
        assert found[0][name]["hash"] == Hasher.hash(augment), name
        assert found[0][name]["texts"] == augment(given[:])[written_in(transform(name))], name


CHINESE = [
    "我",
    "你",
    "他们",
    "喜欢",
    "不喜欢",
    "这部",
    "电影",
    "很好",
    "太长",
    "演员",
    "音乐",
    "故事",
    "但是",
    "价格",
    "有点",
    "贵",
    "服务",
    "很快",
    "今天",
    "昨天",
    "去",
    "看",
    "了",
]
THAI = [
    "ฉัน",
    "เขา",
    "ชอบ",
    "ไม่ชอบ",
    "หนัง",
    "เรื่อง",
    "นี้",
    "มาก",
    "ดี",
    "อาหาร",
    "อร่อย",
    "แต่",
    "ราคา",
    "แพง",
    "บริการ",
    "เร็ว",
    "วันนี้",
    "เมื่อวาน",
    "ไป",
    "ดู",
    "แล้ว",
]
WORD_LEVEL = [
    "random_swap",
    "random_delete",
    "random_insert",
    "synonym",
    "contraction",
    "spelling",
    "noise_word",
    "eda",
]
IN_ANY_SCRIPT = ["typo", "split_word"]


def sentences(vocabulary: list[str]) -> list[Row]:
    drawn = stream(0, "sentences", row_key(vocabulary), 0)
    return [Row("".join(drawn.choice(vocabulary) for _ in range(5 + drawn.below(15)))) for _ in range(1000)]


@pytest.mark.parametrize("vocabulary", [CHINESE, THAI], ids=["Chinese", "Thai"])
@pytest.mark.parametrize("name", [*WORD_LEVEL, *IN_ANY_SCRIPT])
def test_a_thousand_sentences_without_spaces(name, vocabulary):
    rows = sentences(vocabulary)
    found = build({"name": name}).apply(rows, [stream(0, name, row_key(row.text), 1) for row in rows])
    kinds = {type(outcome) for outcome in found}
    assert kinds == ({Declined} if name in WORD_LEVEL else {Written})
    if name not in WORD_LEVEL:
        assert all(outcome.text.encode() != row.text.encode() for row, outcome in zip(rows, found, strict=True))
