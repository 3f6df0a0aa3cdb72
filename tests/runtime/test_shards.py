"""A model in more shards than download at once: the memory of those that are written is used for those to come."""

from __future__ import annotations

import time
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from harness.cases import Random, graph_of, source
from harness.server import Response, StaticServer
from runtime.support import Model, ask, assert_close, gpu_slowly, lists, value, write_model
from webdnn.descriptor import writer
from webdnn.descriptor.weights import cut_shards
from webdnn.graph.graph import apply
from webdnn.graph.ops import MatMul

WIDTHS = [16, 24, 8, 24, 16, 8, 24, 16, 8, 16, 24, 8, 16, 8, 24]
"""Of layers one after another; the weights of each are a shard, of which no two neighbours are equally long."""
SECONDS = 0.5
"""Until the second four arrive, and until the fallback backend does; the first four are written, or have arrived, by then."""


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Model:
    random = Random("deep")
    x = y = source("x", 2, WIDTHS[0])
    for number, (depth, columns) in enumerate(pairwise(WIDTHS)):
        y = apply(MatMul(), y, random.constant(depth, columns, scale=0.4), origin=(f"layer{number}",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "cut_shards", partial(cut_shards, usual=1, small=0))
        return write_model(graph_of([x], [y]), tmp_path_factory.mktemp("runtime") / "deep")


def _later(response: Response) -> Response:
    time.sleep(SECONDS)
    return response


@pytest.mark.parametrize("backend", gpu_slowly())
def test_memory_of_shards_is_used_again(site: Any, server: StaticServer, deep: Model, backend: str) -> None:
    shards = sorted(deep.folder.glob("weights.*"), key=lambda path: int(path.name.split(".")[1]))
    assert len(shards) == len(WIDTHS) - 1
    server.mount("/deep", deep.folder)
    for path in shards[4:8]:
        server.fault(f"/deep/{path.name}", _later)
    # Nor is anything written before the first four are all there: one that is would give its memory to the second four.
    server.fault("/runtime/webdnn-fallback-worker.js", _later)
    inputs = deep.inputs()
    sizes = [path.stat().st_size for path in shards]
    largest = max(sizes)
    body = """
      let made = 0;
      const construct = (target, [bytes]) => ((made += bytes === largest), new target(bytes));
      globalThis.ArrayBuffer = new Proxy(ArrayBuffer, {construct});
      try {
        const runner = await WebDNN.load('/deep', {backendOrder: backend});
        const outputs = await runOnce(runner, inputs);
        runner.dispose();
        return {made, outputs};
      } finally {
        globalThis.ArrayBuffer = Object.getPrototypeOf(new Uint8Array(1).buffer).constructor;
      }"""
    answer = value(ask(site, body, backend=backend, inputs=lists(inputs), largest=largest))
    assert_close(answer["outputs"], deep.expected(inputs))
    if backend == "fallback":  # which has nothing to compile, so that writes never wait
        assert answer["made"] == 8
