"""Drives Firefox as Debian ships it, by the protocol that every Firefox speaks (Marionette): neither Playwright's own build
nor geckodriver is needed.

    with Firefox() as firefox:
        firefox.goto(server.url("/page.html"))
        firefox.evaluate("n => WebDNN.version + n", 5)
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

# Port 0 is any free one; Firefox writes the one that it took to a file in the profile.
PREFERENCES = {
    "marionette.port": 0,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage": "about:blank",
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}
START = 60.0  # seconds
ANSWER = 120.0

# The function runs in the page's own realm, so that its Int32Array and Error are those of the page's scripts.
EVALUATE = """
  const done = arguments[arguments.length - 1];
  const [source, given] = arguments;
  const call = window.eval(`(async (given) => {
    const value = (${source});
    return JSON.stringify((typeof value === 'function' ? await value(JSON.parse(given)) : await value) ?? null);
  })`);
  call(given).then((value) => done({value}), (error) => done({error: String(error)}));
"""


class FirefoxError(AssertionError):
    """Firefox did not start, or a page or the protocol answered with an error."""


def executable() -> str | None:
    """The Firefox to drive: $WEBDNN_FIREFOX, or the one on the PATH."""
    return os.environ.get("WEBDNN_FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    """One headless Firefox with one page; `preferences` are added to its profile."""

    def __init__(self, **preferences: object):
        path = executable()
        if path is None:
            raise FirefoxError("Firefox is missing: install Debian's `firefox-esr`, or set WEBDNN_FIREFOX to its path")
        self._profile = tempfile.TemporaryDirectory(prefix="webdnn-firefox-", ignore_cleanup_errors=True)
        lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in (PREFERENCES | preferences).items())
        (Path(self._profile.name) / "user.js").write_text("\n".join(lines))
        command = [path, "--headless", "--marionette", "--no-remote", "--profile", self._profile.name]
        environment = {**os.environ, "MOZ_HEADLESS": "1", "HOME": self._profile.name}
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._socket: socket.socket | None = None
        self._last = 0
        try:
            self._socket = self._connect()
            self._receive()  # a greeting
            self._call("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": False}}})
            self._call("WebDriver:SetTimeouts", {"script": int(ANSWER * 1000)})
        except BaseException:
            self.close()
            raise

    def goto(self, url: str) -> None:
        """Opens `url` and waits until it has loaded."""
        self._call("WebDriver:Navigate", {"url": url})

    def evaluate(self, source: str, argument: Any = None) -> Any:
        """What the JavaScript expression `source` is, or, if that is a function, what it returns for `argument`.

        Promises are awaited; both ways go through JSON, which makes null of NaN.
        """
        arguments = [source, json.dumps(argument)]
        parameters = {"script": EVALUATE, "args": arguments, "newSandbox": False, "sandbox": None}
        answer = self._call("WebDriver:ExecuteAsyncScript", parameters)["value"]
        if "error" in answer:
            raise FirefoxError(answer["error"])
        return json.loads(answer["value"])

    def wait_for_function(self, source: str, timeout: float = 30_000) -> None:
        """Until `source` is true; `timeout` in milliseconds, as Playwright has it."""
        end = time.monotonic() + timeout / 1000
        while not self.evaluate(source):
            if time.monotonic() > end:
                raise FirefoxError(f"not true within {timeout} ms: {source}")
            time.sleep(0.05)

    def set_viewport(self, width: int, height: int) -> None:
        """Makes the page's area `width` × `height`."""
        outer = self.evaluate("[outerWidth - innerWidth, outerHeight - innerHeight]")
        self._call("WebDriver:SetWindowRect", {"width": width + outer[0], "height": height + outer[1]})

    def screenshot(self, path: Path) -> None:
        """A PNG of the whole page."""
        answer = self._call("WebDriver:TakeScreenshot", {"full": True, "hash": False})
        path.write_bytes(base64.b64decode(answer["value"]))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._profile.cleanup()

    def __enter__(self) -> Firefox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connect(self) -> socket.socket:
        port = Path(self._profile.name) / "MarionetteActivePort"
        end = time.monotonic() + START
        while time.monotonic() < end and self._process.poll() is None:
            if port.exists() and port.read_text().strip():
                return socket.create_connection(("127.0.0.1", int(port.read_text())), timeout=ANSWER + 10)
            time.sleep(0.1)
        raise FirefoxError(f"Firefox did not start within {START:.0f} s (it ended with {self._process.poll()})")

    def _call(self, command: str, parameters: dict[str, Any]) -> Any:
        """Messages are JSON with its length before it: [0, id, command, parameters] → [1, id, error, result]."""
        assert self._socket is not None
        self._last += 1
        message = json.dumps([0, self._last, command, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, number, error, result = self._receive()
        if error is not None:
            raise FirefoxError(f"{command}: {error['error']}: {error['message']}")
        assert number == self._last, (number, self._last)
        return result

    def _receive(self) -> Any:
        assert self._socket is not None
        length = b""
        while not length.endswith(b":"):
            length += self._read(1)
        return json.loads(self._read(int(length[:-1])))

    def _read(self, count: int) -> bytes:
        assert self._socket is not None
        parts = []
        while count:
            part = self._socket.recv(min(count, 1 << 20))
            if not part:
                raise FirefoxError("Firefox closed the connection")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)
