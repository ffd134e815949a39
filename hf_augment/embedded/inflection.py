"""English inflection: which word a form belongs to, and how another word looks in the same form."""

import re
from collections.abc import Iterator

from hf_augment.embedded.lexicon import irregular_forms

# What a form is: base, -s (plural or third person), -ing, past, participle, either of the two, comparative, superlative.
BASE, S, ING, PAST, PARTICIPLE, ED, ER, EST = "", "s", "ing", "past", "participle", "ed", "er", "est"

# For writing: base, past, and the participle where it differs. WordNet's list, which is for reading, calls "wrought" a
# past of "work" and does not say which of "went" and "gone" is which.
_VERBS = """
arise arose arisen | awake awoke awoken | bear bore borne | beat beat beaten | become became become | befall befell befallen
begin began begun | bend bent | bet bet | bid bid | bind bound | bite bit bitten | bleed bled | blow blew blown
break broke broken | breed bred | bring brought | build built | burst burst | buy bought | cast cast | catch caught
choose chose chosen | cling clung | come came come | cost cost | creep crept | cut cut | deal dealt | dig dug
do did done | draw drew drawn | drink drank drunk | drive drove driven | dwell dwelt | eat ate eaten | fall fell fallen
feed fed | feel felt | fight fought | find found | flee fled | fling flung | fly flew flown | forbid forbade forbidden
forget forgot forgotten | forgive forgave forgiven | forsake forsook forsaken | freeze froze frozen | get got | give gave given
go went gone | grind ground | grow grew grown | hang hung | have had | hear heard | hide hid hidden | hit hit | hold held
hurt hurt | keep kept | kneel knelt | know knew known | lay laid | lead led | leave left | lend lent | let let | lie lay lain
light lit | lose lost | make made | mean meant | meet met | mistake mistook mistaken | pay paid | prove proved proven
put put | quit quit | read read | rid rid | ride rode ridden | ring rang rung | rise rose risen | run ran run | say said
see saw seen | seek sought | sell sold | send sent | set set | sew sewed sewn | shake shook shaken | shed shed | shine shone
shoot shot | show showed shown | shrink shrank shrunk | shut shut | sing sang sung | sink sank sunk | sit sat | slay slew slain
sleep slept | slide slid | sling slung | slit slit | speak spoke spoken | speed sped | spend spent | spin spun | spit spat
split split | spread spread | spring sprang sprung | stand stood | steal stole stolen | stick stuck | sting stung | stink stank stunk
strike struck | strive strove striven | swear swore sworn | sweep swept | swell swelled swollen | swim swam swum | swing swung
take took taken | teach taught | tear tore torn | tell told | think thought | throw threw thrown | thrust thrust | tread trod trodden
wake woke woken | wear wore worn | weave wove woven | weep wept | win won | wind wound | wring wrung | write wrote written
"""
_PREFIXES = ("over", "under", "out", "fore", "inter", "mis", "with", "un", "up", "re")
_PLURALS = """
man men | woman women | child children | foot feet | tooth teeth | mouse mice | goose geese | ox oxen | person people
life lives | wife wives | knife knives | leaf leaves | half halves | self selves | shelf shelves | thief thieves | wolf wolves
loaf loaves | calf calves | elf elves | sheaf sheaves | scarf scarves | potato potatoes | tomato tomatoes | hero heroes
echo echoes | veto vetoes | torpedo torpedoes | tornado tornadoes | volcano volcanoes | mosquito mosquitoes | cargo cargoes
criterion criteria | phenomenon phenomena | bacterium bacteria | medium media | curriculum curricula | stimulus stimuli
nucleus nuclei | passer-by passers-by | bus buses | gas gases | sheep sheep | deer deer | fish fish | aircraft aircraft
series series | species species | clothes clothes | earnings earnings | goods goods
stomach stomachs | monarch monarchs | patriarch patriarchs | epoch epochs
"""
_MANS = {"caiman", "german", "human", "norman", "ottoman", "roman", "shaman", "talisman"}
_DEGREES = "good better best | well better best | bad worse worst | ill worse worst | far farther farthest"

_TABLES = {
    kind: {words[0]: words[1:] for words in (row.split() for row in re.split(r"[|\n]", text)) if words}
    for kind, text in (("v", _VERBS), ("n", _PLURALS), ("a", _DEGREES))
}

_ENDINGS = (("s", S, "nv"), ("ing", ING, "v"), ("ed", ED, "v"), ("er", ER, "a"), ("est", EST, "a"))
_DOUBLING = re.compile(r"(?:qu|[^aeiouy])*[aeiouy][^aeiouwxy]\Z")  # one short syllable: stop, quit, big
_HISSING = re.compile(r"(?:s|x|z|ch|sh)\Z")
_SYLLABLE = re.compile(r"[aeiouy]+")
_SHORT = re.compile(r"(?:[^aeiou]y|[^aeiouy]le)\Z")  # two syllables that still take -er: happy, simple
# The first letter misleads: "a university", "a European", "a one-off", "an hour".
_CONSONANT_SOUND = re.compile(r"e[uw]|uni(?![dmn])|u[st][aeiou]|ubi|ur[ai]|uk|uf|one(?![a-z])|once", re.IGNORECASE)
_VOWEL_SOUND = re.compile(r"[aeiou]|hour|honest|honou?r|heir", re.IGNORECASE)


