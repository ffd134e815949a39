"""The matrix of transforms and tasks says what `Augment` does, and the README says what the matrix says."""

import pytest

from hf_augment import TRANSFORMS, Augment, Compose, RandomSwap
from hf_augment.registry import transform_class
from hf_augment.tasks import TASKS
from hf_augment.tasks.matrix import DEPENDS, NO, YES, as_text, makes_sense, matrix
from tests.test_contract import transform
from tests.test_readme import README


def refused(name: str, task: str) -> str:
    try:
        Augment(transform(name), task=task, label="label")
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("task", TASKS)
def test_augment_accepts_what_the_matrix_says(task):
    for name in TRANSFORMS:
        said = makes_sense(name, task)
        problem = refused(name, task)
        assert said == DEPENDS or (said == NO) == ("makes no sense in the task" in problem), (
            f"{name} in {task}: {said}"
        )
        assert said != YES or not problem


def test_what_depends_can_go_either_way():
    assert {makes_sense("compose", task) for task in TASKS if task != "text-classification"} == {DEPENDS}
    assert Augment(Compose(transforms=[RandomSwap()]), task="dialogue")
    with pytest.raises(
        ValueError, match="'compose' makes no sense in the task 'dialogue': it keeps, turns or attacks"
    ):
        Augment(Compose(transforms=[transform("antonym")]), task="dialogue")


def test_every_transform_and_task_has_a_sign():
    found = matrix()
    assert list(found) == list(TRANSFORMS)
    for name, signs in found.items():
        assert list(signs) == list(TASKS)
        assert signs["text-classification"] in (YES, NO), transform_class(name)
    assert len(as_text(found)) == len(TRANSFORMS) + 2


def test_the_readme_names_every_transform_in_the_table_of_tasks():
    # That the table is up to date is tested with the table of transforms: one script writes both.
    table = README.partition("<!-- tasks: ")[2].partition("<!-- /tasks -->")[0]
    for name in TRANSFORMS:
        [row] = [line for line in table.splitlines() if f"`{name}`" in line]
        assert [cell.strip() for cell in row.strip("|").split("|")[1:]] == list(matrix()[name].values())
