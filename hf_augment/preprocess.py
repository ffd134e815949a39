"""What is done to every text before anything else: markup and tricks out, characters composed, white space, case."""

import dataclasses
import html
import html.entities
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import regex

from hf_augment.blocks import PreprocessConfig
from hf_augment.embedded.lookalikes import fold_lookalikes
from hf_augment.transform import canonical

VERSION = 1  # raised when the same text is cleaned into another one; part of the hash that `Dataset.map` caches by

# Only what HTML knows is a tag, and only with attributes that look like attributes: "x<y and y>z", "<unk>" and
# "I <3 this" are text. Possessive quantifiers, and no "<" within a tag, keep the time linear whatever a text holds.
_TAG = re.compile(
    r"""</?+(?:
    (?P<block>address|article|aside|blockquote|body|br|center|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure
        |footer|form|frameset|h[1-6]|head|header|hgroup|hr|html|legend|li|main|menu|nav|ol|optgroup|option|p|pre|section
        |select|summary|table|tbody|tfoot|thead|title|tr|ul)
    |(?P<cell>td|th)
    |a|abbr|acronym|applet|area|audio|b|base|basefont|bdi|bdo|big|button|canvas|caption|cite|code|col|colgroup|data
    |datalist|del|dfn|em|embed|font|frame|i|iframe|img|input|ins|kbd|label|link|map|mark|marquee|meta|meter|nobr
    |noframes|noscript|object|output|param|picture|progress|q|rp|rt|ruby|s|samp|script|slot|small|source|span|strike
    |strong|style|sub|sup|svg|template|textarea|time|track|tt|u|var|video|wbr
    |[a-z][a-z0-9]*+[:-][a-z0-9:-]++)
    (?:\s++(?:
        (?:allowfullscreen|async|autofocus|autoplay|checked|compact|controls|default|defer|disabled|hidden|inert|ismap
        |itemscope|loop|multiple|muted|nomodule|noshade|novalidate|nowrap|open|playsinline|readonly|required|reversed
        |selected)(?=[\s/>])
        |[a-z_:@][\w:.@-]*+\s*+=\s*+(?:"[^"<]*+"|'[^'<]*+'|[^\s"'<>=`]++)))*+
    \s*+/?>|<!doctype\b[^<>]*+>""",
    re.IGNORECASE | re.VERBOSE,
)
_DROPPED = (
    (re.compile(r"<!--"), re.compile(r"-->")),
    (re.compile(r"<script\b[^<>]*+>", re.IGNORECASE), re.compile(r"</script\s*+>", re.IGNORECASE)),
    (re.compile(r"<style\b[^<>]*+>", re.IGNORECASE), re.compile(r"</style\s*+>", re.IGNORECASE)),
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|([A-Za-z][A-Za-z0-9]{1,31}));")


def strip_html(text: str) -> str:
    """
    Take tags, comments, scripts and styles out of a text, and resolve entities.

    Block tags (`<br />`, `<p>`, ...) leave a line break, table cells a space, other tags nothing. Entities are
    resolved last, so `&lt;b&gt;` ends as the text `<b>`; only those with a semicolon, since `?a=1&copy=2` is an
    address. `&nbsp;` becomes a plain space.
    """
    if "<" in text:
        for opening, closing in _DROPPED:
            text = _drop(text, opening, closing)
        text, tags = _TAG.subn(lambda tag: "\n" if tag["block"] else " " if tag["cell"] else "", text)
        text = text.strip("\n") if tags else text
    return _ENTITY.sub(_resolve, text) if "&" in text else text


def _drop(text: str, opening: re.Pattern, closing: re.Pattern) -> str:
    kept, position = [], 0
    while start := opening.search(text, position):
        end = closing.search(text, start.end())
        if end is None:
            break
        kept.append(text[position : start.start()])
        position = end.end()
    return "".join(kept) + text[position:]


def _resolve(entity: re.Match) -> str:
    if entity[1] and entity[1] + ";" not in html.entities.html5:
        return entity[0]
    return html.unescape(entity[0]).replace("\xa0", " ")


