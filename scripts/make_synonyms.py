"""
Make the synonym table and the list of irregular forms from the WordNet 3.0 database files.

    apt-get install wordnet-base
    python scripts/make_synonyms.py /usr/share/wordnet hf_augment/embedded/words

The table is for replacing words without a tagger and without sense disambiguation, so it keeps only what is likely to
be right wherever the word stands: synonyms from the senses that dominate the word's tagged uses, and of those only
words that are known well enough and are themselves used in that sense.

Writes, into the folder that already holds `stop_words.txt`:

- `synonyms.tsv.gz`: word, synonyms (best first, spaces between), a part of speech (n, v, a, r) for each synonym
- `irregular.tsv`: irregular form, lemma, part of speech; only lemmas of the table
"""

import argparse
import gzip
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
KEY_POS = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}  # first digit of a sense key; 5: an adjective's satellite

MAX_SYNONYMS = 8
SENSE_SHARE = 0.2  # a sense counts from this share of the word's tagged uses: lower brings in rare meanings
POS_SHARE = 0.4  # ... and a part of speech from this one
OWN_SHARE = 0.25  # a candidate counts from this share of its own tagged uses ...
OWN_TAGS = 3  # ... or from this many
MIN_FREQUENCY = 3  # tagged uses and occurrences in the glosses; rarer words are mostly unknown to readers
SCORE_SHARE = 0.02  # a candidate's score must reach this share of the best one's
NOUN_SHARE = 0.1  # a verb's form is left out when it is a noun that often: "thought", "bit"
FORM_RATE = 6  # a verb's uses for one -ing or -ed form: tells "boring", a word of its own, from "using"
# Neighbours stand in for adjectives without a synonym ("bad" has none, "awful" is near); stricter on all counts.
NEAR_SENSE_SHARE = 0.4
NEAR_OWN_SHARE = 0.5
MAX_NEAR = 3

WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
# Usage labels of words. A word with an offensive sense is never offered; of the other labels only that sense is not.
OFFENSIVE = {"disparagement", "ethnic_slur", "obscenity"}
UNUSABLE = {"archaism", "combining_form", "slang", "trade_name", "trademark", "plural", "comparative", "superlative"}
# Many offensive words carry no label but say so in their gloss; some say nothing.
OFFENSIVE_GLOSS = re.compile(
    r"\b(offensive|derogatory|disparaging|contemptuous|obscene|vulgar|slur)\b.*\b(term|name|word|slang|expression)"
)
# Words about bodies, origin, belief and illness whose "synonyms" insult, or are one: neither replaced nor offered.
SENSITIVE = """
arse ass bawd breast butt buttocks colored coloured copulate copulation cretin crippled cripple cum dark-skinned dope
ethnic gay god-awful goddam goddamn goddamned harlot heathen hell homo homosexual horny idiot imbecile infidel insane
lunatic moron native negro non-white obesity pagan pervert prostitute randy rape raped retardation retarded savage
schizophrenic semen tit titty whore
"""
# Verbs that lean on their particles and objects: neither replaced nor offered.
LIGHT_VERBS = "bring come get give hold keep let make put run set take"
# Found by reading the rows of the 900 most common words: senses that WordNet's tagged texts have and others hardly do.
# Names and words that are mostly something else ("wont" for "won't") are not replaced at all.
NOT_REPLACED = """
accord aft alone bill buffet consist custom din flavor harry john mar mobile pearl please spirit wan wont worth
"""
NOT_OFFERED = """
agreement correspondence | area country | authority potency | band circle lot | benefit welfare | board plank
bush chaparral | case event | central cardinal | character quality | class family | code codification
complaint ailment | concern refer | contain bear | content message | daughter girl | design contrive
different contrary | early primeval | engage pursue | enjoy bask | extend lead pass | extra redundant supernumerary
eye optic | fail neglect | fantastic antic grotesque | feel find | figure anatomy chassis fig flesh frame | find bump
fit accommodate | flash wink | floor story | fly wing | focus pore rivet | form signifier | funny curious peculiar rum
girl miss | gold amber | handle care | happen pass | host horde | important distinguished | industry manufacture
instead rather | interest sake | invent excogitate forge | involve regard | item detail | junk dust rubble | kind form
leaf foliage | live populate | lock mesh | long endless | luck lot | man serviceman | manage negociate
message content | model framework | module faculty | multiple dual | new revolutionary | order say
neck cervix | organization arrangement system | pad dramatize | pair couplet duet | perfect idealized | person mortal
picnic cinch | place lay | plague harry | plastic pliant | plate home | plot patch | practice pattern
product production | refer concern pertain touch | regular veritable | rip rive | role office | send direct
serve function | shock stupor | shoot pip | short momentary | shot shooting | sign subscribe | slow lazy
sorry deplorable | speak mouth | special peculiar | spell trance | spend pass | square foursquare | suppose say
surround smother
tender sore | theory possibility | top upside | total full | true literal | unknown unexplored | volume mass
watch follow | web entanglement | weekly periodic | wish care | young immature
"""
# Pairs of common words that WordNet has, as synonyms or neighbours, but that its few tagged texts hide.
OFFERED_TOO = """
absurd ridiculous ludicrous | actor player thespian | angry mad | answer response | area region | atmosphere ambience
bad dreadful terrible | badly poorly | beautiful gorgeous pretty | big huge | boring dull | boss chief
burger hamburger | change modify | character role persona | choice option | clean spotless | clever smart
comfortable comfy | complete total | continue proceed | cozy snug | customer client | danger peril
dangerous hazardous | death demise | delicious tasty yummy delectable | different dissimilar | difficult tough
dirty filthy | disgusting revolting | dull boring | easy simple | empty vacant | ending conclusion | entire whole
evil wicked | excellent splendid | exciting thrilling | expensive pricey costly | fast speedy | fresh new
friendly amicable | funny amusing humorous | good great solid superb | great outstanding | happy glad
hard tough | heavy weighty | hit strike | honest sincere | house home | hurt injure | important significant
impressive imposing | information info | interesting absorbing | large huge | last final | learn study | lousy awful
lunch luncheon | movie flick | nasty awful | necessary essential | new fresh | nice decent pleasant
normal average | old aged | perfect ideal flawless | picture photo | pleasant enjoyable | polite courteous
predictable foreseeable | problem trouble | proper right | quick fast | quiet silent | real actual | realistic lifelike
reason cause | restaurant eatery | result outcome | ridiculous absurd ludicrous | road route | rude impolite
sad sorrowful | safe secure | scared afraid | scene setting | serious grave | silly foolish goofy
simple uncomplicated | small tiny | smart bright intelligent | sorry regretful | specific particular
strange odd weird unusual | strong powerful | stupid foolish | sure certain | tasteless bland | tasty delicious
test exam | thin slender slim | touching poignant | trouble difficulty | typical regular | ugly hideous unsightly
waste squander | watch view
"""

