"""Made-up rows of each task, with names, numbers and placeholders that the parts of a row agree on."""

from typing import Any

from hf_augment.streams import Stream, row_key, stream

NAMES = ["Rosa", "Peter Miller", "Berlin", "Lake Geneva", "Maria", "Oslo", "NASA", "Dr. Brown", "Kyoto"]
THINGS = ["small museum", "old bridge", "paper mill", "music school", "harbour", "night train", "glass tower"]
DID = ["opened", "burned down", "was sold", "got a new roof", "won a prize", "moved away"]
EXTRA = [
    "Nobody had expected it, and the weather was bad.",
    "It isn't clear who paid for it.",
    "Visitors still talk about the food, the noise and the long way back.",
    "See http://example.org/a?b=c for more.",
    "A reporter called it “lovely”, but others weren't so sure.",
]


def drawn(task: str, index: int) -> Stream:
    return stream(0, task, row_key(index), 1)


def story(draw: Stream) -> tuple[list[str], dict[str, str]]:
    """Some sentences, and what they say."""
    who, where = (NAMES[i] for i in draw.sample(len(NAMES), 2))
    facts = {"who": who, "where": where, "what": draw.choice(THINGS), "did": draw.choice(DID)}
    facts |= {"year": str(1900 + draw.below(120)), "count": f"{1 + draw.below(9)},{100 + draw.below(900)}"}
    told = [
        f"The {facts['what']} in {where} {facts['did']} in {facts['year']}.",
        f"{who} counted {facts['count']} visitors that day, and {where} was proud.",
    ]
    return [*told, *(EXTRA[i] for i in draw.sample(len(EXTRA), 1 + draw.below(3)))], facts


def question_answering(index: int) -> dict[str, Any]:
    draw = drawn("question-answering", index)
    sentences, facts = story(draw)
    context = " ".join(sentences[i] for i in draw.sample(len(sentences), len(sentences)))
    asked = draw.choice(["year", "count", "where", "who", "what"])
    question = {
        "year": f"When was it that the {facts['what']} in {facts['where']} {facts['did']}?",
        "count": f"How many visitors did {facts['who']} count in {facts['year']}?",
        "where": f"Which place was proud of the {facts['what']}?",
        "who": f"Who counted the visitors in {facts['where']} then?",
        "what": f"What was it that {facts['did']} in {facts['year']}, as {facts['who']} knew?",
    }[asked]
    places, place = [], context.find(facts[asked])
    while place >= 0:
        places.append(place)
        place = context.find(facts[asked], place + 1)
    answers = [(facts[asked], place) for place in places]  # several equal ones, where it stands more than once
    answers += [(context[: len(facts[asked]) + 3], 0), (context[-9:], len(context) - 9)] if index % 7 == 3 else []
    answers += [(context[max(0, places[0] - 4) : places[0] + 3], max(0, places[0] - 4))] if index % 5 == 2 else []
    answers = [] if index % 11 == 10 else answers
    return {
        "id": f"q{index}",
        "question": question,
        "context": context,
        "answers": {"text": [text for text, _ in answers], "answer_start": [start for _, start in answers]},
    }


GERMAN = {"opened": "wurde eröffnet", "burned down": "brannte ab", "was sold": "wurde verkauft"}


def translation(index: int) -> dict[str, Any]:
    draw = drawn("translation", index)
    _, facts = story(draw)
    count, hour = 1000 + draw.below(9000), f"{1 + draw.below(11)}:{10 + draw.below(49)}"
    did = draw.choice(sorted(GERMAN))
    source = f"On Monday {{name}} said that the big house in {facts['where']} {did} at {hour} with {count:,}.5 guests."
    target = (
        f"Am Montag sagte {{name}}, dass das große Haus in {facts['where']} um {hour} mit {count:,}".replace(
            ",", "."
        ).replace("{name}.", "{name},")
        + f",5 Gästen {GERMAN[did]}."
    )
    if index % 4 == 0:
        source += f" It was the year {facts['year']}, they say."
    return {"id": index, "source": source, "target": target}


def summarization(index: int) -> dict[str, Any]:
    draw = drawn("summarization", index)
    sentences, facts = story(draw)
    first = f"In {facts['year']} the {facts['what']} of {facts['where']} {facts['did']}."
    second = f"{facts['where']} was proud, and {facts['who']} saw {facts['count']} people come."
    summary = [first, second] if index % 3 == 0 else second
    return {"id": index, "document": sentences if index % 3 == 0 else " ".join(sentences), "summary": summary}


def dialogue(index: int) -> dict[str, Any]:
    draw = drawn("dialogue", index)
    _, facts = story(draw)
    number, day = 2 + draw.below(8), draw.choice(["Monday", "Tuesday", "Friday"])
    said = [
        f"Hello, I am looking for a quiet table for {number} people somewhere in {facts['where']}, please.",
        "Sure, on which day do you want to come, and how shall I call you then?",
        f"It should be on {day} evening, and my friends call me {facts['who']}, thanks a lot.",
        f"A table for {number} on {day}, then. Shall I book it under {facts['who']}?",
        "Yes please, and tell them that we might come a little late, the traffic is bad.",
        f"Done, the place in {facts['where']} expects you, and they will wait for you.",
    ][: 4 + 2 * draw.below(2)]
    roles = ["user", "assistant"] * 3
    turns = [{"role": role, "content": text} for role, text in zip(roles, said, strict=False)]
    return {"id": index, "messages": turns}


MAKERS = {
    "question-answering": question_answering,
    "translation": translation,
    "summarization": summarization,
    "dialogue": dialogue,
}


def made_up(task: str, count: int) -> list[dict[str, Any]]:
    return [MAKERS[task](index) for index in range(count)]


def columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}
