"""The packed runtime in pages that bundlers build: its worker and its threads are found, or the console says the cure."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from harness.graphs import small_graph
from harness.server import StaticServer
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.webassembly import TARGET
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.interpreter import interpret

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORKER = "webdnn-worker.js"
CURE = f"Copy {WORKER} from the folder dist of the package webdnn to where the page's script is served"


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the runtime is installed from its tarball."""
    folder = tmp_path_factory.mktemp("package")
    npm = shutil.which("npm") or "npm"
    (packed,) = json.loads(run(npm, "pack", "--json", "--pack-destination", folder, cwd=ROOT / "webdnn_js"))
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    run(npm, "install", "--offline", "--no-audit", "--no-fund", folder / packed["filename"], cwd=folder)
    return folder


@dataclass(frozen=True)
class Model:
    folder: Path
    expected: np.ndarray


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("bundled") / "model"
    graph = small_graph()
    weights = WeightTable.of(graph)
    write_descriptor(folder, graph, {"webassembly": build_plan(graph, TARGET, weights)}, weights.arrays)
    x = np.random.default_rng(2).standard_normal((1, 8, 8, 3)).astype(np.float32)
    x.tofile(folder / "input.bin")
    return Model(folder, interpret(graph, [x])[0])


Build = Callable[[str], Path]


@pytest.fixture(scope="module")
def build(package: Path) -> Build:
    """The folder that a bundler makes of the page."""

    def made(bundler: str) -> Path:
        folder = package / bundler  # below the package's folder, where node_modules is looked for
        folder.mkdir()
        shutil.copy(HERE / "page.js", folder / "main.js")
        shutil.copy(HERE / "index.html", folder / "index.html")
        shutil.copy(package / "package.json", folder / "package.json")
        run(shutil.which("node") or "node", HERE / "build.mjs", bundler, folder, cwd=folder)
        return folder / "out"

    return made


@dataclass(frozen=True)
class Shown:
    info: Mapping[str, Any]
    error: float
    console: list[str]


def show(page: Any, server: StaticServer, model: Model, **options: Any) -> Shown:
    """What the page that `server` serves at /site/ says, and what its console does."""
    console: list[str] = []
    page.on("console", lambda message: console.append(message.text) if message.type in ("warning", "error") else None)
    page.goto(server.url(f"/site/index.html?options={quote(json.dumps(options))}"))
    page.wait_for_function("globalThis.answer !== undefined", timeout=20_000)
    answer = page.evaluate("globalThis.answer")
    error = np.abs(np.array(answer["output"]) - model.expected.ravel()).max()
    return Shown(answer["info"], float(error), console)


def check_threads(shown: Shown) -> None:
    assert shown.error < 1e-5
    assert shown.info["thread"] == "worker"
    assert shown.info["threads"] == 2
    assert shown.info["variant"].endswith("-threads")
    assert shown.console == []


TWO = {"backendOptions": {"webassembly": {"threads": 2}}}


@pytest.mark.slow
def test_c2_vite(page, serve, build, model):
    check_threads(show(page, serve({"/site/": build("vite"), "/model/": model.folder}), model, **TWO))


@pytest.mark.exhaustive
@pytest.mark.parametrize("bundler", ["webpack", "parcel"])
def test_c2_bundlers_that_emit_workers(page, serve, build, model, bundler):
    check_threads(show(page, serve({"/site/": build(bundler), "/model/": model.folder}), model, **TWO))


@pytest.mark.exhaustive
@pytest.mark.parametrize("bundler", ["esbuild", "rollup", "esbuild-iife"])
def test_c2_bundlers_that_leave_workers_out(page, serve, build, model, package, bundler):
    """The page works, the console says what to do, and that helps."""
    out = build(bundler)
    server = serve({"/site/": out, "/model/": model.folder})
    without = show(page, server, model, **TWO)
    assert without.error < 1e-5
    assert without.info["threads"] == 1
    assert without.info["thread"].startswith("main thread, because no worker could start")
    assert any(CURE in line for line in without.console)
    shutil.copy(package / "node_modules/webdnn/dist" / WORKER, out / WORKER)
    options = {"workerUrl": WORKER} if bundler == "esbuild-iife" else {}
    with page.context.new_page() as again:
        check_threads(show(again, server, model, **TWO, **options))


@pytest.mark.slow
def test_c2_from_another_host(page, serve, model, package):
    """As from a CDN: scripts come from there, workers may not, and the option names one of the page's own."""
    cdn = serve({"/webdnn/": package / "node_modules/webdnn"}, isolated=False)
    for path in (package / "node_modules/webdnn/dist").glob("*.*js"):
        cdn.fault(
            f"/webdnn/dist/{path.name}",
            lambda response: type(response)(
                response.content,
                response.status,
                {
                    **response.headers,
                    "Access-Control-Allow-Origin": "*",
                    "Cross-Origin-Resource-Policy": "cross-origin",
                },
            ),
        )
    server = serve({"/model/": model.folder, "/own/": package / "node_modules/webdnn/dist"})
    script = (HERE / "page.js").read_text().replace("'webdnn'", f"'{cdn.url('/webdnn/dist/webdnn.mjs')}'")
    server.add("/site/index.html", f"<!doctype html><link rel=icon href=data:,><script type=module>{script}</script>")
    without = show(page, server, model, **TWO)
    assert without.error < 1e-5
    assert without.info["thread"].startswith("main thread")
    assert any(CURE in line for line in without.console)
    with page.context.new_page() as again:
        check_threads(show(again, server, model, **TWO, workerUrl="/own/webdnn-worker.js"))


@pytest.mark.slow
def test_the_package_holds_what_its_exports_name(package):
    folder = package / "node_modules/webdnn"
    record = json.loads((folder / "package.json").read_text())
    named = [
        target
        for entry in record["exports"].values()
        for target in ([entry] if isinstance(entry, str) else entry.values())
    ]
    assert record["main"] in named
    for target in named:
        assert "*" in target or (folder / target).is_file(), target
    shipped = {file.relative_to(folder / "dist").as_posix() for file in (folder / "dist").rglob("*") if file.is_file()}
    built = ROOT / "webdnn_js/dist"
    assert shipped == {file.relative_to(built).as_posix() for file in built.rglob("*") if file.is_file()}
