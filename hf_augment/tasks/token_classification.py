import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hf_augment.edits import Edit, splice
from hf_augment.tasks.task import Pair, Task, unusable
from hf_augment.transform import Row, Transform, Written
from hf_augment.words import Span

OUTSIDE = "O"
_LAST, _SINGLE = ("E", "L"), ("S", "U")


class _Piece(NamedTuple):
    """A token: where it stands in the text, its tag, the token that it was, if it was one, and its mention, if any."""

    span: Span
    tag: str
    source: int | None
    mention: int | None


class TokenClassification(Task):
    """
    Tokens and a tag for each, such as entities in IOB1, IOB2, IOBES or BILOU.

    Only transforms that say what they edited can keep tags in their places. Mentions (runs of tags other than `O`) are
    not edited, except by one that swaps whole mentions; a token that is not touched keeps its tag, a new one outside
    of mentions is tagged `O`. Other columns with one value a token keep the values of the tokens that stay, or that
    are replaced one for one; a new token's is `None`.
    """

    name = "token-classification"
    fields = ("tokens",)
    roles: Mapping[str, tuple[str, ...]] = {
        "tokens": ("tokens", "words"),
        "tags": ("ner_tags", "tags", "labels", "label"),
    }
    named = "tags"
    offers = ("types",)

    @classmethod
    def find(cls, given, columns, features):
        found = super().find(given, columns, features)
        return {**found, **{f"beside: {name}": name for name in columns if name not in found.values()}}

    @classmethod
    def refuses(cls, transform: Transform, field: str) -> str:
        return super().refuses(transform, field) or (
            "" if transform.tells_edits else "it does not say which words it edited, and tags go by words"
        )

    def cleaned(self, values, clean) -> dict[str, Any]:
        # What would leave nothing stays: without the token, the tags would go to others. No tag is a text.
        tokens = values[0]
        if isinstance(tokens, list):
            tokens = [(isinstance(token, str) and clean(token)) or token for token in tokens]
        return {self.columns["tokens"]: tokens}

    def is_row(self, value: Any) -> bool:
        return super().is_row(value) or (bool(value) and isinstance(value[0], str))

    def identity(self, values: Sequence[Any]) -> Any:
        return list(values[:2])

    def rows(self, values: Sequence[Any], read: bool = True) -> Sequence[Row] | str:
        tokens, tags = values[:2]
        if not isinstance(tokens, list) or not tokens:
            return "no tokens"
        for token in tokens:
            if problem := unusable(token):
                return problem.replace("text", "a token")
        if not isinstance(tags, list) or len(tags) != len(tokens):
            return "not one tag a token"
        named = self._names(tags)
        if isinstance(named, str):
            return named
        spans, mentions = _spans(tokens), _mentions(named)
        fixed = tuple((spans[first][0], spans[last][1]) for first, last in mentions)
        return [Row(" ".join(tokens), None, {"types": [_type(named[first]) for first, _ in mentions]}, fixed)]

    def check(self, values, place, row, written) -> str:
        if "edits" not in written.notes:
            return "it is not known which words were edited"
        pieces = self._pieces(values, row, written)
        return pieces if isinstance(pieces, str) else ""

    def put(self, values, written) -> dict[str, Any]:
        [(row, outcome)] = written.values()
        pieces = self._pieces(values, row, outcome)
        tags = self._stored([piece.tag for piece in pieces])
        changed = {self.columns["tokens"]: [outcome.text[slice(*piece.span)] for piece in pieces]}
        changed[self.columns["tags"]] = tags
        for column, old in zip(self.reads()[2:], values[2:], strict=True):
            if isinstance(old, list) and len(old) == len(values[0]):
                changed[column] = [None if piece.source is None else old[piece.source] for piece in pieces]
        return changed

    def pair(self, values: Sequence[Any]) -> Pair | None:
        tokens, tags = values[:2]
        found = self.rows(values)
        return None if isinstance(found, str) else Pair(list(tokens), self._names(tags))

    def _pieces(self, values: Sequence[Any], row: Row, written: Written) -> list[_Piece] | str:
        """Cut the new text into tokens, or say why they cannot be tagged."""
        tokens, tags = values[0], self._names(values[1])
        of_token = {i: number for number, found in enumerate(_mentions(tags)) for i in range(found[0], found[1] + 1)}
        text, pieces = row.text, [_Piece(span, tags[i], i, of_token.get(i)) for i, span in enumerate(_spans(tokens))]
        for edits in written.notes["edits"]:
            pieces = _rewritten(text, pieces, edits, self._known() or tags)
            if isinstance(pieces, str):
                return pieces
            text = splice(text, edits)
        pieces = _apart(pieces)
        known = self._known()
        if known is not None and any(piece.tag not in known for piece in pieces):
            return "no tag for the words of a mention"
        return pieces or "no tokens"

    def _names(self, tags: Sequence[Any]) -> list[str] | str:
        names = self._known()
        if names is None and any(isinstance(tag, int) for tag in tags):
            raise ValueError(
                f"The column {self.columns['tags']!r} holds integers without names. On a stream, write augment = "
                "augment.bind(dataset); otherwise pass label_names=['O', 'B-PER', 'I-PER', ...]."
            )
        found = []
        for tag in tags:
            if isinstance(tag, int) and 0 <= tag < len(names):
                tag = names[tag]
            if not isinstance(tag, str):
                return "a tag without a name"
            found.append(tag)
        if names is not None and OUTSIDE not in names:
            raise ValueError(
                f"The tags of {self.columns['tags']!r} are {list(names)}, and without 'O' nobody knows which words "
                "may be rewritten. Expected tags of mentions, such as ['O', 'B-PER', 'I-PER']."
            )
        return found

    def _known(self) -> Sequence[str] | None:
        feature = (self.features or {}).get(self.columns["tags"])
        return self.label_names or getattr(getattr(feature, "feature", feature), "names", None)

    def _stored(self, tags: Sequence[str]) -> list[Any]:
        names = self._known()
        return list(tags) if names is None else [names.index(tag) for tag in tags]


