"""
Write the README's tables of transforms, from the registry and the measured speeds, and of the tasks they make sense in.

    python scripts/transform_table.py             # rewrites what stands between the markers
    python scripts/transform_table.py --check     # exits 1 if that would change the README

What a transform does is the first sentence of its docstring, what it needs its `needs`, and its rows a second what
`python -m tests.benchmarks.transforms` measured last.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from hf_augment.registry import TRANSFORMS, transform_class  # noqa: E402
from hf_augment.tasks.matrix import as_markdown, matrix  # noqa: E402

README = ROOT / "README.md"
SPEEDS = ROOT / "tests" / "benchmarks" / "transforms.json"
WORDS = 20
BEGIN, END = "<!-- {}: made by scripts/transform_table.py -->\n", "<!-- /{} -->\n"


def table(speeds: dict) -> str:
    """Make the table."""
    lines = ["| name | class | what it does | it needs | rows/s |", "|---|---|---|---|--:|"]
    for name in TRANSFORMS:
        cls = transform_class(name)
        does = cls.__doc__.strip().splitlines()[0]
        figure = speeds.get(name)
        speed = rounded(figure["rows_per_second"]) if figure else "–"
        cells = (f"`{name}`", cls.__name__, does, cls.needs, speed)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    machines = sorted({speeds[name]["machine"] for name in TRANSFORMS if name in speeds})
    if machines:
        lines += [
            "",
            f"Rows a second: sentences of {WORDS} words through `Dataset.map`, CPU time of {' or '.join(machines)};",
        ]
        lines += [
            "`python -m tests.benchmarks.transforms` measures anew. What needs a model was measured with a small one, which"
        ]
        lines += ["`tests/benchmarks/transforms.json` names; – is not measured."]
    return "\n".join(lines) + "\n"


def rounded(speed: float) -> str:
    """Write two digits of a number: the third differs from run to run."""
    return f"{float(f'{speed:.2g}'):,.0f}" if speed >= 10 else f"{speed:.2g}"


def rewritten(readme: str, speeds: dict) -> str:
    """Return the README with the tables as they should be."""
    for name, made in (("transforms", table(speeds)), ("tasks", as_markdown(matrix()))):
        begin, end = BEGIN.format(name), END.format(name)
        before, found, rest = readme.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise ValueError(
                f"README.md lacks one of the lines {begin.strip()!r} and {end.strip()!r} around its table."
            )
        readme = f"{before}{begin}{made}{end}{after}"
    return readme


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the README would change")
    args = parser.parse_args()
    readme = README.read_text(encoding="utf-8")
    new = rewritten(readme, json.loads(SPEEDS.read_text(encoding="utf-8")) if SPEEDS.is_file() else {})
    if args.check:
        sys.exit("README.md: run python scripts/transform_table.py" if new != readme else 0)
    README.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
