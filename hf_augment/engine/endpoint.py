"""Asks a chat model behind an OpenAI-compatible endpoint, many rows at a time, and counts what that takes."""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import AsyncInferenceClient
from huggingface_hub.errors import HfHubHTTPError
from tqdm.auto import tqdm

from hf_augment.engine.conversation import Conversation, Outcome, Problem, asked_again
from hf_augment.engine.servers import KEY, key_for, message, of_hugging_face, retry_after
from hf_augment.engine.spending import Ledger, summary
from hf_augment.streams import Stream
from hf_augment.transform import Declined, for_now

_log = logging.getLogger(__name__)
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0  # seconds before the first retry; it doubles from there
PATIENCE = 600.0  # seconds that a server may ask us to stay away
_PASSING = (408, 409, 425, 429)  # what, beside 500 and above, another try may cure
_OF_THE_ROW = (400, 413, 422)  # what a server may say to one row: too long, filtered


@dataclass(frozen=True)
class Endpoint:
    """
    Where and how to ask.

    Args:
        url (`str`): The base URL, e.g. `"http://localhost:8000/v1"`.
        model (`str`): The model's name there.
        body (`dict`): What is sent along with every question: how tokens are drawn, and whatever else.
        concurrency (`int`): Rows that are asked for at the same time.
        retries (`int`): Tries after the first one.
        timeout (`float`): Seconds after which a try has failed.
        folder (`Path`): Where the counts are kept.
    """

    url: str
    model: str
    body: dict[str, Any]
    concurrency: int
    retries: int
    timeout: float
    folder: Path


def converse(endpoint: Endpoint, conversations: Sequence[Conversation]) -> Iterator[tuple[int, Outcome]]:
    """
    Ask the endpoint, and once more where an answer cannot be read.

    The event loop has a thread of its own, because the one of a notebook is running already.

    Args:
        endpoint ([`Endpoint`]): Where and how.
        conversations (`Sequence[Conversation]`): What to ask.

    Yields:
        `tuple[int, Written | Declined]`: The position of a conversation and its outcome, as the answers come.

    Raises:
        `ValueError` or `PermissionError`: The endpoint refuses what it is asked, whatever the row.
        `ConnectionError`: It answers nobody any more.
    """
    run = _Run(endpoint, conversations)
    thread = threading.Thread(target=run.work, name="hf_augment.endpoint", daemon=True)
    thread.start()
    failure, saved = None, time.monotonic()
    try:
        with tqdm(total=len(conversations), desc=f"ask {endpoint.model}", unit="row", leave=False, delay=2) as bar:
            for _ in conversations:
                found = run.found.get()
                if isinstance(found, BaseException):
                    failure = found
                    break
                yield found
                tokens = "{prompt_tokens} + {completion_tokens} tokens".format(**run.ledger.counts)
                bar.set_postfix_str(tokens, refresh=False)
                bar.update()
                if time.monotonic() - saved > 5:
                    run.ledger.save()
                    saved = time.monotonic()
    finally:
        run.stop()
        thread.join()
        run.ledger.save()
        _log.info("%s took %s", endpoint.model, summary(run.ledger.counts))
    if failure is not None:
        while not run.found.empty():  # answers that came before the end are paid for
            if not isinstance(found := run.found.get(), BaseException):
                yield found
        raise failure


class _Failed(Exception):
    """What another try may cure, and how long the server asks to be left alone."""

    def __init__(self, what: str, wait: float | None = None):
        super().__init__(what)
        self.wait = wait


class _Refused(Exception):
    """What asking the same again will not cure."""

    def __init__(self, status: int, said: str):
        super().__init__(said)
        self.status = status


class _Client(AsyncInferenceClient):
    """A client that `HF_HUB_OFFLINE`, which is about the Hub, does not keep from the user's own server."""

    async def _get_async_client(self):
        client = await super()._get_async_client()
        if not of_hugging_face(self.model):
            client.event_hooks = {"request": [], "response": []}
        return client


