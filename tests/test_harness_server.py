"""The server of the browser tests, faults included: a harness that cannot break a file proves nothing."""

import http.client
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from harness.server import StaticServer


@pytest.fixture
def server(tmp_path: Path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "weights.bin").write_bytes(bytes(range(100)))
    (tmp_path / "kernels.wasm").write_bytes(b"\0asm")
    (tmp_path.parent / "secret.txt").write_text("outside")
    with StaticServer({"/data/": tmp_path}, csp="default-src 'self'") as server:
        yield server


def get(server: StaticServer, path: str) -> tuple[bytes, http.client.HTTPMessage]:
    with urllib.request.urlopen(server.url(path)) as response:
        return response.read(), response.headers


def status(server: StaticServer, path: str) -> int:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(server.url(path))
    caught.value.close()
    return caught.value.code


def test_headers_and_types(server):
    body, headers = get(server, "/data/kernels.wasm")
    assert body == b"\0asm"
    assert headers["Content-Type"] == "application/wasm"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert headers["Content-Security-Policy"] == "default-src 'self'"
    assert server.requests["/data/kernels.wasm"] == 1


def test_missing_and_outside(server):
    assert status(server, "/data/none.bin") == 404
    assert status(server, "/data/../secret.txt") == 404
    assert status(server, "/data/%2e%2e/secret.txt") == 404


def test_added_page(server):
    server.add("/page.html", "<p>hello")
    body, headers = get(server, "/page.html")
    assert body == b"<p>hello"
    assert headers["Content-Type"].startswith("text/html")


def test_posted(server):
    for body in (b"first", b""):
        with urllib.request.urlopen(server.url("/answer"), data=body) as response:
            assert response.status == 204
    assert (server.posted.get(timeout=1), server.posted.get(timeout=1)) == (b"first", b"")


def test_faults(server):
    path = "/data/inner/weights.bin"
    whole = bytes(range(100))
    server.fail(path, 503)
    assert status(server, path) == 503
    server.truncate(path, 10)
    assert get(server, path)[0] == whole[:10]
    server.alter(path, -1)
    assert get(server, path)[0] == whole[:-1] + bytes([99 ^ 0xFF])
    server.replace(path, b"other")
    assert get(server, path)[0] == b"other"
    server.break_off(path, 10)
    with pytest.raises(http.client.IncompleteRead):
        get(server, path)
    server.heal(path)
    assert get(server, path)[0] == whole
    assert server.requests[path] == 6
