"""Servers on the web: which key each is sent, and how to read what they say when they do not answer."""

import email.utils
import json
import math
import os
import time
from urllib.parse import parse_qsl, urlsplit

from huggingface_hub import get_token

KEY = "HF_AUGMENT_API_KEY"


def check_url(url: str) -> None:
    """Raise a `ValueError` unless this is the URL of a server, without a secret in it: it goes into specs and cards."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"endpoint: expected a URL such as 'http://localhost:8000/v1', got {url!r}.")
    secrets = [name for name, _ in parse_qsl(parts.query) if any(word in name.lower() for word in ("key", "token"))]
    if parts.username is not None or parts.password is not None or secrets:
        raise ValueError(f"endpoint: a URL is written into the record, so it may hold no key. Set {KEY} instead.")


def key_for(url: str) -> str | None:
    """
    Return the key that an endpoint is sent: no host gets one that was not meant for it.

    Args:
        url (`str`): The endpoint's URL. `$HF_AUGMENT_API_KEY` is meant for any; the login of the Hub for
            `huggingface.co`, `$OPENAI_API_KEY` for `api.openai.com`, both over https.
    """
    if os.environ.get(KEY):
        return os.environ[KEY]
    if of_hugging_face(url):
        return get_token()
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname == "api.openai.com":
        return os.environ.get("OPENAI_API_KEY")
    return None


def of_hugging_face(url: str) -> bool:
    """Tell whether a URL is one of the Hub's own."""
    # Not Spaces nor Inference Endpoints: whoever owns one reads the headers.
    parts = urlsplit(url)
    return parts.scheme == "https" and f".{parts.hostname}".endswith(".huggingface.co")


def retry_after(value: str | None) -> float | None:
    """Read the seconds that a `Retry-After` header asks for, given as a number or as a date; `None` without one."""
    if value is None:
        return None
    try:
        wait = float(value)
    except ValueError:
        try:
            wait = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, wait) if math.isfinite(wait) else None


def message(body: str) -> str:
    """Find what a server says in the body of an error, whichever of the usual shapes it has."""
    try:
        said = json.loads(body)
    except ValueError:
        said = body
    for name in ("error", "message", "detail"):
        if isinstance(said, dict) and said.get(name):
            said = said[name]
    said = " ".join(str(said).split())
    return said if len(said) <= 300 else f"{said[:300]}…"
