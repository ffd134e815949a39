"""A server on loopback that speaks like OpenAI's and fails as often as it is told to, alone or before a real one."""

import contextlib
import hashlib
import json
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = ("busy", "broken", "silent", "cut")  # 429, 500, no answer at all, half of one
ALL_TEN_PERCENT = dict.fromkeys(FAULTS, 0.1)


class Server:
    """
    Answers `POST /v1/chat/completions`, with faults in between.

    Whether a try fails follows from what is asked and how often it was asked before, not from the order in which
    questions come in, so a run can be repeated.

    Args:
        answer (`Callable[[dict], bytes | tuple[int, dict, bytes]]`): Makes the body of an answer from a request's; or
            status, headers and body.
        faults (`Mapping[str, float]`, *optional*): How often each of `FAULTS` happens, from 0 to 1.
    """

    def __init__(self, answer: Callable[[dict], Any], faults: Mapping[str, float] | None = None):
        self.answer, self.faults = answer, dict(faults or {})
        self.bodies: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.happened: Counter = Counter()  # tries by what was drawn for them
        self.answered: Counter = Counter()  # full answers by question
        self.closed = threading.Event()
        self._tries: Counter = Counter()
        self._guard = threading.Lock()

    def draw(self, question: str) -> str:
        """Return what happens to the next try of a question."""
        with self._guard:
            self._tries[question] += 1
            salted = f"{question}\0{self._tries[question]}"
        fault = self._fault(salted)
        with self._guard:
            self.happened[fault] += 1
        return fault

    def _fault(self, salted: str) -> str:
        left = int.from_bytes(hashlib.blake2b(salted.encode(), digest_size=8).digest(), "little") / 2**64
        for fault, share in self.faults.items():
            left -= share
            if left < 0:
                return fault
        return "answered"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_POST(self) -> None:
        own: Server = self.server.own
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        question = json.dumps([body["messages"], body.get("seed")], sort_keys=True)
        with own._guard:
            own.bodies.append(body)
            own.headers.append({name.lower(): value for name, value in self.headers.items()})
        fault = own.draw(question)
        try:
            self.meet(own, fault, body, question)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client has lost its patience

    def meet(self, own: Server, fault: str, body: dict, question: str) -> None:
        if fault == "busy":
            return self.say(429, {"Retry-After": "0"}, b'{"error": {"message": "slow down"}}')
        if fault == "broken":
            return self.say(500, {}, b"something broke")
        if fault == "silent":
            own.closed.wait(60)
            self.close_connection = True
            return None
        found = own.answer(body)
        status, headers, content = found if isinstance(found, tuple) else (200, {}, found)
        if fault == "cut":
            return self.say(status, headers, content[: len(content) // 2])
        if status == 200:
            with own._guard:
                own.answered[question] += 1
        return self.say(status, headers, content)

    def say(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            **headers,
            "Content-Length": str(len(content)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # five, the default, turns a busy client away


@contextlib.contextmanager
def serve(answer: Callable[[dict], Any], faults: Mapping[str, float] | None = None) -> Iterator[tuple[str, Server]]:
    """Run a server on a free port of 127.0.0.1; gives its base URL and what it has seen."""
    own = Server(answer, faults)
    http = _Listener(("127.0.0.1", 0), _Handler)
    http.own = own
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/v1", own
    finally:
        own.closed.set()
        http.shutdown()
        http.server_close()
        thread.join()


def forward(url: str) -> Callable[[dict], tuple[int, dict, bytes]]:
    """Return an `answer` that asks a real server at a base URL."""

    def answer(body: dict) -> tuple[int, dict, bytes]:
        request = urllib.request.Request(
            f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as found:
                return found.status, {}, found.read()
        except urllib.error.HTTPError as error:
            return error.code, {}, error.read()

    return answer


def completion(content: Any, finish_reason: str = "stop", usage: tuple[int, int] | None = (100, 20)) -> bytes:
    """Write an answer as OpenAI's servers do."""
    message = {"role": "assistant", "content": content}
    found: dict[str, Any] = {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
    }
    if usage is not None:
        found["usage"] = dict(
            zip(("prompt_tokens", "completion_tokens", "total_tokens"), (*usage, sum(usage)), strict=True)
        )
    return json.dumps(found).encode()


def obedient(body: dict) -> bytes:
    """Answer every question with a text of its own, in JSON."""
    said = json.dumps([body["messages"], body.get("seed")], sort_keys=True)
    return completion(json.dumps({"text": f"text {hashlib.blake2b(said.encode(), digest_size=6).hexdigest()}"}))
