"""A headless Chromium, driven through its DevTools pipe: no library, no port, no download."""

import base64
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATH = shutil.which("chromium")
PATIENCE = 60.0  # seconds: two busy cores start a browser slowly

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars"),
    *("--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--remote-debugging-pipe", "about:blank"),
)


class Browser:
    """One browser with one page; `events` is what it reported."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="hf_augment_chromium_")
        self.events: list[dict[str, Any]] = []
        self._answers: dict[int, dict[str, Any]] = {}
        self._count, self._buffer, self._session = 0, b"", None
        ours_in, self._out = os.pipe()
        self._in, ours_out = os.pipe()
        # Chromium reads commands from 3 and writes to 4; the ends are moved up first, lest one already lies there.
        high = [os.dup2(end, number) for end, number in ((ours_in, 203), (ours_out, 204))]
        quiet = os.open(os.devnull, os.O_WRONLY)
        self._process = os.posix_spawn(
            PATH,
            [PATH, *_FLAGS[:-1], f"--user-data-dir={self.folder}", _FLAGS[-1]],
            {**os.environ, "HOME": self.folder},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, high[0], 3),
                (os.POSIX_SPAWN_DUP2, high[1], 4),
                (os.POSIX_SPAWN_DUP2, quiet, 1),
                (os.POSIX_SPAWN_DUP2, quiet, 2),
            ],
            setsid=True,  # its helpers end with it
        )
        for end in (ours_in, ours_out, *high, quiet):
            os.close(end)
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **given: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol and return its result."""
        self._count += 1
        number = self._count
        message = {"id": number, "method": method, "params": given}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while number not in self._answers:
            self._read(until)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _read(self, until: float) -> None:
        ready, _, _ = select.select([self._in], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise TimeoutError(f"Chromium said nothing for {PATIENCE:.0f} s.")
        found = os.read(self._in, 1 << 20)
        if not found:
            raise RuntimeError("Chromium has ended.")
        *whole, self._buffer = (self._buffer + found).split(b"\0")
        for message in map(json.loads, whole):
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self.events.append(message)

    def open(self, file: Path, width: int, height: int = 900, dark: bool = False) -> None:
        """Load a file at a width, in light or dark, and wait until it is there."""
        narrow = width < 600
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=narrow)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.send("Page.navigate", url=file.as_uri())
        self.wait(lambda: any(event["method"] == "Page.loadEventFired" for event in self.events))

    def wait(self, until: Callable[[], bool]) -> None:
        """Listen to the browser until something is so."""
        end = time.monotonic() + PATIENCE
        while not until():
            if time.monotonic() > end:
                raise TimeoutError(f"Not so after {PATIENCE:.0f} s.")
            if select.select([self._in], [], [], 0.05)[0]:
                self._read(end)

    def run(self, script: str) -> Any:
        """Evaluate an expression in the page and return its value."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if len(key) == 1 and kind == "keyDown" else {}
            code = {"windowsVirtualKeyCode": 9} if key == "Tab" else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=key, **text, **code)

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[dict[str, Any]]:
        """Return what stands in the console, and exceptions."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [event for event in self.events if event["method"] in kinds]

    def picture(self, file: Path) -> None:
        """Save a picture of the whole page."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        found = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(found["data"]))

    def close(self) -> None:
        """End the browser."""
        os.close(self._out)
        os.close(self._in)
        os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        shutil.rmtree(self.folder, ignore_errors=True)
