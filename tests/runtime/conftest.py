"""Models written once, and one page for each file of tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.chromium import INSECURE_HOST
from harness.server import StaticServer
from runtime.support import FOLDER, Model, dense_graph, mixed_graph, write_model


@pytest.fixture(scope="session")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """x (N, 5) → y0 (N, 3), N in 2, 4, 6."""
    return write_model(dense_graph(symbolic=True), tmp_path_factory.mktemp("runtime") / "dense")


@pytest.fixture(scope="session")
def static(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """`dense` for N = 2 only."""
    return write_model(dense_graph(symbolic=False), tmp_path_factory.mktemp("runtime") / "static")


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return write_model(mixed_graph(), tmp_path_factory.mktemp("runtime") / "mixed")


@pytest.fixture(scope="session")
def serve_models(serve_session: Any, dense: Model, static: Model, mixed: Model) -> Callable[..., StaticServer]:
    """A server with all models under their names and the test page at /page.html."""

    def start(**options: Any) -> StaticServer:
        mounts = {"/dense/": dense.folder, "/static/": static.folder, "/mixed/": mixed.folder}
        server = serve_session(mounts, **options)
        server.add("/page.html", (FOLDER / "page.html").read_bytes())
        server.add("/attempt.js", (FOLDER / "attempt.js").read_bytes())
        return server

    return start


@pytest.fixture(scope="module")
def server(serve_models: Callable[..., StaticServer]) -> StaticServer:
    return serve_models()


@contextmanager
def open_site(browser: Any, url: str) -> Iterator[Any]:
    """A page with the runtime loaded. An uncaught error in it is one of its user."""
    context = browser.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    page.wait_for_function("window.WebDNN", timeout=10_000)
    yield page
    context.close()
    assert not errors, f"uncaught in the page: {errors}"


@pytest.fixture(scope="module")
def site(browser: Any, server: StaticServer) -> Iterator[Any]:
    with open_site(browser, server.url("/page.html")) as page:
        yield page


@pytest.fixture(scope="module")
def insecure_site(browser: Any, server: StaticServer) -> Iterator[Any]:
    """As pages of plain http are, except those of localhost."""
    with open_site(browser, server.url("/page.html").replace("127.0.0.1", INSECURE_HOST)) as page:
        assert page.evaluate("[isSecureContext, typeof crypto.subtle]") == [False, "undefined"]
        yield page


@pytest.fixture(autouse=True)
def healed(server: StaticServer) -> Iterator[None]:
    """No fault outlives its test."""
    yield
    server.heal()
