"""The runtime in Firefox, as Debian ships it: whatever it has there answers right, and what it has not is passed over with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from harness.firefox import Firefox
from harness.graphs import small_graph
from harness.page import RUNNER_PAGE, decode, job
from harness.server import StaticServer
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.cli.backends import BACKENDS, load_target
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.dim import symbol
from webdnn.graph.graph import Placeholder
from webdnn.graph.interpreter import interpret

pytestmark = pytest.mark.exhaustive
N = symbol("N")
X = np.random.default_rng(7).standard_normal((3, 8, 8, 3)).astype(np.float32)


@dataclass(frozen=True)
class Site:
    firefox: Firefox
    server: StaticServer


@pytest.fixture(scope="module")
def site(serve_session: Callable[..., StaticServer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("firefox")
    graph = small_graph(N, {"N": Placeholder(1, 8)})
    table = WeightTable.of(graph)
    plans = {name: build_plan(graph, load_target(name), table) for name in BACKENDS}
    write_descriptor(folder / "model", graph, plans, table.arrays)
    server = serve_session({"/models/": folder})
    page = server.add("/runner.html", RUNNER_PAGE.read_bytes())
    with Firefox() as firefox:
        firefox.goto(page)
        firefox.wait_for_function("window.ready === true")
        yield Site(firefox, server)


def run(site: Site, backend: str, **options: object) -> dict:
    runs = [({"N": size}, [X[:size]]) for size in (1, 3)]
    answer = site.firefox.evaluate("job => window.runModel(job)", job("/models/model", backend, runs, **options))
    for (_, inputs), (output,) in zip(runs, answer["results"], strict=True):
        assert np.abs(decode(output) - interpret(small_graph(len(inputs[0])), inputs)[0]).max() < 1e-5
    return answer["info"]


@pytest.mark.parametrize("threads", [1, 2])
def test_webassembly(site, threads):
    info = run(site, "webassembly", threads=threads)
    assert (info["thread"], info["threads"]) == ("worker", threads)


def test_fallback(site):
    assert run(site, "fallback")["thread"] == "worker"


def test_the_default_order_finds_a_backend_and_says_what_it_passed_over(site):
    answer = site.firefox.evaluate(
        """async () => {
          const runner = await WebDNN.load('/models/model');
          const { backendName, info } = runner;
          runner.dispose();
          return { backendName, passed: info.fallThrough, status: WebDNN.getBackendAvailability().status };
        }"""
    )
    passed = {one["backend"]: one["reason"] for one in answer["passed"]}
    order = list(BACKENDS)
    assert order[: order.index(answer["backendName"])] == list(passed)
    assert all(passed.values())
    assert answer["status"][answer["backendName"]] is True


def test_webgl_runs_if_it_is_available_and_is_not_named_if_it_is_not(site):
    status = site.firefox.evaluate("WebDNN.getBackendAvailability().status")
    if status["webgl"]:
        run(site, "webgl")
    else:
        answer = site.firefox.evaluate(
            "WebDNN.load('/models/model', {backendOrder: 'webgl'}).then(() => 'loaded', (error) => error.message)"
        )
        assert "webgl: " in answer


def test_c10_without_webgl_2_it_is_not_available(site):
    with Firefox(**{"webgl.disabled": True}) as firefox:
        firefox.goto(site.server.url("/runner.html"))
        firefox.wait_for_function("window.ready === true")
        availability = firefox.evaluate("WebDNN.getBackendAvailability()")
    assert availability["status"]["webgl"] is False
    assert "webgl" not in availability["defaultOrder"]


def test_errors_are_ours(site):
    answer = site.firefox.evaluate(
        "WebDNN.load('/models/none').then(() => 'loaded', (error) => [error.name, error.code])"
    )
    assert answer == ["WebDNNError", "fetch"]
