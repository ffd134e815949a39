"""
Make the two tables of antonyms: judgements, written for this project, and what WordNet 3.0 adds to them.

    apt-get install wordnet-base
    python scripts/make_antonyms.py /usr/share/wordnet hf_augment/embedded/words

WordNet calls few of the words that reviews are made of opposites ("awful" has no antonym), and many opposites judge
nothing ("left", "daughter"), so what turns a judgement round is written down here, scale by scale. From WordNet come
the direct antonyms of the senses that dominate a word's tagged uses, by the measures of `make_synonyms.py`.

Writes, into the folder that already holds `stop_words.txt`, in the format of `synonyms.tsv` (word, its antonyms, best
first, with spaces between, a part of speech for each):

- `judgements.tsv`: words that judge, with words that judge the other way
- `antonyms.tsv`: those, and the antonyms of WordNet
"""

import argparse
from pathlib import Path

from make_synonyms import FILES, MIN_FREQUENCY, SENSE_SHARE, Key, Thesaurus, read_lines

MAX_ANTONYMS = 4

# A part of speech, one pole, the other: each word may become one of the first words of the other pole. What stands in
# parentheses is replaced but never offered, because it is mostly something else or fits few sentences.
SCALES = """
a: good great wonderful excellent (fantastic superb terrific fabulous marvelous marvellous amazing awesome) \
   | bad poor terrible awful (horrible dreadful horrid lousy atrocious abysmal crappy)
a: brilliant outstanding magnificent (exceptional splendid stunning spectacular sublime superior) \
   | mediocre inferior dreadful (abominable appalling inept laughable pathetic amateurish shoddy)
a: nice pleasant lovely enjoyable (delightful agreeable pleasing) \
   | unpleasant nasty horrible (disagreeable obnoxious hideous)
a: beautiful attractive gorgeous (handsome) | ugly unattractive hideous
a: interesting exciting fascinating (thrilling engaging gripping riveting absorbing compelling entertaining captivating \
   enthralling engrossing intriguing) \
   | boring dull tedious (uninteresting tiresome monotonous dreary bland lifeless unexciting)
a: funny hilarious (amusing humorous witty) | unfunny humorless
a: clever smart intelligent | stupid silly dumb (idiotic moronic mindless brainless dim-witted)
a: original inventive imaginative | unoriginal predictable (derivative formulaic unimaginative hackneyed clichéd)
a: memorable unforgettable | forgettable (unmemorable)
a: moving touching (poignant heartfelt) | unmoving hollow (unaffecting)
a: charming likable (likeable endearing appealing) | unappealing annoying (unlikable unlikeable charmless)
a: convincing believable plausible | unconvincing implausible
a: realistic authentic | unrealistic fake (phony)
a: powerful strong effective (impressive) | weak feeble ineffective (unimpressive)
a: satisfying rewarding (gratifying) | disappointing unsatisfying frustrating
a: perfect flawless (faultless impeccable) | imperfect flawed (faulty)
a: useful helpful | useless unhelpful
a: valuable worthwhile (meaningful) | worthless pointless (meaningless)
a: successful | unsuccessful failed
a: friendly polite kind (courteous welcoming warm-hearted attentive) \
   | unfriendly rude unkind (impolite inattentive hostile surly)
a: honest sincere trustworthy | dishonest insincere (deceitful deceptive)
a: fair | unfair unjust
a: clean spotless | dirty filthy (grubby)
a: comfortable cozy (comfy) | uncomfortable
a: quiet peaceful | noisy loud
a: fast quick prompt (speedy) | slow sluggish
a: easy (effortless) | difficult (complicated confusing)
a: clear coherent | unclear confusing incoherent (muddled)
a: fresh | stale (rotten moldy)
a: delicious tasty (yummy scrumptious flavorful mouthwatering) | tasteless disgusting (inedible flavorless unappetizing)
a: tender juicy | tough
a: spacious roomy | cramped
a: affordable inexpensive | expensive overpriced (pricey)
a: reliable dependable | unreliable
a: sturdy durable robust (well-made) | flimsy fragile
a: safe | dangerous unsafe
a: healthy | unhealthy
a: modern | outdated (dated)
a: sharp crisp | blurry
a: smooth | rough bumpy
a: bright cheerful | gloomy dreary (dismal bleak)
a: happy glad delighted (pleased thrilled overjoyed) | unhappy sad disappointed (displeased miserable upset)
a: satisfied | dissatisfied unsatisfied
a: impressed | unimpressed
a: lucky fortunate | unlucky unfortunate
a: confident | insecure
a: positive favorable | negative unfavorable
a: acceptable adequate (decent) | unacceptable inadequate (unbearable intolerable)
a: appropriate suitable | inappropriate unsuitable
a: correct accurate | wrong incorrect inaccurate
a: competent skilled capable | incompetent unskilled incapable
a: professional | unprofessional
a: experienced | inexperienced
a: efficient | inefficient
a: responsible careful | irresponsible careless
a: wise sensible | foolish ridiculous (absurd)
a: graceful elegant | clumsy awkward
a: popular beloved | unpopular hated
a: profound | shallow superficial
a: better | worse
a: best greatest finest | worst
a: ingenious inspired | uninspired unimaginative
a: rich lush | drab
a: subtle | heavy-handed
a: lively energetic spirited vibrant | lifeless dull (listless lethargic)
a: rested | tired (exhausted weary)
a: loyal | disloyal
a: generous | stingy
a: sane | insane
a: worthy | unworthy
r: well nicely beautifully | badly poorly
r: wonderfully brilliantly superbly | badly abysmally
r: happily fortunately luckily | sadly unfortunately (regrettably)
r: quickly promptly | slowly
r: politely kindly | rudely
r: successfully effectively | unsuccessfully ineffectively
r: correctly properly | incorrectly improperly (wrongly)
r: carefully | carelessly
r: cleverly skillfully (skilfully) | clumsily stupidly
r: comfortably | uncomfortably
r: convincingly | unconvincingly
r: fairly | unfairly
v: love enjoy adore | hate dislike detest (loathe despise)
v: admire appreciate respect | despise resent
v: praise applaud | criticize condemn (criticise)
v: delight impress satisfy (thrill) | disappoint displease annoy (irritate bother)
v: entertain amuse fascinate captivate | bore
v: improve enhance | worsen ruin
v: trust | distrust mistrust
v: encourage | discourage
v: excel | flop
n: success triumph | failure disaster flop (fiasco)
n: delight pleasure joy treat | disappointment pain nuisance (displeasure)
n: masterpiece gem | mess (travesty)
n: strength merit virtue | weakness flaw fault
n: advantage | disadvantage drawback
n: beauty | ugliness
n: happiness | sadness misery
n: comfort | discomfort
n: excitement | boredom (tedium)
n: praise | criticism
n: winner | loser
n: intelligence | stupidity
n: kindness courtesy | rudeness
n: bargain | rip-off
n: originality | predictability
n: elegance | clumsiness
n: satisfaction | dissatisfaction frustration
"""
# The base form is a preposition, or the form has another reading; no part of speech: these stand as they are.
FORMS = {"liked": ["disliked", "hated"], "disliked": ["liked"]}
# Found by reading the rows of WordNet's 600 most common words: numbers, colours, taxonomists' terms, and words of which
# the opposite is another thing rather than a denial.
LEFT_OUT = """
white black green second right left annual perennial tropical male female evil round square major minor act stand lie sit
walk ride spread present past future man woman resident rear head con pro liberal conservative depression concentration
distribution sound silence addition subtraction general specific local national particular public private domestic
foreign common fine upper flat leave stay know include act claim well ill pretty please content just middle hardly easily spoil wisdom dry
"""