def _spans(tokens: Sequence[str]) -> list[Span]:
    found, start = [], 0
    for token in tokens:
        found.append((start, start + len(token)))
        start += len(token) + 1
    return found


def _type(tag: str) -> str:
    return tag[2:] if tag[1:2] in "-_" else tag


def _mentions(tags: Sequence[str]) -> list[tuple[int, int]]:
    """Find the mentions: first and last token of each."""
    found: list[list[int]] = []
    for i, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        goes_on = (
            found
            and found[-1][1] == i - 1
            and tag[:1] not in ("B", *_SINGLE)
            and tags[i - 1][:1] not in (*_LAST, *_SINGLE)
            and _type(tag) == _type(tags[i - 1])
        )
        if goes_on:
            found[-1][1] = i
        else:
            found.append([i, i])
    return [(first, last) for first, last in found]


def _rewritten(text: str, pieces: Sequence[_Piece], edits: Sequence[Edit], names: Sequence[str]) -> list[_Piece] | str:
    """Follow the tokens through one step of edits."""
    new_text = splice(text, edits)
    found: list[_Piece] = []
    reached, replaced = 0, []  # how far the new text is cut into tokens, and which tokens gave way to the next ones
    for group in _groups(pieces):
        start, end = group[0].span[0], group[-1].span[1]
        before = sum(len(new) - (last - first) for first, last, new in edits if last <= start)
        touching = [edit for edit in edits if _touches(edit, start, end, outside=group[0].mention is None)]
        if touching and group[0].mention is None:
            replaced += group
            continue
        if touching and touching != [edit for edit in touching if (edit.start, edit.end) == (start, end)]:
            return "a mention was cut"
        size = len(touching[0].new) if touching else end - start
        found += _new_tokens(new_text, reached, start + before, replaced)
        reached, replaced = start + before + size, []
        if touching:
            found += _retagged(new_text, start + before, reached, group, names)
        else:
            found += [piece._replace(span=(piece.span[0] + before, piece.span[1] + before)) for piece in group]
    return [*found, *_new_tokens(new_text, reached, len(new_text), replaced)]


def _groups(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """Put the tokens of one mention together, each other token alone."""
    found: list[list[_Piece]] = []
    for piece in pieces:
        if piece.mention is not None and found and found[-1][-1].mention == piece.mention:
            found[-1].append(piece)
        else:
            found.append([piece])
    return found


def _touches(edit: Edit, start: int, end: int, outside: bool) -> bool:
    """Say whether an edit changes what stands at a span, or outside of mentions grows a word at one of its ends."""
    if edit.start < end and edit.end > start:
        return True
    if edit.start == edit.end and start < edit.start < end:
        return True
    return outside and (
        (edit.end == start and edit.new[-1:].isalnum()) or (edit.start == end and edit.new[:1].isalnum())
    )


def _new_tokens(text: str, start: int, end: int, replaced: Sequence[_Piece]) -> list[_Piece]:
    spans = [found.span() for found in re.compile(r"\S+").finditer(text, start, end)]
    sources = [piece.source for piece in replaced] if len(replaced) == len(spans) else [None] * len(spans)
    return [_Piece(span, OUTSIDE, source, None) for span, source in zip(spans, sources, strict=True)]


def _retagged(text: str, start: int, end: int, group: Sequence[_Piece], names: Sequence[str]) -> list[_Piece]:
    """Tag the words that took the place of a mention, in the scheme of the tags."""
    spans = [found.span() for found in re.compile(r"\S+").finditer(text, start, end)]
    first = group[0].tag
    if first[1:2] not in ("-", "_"):
        tags = [first] * len(spans)
    else:
        rest = first[1:]
        prefixes = {name[:1] for name in names if name[1:2] in ("-", "_")}
        last, single = next(
            ((last, one) for last, one in zip(_LAST, _SINGLE, strict=True) if {last, one} & prefixes), ("I", first[:1])
        )
        opening = "B" if first[:1] in _SINGLE else first[:1]
        tags = [single + rest] if len(spans) == 1 else [opening + rest, *["I" + rest] * (len(spans) - 2), last + rest]
    return [_Piece(span, tag, None, group[0].mention) for span, tag in zip(spans, tags[: len(spans)], strict=True)]


def _apart(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Keep mentions of one type apart that nothing stands between any more: in IOB1 only a B tells that one begins."""
    found: list[_Piece] = []
    for piece in pieces:
        before = found[-1] if found else None
        if (
            before is not None
            and None not in (before.mention, piece.mention)
            and before.mention != piece.mention
            and piece.tag[:2] in ("I-", "I_")
            and _type(piece.tag) == _type(before.tag)
        ):
            piece = piece._replace(tag="B" + piece.tag[1:])
        found.append(piece)
    return found
