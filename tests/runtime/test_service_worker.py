"""A service worker: `import()` is refused there, so the runtime comes in one file, from a bundler."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from runtime.support import BACKENDS, Model, assert_close, lists

SCRIPT = """
import * as WebDNN from '%s';
async function compute({ backends, inputs }) {
  const answers = [];
  for (const backendOrder of backends) {
    const runner = await WebDNN.load('/static', { backendOrder });
    inputs.forEach((values, i) => runner.inputs[i].set(values));
    await runner.run();
    answers.push(runner.outputs.map((output) => [...output.toActual()]));
    runner.dispose();
  }
  return answers;
}
self.addEventListener('message', (event) => {
  const { data, ports } = event;
  // Else the browser ends the service worker after 30 seconds.
  event.waitUntil(
    compute(data).then((answers) => ports[0].postMessage({ answers }), (error) => ports[0].postMessage({ error: error.message })),
  );
});
"""
ASK = """async ([url, type, data]) => {
  const { active, installing, waiting } = await navigator.serviceWorker.register(url, { type });
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise((resolve) => (port1.onmessage = (event) => resolve(event.data)));
  (active ?? installing ?? waiting).postMessage(data, [port2]);
  const limit = new Promise((resolve) => setTimeout(() => resolve({ error: 'no answer within 120 s' }), 120_000));
  return Promise.race([answer, limit]);
}"""


@pytest.fixture(scope="module")
def bundle(runtime_dist: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("service_worker")
    entry, result = folder / "entry.js", folder / "sw.js"
    entry.write_text(SCRIPT % (runtime_dist / "webdnn.mjs").as_posix())
    esbuild = runtime_dist.parent / "node_modules" / "esbuild" / "bin" / "esbuild"
    command = [str(esbuild), str(entry), "--bundle", "--format=iife", "--external:node:*", f"--outfile={result}"]
    subprocess.run([*command, "--log-level=error"], check=True)
    return result.read_bytes()


@pytest.mark.slow
def test_c5_a_bundle_runs_in_a_service_worker(page: Any, server: Any, static: Model, bundle: bytes) -> None:
    inputs = static.inputs()
    page.goto(server.url("/"))
    answer = page.evaluate(
        ASK, [server.add("/bundle.js", bundle), "classic", {"backends": BACKENDS, "inputs": lists(inputs)}]
    )
    assert "error" not in answer, answer
    for name, outputs in zip(BACKENDS, answer["answers"], strict=True):
        assert_close(outputs, static.expected(inputs), name)


@pytest.mark.slow
def test_c5_without_a_bundle_the_reason_is_told(page: Any, server: Any, static: Model) -> None:
    page.goto(server.url("/"))
    url = server.add("/module.js", SCRIPT % "/runtime/webdnn.mjs")
    answer = page.evaluate(ASK, [url, "module", {"backends": [BACKENDS], "inputs": lists(static.inputs())}])
    assert "no backend can run 'dense'" in answer["error"]
    for name in BACKENDS:
        assert f"{name}: " in answer["error"]
    assert "import() is disallowed on ServiceWorkerGlobalScope" in answer["error"]
