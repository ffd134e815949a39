"""Requests to the Hub that failed for a passing reason are sent again: the client does so for uploads, not for commits."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

WAITS = (1.0, 2.0, 4.0, 8.0, 8.0)  # seconds, as long as the client waits between uploads
LONGEST = 300.0  # what a server may ask for
_PASSING = (408, 409, 412, 429, 500, 502, 503, 504)  # 409 and 412: somebody else made a commit meanwhile


def retried(ask: Callable[[], T]) -> T:
    """
    Call a function until it returns, or until it fails for a reason that will not pass.

    Args:
        ask (`Callable`): Reads the present state of the Hub and then changes it, so that a change that had arrived,
            although its answer was lost, is not made twice.
    """
    for wait in WAITS:
        try:
            return ask()
        except Exception as error:  # the client wraps what went wrong in several ways
            cause = from_the_hub(error)
            response = getattr(cause, "response", None)
            if cause is None or (response is not None and response.status_code not in _PASSING):
                raise
            time.sleep(max(wait, 0.0 if response is None else _asked(response.headers)))
    return ask()


def from_the_hub(error: BaseException | None) -> BaseException | None:
    """
    Find the failed request behind an error: with a `response`, or, where the connection was lost, without.

    Args:
        error (`BaseException`, *optional*): What was raised; what it was raised from is looked at too.
    """
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    from huggingface_hub.utils import httpx

    lost = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, LocalEntryNotFoundError)
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        if isinstance(error, (HfHubHTTPError, *lost)):
            return error
        seen.append(error)
        error = error.__cause__ or error.__context__
    return None


def _asked(headers) -> float:
    """Return how many seconds the server wants to be left alone."""
    from huggingface_hub.utils import parse_ratelimit_headers

    limit = parse_ratelimit_headers(headers)
    after = headers.get("retry-after", "")
    seconds = float(after) if after.isdigit() else float(limit.reset_in_seconds + 1) if limit else 0.0
    return min(seconds, LONGEST)
