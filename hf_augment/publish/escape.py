"""Text that others wrote, made harmless in Markdown: it shows as it is, and does nothing."""

import re

_LOUD = re.compile(r"([\\`*{}\[\]()#!|<>&~$@]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=//)|(?<=www)\.)")
_BACKTICKS = re.compile(r"`+")


def plain(text: object, most: int = 300) -> str:
    """
    Write a text so that Markdown and HTML show it letter by letter, on one line.

    Args:
        text (`object`): The text.
        most (`int`, *optional*, defaults to `300`): Characters, after which it is cut.
    """
    said = " ".join(str(text).encode("utf-8", "replace").decode().split())
    said = said if len(said) <= most else said[: most - 1].rstrip() + "…"
    # Character references, not backslashes: a table cell, an HTML block and a link all read them alike.
    return _LOUD.sub(lambda found: f"&#{ord(found[1])};", said)


def fenced(text: str, language: str = "") -> str:
    """
    Write a text as a block of code that it cannot end.

    Args:
        text (`str`): The text.
        language (`str`, *optional*, defaults to `""`): What it is written in.
    """
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def paragraphs(*parts: str) -> str:
    """Join paragraphs, without those that are empty."""
    return "\n\n".join(filter(None, parts))
