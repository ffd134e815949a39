"""A study as one HTML page that needs nothing else: no network, no font, no script of others."""

import base64
import functools
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hf_augment.study import appendix, pictures, spreads, views
from hf_augment.study.texts import all_visible, cut, differences

if TYPE_CHECKING:
    import jinja2

SHOWN = 6  # examples a method, side by side; the review has them all


def page(study: Mapping[str, Any]) -> str:
    """
    Write a study as an HTML page: the verdict, what it rests on, and a review of the rows by hand.

    Texts of any kind are shown and never run: they are escaped, what is unseen in them is written out, and the page
    forbids the browser every script but its own.

    Args:
        study (`Mapping`): What `study.json` holds.

    Returns:
        `str`: The page, which can be written as UTF-8. The same study gives the same page.
    """
    shown = all_visible(study)
    templates = _templates()
    script = _source("review.js")
    return templates.get_template("page.html").render(
        study=shown,
        style=_source("page.css"),
        script=script,
        policy=_policy(script),
        views=views,
        appendix=appendix,
        methods=views.methods(shown),
        tables=[(metric, views.results(shown, metric, views.deciding(shown))) for metric in views.metrics(shown)],
        all_controls=views.results(shown, shown["metric"], views.controls(shown)),
        forest=pictures.forest(shown),
        curve=pictures.curve(shown),
        histograms=spreads.histograms(shown),
        maps=spreads.maps(shown),
        examples=by_method(shown),
        review=_review(study, shown),
        facts=facts(shown),
    )


def facts(study: Mapping[str, Any]) -> list[str]:
    """Return what the verdict rests on, in a few words each."""
    asked = study.get("settings") or {}
    counted = [
        (len(study.get("classifiers") or ()), "classifier"),
        (len([shots for shots in asked.get("shots") or () if shots is not None]), "number of shots"),
        (len(views.methods(study)), "method"),
        (len(asked.get("splits") or ()), "split"),
        (len(asked.get("seeds") or ()), "seed"),
        (asked.get("test_rows") or 0, "test row"),
        (len({tuple(row.get(key) for key in _CELL) for row in study.get("scores") or ()}), "training"),
    ]
    return [f"{count:,} {_plural(name) if count != 1 else name}" for count, name in counted if count]


_CELL = ("classifier", "shots", "method", "arm", "split", "seed")


def _plural(name: str) -> str:
    return name.replace("number", "numbers") if name.startswith("number") else name + "s"


def by_method(study: Mapping[str, Any], most: int = SHOWN) -> dict[str, list[dict[str, Any]]]:
    """
    Return some examples of each method, of those kept and of those dropped, with what was changed in them.

    Args:
        study (`Mapping`): What `study.json` holds.
        most (`int`, *optional*, defaults to 6): How many of a method.
    """
    found = {}
    for name in views.methods(study):
        own = [example for example in study.get("examples") or () if example["method"] == name]
        dropped = [example for example in own if not example["kept"]][: most // 3]
        kept = [example for example in own if example["kept"]][: most - len(dropped)]
        if kept or dropped:
            found[name] = [marked(example) for example in kept + dropped]
    return found


def marked(example: Mapping[str, Any]) -> dict[str, Any]:
    """Return an example with its source and text in pieces, changed ones marked."""
    source, text = cut(example["source"] or ""), cut(example["text"] or "")
    left, right = differences(source, text)
    scores = {
        name.replace("_", " "): f"{value:.2f}"
        for name, value in (example.get("scores") or {}).items()
        if value is not None
    }
    compared = any(piece.changed for piece in left + right) or source == text
    return dict(example) | {"left": left, "right": right, "compared": compared, "scores": scores}


def _review(study: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the rows to review; their ids go to the script as they are, for the decisions are kept by them."""
    asked = study.get("review")
    pairs = zip(study.get("examples") or (), shown.get("examples") or (), strict=True)
    if not asked:
        return None
    selecting = list(study.get("selection") or ())
    method = asked.get("method") or (selecting[0] if len(selecting) == 1 else None)
    rows = [
        (given["id"], marked(example))
        for given, example in pairs
        if given.get("id") and method in (None, given["method"])  # decisions are about the rows of one method
    ]
    if not rows:
        return None
    data = {"title": study["title"], "made_from": asked["made_from"], "ids": [name for name, _ in rows]}
    recipe = (shown.get("review") or {}).get("recipe") or "RECIPE"
    return {"rows": [example for _, example in rows], "data": _inside_script(data), "recipe": recipe}


def _inside_script(value: Any) -> str:
    """Write JSON that no text in it can end the script element of, or the comment that a browser might see there."""
    written = json.dumps(value, ensure_ascii=True, sort_keys=True)
    return written.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _policy(script: str) -> str:
    """Return the content security policy: nothing is loaded, and the one script runs that has this digest."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = f"script-src 'sha256-{digest}'; style-src 'unsafe-inline'"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


@functools.cache
def _templates() -> "jinja2.Environment":
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("hf_augment.study", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _source(name: str) -> str:
    templates = _templates()
    return templates.loader.get_source(templates, name)[0]
