"""
Make `synonyms.tsv.xz` and `irregular.tsv` from the WordNet 3.0 database files.

    apt-get install wordnet-base
    python scripts/make_synonyms.py /usr/share/wordnet hf_augment/embedded/words

The table is for replacing words without a tagger and without sense disambiguation, so it keeps only what is likely to
be right for a word in an unknown place: synonyms from the senses that dominate the word's tagged uses.
"""

import argparse
import lzma
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
# The part of speech behind the first digit of a sense key; 5 is an adjective's satellite.
KEY_POS = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}

SENSE_SHARE = 0.25  # a sense counts as dominant from this share of the word's tagged uses
OWN_SHARE = 0.1  # ... and a candidate is offered for a sense from this share of its own tagged uses
MIN_FREQUENCY = 4  # tagged uses + occurrences in WordNet's glosses; below, candidates are mostly noise
MAX_SYNONYMS = 8

WORD = re.compile(r"[a-z]+(-[a-z]+)*")
# Usage labels (`;u` pointers). A word with an offensive sense is never offered; of the others only the sense is left out.
OFFENSIVE = {"disparagement", "ethnic_slur", "obscenity"}
UNUSABLE = {"archaism", "combining_form", "slang", "trade_name", "trademark", "plural", "comparative", "superlative"}
OFFENSIVE_GLOSS = re.compile(r"\b(offensive|derogatory|disparaging|obscene|vulgar|slur)\b.*\b(term|name|word|slang)s?\b")


@dataclass
class Synset:
    words: list[str]
    markers: list[str]  # where an adjective may stand: "" anywhere, "p" after a verb, "a" before a noun, "ip" after it
    usage: list[set[str]]  # labels of each word
    similar: list[tuple[str, str]]
    gloss: str


def lines(path: Path) -> list[str]:
    """The lines of a database file without its licence header."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(" ")]


def read_synsets(folder: Path) -> dict[tuple[str, str], Synset]:
    synsets = {}
    pointers = {}
    for pos, name in FILES.items():
        for line in lines(folder / f"data.{name}"):
            fields, _, gloss = line.partition(" | ")
            fields = fields.split()
            size = int(fields[3], 16)
            words, markers = [], []
            for word in fields[4 : 4 + 2 * size : 2]:
                word, _, marker = word.partition("(")
                words.append(word)
                markers.append(marker.rstrip(")"))
            start = 5 + 2 * size
            pointers[pos, fields[0]] = [
                fields[i : i + 4] for i in range(start, start + 4 * int(fields[start - 1]), 4)
            ]
            synsets[pos, fields[0]] = Synset(words, markers, [set() for _ in words], [], gloss.strip())
    for key, synset in synsets.items():
        for kind, offset, pos, ends in pointers[key]:
            if kind == ";u":
                labels = synsets[pos, offset].words
                source = int(ends[:2], 16)  # 0 stands for the whole synset
                for number, usage in enumerate(synset.usage, start=1):
                    if source in (0, number):
                        usage.update(labels)
            elif kind == "&":
                synset.similar.append((pos.replace("s", "a"), offset))
    return synsets


def read_senses(folder: Path) -> dict[str, list[tuple[tuple[str, str], int, int]]]:
    """For each lower-case word its senses: key of the synset, number of the sense, how often it was tagged."""
    tagged = Counter()
    for line in lines(folder / "cntlist.rev"):
        key, number, count = line.split()
        word, _, rest = key.partition("%")
        tagged[word, KEY_POS[rest[0]], int(number)] = int(count)
    senses = defaultdict(list)
    for pos, name in FILES.items():
        for line in lines(folder / f"index.{name}"):
            fields = line.split()
            word = fields[0]
            for number, offset in enumerate(fields[-int(fields[2]) :], start=1):
                senses[word].append(((pos, offset), number, tagged[word, pos, number]))
    return senses


def read_irregular(folder: Path) -> list[tuple[str, str, str]]:
    """Irregular forms: form, lemma, part of speech."""
    rows = []
    for pos, name in FILES.items():
        for line in lines(folder / f"{name}.exc"):
            form, *lemmas = line.split()
            rows += [(form, lemma, pos) for lemma in lemmas]
    return rows


class Table:
    def __init__(self, folder: Path, stop_words: set[str]):
        self.synsets = read_synsets(folder)
        self.senses = read_senses(folder)
        self.irregular = read_irregular(folder)
        self.stop_words = stop_words
        self.in_sense = {(word, key): tags for word, senses in self.senses.items() for key, _, tags in senses}
        self.first = {(word, key) for word, senses in self.senses.items() for key, number, _ in senses if number == 1}
        self.tags = Counter({word: sum(tags for _, _, tags in senses) for word, senses in self.senses.items()})
        self.frequency = self.tags.copy()
        for synset in self.synsets.values():
            self.frequency.update(re.findall(r"[a-z]+(?:-[a-z]+)*", synset.gloss))
        self.offensive = {
            word.lower()
            for synset in self.synsets.values()
            for word, usage in zip(synset.words, synset.usage)
            if usage & OFFENSIVE or OFFENSIVE_GLOSS.search(synset.gloss)
        }

    def plain(self, word):
        return len(word) >= 3 and WORD.fullmatch(word) and word not in self.stop_words

    def dominant(self, word):
        total = self.tags[word]
        for key, number, tags in self.senses[word]:
            if (tags >= SENSE_SHARE * total) if total else (number == 1):
                yield key, (tags / total if total else 1.0)

    def candidates(self, word, key, share, near=False):
        s = self.synsets[key]
        if any(c.isdigit() for w in s.words for c in w): return
        for cand, marker, usage in zip(s.words, s.markers, s.usage):
            if cand == word or not self.plain(cand) or cand in self.offensive or usage & UNUSABLE or marker:
                continue
            tags = self.in_sense.get((cand, key), 0)
            tot = self.tags[cand]
            own = tags / tot if tot else float((cand, key) in self.first)
            if self.frequency[cand] < MIN_FREQUENCY or own < (0.25 if near else OWN_SHARE): continue
            if near and tags < 2: continue
            yield cand, tags * share, own

    def synonyms(self, word):
        found = {}
        for key, share in self.dominant(word):
            if word not in self.synsets[key].words: continue
            n=len(found)
            for c, score, own in self.candidates(word, key, share):
                found[c] = max(found.get(c, (-1,)), (score, self.frequency[c], key[0]))
            if n==len(found) and key[0] == "a":
                for k in self.synsets[key].similar:
                    for c, score, own in self.candidates(word, k, share, near=True):
                        found[c] = max(found.get(c, (-1,)), (score*.1, self.frequency[c], key[0]+'~'))
        return sorted(found.items(), key=lambda x: (-x[1][0], -x[1][1], x[0]))[:MAX_SYNONYMS]
