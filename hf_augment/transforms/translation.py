"""Texts through one translation model."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from hf_augment.errors import unknown
from hf_augment.sentences import sentences
from hf_augment.transform import Declined
from hf_augment.windows import TOO_LONG, NotUsable, longest_input, read_back, without_start
from hf_augment.words import Span, runs

_ROWS = {"cpu": 128, "cuda": 4_096}  # are finished before the next ones start, so that a killed run loses no more
_LONG = 100  # characters a token; no sentence with more of them is worth tokenising

Place = TypeVar("Place")


class Hop(NamedTuple):
    """One translation: the model, the codes of the languages it translates from and to, and what it is asked with."""

    model: str
    revision: str | None
    source: str | None
    target: str | None
    prefix: str


def sentences_with_words(text: str) -> list[Span]:
    """Find the sentences of a text that there is something to translate in."""
    return [span for span in sentences(text) if runs(text[slice(*span)])]


def in_turn(texts: Mapping[int, str], hop: Hop) -> Iterator[Sequence[int]]:
    """Deal rows out, by their texts from short to long, as many at once as the model's device is good for."""
    from hf_augment.engine.seq2seq import load_seq2seq

    order = sorted(texts, key=lambda i: (len(texts[i]), i))
    if not order:
        return
    together = _ROWS.get(load_seq2seq(hop.model, hop.revision).model.device.type, _ROWS["cuda"])
    for start in range(0, len(order), together):
        yield order[start : start + together]


def translate(
    hop: Hop, texts: Mapping[Place, str], keys: Mapping[Place, int], sampling: Any, beams: int
) -> Iterator[tuple[Place, str | Declined]]:
    """
    Translate sentences, and say why one could not be.

    Args:
        hop (`Hop`): The model and its languages.
        texts (`Mapping`): The sentences by their places.
        keys (`Mapping`): By the same places, the 64-bit key of each sentence's stream.
        sampling (`Sampling`): How tokens are drawn.
        beams (`int`): More than 1: beam search instead.

    Yields:
        `tuple[Place, str | Declined]`: A place and the translation, in any order.
    """
    from hf_augment.engine.seq2seq import end_tokens, load_seq2seq, rewrite

    if not texts:
        return
    loaded = load_seq2seq(hop.model, hop.revision)
    start = _set_languages(loaded, hop)
    inputs: dict[Place, list[int]] = {}
    for place, ids in zip(texts, _encode(loaded, hop.prefix, list(texts.values())), strict=True):
        if isinstance(ids, Declined):
            yield place, ids
        else:
            inputs[place] = ids
    places, drawn = list(inputs), [keys[place] for place in inputs]
    settings = {"start": start, "beams": beams}
    for row, completion in rewrite(
        loaded.model, list(inputs.values()), drawn, sampling, end_tokens(loaded), **settings
    ):
        yield places[row], _read(loaded.tokenizer, completion)


def _set_languages(loaded: Any, hop: Hop) -> list[int] | None:
    """Tell the tokenizer of a model of many languages which one comes, and return the token of the one wanted."""
    tokenizer, settings = loaded.tokenizer, loaded.model.generation_config
    if hop.source is None:
        unsaid = settings.forced_bos_token_id is None and settings.decoder_start_token_id == tokenizer.eos_token_id
        if hasattr(tokenizer, "src_lang") and unsaid:
            raise ValueError(
                f"The model {hop.model!r} translates between many languages. Say which ones, by their codes, with "
                "'language' and 'pivot' ('from_language' and 'to_language' of translate)."
            )
        return None
    if not hasattr(tokenizer, "src_lang"):
        raise ValueError(
            f"The tokenizer of {hop.model!r} takes no language codes, so leave 'language' and 'pivot' out (of translate "
            "'from_language' and 'to_language'). If the model is told the languages by words before the text, write "
            "those as forward_prefix and backward_prefix (prefix)."
        )
    languages = _languages(tokenizer)
    for code in (hop.source, hop.target):
        if code not in languages:
            raise ValueError(f"The model {hop.model!r}: {unknown('language', code, languages)}")
    tokenizer.src_lang = hop.source
    token = languages[hop.target]
    return [] if settings.decoder_start_token_id == token else [token]


def _languages(tokenizer: Any) -> dict[str, int]:
    """Return the codes of the languages that a tokenizer knows, and their tokens."""
    known = getattr(tokenizer, "lang_code_to_id", None)  # M2M100 writes "de" as "__de__"
    if not known:
        named = {getattr(tokenizer, name) for name in tokenizer.SPECIAL_TOKENS_ATTRIBUTES}
        # Others than special ones are pieces of words: NLLB has "de", too, and calls the language "deu_Latn".
        codes = [code for code in tokenizer.all_special_tokens if code not in named]
        known = dict(zip(codes, tokenizer.convert_tokens_to_ids(codes), strict=True))
    return {code: token for code, token in known.items() if token != tokenizer.unk_token_id}


def _encode(loaded: Any, prefix: str, texts: list[str]) -> list[list[int] | Declined]:
    tokenizer, special = loaded.tokenizer, loaded.tokenizer.all_special_tokens
    longest = longest_input(loaded.model, tokenizer)
    found: list[list[int] | Declined] = [Declined(TOO_LONG)] * len(texts)
    short = [i for i, text in enumerate(texts) if len(text) <= _LONG * longest]
    if not prefix and hasattr(tokenizer, "remove_language_code"):  # Marian's makes one token of ">>Call now<<"
        coded = {i for i in short if texts[i].startswith(">>") and "<<" in texts[i]}
        found = [Declined("language code in the text") if i in coded else reason for i, reason in enumerate(found)]
        short = [i for i in short if i not in coded]
    for spelled in (False, True):
        # "</s>" in a review is letters. A prefix such as ">>deu<<" may be a token, and then it must stay one.
        chosen = [i for i in short if any(token in texts[i] for token in special) == spelled]
        if spelled and any(token in prefix for token in special):
            for i in chosen:
                found[i] = Declined("special token in the text")
        elif chosen:
            asked = [prefix + texts[i] for i in chosen]
            for i, ids in zip(
                chosen, tokenizer(asked, split_special_tokens=spelled, verbose=False).input_ids, strict=True
            ):
                if len(ids) <= longest:
                    found[i] = ids
    return found


def _read(tokenizer: Any, completion: Any) -> str | Declined:
    if not completion.finished:
        return Declined("unfinished")
    try:
        return read_back(tokenizer, without_start(tokenizer, completion.tokens))
    except NotUsable as problem:
        return Declined(str(problem))
