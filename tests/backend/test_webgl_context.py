"""All webgl runners of a page share one context: how many there may be, what they leave behind, what they do to each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cases import Array, Case, N, Random, bias_relu, graph_of, source
from harness.descriptors import write_cases
from harness.metric import error
from harness.page import RUNNER_PAGE
from webdnn.backend.webgl import TARGET
from webdnn.graph.graph import Graph, apply
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import Conv2D, MatMul, Reduce

MANY = 40
"""Browsers keep 16 contexts of a page."""


def picture(random: Random) -> Graph:
    x = source("x", 1, 9, 7, 3)
    same = Conv2D((1, 1), ((1, 1), (1, 1)), (1, 1), bias_relu())
    y = apply(same, x, random.constant(3, 3, 3, 6), random.constant(6))
    return graph_of([x], [y, apply(Reduce("mean", (1, 2)), y)])


def rows(random: Random) -> Graph:
    x = source("x", N, 5)
    return graph_of([x], [apply(MatMul(bias_relu()), x, random.constant(5, 7), random.constant(7))])


CASES = [Case("picture", picture), Case("rows", rows, ({"N": 11},))]
OBJECTS = ("Texture", "Framebuffer", "Program", "Shader", "Buffer", "Query")
WATCH = """(objects) => {
  window.contexts = [];
  const original = OffscreenCanvas.prototype.getContext;
  OffscreenCanvas.prototype.getContext = function (...args) {
    window.contexts.push(original.apply(this, args));
    return window.contexts.at(-1);
  };
  window.alive = Object.fromEntries(objects.map((name) => [name, 0]));
  for (const name of objects) {
    const {prototype} = WebGL2RenderingContext;
    const [create, remove] = [prototype[`create${name}`], prototype[`delete${name}`]];
    prototype[`create${name}`] = function (...args) { window.alive[name]++; return create.apply(this, args); };
    prototype[`delete${name}`] = function (object) { window.alive[name] -= object ? 1 : 0; remove.call(this, object); };
  }
  window.load = async (i) => {
    const runner = await WebDNN.load(`/cases/${i % 2}`, { backendOrder: 'webgl' });
    if (i % 2) await runner.setPlaceholderValue({ N: 11 });
    runner.inputs[0].set(Float32Array.from({ length: runner.inputs[0].length }, (_, k) => Math.sin(k * (i + 1))));
    return runner;
  };
  window.answer = async (runner) => {
    await runner.run();
    return runner.outputs.map((output) => [...output.toActual()]);
  };
  window.said = (promise) => promise.then(() => 'nothing', (error) => `${error.name} ${error.code}: ${error.message}`);
}"""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("contexts")
    assert write_cases(TARGET, CASES, root) == {"picture": "0", "rows": "1"}
    return root


@pytest.fixture
def watched(page: Any, serve: Callable[..., Any], cases: Path) -> Any:
    """A page that counts contexts and what is alive in them, with `load(i)`, `answer(runner)` and `said(promise)`."""
    server = serve({"/cases/": cases})
    page.goto(server.add("/runner.html", RUNNER_PAGE.read_bytes()))
    page.wait_for_function("window.ready === true")
    page.evaluate(WATCH, OBJECTS)
    return page


def expected(i: int) -> list[Array]:
    """The answer of `load(i)`."""
    case = CASES[i % 2]
    (x,) = case.inputs(0)
    values = np.sin(np.arange(x.size) * (i + 1)).astype(np.float32).reshape(x.shape)
    return interpret(case.graph, [values], case.runs[0], dtype="float64")


def assert_answer(have: list[list[float]], i: int) -> None:
    for one, want in zip(have, expected(i), strict=True):
        assert error(np.array(one).reshape(want.shape), want) <= 2e-5, i


def test_c5_forty_runners_live_in_one_context(watched: Any) -> None:
    """Loaded and run at once, some disposed of while others run; nothing is left of them in the end."""
    answers, kept, contexts, programs, alive = watched.evaluate(
        """async (many) => {
          const all = Array.from({ length: many }, (_, i) => i);
          const runners = await Promise.all(all.map(load));
          const first = await Promise.all(runners.map(answer));
          const programs = alive.Program;
          const last = runners.slice(3).map((runner) => runner.run());
          const second = Promise.all(runners.slice(0, 3).map(answer));
          runners.slice(3).forEach((runner) => runner.dispose());
          await Promise.allSettled(last);
          const kept = await second;
          runners.forEach((runner) => runner.dispose());
          return [first, kept, contexts.length, programs, alive];
        }""",
        MANY,
    )
    for i, answer in enumerate(answers):
        assert_answer(answer, i)
    assert kept == answers[:3]
    assert contexts == 1
    assert programs == 3  # conv2d, reduce_rows, matmul: equal shaders are one program
    # What belongs to the context stays: the vertex shader, which all programs have.
    assert alive == dict.fromkeys(OBJECTS, 0) | {"Shader": 1}


def test_c5_a_lost_context_ends_its_runners_and_no_others(watched: Any) -> None:
    said, after, contexts = watched.evaluate(
        """async () => {
          const runners = [await load(0), await load(1), await load(2)];
          const running = said(runners[0].run());
          contexts[0].getExtension('WEBGL_lose_context').loseContext();
          const told = [await running, await said(runners[1].run()), await said(runners[1].profile())];
          const next = await load(3);
          const after = [await answer(next)];
          told.push(await said(runners[2].run()));
          runners.forEach((runner) => runner.dispose());
          after.push(await answer(next));
          next.dispose();
          return [told, after, contexts.length];
        }"""
    )
    assert len(said) == 4
    for message in said:
        assert message.startswith("WebDNNError backend: "), message
        assert "context was lost" in message
        assert "load the model again" in message
    for answer in after:
        assert_answer(answer, 3)
    assert contexts == 2


def test_d7_no_run_waits_for_a_timer(watched: Any) -> None:
    """Timers that follow each other come 4 ms late; a fast device has finished long before."""
    timers, runs = watched.evaluate(
        """async () => {
          const runner = await load(0);
          const timer = window.setTimeout;
          const {prototype} = WebGL2RenderingContext;
          const {clientWaitSync} = prototype;
          performance.now = () => 0; // no wait is long
          let [timers, asked] = [0, 0];
          window.setTimeout = (...args) => (timers++, timer(...args));
          // Ready when it is asked for the tenth time, however fast the device.
          prototype.clientWaitSync = function (...args) {
            const result = clientWaitSync.apply(this, args);
            return ++asked % 10 ? this.TIMEOUT_EXPIRED : result === this.TIMEOUT_EXPIRED ? (asked--, result) : result;
          };
          for (let i = 0; i < 5; i++) await runner.run();
          window.setTimeout = timer;
          prototype.clientWaitSync = clientWaitSync;
          const runs = asked / 10;
          runner.dispose();
          return [timers, runs];
        }"""
    )
    assert (timers, runs) == (0, 5)


def test_c5_the_context_is_given_back_when_nobody_uses_it(watched: Any) -> None:
    lost = watched.evaluate(
        """async () => {
          const timer = window.setTimeout;
          window.setTimeout = (work, ms) => timer(work, ms / 10);
          const wait = (ms) => new Promise((resolve) => timer(resolve, ms));
          const first = await load(0);
          await wait(700); // a context that is used stays
          const used = contexts[0].isContextLost();
          await first.run();
          first.dispose();
          const second = await load(1);
          await second.run();
          second.dispose();
          const { length } = contexts;
          await wait(1500);
          return [used, length, contexts[0].isContextLost()];
        }"""
    )
    assert lost == [False, 1, True]


def test_c5_what_fails_fails_alone(watched: Any) -> None:
    """A shader that does not compile leaves the other runners as they are, and nothing behind."""
    first, refused, second, alive = watched.evaluate(
        """async () => {
          const kept = await load(1);
          const first = await answer(kept);
          const {prototype} = WebGL2RenderingContext;
          const {shaderSource} = prototype;
          prototype.shaderSource = function (shader, text) {
            shaderSource.call(this, shader, text.replace('int ky = 0', 'int ky = zero'));
          };
          const refused = await said(load(0));
          prototype.shaderSource = shaderSource;
          const second = await answer(kept);
          kept.dispose();
          return [first, refused, second, alive];
        }"""
    )
    assert "the driver refuses the shader conv2d" in refused
    assert first == second
    assert_answer(first, 1)
    assert alive == dict.fromkeys(OBJECTS, 0) | {"Shader": 1}


@pytest.mark.exhaustive
def test_c5_a_thousand_times(watched: Any) -> None:
    answers, alive = watched.evaluate(
        """async () => {
          const answers = [];
          for (let i = 0; i < 1000; i++) {
            const runner = await load(i % 10);
            answers.push(await answer(runner));
            runner.dispose();
          }
          return [answers, alive];
        }"""
    )
    assert alive == dict.fromkeys(OBJECTS, 0) | {"Shader": 1}
    for i in range(10):
        assert_answer(answers[i], i)
        assert all(answer == answers[i] for answer in answers[i::10])