def readings(word: str) -> Iterator[tuple[str, str, str]]:
    """
    Find what a form may be an inflection of.

    Args:
        word (`str`): A word in lower case.

    Yields:
        `tuple[str, str, str]`: Lemma, part of speech (`n`, `v`, `a`) and form. A lemma made by rule need not exist.
    """
    for lemma, pos in irregular_forms().get(word, ()):
        yield lemma, pos, _form(word, lemma, pos)
    for ending, form, poses in _ENDINGS:
        if word.endswith(ending):
            stem = word[: -len(ending)]
            for lemma in dict.fromkeys(
                (stem, stem + "e", stem[:-1], stem[:-1] + "y", stem[:-2] + "y", stem[:-1] + "ie")
            ):
                # Only a lemma that is written this way counts: "hoped" is from "hope", "hopped" from "hop".
                if len(lemma) > 1 and _regular(lemma, form) == word:
                    for pos in poses:
                        if pos != "a" or _is_short(lemma):
                            yield lemma, pos, _form(word, lemma, pos)


def inflect(lemma: str, pos: str, form: str) -> str:
    """
    Write a word in a form.

    Args:
        lemma (`str`): A base form in lower case.
        pos (`str`): Its part of speech: `n`, `v`, `a` or `r`.
        form (`str`): One of the forms of this module, but not `ED`: past and participle may differ.
    """
    if form == BASE:
        return lemma
    if pos == "v" and " " in lemma:
        head, _, rest = lemma.partition(" ")
        return f"{inflect(head, pos, form)} {rest}"
    if pos == "v":
        if form in (PAST, PARTICIPLE):
            return _past(lemma)[form == PARTICIPLE]
    elif pos == "n":
        return _plural(lemma)
    else:
        return _degree(lemma, form)
    return _doubled(lemma, form) or _regular(lemma, form)


def takes_an(word: str) -> bool:
    """Say whether the article before a word is "an"."""
    return bool(_VOWEL_SOUND.match(word)) and not _CONSONANT_SOUND.match(word)


def new_article(article: str, before: str, now: str) -> str | None:
    """
    Write the article anew where another word follows it.

    Args:
        article (`str`): The word that stands there, an article or not.
        before (`str`): The word that followed it.
        now (`str`): The word that follows now.

    Returns:
        `str` or `None`: "a" or "an" with the casing it had; `None` if `article` can stay.
    """
    if article.lower() not in ("a", "an"):
        return None
    an = takes_an(now)
    if an == takes_an(before) or an == (len(article) == 2):
        return None
    return article[0] + ("N" if article == "A" and now.isupper() else "n") if an else article[0]


def cased(word: str, like: str) -> str:
    """Write `word` with the capitals of `like`: all, the first, or its own."""
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word[0].upper() + word[1:] if like[0].isupper() else word


def _form(word: str, lemma: str, pos: str) -> str:
    if pos == "n":
        return S
    if pos == "v":
        if word.endswith(("ing", "s")) and not word.endswith("ss"):
            return ING if word.endswith("ing") else S
        past, participle = _past(lemma)
        return ED if past == participle else PAST if word == past else PARTICIPLE
    return EST if word.endswith("st") else ER


def _past(lemma: str) -> tuple[str, str]:
    for prefix in ("", *_PREFIXES):
        forms = _TABLES["v"].get(lemma.removeprefix(prefix)) if lemma.startswith(prefix) else None
        if forms:
            return prefix + forms[0], prefix + forms[-1]
    past = _doubled(lemma, ED) or _regular(lemma, ED)
    return past, past


def _plural(lemma: str) -> str:
    if lemma in _TABLES["n"]:
        return _TABLES["n"][lemma][0]
    if lemma.endswith("sis"):
        return lemma[:-2] + "es"
    head, joint, last = lemma.rpartition("-")
    if last in _TABLES["n"]:
        return head + joint + _TABLES["n"][last][0]
    if lemma.endswith("man") and lemma not in _MANS:
        return lemma[:-3] + "men"
    return _regular(lemma, S)


def _degree(lemma: str, form: str) -> str:
    better, best = _TABLES["a"].get(lemma, ("", ""))
    if better:
        return better if form == ER else best
    return _regular(lemma, form) if _is_short(lemma) else f"{'more' if form == ER else 'most'} {lemma}"


def _is_short(lemma: str) -> bool:
    syllables = len(_SYLLABLE.findall(lemma if lemma.endswith("le") else lemma.removesuffix("e")))
    return syllables == 1 or (syllables == 2 and bool(_SHORT.search(lemma)))


def _doubled(lemma: str, form: str) -> str | None:
    # The rule for longer words needs their stress (visited, admitted), so a list knows them.
    doubled = lemma + lemma[-1] + form
    return doubled if any(of == lemma for of, _ in irregular_forms().get(doubled, ())) else None


def _regular(lemma: str, form: str) -> str:
    if form == S:
        if lemma.endswith("y") and lemma[-2:-1] not in "aeiou":
            return lemma[:-1] + "ies"
        return lemma + ("es" if _HISSING.search(lemma) else "s")
    if form == ING:
        if lemma.endswith("ie"):
            return lemma[:-2] + "ying"
        if lemma.endswith("e") and not lemma.endswith(("ee", "oe", "ye")):
            return lemma[:-1] + "ing"
    elif lemma.endswith("e"):
        return lemma + form[1:]
    elif lemma.endswith("y") and lemma[-2:-1] not in "aeiou":
        return lemma[:-1] + "i" + form
    if lemma.endswith("ic"):
        return lemma + "k" + form
    if _DOUBLING.match(lemma):
        return lemma + lemma[-1] + form
    return lemma + form
