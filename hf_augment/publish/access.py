"""The token: that there is one which may write, and that nothing we say or send holds it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from hf_augment.engine.servers import KEY
from hf_augment.publish.retry import from_the_hub, retried

_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{30,}\b")
_KEYS = (KEY, "OPENAI_API_KEY")  # what endpoints are sent
_SHORT = 8  # a key such as "EMPTY", for a server that wants none, may stand in any text


def check_token(token: str | None) -> str:
    """
    Return the token to write with.

    Args:
        token (`str`, *optional*): The one that was passed; by default that of `hf auth login` or `HF_TOKEN`.

    Raises:
        `PermissionError`: There is none, the Hub does not know it, or it can only read.
    """
    from huggingface_hub import HfApi, get_token, is_offline_mode

    if is_offline_mode():
        raise ConnectionError("HF_HUB_OFFLINE=1 keeps the Hub out of reach, so nothing can be pushed. Unset it.")
    token = token or get_token()
    advice = "Log in with `hf auth login` and a token that can write, or set HF_TOKEN."
    if not token:
        raise PermissionError(f"There is no Hugging Face token, and nothing can be pushed without one. {advice}")
    try:
        with in_one_line(token):
            who = retried(lambda: HfApi().whoami(token))
    except PermissionError:
        raise PermissionError(f"The Hub does not accept this token. {advice}") from None
    if who.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise PermissionError(f"The token of {who.get('name')!r} can only read. {advice}")
    return token


@contextmanager
def in_one_line(token: str | None) -> Iterator[None]:
    """Turn what the client raises into one line without a token, and without a traceback that could hold one."""
    try:
        yield
    except Exception as error:
        cause = from_the_hub(error)
        if cause is None:
            raise
        raise _told(error, cause, token) from None


def _told(error: BaseException, cause: BaseException, token: str | None) -> Exception:
    status = getattr(getattr(cause, "response", None), "status_code", None)
    # What is wrong with the metadata of a card stands in the outer error alone.
    line = one_line(error if isinstance(error, ValueError) else cause).replace(token or "hf_token", "***")
    if status in (401, 403):
        return PermissionError(
            f"The Hub does not let this token write there: {line} Use one that may write to that namespace "
            "(`hf auth login`)."
        )
    if status == 400:
        return ValueError(
            f"The Hub does not take what it was sent: {line} Correct that in the recipe, and push again."
        )
    return ConnectionError(
        f"The push did not come to its end: {line} What is half there says so, and the same command goes on from here."
    )


def refuse_secrets(name: str, content: str, token: str | None) -> None:
    """
    Raise a `ValueError` if a text that is to be pushed holds a token, or the key of an endpoint.

    Args:
        name (`str`): What the text is called.
        content (`str`): The text.
        token (`str`, *optional*): The one that is in use.
    """
    if (token and token in content) or _TOKEN.search(content):
        raise ValueError(f"{name} holds what looks like an access token, so nothing was pushed. Take it out.")
    for key in _KEYS:
        value = os.environ.get(key, "")
        if len(value) > _SHORT and value in content:
            raise ValueError(f"{name} holds the value of ${key}, so nothing was pushed. Take it out.")


def one_line(error: BaseException) -> str:
    """Say what went wrong in one line."""
    return " ".join(str(error).split())
