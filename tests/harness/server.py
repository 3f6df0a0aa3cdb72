"""A loopback web server for browser tests: several folders under one origin, with faults on request."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from types import TracebackType
from urllib.parse import unquote, urlsplit

MIME_TYPES = {
    ".bin": "application/octet-stream",
    ".css": "text/css",
    ".gif": "image/gif",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
}


@dataclass(frozen=True)
class Response:
    """What goes out. `declared_length` larger than the body makes the transfer break off."""

    content: bytes | Path
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    declared_length: int | None = None

    @property
    def body(self) -> bytes:
        return self.content.read_bytes() if isinstance(self.content, Path) else self.content

    @property
    def length(self) -> int:
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)


Fault = Callable[[Response], Response]


class StaticServer:
    """Serves `mounts` (URL prefix → folder) and the pages of `add` on http://127.0.0.1, a secure context.

    `isolated` sends the COOP and COEP headers that give a page SharedArrayBuffer; `csp` is sent as the
    Content-Security-Policy of every response. Port 0 is any free one. `requests` counts the requests of each path, `posted`
    holds the bodies that pages have posted.
    """

    def __init__(
        self,
        mounts: Mapping[str, Path] | None = None,
        *,
        isolated: bool = True,
        csp: str | None = None,
        port: int = 0,
    ):
        self.mounts: dict[str, Path] = {}
        for prefix, folder in (mounts or {}).items():
            self.mount(prefix, folder)
        self.isolated = isolated
        self.csp = csp
        self.requests: Counter[str] = Counter()
        self.posted: Queue[bytes] = Queue()
        self._pages: dict[str, Response] = {}
        self._faults: dict[str, Fault] = {}
        self._lock = threading.Lock()
        self._http = _HTTPServer(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def url(self, path: str) -> str:
        return f"{self.origin}/{path.lstrip('/')}"

    def mount(self, prefix: str, folder: Path) -> None:
        self.mounts[f"/{prefix.strip('/')}/".replace("//", "/")] = Path(folder)

    def add(self, path: str, content: str | bytes) -> str:
        """Serves `content` at `path` (typed by its extension; without one it is HTML) and returns the URL."""
        body = content.encode() if isinstance(content, str) else content
        self._pages[_absolute(path)] = Response(body, headers={"Content-Type": _mime_type(path)})
        return self.url(path)

    # Faults: each applies to one path until `heal`.

    def fault(self, path: str, change: Fault) -> None:
        """Passes every response for `path` through `change`."""
        self._faults[_absolute(path)] = change

    def fail(self, path: str, status: int = 404) -> None:
        self.fault(path, lambda response: Response(b"made to fail by the test", status))

    def truncate(self, path: str, length: int) -> None:
        """Sends the first `length` bytes as if they were the whole file."""
        self.fault(path, lambda response: Response(response.body[:length], response.status, response.headers))

    def break_off(self, path: str, length: int) -> None:
        """Announces the whole file and closes the connection after `length` bytes."""
        self.fault(
            path,
            lambda response: Response(response.body[:length], response.status, response.headers, len(response.body)),
        )

    def alter(self, path: str, offset: int = 0) -> None:
        """Inverts the byte at `offset` (negative counts from the end)."""

        def change(response: Response) -> Response:
            body = bytearray(response.body)
            body[offset] ^= 0xFF
            return Response(bytes(body), response.status, response.headers)

        self.fault(path, change)

    def replace(self, path: str, content: bytes) -> None:
        self.fault(path, lambda response: Response(content, 200, response.headers))

    def heal(self, path: str | None = None) -> None:
        """Takes the fault off `path`, or off every path."""
        if path is None:
            self._faults.clear()
        else:
            self._faults.pop(_absolute(path), None)

    def respond(self, path: str) -> Response:
        with self._lock:
            self.requests[path] += 1
        response = self._find(path)
        change = self._faults.get(path)
        return change(response) if change else response

    def _find(self, path: str) -> Response:
        if path in self._pages:
            return self._pages[path]
        # The longest prefix wins, so that one folder can be mounted inside another.
        for prefix in sorted(self.mounts, key=len, reverse=True):
            if path.startswith(prefix):
                folder = self.mounts[prefix].resolve()
                file = (folder / path.removeprefix(prefix)).resolve()
                if file.is_relative_to(folder) and file.is_file():
                    return Response(file, headers={"Content-Type": _mime_type(file.name)})
        return Response(b"not found", 404, {"Content-Type": "text/plain"})

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> StaticServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a browser keeps idle connections open

    def __init__(self, address: tuple[str, int], site: StaticServer):
        super().__init__(address, _Handler)
        self.site = site

    def handle_error(self, request: object, client_address: object) -> None:
        """A page that closes while it loads is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are written one after the other: a small body would wait 40 ms for the headers' acknowledgement.
    disable_nagle_algorithm = True
    server: _HTTPServer

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_POST(self) -> None:
        self.server.site.posted.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def _answer(self, with_body: bool) -> None:
        site = self.server.site
        response = site.respond(unquote(urlsplit(self.path).path))
        length = response.length if response.declared_length is None else response.declared_length
        headers = {"Content-Length": str(length), "Cache-Control": "no-store", **response.headers}
        if site.isolated:
            headers |= {
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cross-Origin-Embedder-Policy": "require-corp",
                "Cross-Origin-Resource-Policy": "cross-origin",
            }
        if site.csp is not None:
            headers["Content-Security-Policy"] = site.csp
        self.send_response(response.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self._write(response.content)
        if length != response.length:
            self.close_connection = True

    def _write(self, content: bytes | Path) -> None:
        if isinstance(content, bytes):
            self.wfile.write(content)
            return
        # By the kernel: a copy through this process takes as long as the browser needs to read it.
        with content.open("rb") as file:
            self.connection.sendfile(file)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: tests read `requests`."""


def _absolute(path: str) -> str:
    return f"/{path.lstrip('/')}"


def _mime_type(path: str) -> str:
    suffix = Path(path).suffix or ".html"
    return MIME_TYPES.get(suffix, "application/octet-stream")