class _Run:
    """The rows of one call, in the thread that asks."""

    def __init__(self, endpoint: Endpoint, conversations: Sequence[Conversation]):
        self.endpoint, self.conversations = endpoint, conversations
        self.found: queue.SimpleQueue[tuple[int, Outcome] | BaseException] = queue.SimpleQueue()
        self.ledger = Ledger(endpoint.folder)
        self._key = key_for(endpoint.url)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task | None = None
        self._not_before = 0.0  # when the server wants to hear from us again
        self._heard = False  # whether it has taken a question
        self._silent = 0  # rows in a row that got no answer
        self._over = False  # whether an error has ended it

    def work(self) -> None:
        try:
            asyncio.run(self._all())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - the other thread raises it
            self.found.put(error)
        finally:
            self._ready.set()

    def stop(self) -> None:
        """Let go of what is still asked, if anything is."""
        self._ready.wait()
        if self._loop is not None and not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(self._task.cancel)
            except RuntimeError:
                pass  # it has just closed

    async def _all(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._ready.set()
        self._room, self._doubt = asyncio.Semaphore(self.endpoint.concurrency), asyncio.Lock()
        # Without a key of ours the client would send the login of the Hub, to whatever server this is.
        async with _Client(base_url=self.endpoint.url, api_key=self._key or "none") as self._client:
            await asyncio.gather(*map(self._one, range(len(self.conversations))))

    async def _one(self, place: int) -> None:
        async with self._room:
            if self._over:  # before the other thread has read the error, no further question may cost anything
                return
            try:
                self.found.put((place, await self._outcome(self.conversations[place])))
            except Exception as error:  # noqa: BLE001 - the other thread raises it
                self._over = True
                self.found.put(error)

    async def _outcome(self, conversation: Conversation) -> Outcome:
        answer = await self._ask(conversation)
        if isinstance(answer, Declined):
            return answer
        outcome = conversation.read(*answer)
        if not isinstance(outcome, Problem):
            return outcome
        self.ledger.add(repairs=1)
        second = await self._ask(asked_again(conversation, answer[0], outcome))
        if isinstance(second, Declined):
            return second if second.passing else Declined(outcome.what)
        outcome = conversation.read(*second)
        return Declined(outcome.what) if isinstance(outcome, Problem) else outcome

    async def _ask(self, conversation: Conversation) -> tuple[str, bool] | Declined:
        waits = conversation.stream.child("wait")
        failure = _Failed("")
        for attempt in range(self.endpoint.retries + 1):
            if attempt:
                self.ledger.add(retries=1)
                await asyncio.sleep(min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1)) * (0.5 + waits.uniform()))
            while (wait := self._not_before - time.monotonic()) > 0:
                await asyncio.sleep(wait * (1 + 0.1 * waits.uniform()))
            try:
                return await self._call(conversation.messages, conversation.stream)
            except _Refused as refusal:
                return await self._refused(refusal)
            except _Failed as failed:
                failure = failed
            if failure.wait is not None:
                if failure.wait > PATIENCE:
                    break
                self._not_before = max(self._not_before, time.monotonic() + failure.wait)
        self._silent += 1
        if self._silent >= max(10, 2 * self.endpoint.concurrency):
            raise ConnectionError(
                f"The endpoint {self.endpoint.url!r} did not answer {self._silent} rows in a row ({failure}). What it "
                "answered before is remembered: run the same again when it is up."
            )
        return for_now(f"the endpoint did not answer: {failure}")

    async def _call(self, messages: list[dict[str, str]], stream: Stream) -> tuple[str, bool]:
        """Return the text of an answer, and whether the model had ended it."""
        body = {"seed": stream.key % (1 << 31), **self.endpoint.body}
        self.ledger.add(calls=1)
        try:
            async with asyncio.timeout(self.endpoint.timeout):
                found = await self._client.chat_completion(messages, model=self.endpoint.model, extra_body=body)
            choice = found.choices[0]
            text = choice.message.content or ""
            if not isinstance(text, str):
                raise TypeError("the content is no string")
        except HfHubHTTPError as error:
            raise self._read_error(error) from None
        except TimeoutError:
            raise _Failed(f"nothing within {self.endpoint.timeout:g} s") from None
        except Exception as error:  # noqa: BLE001 - the libraries below have many names for a line or an answer cut off
            raise _Failed(f"a broken answer or connection ({type(error).__name__})") from None
        usage = found.usage
        tokens = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
        if all(isinstance(count, int) for count in tokens):
            self.ledger.add(prompt_tokens=tokens[0], completion_tokens=tokens[1])
        else:
            self.ledger.add(uncounted=1)
        self._heard, self._silent = True, 0
        return text, choice.finish_reason != "length"

    def _read_error(self, error: HfHubHTTPError) -> _Failed | _Refused:
        status = error.response.status_code
        if status in _PASSING or status >= 500:
            return _Failed(f"status {status}", retry_after(error.response.headers.get("retry-after")))
        said = message(error.response.text)
        return _Refused(status, said.replace(self._key, "***") if self._key else said)

    async def _refused(self, refusal: _Refused) -> Declined:
        """Decline the row, if another one would have been taken."""
        if refusal.status in _OF_THE_ROW:
            async with self._doubt:
                if not self._heard:
                    try:
                        await self._call([{"role": "user", "content": "Say hello."}], Stream(0))
                    except _Refused as again:
                        raise self._error(again) from None
                    except _Failed as failure:
                        return for_now(f"the endpoint did not answer: {failure}")
            return Declined(f"the endpoint refused the row: {refusal}", passing=True)
        raise self._error(refusal)

    def _error(self, refusal: _Refused) -> Exception:
        advice = {
            401: f"Set {KEY}.",
            403: f"Set {KEY} to a key that may use this model.",
            404: f"Check the URL and the model's name there, {self.endpoint.model!r}.",
        }.get(refusal.status, "What is sent beside the messages can be changed with extra={...}; None leaves it out.")
        kind = PermissionError if refusal.status in (401, 403) else ValueError
        return kind(f"The endpoint {self.endpoint.url!r} refused ({refusal.status}): {refusal} {advice}")
