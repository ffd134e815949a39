"""Which parts of speech can stand between two words: what a table can tell without a tagger."""

# One letter each. `d` and `p` are pasts and participles where only one of the two would be right and the word that is
# replaced does not say which; `e` is right for both, or known to be right.
NOUN, VERB, THIRD_PERSON, ING, PAST_OR_PARTICIPLE, ONLY_PAST, ONLY_PARTICIPLE, ADJECTIVE, ADVERB = "nvzgedpar"

_NO_VERBS = str.maketrans("", "", VERB + THIRD_PERSON + ING + PAST_OR_PARTICIPLE + ONLY_PAST + ONLY_PARTICIPLE)
_NO_PRESENT = str.maketrans("", "", VERB + THIRD_PERSON)
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
_NO_VERB_BEFORE, _OBJECTS, _ADVERBS = (
    frozenset(words.split())
    for words in (
        # A verb and a particle are a verb of their own (look at, turn on), which no synonym of the verb replaces; and
        # what stands before an auxiliary is no verb.
        """
        about after along apart around at away back by down for forward from in into of off on out over through up upon
        with is are was were has have had will would can could should must may might does did isn't wasn't doesn't
        didn't won't can't wouldn't couldn't
        """,
        # What comes before one of these is seldom a noun: "it commands the scene".
        "a an the my your our their its his her this these those me him us them",
        "also always even ever just never not often only please so still then",
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
    roles = _ROLES_AFTER.get(before)
    if roles is None:
        roles = _ANYWHERE
        if before == "to":  # "to watch", "to places"
            roles = "vr" if any(role == VERB for _, role in found) else roles
        elif before and after not in _OBJECTS and not before.endswith("ly") and before not in _ADVERBS:
            roles = roles.translate(_NO_PRESENT)  # "a surprising twist", "great reviews"
    if after in _NO_VERB_BEFORE:
        roles = roles.translate(_NO_VERBS)
    elif after in _OBJECTS:
        roles = roles.replace(NOUN, "")
    return [word for word, role in found if role in roles]  # an unknown role, the empty string, fits everywhere