ENDINGS = {
    "n": [("s", ""), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("ies", "y")],
    "v": [("s", ""), ("ies", "y"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")],
    "a": [("er", ""), ("er", "e"), ("est", ""), ("est", "e")],
    "r": [],
}

Key = tuple[str, str]  # part of speech and offset of a synset


def read_pairs(text: str) -> list[tuple[str, str]]:
    rows = [row.split() for row in text.replace("\n", "|").split("|")]
    return [(word, other) for word, *others in filter(None, rows) for other in others]


@dataclass
class Synset:
    words: list[str]
    places: list[str]  # where an adjective may stand: "" anywhere, "p" after a verb, "a" before a noun, "ip" after it
    labels: list[set[str]]  # usage labels of each word
    similar: list[Key]
    gloss: str


def read_lines(path: Path) -> list[str]:
    """The lines of a database file without its licence header."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(" ")]


def read_synsets(folder: Path) -> dict[Key, Synset]:
    synsets = {}
    pointers = {}
    for pos, name in FILES.items():
        for line in read_lines(folder / f"data.{name}"):
            data, _, gloss = line.partition(" | ")
            fields = data.split()
            end = 4 + 2 * int(fields[3], 16)
            parts = [word.rstrip(")").partition("(") for word in fields[4:end:2]]
            words, places = [word for word, _, _ in parts], [place for _, _, place in parts]
            synsets[pos, fields[0]] = Synset(words, places, [set() for _ in words], [], gloss)
            pointers[pos, fields[0]] = [fields[i : i + 4] for i in range(end + 1, end + 1 + 4 * int(fields[end]), 4)]
    for key, synset in synsets.items():
        for kind, offset, pos, ends in pointers[key]:
            if kind == "&":
                synset.similar.append(("a", offset))
            elif kind == ";u":
                source = int(ends[:2], 16)  # the number of the word, 0 for all of them
                for number, labels in enumerate(synset.labels, start=1):
                    if source in (0, number):
                        labels.update(synsets[pos, offset].words)
    return synsets


def read_senses(folder: Path) -> dict[str, dict[Key, int]]:
    """The synsets of each word, in WordNet's order, with how often the word was tagged with them."""
    tags = Counter()
    for line in read_lines(folder / "cntlist.rev"):
        key, number, count = line.split()
        word, _, rest = key.partition("%")
        tags[word, KEY_POS[rest[0]], int(number)] = int(count)
    senses = defaultdict(dict)
    for pos, name in FILES.items():
        for line in read_lines(folder / f"index.{name}"):
            word, _, size, *fields = line.split()
            for number, offset in enumerate(fields[-int(size) :], start=1):
                senses[word][pos, offset] = tags[word, pos, number]
    return dict(senses)


def read_irregular(folder: Path) -> list[tuple[str, str, str]]:
    rows = []
    for pos, name in FILES.items():
        for line in read_lines(folder / f"{name}.exc"):
            form, *lemmas = line.split()
            rows += [(form, lemma, pos) for lemma in lemmas if lemma != form]
    return rows


class Thesaurus:
    def __init__(self, folder: Path, stop_words: set[str]):
        self.stop_words = stop_words
        self.synsets = read_synsets(folder)
        self.senses = read_senses(folder)
        self.irregular = read_irregular(folder)
        self.lemmas = defaultdict(set)
        for form, lemma, pos in self.irregular:
            self.lemmas[form].add((lemma, pos))
        self.not_offered = set(read_pairs(NOT_OFFERED))
        self.offered_too = read_pairs(OFFERED_TOO)
        self.tags = {word: sum(senses.values()) for word, senses in self.senses.items()}
        self.frequency = self.count_uses()
        self.barred = {*LIGHT_VERBS.split(), *SENSITIVE.split()} | {
            word.lower()
            for synset in self.synsets.values()
            for word, labels in zip(synset.words, synset.labels, strict=True)
            if labels & OFFENSIVE or OFFENSIVE_GLOSS.search(synset.gloss)
        }

    def lemmas_of(self, form: str) -> set[tuple[str, str]]:
        """The words, with part of speech, that `form` may be an inflection of."""
        lemmas = set(self.lemmas.get(form, ()))
        for pos, endings in ENDINGS.items():
            for ending, replacement in endings:
                lemma = form.removesuffix(ending) + replacement
                if form.endswith(ending) and any(key[0] == pos for key in self.senses.get(lemma, ())):
                    lemmas.add((lemma, pos))
        return lemmas - {(form, pos) for pos in FILES}

    def count_uses(self) -> Counter:
        uses = Counter(self.tags)
        forms = Counter(form for synset in self.synsets.values() for form in WORD.findall(synset.gloss))
        for form, count in forms.items():
            for word in {form} if form in self.senses else {lemma for lemma, _ in self.lemmas_of(form)}:
                uses[word] += count
        return uses

    def tags_as(self, word: str, poses: str) -> int:
        return sum(tags for (pos, _), tags in self.senses.get(word, {}).items() if pos in poses)

    def is_form(self, word: str) -> bool:
        """Whether a word is mostly an inflected form of another one: found, using, older, works."""
        return not any(word == head for head, _ in self.offered_too) and any(
            self.tags[word] * (FORM_RATE if pos == "v" else 1) < self.tags_as(lemma, pos)
            for lemma, pos in self.lemmas_of(word)
        )

    def is_plain(self, word: str) -> bool:
        if len(word) < 3 or not WORD.fullmatch(word) or word in self.stop_words or word in self.barred:
            return False
        return not self.is_form(word)

    def shares(self, word: str) -> Iterator[tuple[Key, float]]:
        """The synsets of a word with the share that each holds of its tagged uses."""
        senses = self.senses[word]
        total = self.tags[word]
        if total:
            for key, tags in senses.items():
                if self.tags_as(word, key[0]) >= POS_SHARE * total:
                    yield key, tags / total
        elif len({pos for pos, _ in senses}) == 1:  # never tagged: the first sense, if the part of speech is sure
            yield next(iter(senses)), 1.0

    def offered(self, word: str, key: Key, near: bool) -> Iterator[str]:
        """The words of a synset that may replace `word`."""
        synset = self.synsets[key]
        if any(char.isdigit() for other in synset.words for char in other):
            return  # a number
        places = {"", *(place for other, place in zip(synset.words, synset.places, strict=True) if other == word)}
        for other, place, labels in zip(synset.words, synset.places, synset.labels, strict=True):
            if other == word or (word, other) in self.not_offered or place not in places or labels & UNUSABLE:
                continue
            if self.frequency[other] < MIN_FREQUENCY or not self.is_plain(other) or word in other.split("-"):
                continue
            tags, total = self.senses[other][key], self.tags[other]
            if near:
                fits = tags >= OWN_TAGS and tags >= NEAR_OWN_SHARE * total and "-" not in other
            elif total:
                fits = tags >= OWN_TAGS or tags >= OWN_SHARE * total
            else:
                fits = key == next(k for k in self.senses[other] if k[0] == key[0])
            if fits:
                yield other

    def synonyms(self, word: str) -> list[tuple[str, str]]:
        """Synonyms of a word with their part of speech, the best first."""
        scores = {}

        def add(key: Key, share: float, near: bool = False) -> None:
            for other in self.offered(word, key, near):
                score = (self.senses[other][key] + 0.5) * share
                scores[other] = max(scores.get(other, (0, 0, "")), (score, self.frequency[other], key[0]))

        for key, share in self.shares(word):
            if share >= SENSE_SHARE and word in self.synsets[key].words:
                add(key, share)
        limit = MAX_SYNONYMS
        if not scores:
            limit = MAX_NEAR
            for key, share in self.shares(word):
                if share >= NEAR_SENSE_SHARE and self.senses[word][key] and key[0] == "a":
                    for similar in self.synsets[key].similar:
                        add(similar, share, near=True)
        ranked = sorted(scores, key=lambda other: (scores[other], other), reverse=True)
        ranked = [other for other in ranked if scores[other][0] >= SCORE_SHARE * scores[ranked[0]][0]]
        synonyms = {other: scores[other][2] for other in ranked[:limit]}
        for other in (other for head, other in self.offered_too if head == word):
            synonyms.setdefault(other, self.relation(word, other))
        return list(synonyms.items())[:MAX_SYNONYMS]

    def relation(self, word: str, other: str) -> str:
        """The part of speech of the most tagged sense of `word` that has `other` as a synonym or neighbour."""
        tags = {
            key: tags
            for key, tags in self.senses[word].items()
            if any(other in self.synsets[near].words for near in (key, *self.synsets[key].similar))
        }
        if not tags:
            raise ValueError(f"WordNet does not relate {other!r} to {word!r}. Take the pair out of OFFERED_TOO.")
        return max(tags, key=tags.__getitem__)[0]

    def table(self) -> dict[str, list[tuple[str, str]]]:
        rows = {
            word: self.synonyms(word)
            for word in sorted(self.senses)
            if word not in NOT_REPLACED.split() and self.is_plain(word)
        }
        return {word: synonyms for word, synonyms in rows.items() if synonyms}

    def irregular_forms(self, words: set[str]) -> list[tuple[str, str, str]]:
        """Rows for the words of the table, without forms that are just as much nouns or words of the table."""
        return sorted(
            (form, lemma, pos)
            for form, lemma, pos in self.irregular
            if lemma in words
            and form not in words
            and form not in self.stop_words
            and WORD.fullmatch(form)
            and (pos == "n" or self.tags_as(form, "n") <= NOUN_SHARE * self.tags_as(lemma, pos))
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "wordnet", type=Path, help="folder of the database files (data.noun, index.noun, noun.exc, ...)"
    )
    parser.add_argument("words", type=Path, help="folder that holds stop_words.txt and gets the tables")
    args = parser.parse_args()

    stop_words = set((args.words / "stop_words.txt").read_text(encoding="utf-8").split())
    thesaurus = Thesaurus(args.wordnet, stop_words)
    table = thesaurus.table()
    lines = [
        f"{word}\t{' '.join(other for other, _ in synonyms)}\t{''.join(pos for _, pos in synonyms)}\n"
        for word, synonyms in table.items()
    ]
    # xz is a sixth smaller but takes five times as long to unpack; mtime=0 leaves the date out.
    packed = gzip.compress("".join(lines).encode("utf-8"), compresslevel=9, mtime=0)
    (args.words / "synonyms.tsv.gz").write_bytes(packed)

    words = set(table) | {other for synonyms in table.values() for other, _ in synonyms}
    rows = thesaurus.irregular_forms(words)
    text = "".join("\t".join(row) + "\n" for row in rows)
    (args.words / "irregular.tsv").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
