"""
A Hub on loopback for the real client libraries: repositories, LFS, tokens, collections, and faults on demand.

With `HF_HUB_DISABLE_XET=1`, which `LoopbackHub.environment` sets, the clients upload through LFS, as is spoken here.
"""

import copy
import json
import os
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests import hub_collections  # noqa: F401  its routes
from tests.hub_api import Answer, State
from tests.hub_repos import Refused


@dataclass
class _Failure:
    pattern: re.Pattern
    status: int
    times: int
    after: int


@dataclass
class _Drop:
    call: int  # counted from the start of the hub
    after_effect: bool
    also: Callable[[], Any] | None


class LoopbackHub:
    """
    A Hub on a free port of 127.0.0.1 while its `with` block lasts.

    Kinds are `"dataset"`, `"model"` and `"space"`. A repository belongs to the user in front of the slash, who alone
    writes to it, and reads it when it is private.

    Args:
        tokens (`Mapping[str, tuple[str, str]]`, *optional*): By token, its user and `"read"` or `"write"`. They are
            kept here only: no call, error or header repeats one.
    """

    def __init__(self, tokens: Mapping[str, tuple[str, str]] | None = None):
        self.calls: list[str] = []  # every request as "METHOD /path", those included that fail
        self._state = State(tokens or {})
        self._failures: list[_Failure] = []
        self._drops: list[_Drop] = []
        self._guard = threading.RLock()

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()  # waits for the answers that are under way

    def environment(self, folder: Path | str, token: str | None = None) -> dict[str, str]:
        """Return this process's environment for another one that uses this Hub, with its caches in a folder."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HF_", "HUGGING", "TRANSFORMERS_")) or name.startswith("HF_AUGMENT_")
        }
        return {
            **kept,
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(folder),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "*",
            "no_proxy": "*",
            **({"HF_TOKEN": token} if token is not None else {}),
        }

    def fail(self, pattern: str, status: int, times: int = 1, after: int = 0) -> None:
        """Answer with an error, and without effect, when a pattern is found in `"METHOD /path"`.

        The first `after` requests that match are served, the next `times` fail. 429 says to try again at once.
        """
        with self._guard:
            self._failures.append(_Failure(re.compile(pattern), status, times, after))

    def drop(self, n: int, after_effect: bool = False, also: Callable[[], Any] | None = None) -> None:
        """Cut the connection of the n-th request from now, the next being 1, instead of answering.

        Args:
            n (`int`): Which request.
            after_effect (`bool`, *optional*, defaults to `False`): Whether the request is carried out first.
            also (`Callable[[], Any]`, *optional*): Called before the cut: to kill the client, for one.
        """
        with self._guard:
            self._drops.append(_Drop(len(self.calls) + n, after_effect, also))

    def commits(self, kind: str, repo_id: str) -> list[str]:
        """Return the titles of the commits on `main`, oldest first."""
        with self._guard:
            return [commit.title for commit in reversed(self._state.repos[kind, repo_id].history("main"))]

    def files(self, kind: str, repo_id: str) -> dict[str, bytes]:
        """Return the content of every file on `main`, the `.gitattributes` included that the Hub itself puts there."""
        with self._guard:
            return {path: file.content for path, file in self._state.repos[kind, repo_id].at("main").files.items()}

    def forget_uploads(self) -> None:
        """Forget what LFS has, but for the files of commits: the next push uploads it anew."""
        with self._guard:
            self._state.uploads.clear()

    def private(self, kind: str, repo_id: str) -> bool:
        with self._guard:
            return self._state.repos[kind, repo_id].private

    @property
    def repos(self) -> list[tuple[str, str]]:
        """Kind and id of every repository, in the order in which they were made."""
        with self._guard:
            return list(self._state.repos)

    @property
    def collections(self) -> list[dict[str, Any]]:
        """Every collection as the API shows it, in the order in which they were made."""
        with self._guard:
            return copy.deepcopy(list(self._state.collections.values()))

    def answer(self, call: str, query: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """Carry out one request; `None` to cut the connection."""
        with self._guard:
            self.calls.append(call)
            drop = next((drop for drop in self._drops if drop.call == len(self.calls)), None)
            found = None
            if drop is None or drop.after_effect:
                try:
                    self._fail(call)
                    found = self._state.serve(call, query, headers, body)
                except Refused as error:
                    found = Answer(error.body, error.headers, error.status)
                if not isinstance(found.body, bytes):
                    found.body = json.dumps(found.body).encode()  # while nobody else can change it
        if drop is None:
            return found
        if drop.also is not None:
            drop.also()
        return None

    def _fail(self, call: str) -> None:
        for failure in self._failures:
            if failure.pattern.search(call):
                if failure.after > 0:
                    failure.after -= 1
                elif failure.times > 0:
                    failure.times -= 1
                    raise Refused(
                        failure.status,
                        "This request was told to fail",
                        headers={"Retry-After": "0"} if failure.status == 429 else None,
                    )


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60  # for a client that neither reads on nor goes

    def log_message(self, *arguments: Any) -> None:
        pass

    def handle_any(self) -> None:
        # One request a connection: no thread then waits for a client that has no more to ask.
        self.close_connection = True
        try:
            body = self.read_body()
            if body is None:
                return
            address = urlsplit(self.path)
            answer = self.server.hub.answer(f"{self.command} {address.path}", address.query, self.headers, body)
            if answer is None:
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self.say(answer)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass  # the client has gone

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def read_body(self) -> bytes | None:
        """Read what a request carries; `None` if the client went before its end."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            size = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(size)
            return body if len(body) == size else None
        body = b""
        while line := self.rfile.readline():
            size = int(line.split(b";")[0], 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return body
        return None

    def say(self, answer: Answer) -> None:
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json", **answer.headers, "Content-Length": str(len(answer.body))}
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
