"""Asks a chat model in this process, so that a row's answer does not depend on its batch."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hf_augment.engine.conversation import Conversation, Outcome, Problem, asked_again
from hf_augment.engine.decoding import Completion, Sampling, decode
from hf_augment.engine.resources import CausalLM, load_causal_lm
from hf_augment.transform import Declined


def load_chat_model(reference: str, revision: str | None = None) -> CausalLM:
    """
    Load a causal language model that has a chat template.

    Args:
        reference (`str`): `embedded:NAME`, a folder, or the id of a model on the Hub.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.

    Raises:
        `ValueError`: The model has no chat template, or no end token.
    """
    loaded = load_causal_lm(reference, revision)
    if not loaded.tokenizer.chat_template:
        raise ValueError(
            f"The model {reference!r} has no chat template: it continues texts, and cannot be asked for one. Name an "
            f"instruction-tuned model, or write Generate(model={reference!r}, prompt='{{label}}: {{text}}')."
        )
    if not _ends(loaded):
        raise ValueError(f"The model {reference!r} has no end token. Set eos_token_id in its generation_config.json.")
    return loaded


def converse(
    loaded: CausalLM, conversations: Sequence[Conversation], sampling: Sampling, template: Mapping[str, Any]
) -> Iterator[tuple[int, Outcome]]:
    """
    Ask the model, and once more where an answer cannot be read.

    Args:
        loaded ([`CausalLM`]): A model with a chat template.
        conversations (`Sequence[Conversation]`): What to ask.
        sampling ([`Sampling`]): How tokens are drawn.
        template (`Mapping`): Further variables of the chat template, e.g. `{"enable_thinking": False}`.

    Yields:
        `tuple[int, Written | Declined]`: The position of a conversation and its outcome, batch by batch.
    """
    asked = list(enumerate(conversations))
    reasons: dict[int, str] = {}  # of the answers that could not be read
    while asked:
        prompts, repairs = [], []
        for place, conversation in asked:
            ids = _encode(loaded, conversation.messages, sampling, template)
            if isinstance(ids, Declined):
                yield place, Declined(reasons.get(place, ids.reason))
            else:
                prompts.append((place, conversation, ids))
        keys = [conversation.stream.key for _, conversation, _ in prompts]
        for i, completion in decode(loaded.model, [ids for *_, ids in prompts], keys, sampling, _ends(loaded)):
            place, conversation, _ = prompts[i]
            answer = _text(loaded, completion)
            outcome = conversation.read(answer, completion.finished)
            if not isinstance(outcome, Problem):
                yield place, outcome
            elif place in reasons:
                yield place, Declined(outcome.what)
            else:
                reasons[place] = outcome.what
                repairs.append((place, asked_again(conversation, answer, outcome)))
        asked = sorted(repairs, key=lambda repair: repair[0])


def _ends(loaded: CausalLM) -> list[int]:
    ends = loaded.model.generation_config.eos_token_id
    ends = loaded.tokenizer.eos_token_id if ends is None else ends
    return ends if isinstance(ends, list) else [] if ends is None else [ends]


def _encode(
    loaded: CausalLM, messages: Sequence[Mapping[str, str]], sampling: Sampling, template: Mapping[str, Any]
) -> list[int] | Declined:
    tokenizer = loaded.tokenizer
    said = "\n".join(message["content"] for message in messages)
    special = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    if any(token in said for token in (*special, *tokenizer.all_special_tokens)):
        return Declined("special token in the text")  # it would end the turn, or begin another one's
    prompt = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True, **template)
    ids = tokenizer(prompt, add_special_tokens=False).input_ids  # the template has written them
    room = getattr(loaded.model.config, "max_position_embeddings", 1 << 30) - sampling.max_new_tokens
    return ids if len(ids) <= room else Declined("no room for the prompt")


def _text(loaded: CausalLM, completion: Completion) -> str:
    return loaded.tokenizer.decode(
        completion.tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
    ).strip()