def scales() -> dict[str, list[tuple[str, str]]]:
    """The judgements: word → antonyms with their part of speech, best first."""
    rows: dict[str, list[tuple[str, str]]] = {}
    for line in SCALES.strip().splitlines():
        pos, _, poles = line.partition(": ")
        first, second = poles.split("|")
        for words, others in ((first, second), (second, first)):
            offered = others.partition("(")[0].split()[:MAX_ANTONYMS]
            for word in words.translate(str.maketrans("", "", "()")).split():
                known = rows.setdefault(word, [])
                known += [(other, pos) for other in offered if (other, pos) not in known and other != word]
    for word, others in FORMS.items():
        rows[word] = [(other, "") for other in others]
    return rows


def read_opposites(folder: Path, thesaurus: Thesaurus) -> dict[Key, list[tuple[str, str, Key]]]:
    """The pointers that WordNet calls antonyms: synset → (its word, the opposite, the opposite's synset)."""
    found: dict[Key, list[tuple[str, str, Key]]] = {}
    for pos, name in FILES.items():
        for line in read_lines(folder / f"data.{name}"):
            fields = line.partition(" | ")[0].split()
            end = 4 + 2 * int(fields[3], 16)
            for place in range(end + 1, end + 1 + 4 * int(fields[end]), 4):
                kind, offset, other_pos, ends = fields[place : place + 4]
                if kind == "!":
                    key, other = (pos, fields[0]), ("a" if other_pos == "s" else other_pos, offset)
                    source, target = divmod(int(ends, 16), 256)  # the numbers of the two words
                    word, opposite = (
                        thesaurus.synsets[key].words[source - 1],
                        thesaurus.synsets[other].words[target - 1],
                    )
                    found.setdefault(key, []).append((word, opposite, other))
    return found


