"""Tiers, and the fixtures that open a browser.

`--tier fast` leaves out tests marked `slow` and `exhaustive`, and those that drive a browser unless they are marked `fast`;
the default leaves out `exhaustive`; `--tier all` runs everything. `bin/test --fast` and `bin/test --all` pass it on.

Only the exhaustive tier has: op cases on webgpu and webgl without a feature of their own (harness/cover.py); buffers beyond
128 MiB; every Keras layer on webassembly, webgpu and webgl (the default tier has there what is new to backends, and on
fallback every layer); the op cases that share no memory among threads on further variants of webassembly; networks other
than those of `applications.IN_DEFAULT_TIER`; large pictures on SwiftShader; other compilers than zig.

Cases that run in a browser are computed many at once (harness/batches.py), and only those that this run has selected
(harness/selection.py): `-k` with one case takes as long as that case.

Several processes may share the tests (`-n 2 --no-loadscope-reorder`), by the groups of harness/sharing.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness import chromium, compiled, sharing
from harness.cache import delete_old
from harness.selection import Selected, selected_of
from harness.server import StaticServer
from harness.workshop import Workshop, open_cache
from webdnn.backend.webassembly.toolchain import Toolchain

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Before anything imports Keras.
os.environ.setdefault("KERAS_BACKEND", "jax")

ROOT = Path(__file__).resolve().parents[1]
# Programs that a test starts import this checkout.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
CACHE = ROOT / ".cache"
MODULES, PROGRAMS = CACHE / "modules", CACHE / "programs"
LEFT_OUT = {"fast": {"slow", "exhaustive"}, "default": {"exhaustive"}, "all": set()}
BROWSER_FIXTURES = {"browser", "page"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tier", choices=list(LEFT_OUT), default="default", help="how much to run")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # once, before the processes of pytest-xdist read them
        for opened in (compiled.open_modules(MODULES), compiled.open_programs(PROGRAMS)):
            delete_old(opened.folder, compiled.DAYS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return sharing.scheduler(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # What is no whole file takes long, and what takes long starts first.
    items.sort(key=lambda item: sharing.group_of(item.nodeid).endswith(".py"))
    for item in items:
        if BROWSER_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.browser)
            if not item.get_closest_marker("fast"):
                item.add_marker(pytest.mark.slow)
    left_out = LEFT_OUT[config.getoption("--tier")]
    kept: list[pytest.Item] = []
    deselected: list[pytest.Item] = []
    for item in items:
        (deselected if any(item.get_closest_marker(name) for name in left_out) else kept).append(item)
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = kept


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """In the exhaustive tier, the figures that tests recorded as `measured`."""
    if config.getoption("--tier") != "all":
        return
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    figures = sorted(
        (report.nodeid, value) for report in reports for name, value in report.user_properties if name == "measured"
    )
    if figures:
        terminalreporter.section("measured")
    for test, value in figures:
        terminalreporter.write_line(f"{value:>18}  {test}")


@pytest.fixture(scope="session", autouse=True)
def kept_from_run_to_run() -> Iterator[None]:
    """What compilers make, but not in programs that a test starts."""
    with pytest.MonkeyPatch.context() as patch, compiled.keeping_programs(compiled.open_programs(PROGRAMS).folder):
        patch.setattr(Toolchain, "modules", compiled.keeping(Toolchain.modules, compiled.open_modules(MODULES)))
        yield


@pytest.fixture
def compilers_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this test, the C compiler makes every module."""
    monkeypatch.setattr(Toolchain, "modules", Toolchain.modules.__wrapped__)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium with WebGPU and WebGL 2 on SwiftShader."""
    from playwright.sync_api import sync_playwright

    path = chromium.executable()
    if path is None:
        pytest.fail("Chromium is missing: install Debian's `chromium`, or set WEBDNN_CHROMIUM to its path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a context of its own. An uncaught error in it fails the test."""
    context = browser.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors, f"uncaught in the page: {errors}"


@pytest.fixture(scope="session")
def selected(request: pytest.FixtureRequest) -> Selected:
    """The cases that this run tests, for fixtures that compute many at once."""
    return partial(selected_of, request.session.items)


@pytest.fixture(scope="session")
def runtime_dist() -> Path:
    """The built runtime of this checkout."""
    return ROOT / "webdnn_js" / "dist"


@contextmanager
def _serving(runtime_dist: Path) -> Iterator[Callable[..., StaticServer]]:
    with ExitStack() as stack:

        def start(mounts: dict[str, Path] | None = None, **options: object) -> StaticServer:
            server = StaticServer({"/runtime/": runtime_dist, **(mounts or {})}, **options)
            server.add("/", "<!doctype html><meta charset=utf-8><link rel=icon href=data:,><title>test</title>")
            return stack.enter_context(server)

        yield start


@pytest.fixture
def serve(runtime_dist: Path) -> Iterator[Callable[..., StaticServer]]:
    """`serve({"/data/": folder}, isolated=True, csp=None)` starts a server, with the runtime under /runtime/ and an
    empty page at /; it ends with the test."""
    with _serving(runtime_dist) as start:
        yield start


@pytest.fixture(scope="session")
def serve_session(runtime_dist: Path) -> Iterator[Callable[..., StaticServer]]:
    """`serve` for servers that many tests share; they end with the session."""
    with _serving(runtime_dist) as start:
        yield start


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Keras models, with Keras's answers and their Descriptors."""
    return Workshop(open_cache(CACHE / "tests"), tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder of trained models named by WEBDNN_TEST_MODELS."""
    folder = os.environ.get("WEBDNN_TEST_MODELS")
    if not folder:
        pytest.skip("WEBDNN_TEST_MODELS is not set: no folder of trained models to read")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"WEBDNN_TEST_MODELS is {folder!r}, which is not a folder")
    return path
