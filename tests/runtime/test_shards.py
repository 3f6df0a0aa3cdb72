"""A model in more shards than download at once: the memory of those that are written is used for those to come."""

from __future__ import annotations

import threading
import time
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from harness.cases import Random, graph_of, source
from harness.server import Response, StaticServer
from runtime.support import BACKENDS, Model, ask, assert_close, lists, value, write_model
from webdnn.descriptor import writer
from webdnn.descriptor.weights import cut_shards
from webdnn.graph.graph import apply
from webdnn.graph.ops import MatMul

WIDTHS = [16, 24, 8, 24, 16, 8, 24, 16, 8, 16, 24, 8, 16, 8, 24]
"""Of layers one after another; the weights of each are a shard, of which no two neighbours are equally long."""
SECONDS = 0.5
"""By which the second four are late, where the page cannot say that the first four are written."""
LONGEST_SECONDS = 60
"""For which the second four wait to be told that the first four are written."""


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Model:
    random = Random("deep")
    x = y = source("x", 2, WIDTHS[0])
    for number, (depth, columns) in enumerate(pairwise(WIDTHS)):
        y = apply(MatMul(), y, random.constant(depth, columns, scale=0.4), origin=(f"layer{number}",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "cut_shards", partial(cut_shards, usual=1, small=0))
        return write_model(graph_of([x], [y]), tmp_path_factory.mktemp("runtime") / "deep")


@pytest.mark.parametrize("backend", BACKENDS)
def test_memory_of_shards_is_used_again(site: Any, server: StaticServer, deep: Model, backend: str) -> None:
    shards = sorted(deep.folder.glob("weights.*"), key=lambda path: int(path.name.split(".")[1]))
    assert len(shards) == len(WIDTHS) - 1
    server.mount("/deep", deep.folder)
    # The second four arrive when the first four are written: the fallback backend's worker is asked to write, and answers.
    hosted = backend == "fallback"
    written = threading.Event()

    def wait(response: Response) -> Response:
        if hosted:
            assert written.wait(LONGEST_SECONDS)
        else:
            time.sleep(SECONDS)
        return response

    def tell(response: Response) -> Response:
        written.set()
        return response

    for path in shards[4:8]:
        server.fault(f"/deep/{path.name}", wait)
    server.add("/written.txt", "")
    server.fault("/written.txt", tell)
    inputs = deep.inputs()
    sizes = [path.stat().st_size for path in shards]
    largest = max(sizes)
    body = """
      let made = 0;
      const construct = (target, [bytes]) => ((made += bytes === largest), new target(bytes));
      globalThis.ArrayBuffer = new Proxy(ArrayBuffer, {construct});
      let answered = 0;
      const post = Worker.prototype.postMessage;
      Worker.prototype.postMessage = function (request, ...rest) {
        const count = () => ++answered === 4 && fetch('/written.txt');
        if (request.method === 'writeWeights') this.addEventListener('message', count, {once: true});
        return post.call(this, request, ...rest);
      };
      try {
        const runner = await WebDNN.load('/deep', {backendOrder: backend});
        const outputs = await runOnce(runner, inputs);
        runner.dispose();
        return {made, outputs};
      } finally {
        Worker.prototype.postMessage = post;
        globalThis.ArrayBuffer = Object.getPrototypeOf(new Uint8Array(1).buffer).constructor;
      }"""
    answer = value(ask(site, body, backend=backend, inputs=lists(inputs), largest=largest))
    assert_close(answer["outputs"], deep.expected(inputs))
    if hosted:
        # Of the first four none can use another's; one of the second four can, where a write was faster than a download.
        assert 4 <= answer["made"] <= 8