def antonyms(
    word: str, thesaurus: Thesaurus, opposites: dict[Key, list[tuple[str, str, Key]]]
) -> list[tuple[str, str]]:
    """The direct antonyms of the senses that dominate a word's uses, those of the commonest sense first."""
    scores: dict[tuple[str, str], float] = {}
    for key, share in thesaurus.shares(word):
        for own, opposite, other in opposites.get(key, ()):
            known = thesaurus.is_plain(opposite) and thesaurus.frequency[opposite] >= MIN_FREQUENCY
            if own == word and known and share >= SENSE_SHARE:
                score = share * (thesaurus.senses[opposite][other] + 0.5)
                scores[opposite, key[0]] = max(score, scores.get((opposite, key[0]), 0))
    return sorted(scores, key=lambda found: (-scores[found], found))[:MAX_ANTONYMS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wordnet", type=Path, help="folder of the database files (data.noun, index.noun, ...)")
    parser.add_argument("words", type=Path, help="folder that holds stop_words.txt and gets the tables")
    args = parser.parse_args()

    judgements = scales()
    thesaurus = Thesaurus(args.wordnet, set((args.words / "stop_words.txt").read_text(encoding="utf-8").split()))
    opposites = read_opposites(args.wordnet, thesaurus)
    left_out = set(LEFT_OUT.split())
    table = dict(judgements)
    for word in sorted(thesaurus.senses):
        if word not in table and word not in left_out and thesaurus.is_plain(word):
            found = [(other, pos) for other, pos in antonyms(word, thesaurus, opposites) if other not in left_out]
            if found and thesaurus.frequency[word] >= MIN_FREQUENCY:
                table[word] = found
    for name, rows in (("judgements", judgements), ("antonyms", table)):
        lines = [row(word, rows[word]) for word in sorted(rows)]
        (args.words / f"{name}.tsv").write_text("".join(lines), encoding="utf-8", newline="\n")


def row(word: str, others: list[tuple[str, str]]) -> str:
    poses = "".join(pos for _, pos in others)
    return f"{word}\t{' '.join(other for other, _ in others)}" + (f"\t{poses}\n" if poses else "\n")


if __name__ == "__main__":
    main()
