"""Which parts of speech can stand between two words: what a table can tell without a tagger."""

# One letter each. `d` and `p` are pasts and participles where only one of the two would be right and the word that is
# replaced does not say which; `e` is right for both, or known to be right.
NOUN, VERB, THIRD_PERSON, ING, PAST_OR_PARTICIPLE, ONLY_PAST, ONLY_PARTICIPLE, ADJECTIVE, ADVERB = "nvzgedpar"

_NO_VERBS = str.maketrans("", "", VERB + THIRD_PERSON + ING + PAST_OR_PARTICIPLE + ONLY_PAST + ONLY_PARTICIPLE)
_ANYWHERE = "nvzgear"
_AFTER = {
    roles: words.split()
    for roles, words in {
        "ngepar": "a an the my your his its our their every",
        "vzedr": "i he she we they who i'll we'll they'll",
        "vzedgar": "it you that which there",
        "vr": """
            will would can could should must may might shall do does did don't doesn't didn't can't cannot couldn't won't
            wouldn't shouldn't let's please i'd you'd he'd she'd we'd they'd you'll he'll she'll it'll
            """,
        "ngpear": """
            be am is are was were been being isn't aren't wasn't weren't get gets got getting it's i'm he's she's you're
            we're they're that's
            """,
        "npear": "have has had having haven't hasn't hadn't i've you've we've they've",
    }.items()
}
_ROLES_AFTER = {word: roles for roles, words in _AFTER.items() for word in words}
_PARTICLES, _OBJECTS = (
    frozenset(words.split())
    for words in (
        # A verb and one of these are a verb of their own (look at, turn on), which no synonym of the verb replaces.
        """
        about after along apart around at away back by down for forward from in into of off on out over through up upon
        with
        """,
        # What comes before one of these is seldom a noun: "it commands the scene".
        "a an the my your our their its me him us them",
    )
)


def fitting(found: tuple[tuple[str, str], ...], before: str, after: str) -> list[str]:
    """
    Keep the words whose role fits between two others.

    Args:
        found (`tuple[tuple[str, str], ...]`): Words with their roles, empty where a user's table does not say.
        before (`str`): The word before in lower case, empty at the start of a clause.
        after (`str`): The word after in lower case, empty at the end of a clause.
    """
    roles = _ROLES_AFTER.get(before, _ANYWHERE)
    if before == "to":  # "to watch", "to places"
        roles = "vr" if any(role == VERB for _, role in found) else _ANYWHERE
    if after in _PARTICLES:
        roles = roles.translate(_NO_VERBS)
    elif after in _OBJECTS:
        roles = roles.replace(NOUN, "")
    return [word for word, role in found if role in roles]  # an unknown role, the empty string, fits everywhere