# What has no look of its own goes, except where a script or an emoji needs it: joiners in Persian and Indic words,
# between emoji, the letters of a flag, what chooses a variant of an ideograph or the look of an emoji.
_JOINING = (
    r"[\p{Arabic}\p{Syriac}\p{Mongolian}\p{Nko}\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}\p{Oriya}\p{Tamil}"
    r"\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}\p{Tibetan}\p{Myanmar}\p{Khmer}]"
)
_UNSEEN = regex.compile(
    rf"""((?<={_JOINING})(?:\u200d|\u200c(?={_JOINING}))
    |(?<=[\p{{Extended_Pictographic}}\p{{Emoji_Modifier}}\ufe0f])\u200d(?=\p{{Extended_Pictographic}})
    |\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{{3,6}}\U000e007f
    |(?<=[0-9\#*])\ufe0f(?=\u20e3)|(?<=[^\P{{Emoji}}0-9\#*])[\ufe0e\ufe0f]
    |(?<=\p{{Han}})[\ufe00-\ufe02\U000e0100-\U000e01ef]|(?<=\p{{Mongolian}})[\u180b-\u180d\u180f])
    |[\p{{Default_Ignorable_Code_Point}}\ufff9-\ufffb]""",
    regex.VERBOSE,
)


def sanitise(text: str) -> str:
    """
    Undo what hides words from a classifier but not from a reader: invisible characters, lookalikes, odd widths.

    Compatibility characters become plain ones (Unicode NFKC: full-width and mathematical letters, ligatures, but also
    `½` and `²`); zero-width characters, direction marks and tags go, except where a script or an emoji needs them; a
    letter that looks like one of another script becomes that one where its word, or for a whole word the rest of the
    text, is written in it (the table of `Homoglyph`). What is sanitised stays as it is.
    """
    if text.isascii():
        return text
    while (cleaned := _sanitised(text)) != text:
        text = cleaned
    return text


def _sanitised(text: str) -> str:
    text = _UNSEEN.sub(lambda found: found[1] or "", unicodedata.normalize("NFKC", text))
    return unicodedata.normalize("NFKC", fold_lookalikes(text))


def compose(text: str) -> str:
    """Compose characters (Unicode NFC)."""
    return unicodedata.normalize("NFC", text)


def one_space(text: str) -> str:
    """Write one space for each run of white space, none at the ends."""
    return " ".join(text.split())


# In this order, under the names of the `preprocess` block.
STEPS: Mapping[str, Callable[[str], str]] = {
    "strip_html": strip_html,
    "sanitise": sanitise,
    "unicode_nfc": compose,
    "whitespace": one_space,
    "lower_case": str.lower,
}


@dataclasses.dataclass(frozen=True)
class Preprocess:
    """
    Clean text columns, as a function for `Dataset.map(..., batched=True)`. What is no string stays as it is.

    A second pass changes nothing more, except where the first one resolved an entity into what reads like markup
    (`&amp;lt;`, `&lt;b&gt;`), or took out a tag whose neighbours then form one (`<<b>b>`).

    Args:
        config ([`PreprocessConfig`]): The `preprocess` block of a recipe.
        columns (`list[str]`): The columns to clean.
    """

    config: PreprocessConfig
    columns: tuple[str, ...]

    def __post_init__(self):
        object.__setattr__(self, "columns", tuple(self.columns))

    @property
    def steps(self) -> list[str]:
        """The names of the steps that are on, in order; none if texts stay as they are."""
        return [name for name in STEPS if getattr(self.config, name)]

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list]:
        return {column: [self.clean(value) for value in batch[column]] for column in self.columns}

    def clean(self, text: Any) -> Any:
        """Return the cleaned text; anything but a string as it is."""
        if not isinstance(text, str):
            return text
        for name in self.steps:
            text = STEPS[name](text)
        if self.config.lower_case:  # a few small letters compose, or look like others, where their capitals do not
            text = compose(text) if self.config.unicode_nfc else text
            text = sanitise(text) if self.config.sanitise else text
        return text

    def __reduce__(self):
        # One string, the version in it: `datasets` hashes imported classes by reference and would serve stale texts.
        return _rebuild, (canonical({**dataclasses.asdict(self), "version": VERSION}),)


def _rebuild(document: str) -> Preprocess:
    values = json.loads(document)
    return Preprocess(PreprocessConfig(**values["config"]), values["columns"])
