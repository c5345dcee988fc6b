"""Chromium driven through its debugging pipe: real keys, media, sizes. No port is open, and nothing is fetched."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync "
    "--disable-component-update --hide-scrollbars --remote-debugging-pipe"
).split()
#: Seconds without a word after which it is given up.
PATIENCE = 60
#: Keys that are not the letter on them.
KEYS = {
    "Tab": 9, "Enter": 13, "Home": 36, "End": 35, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
}  # fmt: skip


class Tab:
    """One page of a browser."""

    def __init__(self, write: Any, read: Any) -> None:
        self._write, self._read, self._count, self._session = write, read, 0, ""
        self._received, self._loads = bytearray(), 0
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable")

    def ask(self, method: str, **words: Any) -> dict[str, Any]:
        """What the browser answers; events on the way are passed over."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": words}
        if self._session:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while (answer := self._next()).get("id") != self._count:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            if not select.select([self._read], [], [], PATIENCE)[0]:
                raise TimeoutError(f"the browser has said nothing for {PATIENCE} s")
            if not (received := os.read(self._read.fileno(), 1 << 16)):
                raise EOFError("the browser has ended")
            self._received += received
        message, _, self._received = self._received.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        self._loads += answer.get("method") == "Page.loadEventFired"
        return answer

    def _go(self, address: str) -> None:
        """Another page, when all of it is there."""
        before = self._loads
        self.ask("Page.navigate", url=address)
        while self._loads == before:
            self._next()

    def open(self, address: str, width: int = 1200, height: int = 900, media: str = "", **features: str) -> None:
        """A page of that size, with media such as "print" and features such as prefers_color_scheme="dark"."""
        shown = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.ask("Emulation.setEmulatedMedia", media=media, features=shown)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        # Addresses that differ in their end only are the same page.
        self._go("about:blank")
        self._go(address)

    def run(self, code: str) -> Any:
        """The value of an expression in the page; of a promise what it becomes."""
        answer = self.ask("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description"))
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """A key, down and up."""
        text = {"Enter": "\r"}.get(key, "" if key in KEYS else key)
        words = {"key": key, "windowsVirtualKeyCode": KEYS.get(key, ord(key[0].upper()))}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **words, **({"text": text} if text else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", **words)

    def drag(self, place: tuple[float, float], *stops: tuple[float, float]) -> None:
        """The mouse, pressed at a place and released at the last of the stops."""
        held = {"button": "left", "buttons": 1, "clickCount": 1}
        self.ask("Input.dispatchMouseEvent", type="mousePressed", x=place[0], y=place[1], **held)
        for x, y in stops:
            self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, button="left", buttons=1)
        self.ask("Input.dispatchMouseEvent", type="mouseReleased", x=stops[-1][0], y=stops[-1][1], **held)

    def screenshot(self, path: Path) -> None:
        """All of the page, as PNG."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def chromium() -> Iterator[Tab]:
    """A browser with one page, offline."""
    assert CHROMIUM
    (in_read, in_write), (out_read, out_write) = os.pipe(), os.pipe()

    def hand_over() -> None:
        # The browser reads its descriptor 3 and writes to 4.
        low, high = os.dup(in_read), os.dup(out_write)
        os.dup2(low, 3)
        os.dup2(high, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder}"]
        program = subprocess.Popen(command, preexec_fn=hand_over, close_fds=False, stderr=subprocess.DEVNULL)
        os.close(in_read)
        os.close(out_write)
        try:
            with os.fdopen(in_write, "wb") as write, os.fdopen(out_read, "rb", buffering=0) as read:
                tab = Tab(write, read)
                tab.ask("Network.enable")
                tab.ask(
                    "Network.emulateNetworkConditions",
                    offline=True,
                    latency=0,
                    downloadThroughput=0,
                    uploadThroughput=0,
                )
                yield tab
        finally:
            program.kill()
            program.wait(20)
