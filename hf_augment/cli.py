"""The command line: `hf-augment VERB`."""

import os
import sys
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Text data augmentation with language models, native to Hugging Face datasets.",
    add_completion=False,
    rich_markup_mode=None,  # markup costs a quarter of a second at every --help
    pretty_exceptions_enable=False,
)

RecipeArgument = Annotated[str, typer.Argument(metavar="RECIPE", help="A YAML file, or the name of a shipped recipe.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting: --set train.epochs=1")
]
Passed = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(name="run", context_settings=Passed)
def run_recipe(context: typer.Context, recipe: RecipeArgument, set_: SetOption = None) -> None:
    """Carry out a recipe from data to comparison. What follows -- goes to accelerate launch."""
    from hf_augment.run import run

    run(recipe, set_ or [], _for_accelerate(context.args))


@app.command(name="study")
def study_recipe(
    recipe: RecipeArgument,
    set_: SetOption = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes, one thread each; default: half the cores.")
    ] = None,
) -> None:
    """Compare methods over several splits, classifiers and numbers of rows, and say whether they help."""
    from datasets import disable_progress_bars
    from transformers.utils import logging

    from hf_augment.studies import study

    disable_progress_bars()  # a study has one bar of its own, and hundreds of datasets and models
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    study(recipe, set_ or [], jobs)


@app.command(context_settings=Passed)
def train(context: typer.Context, recipe: RecipeArgument, set_: SetOption = None) -> None:
    """Train the generator of a recipe. What follows -- goes to accelerate launch."""
    from hf_augment.recipe import load_recipe
    from hf_augment.run import results, start_record
    from hf_augment.run import train as train_generator

    loaded = load_recipe(recipe, set_ or [])
    if loaded.train is None:
        raise ValueError(f"{recipe} has no 'train' block, so there is nothing to train.")
    record = start_record(loaded, recipe, set_ or [])
    with record.timed("train"):
        train_generator(loaded, recipe, set_ or [], _for_accelerate(context.args), record)
    _say(results(loaded))


@app.command()
def augment(
    recipe: RecipeArgument,
    set_: SetOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what its prompts would take.")] = False,
    probe: Annotated[int, typer.Option(min=0, metavar="N", help="With --dry-run: ask for N rows, to measure.")] = 0,
    price: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="IN OUT", help="With --dry-run: of a million tokens of prompt, and of completion."),
    ] = None,
) -> None:
    """Augment the training split of a recipe's data."""
    from hf_augment.candidates import augment as augment_data
    from hf_augment.recipe import load_recipe
    from hf_augment.run import results, start_record

    loaded = load_recipe(recipe, set_ or [])
    if loaded.augment is None:
        raise ValueError(f"{recipe} has no 'augment' block, so there is nothing to do.")
    if dry_run:
        return _say(_estimates(loaded, probe, price))
    if probe or price is not None:
        raise ValueError("--probe and --price belong to --dry-run.")
    record = start_record(loaded, recipe, set_ or [])
    with record.timed("augment"):
        augment_data(loaded, record)
    facts = record.facts["augment"]
    for name, count in sorted(facts["rows_by"].items()):
        print(f"{count:8d} rows by {name}")
    for reason, count in sorted(facts["declined_by_reason"].items()):
        print(f"{count:8d} declined: {reason}")
    _say(_spent(loaded))
    _say(results(loaded))


@app.command()
def select(
    recipe: RecipeArgument,
    set_: SetOption = None,
    decisions: Annotated[
        str | None, typer.Option(metavar="FILE.json", help="Rows that you accepted or rejected in a report.")
    ] = None,
) -> None:
    """Select among the rows that augment wrote, and write more of what a label lacks."""
    from hf_augment.candidates import augment as augment_data
    from hf_augment.recipe import load_recipe
    from hf_augment.rounds import select_rows
    from hf_augment.run import results, start_record
    from hf_augment.selection.by_hand import read_decisions
    from hf_augment.selection.report import summary

    loaded = load_recipe(recipe, set_ or [])
    if loaded.methods is not None:
        raise ValueError(
            f"{recipe} has several methods, which hf-augment study carries out. Each leaves a recipe of its own: select "
            f"by that, {loaded.output}/shots-.../split-0/METHOD/recipe.yaml."
        )
    if loaded.select is None:
        raise ValueError(f"{recipe} has no 'select' block, so there is nothing to do.")
    by_hand = None if decisions is None else read_decisions(decisions)
    record = start_record(loaded, recipe, set_ or [])
    candidates = augment_data(loaded, record, only_find=True)
    with record.timed("select"):
        select_rows(loaded, candidates, record, by_hand)
    _say(summary(record.facts["select"]))
    if by_hand is not None:
        print("What you decided is kept: run and study follow it, too, until you delete decisions.json.")
    _say(results(loaded))


@app.command()
def preview(
    recipe: RecipeArgument,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="Rows to show.")] = 5,
    set_: SetOption = None,
) -> None:
    """Show some rows and their copies; write nothing."""
    from datasets import Dataset

    from hf_augment.apply import augment_dataset
    from hf_augment.candidates import augmented_by, planned
    from hf_augment.data import load_data, written_texts
    from hf_augment.recipe import load_recipe

    loaded = load_recipe(recipe, set_ or [])
    if loaded.augment is None:
        raise ValueError(f"{recipe} has no 'augment' block, so there is nothing to preview.")
    data = planned(loaded, load_data(loaded.data, loaded.preprocess, loaded.seed))["train"]
    some = data.select(range(min(rows, len(data)))).to_iterable_dataset()
    augment = augmented_by(loaded)
    found = list(augment_dataset(some, augment))
    features = augment.features(data.features)  # with the names of tags, which rows alone do not tell
    for row, said in zip(found, written_texts(Dataset.from_list(found, features=features), loaded.data), strict=True):
        who = row["augmented_by"]
        if not row["copy"] and loaded.data.label is not None:
            who += f", {row[loaded.data.label]}"
        print(f"[{who}] {said}" + (f"  (declined: {row['declined']})" if row["declined"] else ""))


