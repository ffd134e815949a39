import functools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hf_augment.edits import Edit, splice
from hf_augment.tasks.task import Pair, Task, unusable
from hf_augment.transform import NO_CHANGE, Declined, Row, Transform, Written
from hf_augment.words import Span

OUTSIDE = "O"
_PREFIXED = re.compile(r"([BIMESLU])(?:[-_](.*))?", re.DOTALL)
_LAST, _SINGLE = ("E", "L"), ("S", "U")
_WORD = re.compile(r"\S+")
_AROUND = re.compile(r"^\W+|\W+$")


class _Piece(NamedTuple):
    """A token: where it stands in the text, its tag, the token that it was, if it was one, and its mention, if any."""

    span: Span
    tag: str
    source: int | None
    mention: int | None


class _Region(NamedTuple):
    """Neighbouring tokens with the edits that change them; or a token or mention, or an insertion, alone."""

    groups: list[list[_Piece]]
    edits: list[Edit]


class TokenClassification(Task):
    """
    Tokens and a tag for each, such as entities in IOB1, IOB2, IOBES or BILOU, or types without a prefix.

    Only transforms that say what they edited can keep tags in their places. Mentions (runs of tags other than `O`) are
    not edited, except by one that swaps whole mentions, and stay apart from each other; a token that is not touched
    keeps its tag, a new one outside of mentions is tagged `O`. Other columns that hold a list of one value a token keep
    the values of the tokens that stay, that move, or that are replaced one for one; a new token's is `None`.

    Tags are numbers with names, or names. Names alone tell their scheme row by row, and in a row of "S-PER" nothing
    tells whether a longer mention would go on with an "I-PER" (which is taken) or an "M-PER"; `label_names` does.
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
        beside = [name for name in columns if name not in found.values() and _may_grow(features, name)]
        return {**found, **{f"beside: {name}": name for name in beside}}

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
        if super().is_row(value):
            return True
        # In a batch stand lists, or `None`. No `map` hands over a batch without rows, so an empty list is a row.
        first = next((token for token in value if token is not None), None)
        return isinstance(first, str) or (isinstance(value, list) and not value)

    def identity(self, values: Sequence[Any]) -> Any:
        return ["tokens", values[0]]  # without the tags: their numbers say nothing, only the names do

    def rows(self, values: Sequence[Any], read: bool = True) -> Sequence[Row] | str:
        tokens, tags = values[:2]
        if not isinstance(tokens, list) or not tokens:
            return "no tokens"
        for token in tokens:
            if problem := unusable(token):
                return problem.replace("text", "a token")
        text = " ".join(tokens)
        if problem := unusable(text):
            return problem
        if not isinstance(tags, list) or len(tags) != len(tokens):
            return "not one tag a token"
        names = self._names(tags)
        if isinstance(names, str):
            return names
        spans, found = _spans(tokens), mentions(names)
        fixed = tuple((spans[first][0], spans[last][1]) for first, last in found)
        return [Row(text, None, {"types": [_split(names[first])[1] for first, _ in found]}, fixed)]

    def check(self, values, place, row, written) -> str:
        pieces = self._pieces(values, row, written)
        return pieces if isinstance(pieces, str) else ""

    def put(self, values, written) -> dict[str, Any]:
        [(row, outcome)] = written.values()
        return self._retokenised(values, outcome, self._pieces(values, row, outcome))

    def accept(self, values, rows, outcomes):
        [row], [outcome] = rows, outcomes
        if not isinstance(outcome, Written):
            return [outcome], {}
        pieces = self._pieces(values, row, outcome)  # once: `check` and `put` would each cut the text
        if isinstance(pieces, str):
            return [Declined(pieces)], {}
        return [outcome], self._retokenised(values, outcome, pieces)

    def _retokenised(self, values: Sequence[Any], written: Written, pieces: Sequence[_Piece]) -> dict[str, Any]:
        tags = [piece.tag for piece in pieces]
        if isinstance(values[1][0], int):
            numbers = {name: number for number, name in reversed(list(enumerate(self._known())))}
            tags = [numbers[tag] for tag in tags]
        changed = {
            self.columns["tokens"]: [written.text[slice(*piece.span)] for piece in pieces],
            self.columns["tags"]: tags,
        }
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
        if "edits" not in written.notes:
            return "it is not known which words were edited"
        tokens, tags, known = values[0], self._names(values[1]), self._known()
        of_token = {i: number for number, found in enumerate(mentions(tags)) for i in range(found[0], found[1] + 1)}
        text, pieces = row.text, [_Piece(span, tags[i], i, of_token.get(i)) for i, span in enumerate(_spans(tokens))]
        for edits in written.notes["edits"]:
            pieces = _rewritten(text, pieces, edits, known or tags)
            if isinstance(pieces, str):
                return pieces
            text = splice(text, edits)
        pieces = _apart(pieces)
        if isinstance(pieces, str):
            return pieces
        if known is not None and not {piece.tag for piece in pieces} <= {*known, *tags}:
            return "no tag for the words of a mention"
        if [text[slice(*piece.span)] for piece in pieces] == tokens:
            return NO_CHANGE  # but for the space between two tokens, which tokens do not tell
        return pieces or "no tokens"

    def _names(self, tags: Sequence[Any]) -> list[str] | str:
        if any(isinstance(tag, int) for tag in tags):
            names = self._known()
            self._check_names(names)
            tags = [names[tag] if isinstance(tag, int) and 0 <= tag < len(names) else tag for tag in tags]
        if not all(isinstance(tag, str) and tag for tag in tags):
            return "a tag without a name"
        return list(tags)

    def _check_names(self, names: Sequence[str] | None) -> None:
        if names is None:
            raise ValueError(
                f"The column {self.columns['tags']!r} holds integers without names. On a stream, write augment = "
                "augment.bind(dataset); otherwise pass label_names=['O', 'B-PER', 'I-PER', ...]."
            )
        if OUTSIDE not in names:
            raise ValueError(
                f"The tags of {self.columns['tags']!r} are {list(names)}, and without 'O' nobody knows which words "
                "may be rewritten. Expected tags of mentions, such as ['O', 'B-PER', 'I-PER']."
            )

    def _known(self) -> Sequence[str] | None:
        feature = (self.features or {}).get(self.columns["tags"])
        return self.label_names or getattr(getattr(feature, "feature", feature), "names", None)


def _may_grow(features: Mapping[str, Any] | None, name: str) -> bool:
    """Say whether a column can hold a value a token: what is no list need not be read, and one of fixed length stays."""
    if features is None or name not in features:
        return True
    return hasattr(features[name], "feature") and getattr(features[name], "length", -1) == -1


def _spans(tokens: Sequence[str]) -> list[Span]:
    found, start = [], 0
    for token in tokens:
        found.append((start, start + len(token)))
        start += len(token) + 1
    return found


@functools.lru_cache(maxsize=1024)
def _split(tag: str) -> tuple[str, str]:
    """Return the prefix of a tag and its type; a "LOC" that stands alone has no prefix."""
    found = _PREFIXED.fullmatch(tag)
    return (found[1], found[2] or "") if found else ("", tag)


def _begins(tag: str, before: str) -> bool:
    """Say whether a mention begins with a tag that stands after another one."""
    prefix, kind = _split(tag)
    prefix_before, kind_before = _split(before)
    return prefix in ("B", *_SINGLE) or prefix_before in (*_LAST, *_SINGLE) or kind != kind_before


def kind_of(tag: str) -> str:
    """Return the type of mention that a tag is of."""
    return _split(tag)[1]


def mentions(tags: Sequence[str]) -> list[tuple[int, int]]:
    """Find the mentions: first and last token of each."""
    found: list[tuple[int, int]] = []
    for i, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        if i and tags[i - 1] != OUTSIDE and not _begins(tag, tags[i - 1]):
            found[-1] = found[-1][0], i
        else:
            found.append((i, i))
    return found


def _rewritten(text: str, pieces: Sequence[_Piece], edits: Sequence[Edit], names: Sequence[str]) -> list[_Piece] | str:
    """Follow the tokens through one step of edits."""
    new_text = splice(text, edits)
    found: list[_Piece] = []
    fresh: list[int] = []  # which of those found are new, or have changed
    gone: dict[str, list[int | None]] = defaultdict(list)  # the words that gave way, and which tokens they were
    shift = 0
    for groups, own in _regions(pieces, edits):
        if not own:
            found += [_Piece((piece[0][0] + shift, piece[0][1] + shift), *piece[1:]) for piece in groups[0]]
            continue
        start = min([own[0].start, *(group[0].span[0] for group in groups)]) + shift
        shift += sum(len(new) - (last - first) for first, last, new in own)
        end = max([own[-1].end, *(group[-1].span[1] for group in groups)]) + shift
        spans = [word.span() for word in _WORD.finditer(new_text, start, end)]
        old = [piece for group in groups for piece in group]
        sources = [piece.source for piece in old] if len(old) == len(spans) else [None] * len(spans)
        if any(piece.mention is not None for piece in old):
            if len(groups) > 1 or [edit[:2] for edit in own] != [_reach(old)] or not spans:
                return "a mention was cut"
            tags, mention = _retagged(old[0].tag, len(spans), names), old[0].mention
        else:
            tags, mention = [OUTSIDE] * len(spans), None
            fresh += range(len(found), len(found) + len(spans))
            for piece in old:
                gone[_AROUND.sub("", text[slice(*piece.span)])].append(piece.source)
        found += [_Piece(*told, mention) for told in zip(spans, tags, sources, strict=True)]
    for place in fresh:
        moved = gone.get(_AROUND.sub("", new_text[slice(*found[place].span)]))
        if moved:  # a word that moved takes what is known of it along
            found[place] = found[place]._replace(source=moved.pop(0))
    return found


def _regions(pieces: Sequence[_Piece], edits: Sequence[Edit]) -> Iterator[_Region]:
    """Put edits and the tokens that they change together, in order of the text."""
    groups = _groups(pieces)
    swaps = {_reach(group) for group in groups if group[0].mention is not None}
    items = [(_reach(group), group, None) for group in groups] + [(edit[:2], None, Edit(*edit)) for edit in edits]
    region = _Region([], [])
    for _, group, edit in sorted(items, key=lambda item: item[0]):
        # Tokens do not overlap, nor do edits, so what reaches into the region reaches the last of the other kind.
        if edit is None:
            belongs = region.edits and _touches(group, region.edits[-1], swaps)
        else:
            belongs = region.groups and _touches(region.groups[-1], edit, swaps)
        if not belongs and (region.groups or region.edits):
            yield region
            region = _Region([], [])
        if edit is None:
            region.groups.append(group)
        else:
            region.edits.append(edit)
    if region.groups or region.edits:
        yield region


def _groups(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """Put the tokens of one mention together, each other token alone."""
    found: list[list[_Piece]] = []
    for piece in pieces:
        if piece.mention is not None and found and found[-1][-1].mention == piece.mention:
            found[-1].append(piece)
        else:
            found.append([piece])
    return found


def _reach(group: Sequence[_Piece]) -> Span:
    return group[0].span[0], group[-1].span[1]


def _touches(group: Sequence[_Piece], edit: Edit, swaps: set[Span]) -> bool:
    """Say whether an edit changes a token or mention; a token also by growing at one of its ends, where no space is."""
    start, end = _reach(group)
    if edit.start < end and start < edit.end:
        return True
    if group[0].mention is not None or edit[:2] in swaps:
        return False
    return (edit.end == start and edit.new[-1:].strip() != "") or (edit.start == end and edit.new[:1].strip() != "")


def _retagged(first: str, count: int, names: Sequence[str]) -> list[str]:
    """
    Tag the words that took the place of a mention.

    Args:
        first (`str`): The tag of the first token of the mention.
        count (`int`): How many words there are now.
        names (`Sequence[str]`): All tags that are known, which tell the scheme.
    """
    prefix, _ = _split(first)
    if not prefix:
        return [first] * count
    rest, prefixes = first[1:], {_split(name)[0] for name in names}
    inside = "M" if "M" in prefixes and "I" not in prefixes else "I"
    opening = "I" if prefix == "I" else "B"  # in IOB1 most mentions begin with an I
    last, single = inside, opening
    for of_last, of_single in zip(_LAST, _SINGLE, strict=True):
        if {of_last, of_single} & prefixes:
            last, single = of_last, of_single
    if count == 1:
        return [single + rest]
    return [opening + rest, *[inside + rest] * (count - 2), last + rest]


def _apart(pieces: Sequence[_Piece]) -> list[_Piece] | str:
    """Keep mentions of one type apart that nothing stands between any more: in IOB1 only a B tells that one begins."""
    found = list(pieces)
    for i in range(1, len(found)):
        before, piece = found[i - 1], found[i]
        if None in (before.mention, piece.mention) or before.mention == piece.mention:
            continue
        if not _begins(piece.tag, before.tag):
            if not _split(piece.tag)[0]:
                return "two mentions would run together"
            found[i] = piece._replace(tag="B" + piece.tag[1:])
    return found
