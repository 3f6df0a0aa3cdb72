"""Work that does not end by itself: dispose() and the signal of load end it at once, and a page stays responsive while it runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.cases import Random, graph_of, source
from harness.server import StaticServer
from runtime.support import Model, ask, assert_close, lists, new_workers, refusal, value, write_model
from webdnn.graph.graph import apply
from webdnn.graph.ops import MatMul

HOSTED = ["webassembly", "fallback"]
"""Backends that run in a worker."""
# The worker of a backend, but for one call, which never ends: the name of the folder that it seems to lie in.
SPINNING = """
const [, , stage, name] = location.pathname.split('/');
if (stage === 'ready') for (;;);
importScripts(`/runtime/${name}`);
const answer = onmessage;
onmessage = (event) => {
  if (event.data.method === stage) for (;;);
  answer(event);
};
"""
DURING_LOAD = ["ready", "compile", "start", "writeWeights", "bind"]
DURING_USE = ["run", "profile"]


@pytest.fixture(scope="module")
def spinning(server: StaticServer) -> StaticServer:
    for stage in [*DURING_LOAD, *DURING_USE, "join"]:
        for name in ("webdnn-worker.js", "webdnn-fallback-worker.js"):
            server.add(f"/spinning/{stage}/{name}", SPINNING)
    return server


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory, server: StaticServer) -> Model:
    """One product, which takes the fallback backend some hundred milliseconds."""
    random = Random("slow")
    y = apply(MatMul(), source("x", 256, 1024), random.constant(1024, 1024, scale=0.1))
    model = write_model(graph_of(y.node.inputs[:1], [y]), tmp_path_factory.mktemp("runtime") / "slow", ["fallback"])
    server.mount("/slow", model.folder)
    return model


@pytest.mark.parametrize("backend", HOSTED)
def test_c7_signal_ends_workers_that_never_answer(site: Any, spinning: StaticServer, backend: str) -> None:
    body = """
      const reasons = [];
      for (const stage of stages) {
        const control = new AbortController();
        const options = {backendOrder: backend, signal: control.signal, workerUrl: `/spinning/${stage}/webdnn-worker.js`,
          backendOptions: stage === 'join' ? {webassembly: {threads: 2}} : {}};
        setTimeout(() => control.abort(new Error(stage)), 300);
        const answer = await attempt(() => WebDNN.load('/static', options), 20_000);
        reasons.push(answer.error?.message ?? answer);
      }
      return reasons;"""
    stages = [*DURING_LOAD, "join"] if backend == "webassembly" else [s for s in DURING_LOAD if s != "compile"]
    known = site.workers
    assert value(ask(site, body, backend=backend, stages=stages)) == stages
    assert not new_workers(site, known), "a worker still spins"


@pytest.mark.parametrize("backend", HOSTED)
def test_c7_dispose_ends_what_runs(site: Any, spinning: StaticServer, static: Model, backend: str) -> None:
    """A run and a profile, and sizes that are never bound; later calls are refused, and another runner is not disturbed."""
    body = """
      const load = (url, stage) => WebDNN.load(url, {backendOrder: backend, workerUrl: `/spinning/${stage}/webdnn-worker.js`});
      const answers = [];
      for (const [stage, url, call] of [
        ['run', '/static', (runner) => runner.run()],
        ['profile', '/static', (runner) => runner.profile()],
        ['bind', '/dense', (runner) => runner.setPlaceholderValue({N: 2})],
      ]) {
        const runner = await load(url, stage);
        const pending = attempt(() => call(runner), 20_000);
        await new Promise((resolve) => setTimeout(resolve, 100));
        runner.dispose();
        answers.push(await pending, await attempt(() => runner.run()));
      }
      const other = await WebDNN.load('/static', {backendOrder: backend});
      const outputs = await runOnce(other, inputs);
      other.dispose();
      return [answers, outputs];"""
    known = site.workers
    inputs = static.inputs()
    answers, outputs = value(ask(site, body, backend=backend, inputs=lists(inputs)))
    for answer in answers:
        refusal(answer, "disposed", "load", code="disposed")
    assert_close(outputs, static.expected(inputs))
    assert not new_workers(site, known), "a worker still spins"


# On the page's thread, where no worker can start, a run pauses now and then for other things.
@pytest.mark.parametrize("worker", ["webdnn-worker.js", "nowhere/webdnn-worker.js"])
def test_c6_timers_are_on_time_while_fallback_runs(site: Any, slow: Model, worker: str) -> None:
    body = """
      const runner = await WebDNN.load('/slow', {backendOrder: 'fallback', workerUrl: `/runtime/${worker}`});
      const [x] = runner.inputs;
      for (let i = 0; i < x.length; i++) x[i] = i % 7 - 3;
      await runner.run();
      const start = performance.now();
      let ticks = 0;
      const ticking = setInterval(() => ticks++, 50);
      await runner.run();
      const milliseconds = performance.now() - start;
      clearInterval(ticking);
      const result = {ticks, milliseconds, thread: runner.info.thread, outputs: [[...runner.outputs[0].slice(0, 2048)]]};
      runner.dispose();
      return result;"""
    answer = value(ask(site, body, worker=worker))
    (expected,) = slow.expected([(np.arange(256 * 1024) % 7 - 3.0).reshape(256, 1024)])
    assert_close(answer["outputs"], [expected[:2]])
    assert answer["milliseconds"] > 100, "too quick to tell"
    # A run in one piece leaves one tick at most. On a busy machine all is late, so a fraction of the due ones must do.
    assert answer["ticks"] >= max(2, answer["milliseconds"] / 50 / 8), answer
    if "nowhere" in worker:
        assert answer["thread"].startswith("main thread, because no worker could start: webdnn-fallback-worker.js")
    else:
        assert answer["thread"] == "worker"


def test_c7_dispose_ends_a_run_on_the_pages_thread(site: Any, slow: Model) -> None:
    body = """
      const runner = await WebDNN.load('/slow', {backendOrder: 'fallback', workerUrl: '/nowhere/webdnn-worker.js'});
      const pending = attempt(() => runner.run());
      await new Promise((resolve) => setTimeout(resolve, 20));
      runner.dispose();
      return [await pending];"""
    (answer,) = value(ask(site, body))
    refusal(answer, code="disposed")


def test_c7_runs_of_workers_in_a_folder_of_their_own(site: Any, spinning: StaticServer, static: Model) -> None:
    """The workers of these tests compute rightly where no call is theirs to spin in."""
    body = """
      const runner = await WebDNN.load('/static', {backendOrder: backend, workerUrl: '/spinning/profile/webdnn-worker.js'});
      const result = [runner.info.thread, await runOnce(runner, inputs)];
      runner.dispose();
      return result;"""
    inputs = static.inputs()
    for backend in HOSTED:
        thread, outputs = value(ask(site, body, backend=backend, inputs=lists(inputs)))
        assert thread == "worker"
        assert_close(outputs, static.expected(inputs))


@pytest.mark.parametrize("backend", ["webgl", "webgpu"])
def test_c7_a_lost_device_ends_the_runner(site: Any, server: StaticServer, backend: str) -> None:
    """Whoever runs, and whoever asks later, is told; dispose() and another load are as ever."""
    body = """
      const device = GPUAdapter.prototype.requestDevice;
      const context = OffscreenCanvas.prototype.getContext;
      const lose = [];
      GPUAdapter.prototype.requestDevice = async function (...args) {
        const made = await device.apply(this, args);
        lose.push(() => made.destroy());
        return made;
      };
      OffscreenCanvas.prototype.getContext = function (...args) {
        const made = context.apply(this, args);
        lose.push(() => made.getExtension('WEBGL_lose_context').loseContext());
        return made;
      };
      try {
        const runner = await WebDNN.load('/static', {backendOrder: backend});
        await runner.run();
        lose.at(-1)();
        await new Promise((resolve) => setTimeout(resolve, 200));
        const answers = [await attempt(() => runner.run()), await attempt(() => runner.profile())];
        runner.dispose();
        answers.push(await attempt(() => runner.run()));
        const again = await WebDNN.load('/static', {backendOrder: backend});
        await again.run();
        again.dispose();
        return answers;
      } finally {
        GPUAdapter.prototype.requestDevice = device;
        OffscreenCanvas.prototype.getContext = context;
      }"""
    run, profile, after = value(ask(site, body, backend=backend))
    for answer in (run, profile):
        refusal(answer, f"{backend}: the ", "lost", "load the model again", code="backend")
    refusal(after, code="disposed")
