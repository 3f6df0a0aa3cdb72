"""Several runners at once, and many one after another: right answers, and nothing is left behind."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.support import BACKENDS, Model, ask, assert_close, lists, new_workers, refusal, value

TIMES = {"webgpu": 8, "webgl": 25}  # on SwiftShader each takes a while
OFTEN = 50
TURNS = 100


def size_of_page(page: Any) -> int:
    """Bytes of the page and its workers, after the garbage has been collected: heaps, buffers and WebAssembly memories."""
    page.request_gc()
    return int(page.evaluate("performance.measureUserAgentSpecificMemory().then(({bytes}) => bytes)"))


def test_runners_side_by_side(site: Any, mixed: Model, dense: Model) -> None:
    """Two models on every backend, loaded together, run together, disposed of in between; states are each one's own."""
    body = """
      const loads = backends.flatMap((backend) => ['/mixed', '/dense'].map((url) =>
        WebDNN.load(url, {backendOrder: backend})));
      const runners = await Promise.all(loads);
      await Promise.all(runners.filter((_, i) => i % 2).map((r, i) => r.setPlaceholderValue({N: sizes[i]})));
      const once = (i) => runOnce(runners[i], i % 2 ? dense[(i - 1) / 2] : mixed);
      const all = runners.map((_, i) => i);
      const first = await Promise.all(all.map(once));
      const kept = all.filter((i) => i % 4 < 2);
      all.filter((i) => i % 4 >= 2).forEach((i) => runners[i].dispose());
      const second = await Promise.all(kept.map(once));
      kept.forEach((i) => runners[i].dispose());
      return [first, second, kept];"""
    sizes = [2, 4, 6, 2][: len(BACKENDS)]
    dense_inputs = [dense.inputs(backend, N=size) for backend, size in zip(BACKENDS, sizes, strict=True)]
    first, second, kept = value(
        ask(
            site,
            body,
            backends=BACKENDS,
            sizes=sizes,
            mixed=lists(mixed.inputs()),
            dense=[lists(inputs) for inputs in dense_inputs],
        )
    )
    for i, (inputs, size) in enumerate(zip(dense_inputs, sizes, strict=True)):
        assert_close(first[2 * i + 1], dense.expected(inputs, N=size), BACKENDS[i])
    for answer, i in zip(second, kept, strict=True):
        if i % 2:
            assert answer == first[i]
        else:
            # The state has counted a second run; all else is as before.
            assert answer[:-1] == first[i][:-1]
            assert answer[-1] == [2 * x for x in first[i][-1]]
    for i in range(0, len(first), 2):
        assert_close(first[i], mixed.expected(mixed.inputs()), BACKENDS[i // 2])


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_again_and_again(site: Any, dense: Model, backend: str) -> None:
    """As many as a page must hold one after another; no worker stays, and memory does not grow with their number."""
    body = """
      const answers = [];
      const heap = [];
      for (let i = 0; i < times; i++) {
        const runner = await WebDNN.load('/dense', {backendOrder: backend});
        await runner.setPlaceholderValue({N: 2 + 2 * (i % 3)});
        answers.push(await runOnce(runner, inputs[i % 3]));
        runner.dispose();
        globalThis.gc?.();
        heap.push(performance.memory.usedJSHeapSize);
      }
      return [answers, heap];"""
    inputs = [dense.inputs(N=size) for size in (2, 4, 6)]
    expected = [dense.expected(arrays, N=size) for arrays, size in zip(inputs, (2, 4, 6), strict=True)]
    times = TIMES.get(backend, OFTEN)
    answers, heap = value(ask(site, body, backend=backend, times=times, inputs=[lists(arrays) for arrays in inputs]))
    for i, answer in enumerate(answers):
        assert_close(answer, expected[i % 3], i)
    assert heap[-1] - heap[times // 2] < 8 * 2**20
    assert not new_workers(site)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_runner_many_runs(site: Any, dense: Model, backend: str) -> None:
    """Sizes change between runs; results of one run do not leak into the next."""
    body = """
      const runner = await WebDNN.load('/dense', {backendOrder: backend});
      const answers = [];
      for (let i = 0; i < 30; i++) {
        await runner.setPlaceholderValue({N: sizes[i % 3]});
        for (let run = 0; run < 2; run++) answers.push(await runOnce(runner, inputs[i % 3]));
      }
      runner.dispose();
      return answers;"""
    sizes = [6, 2, 4]
    inputs = [dense.inputs(N=size) for size in sizes]
    answers = value(ask(site, body, backend=backend, sizes=sizes, inputs=[lists(arrays) for arrays in inputs]))
    expected = [dense.expected(arrays, N=size) for arrays, size in zip(inputs, sizes, strict=True)]
    for i, answer in enumerate(answers):
        assert_close(answer, expected[i // 2 % 3], i)


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["webassembly", "webgl", "webgpu"])
def test_thousand(site: Any, static: Model, backend: str) -> None:
    """Load, run, dispose of, webassembly on threads: neither the page nor the browser grows, and no thread is left."""
    body = """
      const backendOptions = {webassembly: {threads: 2}};
      const runner = await WebDNN.load('/static', {backendOrder: backend, backendOptions});
      const result = [runner.info.threads, await runOnce(runner, inputs)];
      runner.dispose();
      return result;"""
    inputs = static.inputs()
    expected = static.expected(inputs)
    sizes = []
    for turn in range(TURNS):
        threads, answer = value(ask(site, body, backend=backend, inputs=lists(inputs)))
        assert threads == (2 if backend == "webassembly" else None)
        assert_close(answer, expected, turn)
        if turn % (TURNS // 10) == TURNS // 10 - 1:
            assert not new_workers(site)
            sizes.append(size_of_page(site))
    # The first tenth fills caches; after that a leak of one runner's memory, 2 MiB of webassembly's, would be 1.8 GiB.
    assert max(sizes[1:]) - sizes[0] < 32 * 2**20, sizes


@pytest.mark.exhaustive
def test_never_disposed(site: Any, static: Model) -> None:
    """A page holds some hundred WebAssembly memories: the next runner is refused by an error of ours, and dispose() makes room."""
    body = """
      const load = () => WebDNN.load('/static', {backendOrder: 'webassembly', backendOptions: {webassembly: {threads: 1}}});
      const runners = [];
      let refusal;
      while (!refusal && runners.length < 1000) {
        const answer = await attempt(async () => void runners.push(await load()));
        if (!('value' in answer)) refusal = answer;
      }
      const count = runners.length;
      const last = await runOnce(runners.at(-1), inputs);
      runners.splice(0, 20).forEach((runner) => runner.dispose());
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const again = await attempt(async () => runners.push(await load()) && runOnce(runners.at(-1), inputs));
      runners.forEach((runner) => runner.dispose());
      return [count, refusal, last, again];"""
    inputs = static.inputs()
    count, refused, last, again = value(ask(site, body, inputs=lists(inputs)))
    assert count > 60
    refusal(refused, "webassembly", "dispose of runners that are no longer needed")
    for answer in (last, value(again)):
        assert_close(answer, static.expected(inputs))
