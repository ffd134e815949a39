"""The prompts that `Prompt` knows by name: paragraphs, of which those that lack something for a row are left out."""

import re
from collections.abc import Mapping

from hf_augment.errors import unknown

FORMAT = '{"text": "..."}'
_ANSWER = f"Answer with one JSON object and nothing before or after it, with the new {{kind}} as its text:\n{FORMAT}"

_LABEL = """Here "{label}" means: {description}"""

_EXAMPLES = """These are real ones with that label:
{examples}
Do not copy from them. Write about something else, in their language and of about their length."""

PROMPTS = {
    # Of the row's text alone.
    "paraphrase": """Say what the {kind} below says in other words. Keep its meaning, its opinion and its language, \
all names and numbers, and about its length; change the wording and the order.

{text}""",
    # Of the row's label alone.
    "generate": f"""Write a new {{kind}} that a careful reader would give the label "{{label}}".

{_LABEL}

{_EXAMPLES}""",
    # Yu et al. 2023: what varies is drawn, not left to the model, whose own choices vary little.
    "attributes": f"""Write a new {{kind}} that a careful reader would give the label "{{label}}".

{_LABEL}

It has to be like this:
{{attributes}}

{_EXAMPLES}""",
    "contrast": f"""Write a new {{kind}} that a careful reader would give the label "{{label}}", but a hasty reader \
the label "{{other}}". For the careful reader there must be no doubt.

{_LABEL}

Here "{{other}}" means: {{other_description}}

{_EXAMPLES}""",
}

PLACES = ("attributes", "description", "examples", "kind", "label", "other", "other_description", "text")
OF_THE_LABEL = ("label", "description", "other", "other_description")
_PLACE = re.compile(r"\{([a-z_]+)\}")


def places(template: str) -> tuple[str, ...]:
    """
    Find what a template asks for.

    Raises:
        `ValueError`: It asks for something that no row has.
    """
    found = tuple(dict.fromkeys(_PLACE.findall(template)))
    for name in found:
        if name not in PLACES:
            raise ValueError("prompt: " + unknown("place", f"{{{name}}}", [f"{{{place}}}" for place in PLACES]))
    return found


def fill(template: str, values: Mapping[str, str]) -> str:
    """
    Write a template with a row's values, leaving out the paragraphs that ask for something the row has not.

    Args:
        template (`str`): Paragraphs with an empty line between them.
        values (`Mapping[str, str]`): By name; empty for what the row has not.
    """
    paragraphs = [
        paragraph
        for paragraph in template.split("\n\n")
        if all(values.get(name) for name in _PLACE.findall(paragraph))
    ]
    return _PLACE.sub(lambda place: values[place[1]], "\n\n".join(paragraphs))  # in one pass: values may hold braces


def question(template: str, values: Mapping[str, str]) -> str:
    """Write a template, and how the answer should look."""
    return f"{fill(template, values)}\n\n{fill(_ANSWER, values)}".strip()
