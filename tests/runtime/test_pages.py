"""Where the runtime is used: strict Content-Security-Policies, a script tag, a worker, Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import chromium
from harness.server import StaticServer
from runtime.support import BACKENDS, FOLDER, Model, assert_close, lists, refusal, value

STRICT = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'"
STRICTEST = "default-src 'self'; script-src 'self'"
# Sets `answer`. A policy forbids inline scripts, so what a page does is a file.
RUN = """
const answer = attempt(async () => {
  const { inputs, backend } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
  const runner = await WebDNN.load('/static', { backendOrder: backend });
  const result = { outputs: await runOnce(runner, inputs), info: JSON.parse(JSON.stringify(runner.info)) };
  runner.dispose();
  return result;
});
"""
MODULE = "import * as WebDNN from '/runtime/webdnn.mjs'; globalThis.WebDNN = WebDNN; await import('/attempt.js');\n"
PAGES = {
    "module": "<script type=module src=/module.js></script>",
    "script": "<script src=/runtime/webdnn.js></script><script src=/attempt.js></script><script src=/script.js></script>",
    "worker": "<script src=/worker-page.js></script>",
    "iframe": "<iframe src=/module.html></iframe>",
}


@pytest.fixture(scope="module")
def sites(serve_models: Callable[..., StaticServer]) -> Callable[[str | None, bool], StaticServer]:
    """A server with a page for each way to load the runtime, under a policy."""
    known: dict[tuple[str | None, bool], StaticServer] = {}

    def of(csp: str | None, isolated: bool = True) -> StaticServer:
        if (csp, isolated) not in known:
            server = known[csp, isolated] = serve_models(csp=csp, isolated=isolated)
            for name, tags in PAGES.items():
                server.add(f"/{name}.html", f"<!doctype html><meta charset=utf-8><title>{name}</title>{tags}")
            server.add("/module.js", f"{MODULE}{RUN} globalThis.answer = answer;")
            server.add("/script.js", f"{RUN} globalThis.answer = answer;")
            server.add("/worker.js", f"{MODULE}{RUN} answer.then(postMessage);")
            server.add(
                "/worker-page.js",
                "const worker = new Worker('/worker.js' + location.hash, {type: 'module'});"
                "globalThis.answer = new Promise((resolve, reject) => {"
                "worker.onmessage = ({data}) => resolve(data); worker.onerror = (e) => reject(e.message); });",
            )
        return known[csp, isolated]

    return of


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    context = browser.new_context()

    def go(server: StaticServer, name: str, backend: str | list[str], model: Model) -> dict[str, Any]:
        page = context.new_page()
        page.goto(f"{server.url(f'/{name}.html')}#{json.dumps({'inputs': lists(model.inputs()), 'backend': backend})}")
        # Not wait_for_function: the policy forbids its eval.
        result = page.evaluate(
            "new Promise((done) => { const t = setInterval(() => globalThis.answer && (clearInterval(t), done(answer))) })"
        )
        page.close()
        return result

    yield go
    context.close()


def check(answer: dict[str, Any], model: Model, backend: str) -> dict[str, Any]:
    result = value(answer)
    assert result["info"]["backend"] == backend
    assert_close(result["outputs"], model.expected(model.inputs()))
    return result["info"]


FAST = {("script", "fallback"), ("worker", "webassembly"), ("module", "webgl")}
"""Each way to load the runtime."""


class TestStrictPolicy:
    @pytest.mark.parametrize(
        ("name", "backend"),
        [
            pytest.param(name, backend, marks=[pytest.mark.fast] if (name, backend) in FAST else [])
            for name in ("module", "script", "worker")
            for backend in BACKENDS
        ],
    )
    def test_runs(self, visit: Any, sites: Any, static: Model, name: str, backend: str) -> None:
        """In a worker, too: WebGPU and WebGL are there, and webassembly starts a worker of its own."""
        check(visit(sites(STRICT), name, backend, static), static, backend)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_without_wasm(self, visit: Any, sites: Any, static: Model, backend: str) -> None:
        """webassembly is blocked, which it says; the others do not notice."""
        answer = visit(sites(STRICTEST), "module", [backend, "fallback"], static)
        expected = "fallback" if backend == "webassembly" else backend
        info = check(answer, static, expected)
        if backend == "webassembly":
            (fallen,) = info["fallThrough"]
            assert fallen["backend"] == "webassembly"
            assert "Content Security Policy" in fallen["reason"]
            assert "wasm-unsafe-eval" in fallen["reason"]

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_without_isolation(self, visit: Any, sites: Any, static: Model, backend: str) -> None:
        """No SharedArrayBuffer, no cross-origin isolation: what most hosts give."""
        check(visit(sites(None, isolated=False), "module", backend, static), static, backend)


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "webgpu"])
def test_insecure(browser: Any, sites: Any, static: Model, backend: str) -> None:
    """Plain http from another host than localhost, which has neither WebGPU nor crypto.subtle."""
    context = browser.new_context()
    page = context.new_page()
    job = json.dumps({"inputs": lists(static.inputs()), "backend": backend})
    page.goto(f"{sites(None).url('/script.html')}#{job}".replace("127.0.0.1", chromium.INSECURE_HOST))
    assert page.evaluate("isSecureContext") is False
    check(page.evaluate("answer"), static, backend)
    context.close()


def test_without_wasm_only(visit: Any, sites: Any, static: Model) -> None:
    refusal(
        visit(sites(STRICTEST), "script", "webassembly", static), "webassembly: ", "wasm-unsafe-eval", code="backend"
    )


@pytest.mark.parametrize(
    ("backend", "file"), [("webassembly", "webdnn-worker.js"), ("fallback", "webdnn-fallback-worker.js")]
)
def test_worker_missing(visit: Any, sites: Any, static: Model, backend: str, file: str) -> None:
    """The backend runs on the main thread then, and says so."""
    server = sites(None)
    server.fail(f"/runtime/{file}")
    info = check(visit(server, "module", backend, static), static, backend)
    server.heal()
    assert "main thread" in info["thread"]
    assert file in info["thread"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_part_of_the_runtime_missing(visit: Any, sites: Any, static: Model, backend: str) -> None:
    """The file of a backend: the next one runs, and the reason names the file."""
    server = sites(None)
    server.fail(f"/runtime/webdnn-{backend}.mjs")
    # The files of these are for the main thread only.
    if worker := {"webassembly": "webdnn-worker.js", "fallback": "webdnn-fallback-worker.js"}.get(backend):
        server.fail(f"/runtime/{worker}")
    other = "webgl" if backend == "fallback" else "fallback"
    info = check(visit(server, "script", [backend, other], static), static, other)
    server.heal()
    (fallen,) = info["fallThrough"]
    assert fallen["backend"] == backend
    assert f"/runtime/webdnn-{backend}.mjs" in fallen["reason"]


NODE = """
import * as WebDNN from 'RUNTIME/webdnn.mjs';
globalThis.WebDNN = WebDNN;
await import('FOLDER/attempt.js');
const [folder, backend, inputs] = process.argv.slice(2);
const answer = await attempt(async () => {
  const runner = await WebDNN.load(folder, { backendOrder: backend });
  const result = { outputs: await runOnce(runner, JSON.parse(inputs)), info: runner.info };
  runner.dispose();
  return result;
});
console.log(JSON.stringify(answer));
"""


class TestNode:
    @pytest.fixture
    def node(self, runtime_dist: Path, tmp_path: Path) -> Callable[..., Any]:
        """Runs the model in `folder`; the process must end by itself."""
        script = tmp_path / "run.mjs"
        script.write_text(
            NODE.replace("RUNTIME", runtime_dist.as_uri()).replace("FOLDER", FOLDER.as_uri()), encoding="utf-8"
        )

        def run(folder: Path | str, backend: str, model: Model) -> Any:
            command = [shutil.which("node") or "node", str(script), str(folder), backend]
            done = subprocess.run(
                [*command, json.dumps(lists(model.inputs()))],
                capture_output=True,
                encoding="utf-8",
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout.splitlines()[-1])

        return run

    @pytest.mark.parametrize("backend", ["webassembly", "fallback"])
    def test_runs(self, node: Any, static: Model, backend: str) -> None:
        check(node(static.folder, backend, static), static, backend)

    def test_from_a_url(self, node: Any, static: Model) -> None:
        check(node(static.folder.as_uri() + "/", "fallback", static), static, "fallback")

    def test_from_a_server(self, node: Any, static: Model, sites: Any) -> None:
        check(node(sites(None).url("/static"), "webassembly", static), static, "webassembly")

    @pytest.mark.parametrize("backend", ["webgpu", "webgl"])
    def test_backend_of_browsers(self, node: Any, static: Model, backend: str) -> None:
        message = refusal(node(static.folder, backend, static), f"{backend}: ", code="backend")
        assert "undefined" not in message

    def test_missing(self, node: Any, static: Model, tmp_path: Path) -> None:
        refusal(node(tmp_path / "nowhere", "fallback", static), "descriptor.json", code="fetch")

    def test_damaged(self, node: Any, static: Model, tmp_path: Path) -> None:
        folder = tmp_path / "copy"
        shutil.copytree(static.folder, folder)
        for pattern in ("weights.0.*.bin", "plan.webassembly.*.json", "kernels.*.wasm"):
            for path in folder.glob(pattern):
                content = path.read_bytes()
                path.write_bytes(content[:-1])
            refusal(node(folder, "webassembly", static), pattern.split(".", 1)[0], code="integrity")
            for path in folder.glob(pattern):
                path.write_bytes((static.folder / path.name).read_bytes())