@app.command(name="push")
def push_run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE|RUN", help="A recipe, or the folder of a run.")],
    set_: SetOption = None,
    to: Annotated[
        str | None, typer.Option(metavar="NAMESPACE[/PREFIX]", help="Where what has no name in the recipe goes.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show every file and card, and send nothing.")] = False,
    public: Annotated[bool, typer.Option("--public", help="Let everybody see it; by default it is private.")] = False,
    without_gold: Annotated[bool, typer.Option("--without-gold", help="Leave the real rows out.")] = False,
) -> None:
    """Push the dataset, the classifier and the generator of a run to the Hub, with cards and a collection."""
    from hf_augment.publish import push

    push(
        recipe,
        set_ or [],
        to=to,
        private=False if public else None,
        include_gold=False if without_gold else None,
        dry_run=dry_run,
    )


@app.command()
def register() -> None:
    """Make hf augment run this installation."""
    from hf_augment.extension import register as write_manifest

    print(write_manifest())


@app.command(name="list")
def list_transforms(
    tasks: Annotated[bool, typer.Option("--tasks", help="Say in which tasks each makes sense.")] = False,
) -> None:
    """List the transforms and what each does."""
    from hf_augment.registry import TRANSFORMS, transform_class

    if tasks:
        from hf_augment.tasks.matrix import as_text, matrix

        return _say(as_text(matrix()))
    for name in TRANSFORMS:
        print(f"{name:<18}{transform_class(name).__doc__.strip().splitlines()[0]}")


@app.command(name="cache")
def manage_cache(
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete the least recently used down to HF_AUGMENT_CACHE_LIMIT (20GB).")
    ] = False,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="With --prune: delete what was not used for 12h, 30d or 8w.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="With --prune: delete all.")] = False,
    identity: Annotated[
        str | None, typer.Option(metavar="ID", help="With --prune: delete what has this identity in the list.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every entry, and set damaged files aside; 1 if there are any.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Write the list as JSON.")] = False,
) -> None:
    """List what is remembered between runs, delete some of it, or check it."""
    import json

    from hf_augment import remembered

    if not prune and (older_than is not None or everything or identity is not None):
        raise ValueError("--older-than, --all and --identity belong to --prune.")
    if prune + verify + json_ > 1:
        raise ValueError("--prune, --verify and --json are three things to do. Give one of them.")
    if prune:
        _say(remembered.prune(older_than, everything, identity))
    elif verify:
        lines, sound = remembered.verify()
        _say(lines)
        if not sound:
            raise typer.Exit(1)
    elif json_:
        print(json.dumps(remembered.as_json(), indent=2))
    else:
        _say(remembered.listing())


def _estimates(recipe: Any, probe: int, price: tuple[float, float] | None) -> list[str]:
    from hf_augment.candidates import planned
    from hf_augment.data import bound, load_data
    from hf_augment.engine.estimate import COUNTED, estimate
    from hf_augment.labels import verbalise
    from hf_augment.planning import COPIES
    from hf_augment.transforms.prompt import prompts_in

    prompts = list(prompts_in(recipe.transform()))
    if not prompts:
        return ["No step of the pipeline is a prompt, so a run costs time alone."]
    label = recipe.data.label
    train = planned(recipe, load_data(recipe.data, recipe.preprocess, recipe.seed))["train"]
    copies = train[COPIES][:] if COPIES in train.column_names else [recipe.augment.copies or 1] * len(train)
    some = train.select(range(0, len(train), max(1, len(train) // COUNTED)))
    names = recipe.data.label_names or getattr(some.features.get(label), "names", None)
    task, rows = bound(recipe.data, some), []
    for given in some:
        found = task.rows([given[column] for column in task.reads()])
        name = None if label is None else verbalise(given[label], names, label)
        rows += [] if isinstance(found, str) else [row._replace(label=name) for row in found]
    if not rows:
        return ["There is no row to augment."]
    return [line for prompt in prompts for line in estimate(prompt, rows, copies, recipe.seed, probe, price)]


def _spent(recipe: Any) -> list[str]:
    from hf_augment.engine.spending import summary
    from hf_augment.transforms.prompt import prompts_in

    asked = [prompt for prompt in prompts_in(recipe.transform()) if prompt.endpoint is not None]
    return [f"{prompt.model} took, in all runs so far, {summary(prompt.spent())}" for prompt in asked]


def _for_accelerate(arguments: list[str]) -> list[str]:
    if arguments and "--" not in sys.argv:
        raise ValueError(f"unknown arguments {arguments}. What is meant for accelerate launch stands behind --.")
    return arguments


def _say(lines: list[str]) -> None:
    for line in lines:
        print(line)


def main() -> None:
    """Run the command line; on bad input print one line and exit with 2."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin on a busy core slow each other down
    if os.environ.get("HF_DEBUG") == "1":
        app()
    try:
        status = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the user gets one line
        print(f"error: {error}", file=sys.stderr)
        status = 2
    if status == 130:  # how a shell reports Ctrl-C
        print("stopped; the same command goes on from here", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
