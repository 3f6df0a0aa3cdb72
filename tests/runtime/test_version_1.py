"""Pages written for WebDNN 1, on every backend: its names and its ways of use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cases import Random, bias_relu, graph_of, source
from harness.server import StaticServer
from runtime.support import BACKENDS, FOLDER, Model, ask, assert_close, lists, value, write_model
from webdnn.graph.graph import apply
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import MatMul

# What each backend reads besides descriptor.json, its plan and the weights.
KERNELS = {"webgpu": 0, "webgl": 0, "webassembly": 1, "fallback": 0}


class TestPages:
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_views(self, site: Any, mixed: Model, backend: str) -> None:
        """getInputViews and getOutputViews are the views of `inputs` and `outputs`; views are like arrays."""
        inputs = mixed.inputs()
        body = """
          const runner = await WebDNN.load('/mixed', {backendOrder: [backend]});
          const same = runner.getInputViews().every((view, i) => view === runner.inputs[i]) &&
            runner.getOutputViews().every((view, i) => view === runner.outputs[i]);
          runner.getInputViews().forEach((view, i) => view.set(inputs[i]));
          await runner.run();
          const outputs = runner.getOutputViews().map((view) => Array.from(view.toActual()));
          const lengths = runner.getOutputViews().map((view) => view.length);
          const best = runner.getOutputViews().map((view) => WebDNN.Math.argmax(view)[0]);
          const {backendName} = runner;
          runner.dispose();
          return {same, outputs, lengths, best, backendName};"""
        answer = value(ask(site, body, backend=backend, inputs=lists(inputs)))
        assert answer["same"]
        assert answer["backendName"] == backend
        assert_close(answer["outputs"], mixed.expected(inputs))
        assert answer["lengths"] == [len(output) for output in answer["outputs"]]
        assert answer["best"] == [int(np.argmax(output)) for output in answer["outputs"]]

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_every_file_moved(self, site: Any, server: StaticServer, static: Model, backend: str) -> None:
        """Weights from one place, everything else from another; the delegate sees each address once, and nothing else is read."""
        weights = static.file("weights.0.*.bin")
        for path in static.folder.iterdir():
            folder = "weights" if path.name == weights else "files"
            server.add(f"/moved/{folder}/{path.name}", path.read_bytes())
        inputs = static.inputs()
        body = """
          const seen = [];
          const transformUrlDelegate = (url) => (seen.push(url), url.replace('nowhere', 'moved'));
          const options = {backendOrder: backend, weightDirectory: '/nowhere/weights', transformUrlDelegate};
          const runner = await WebDNN.load('/nowhere/files', options);
          const outputs = await runOnce(runner, inputs);
          runner.dispose();
          return {seen, outputs};"""
        answer = value(ask(site, body, backend=backend, inputs=lists(inputs)))
        assert_close(answer["outputs"], static.expected(inputs))
        seen = [url.removeprefix("/nowhere/") for url in answer["seen"]]
        assert len(set(seen)) == len(seen)
        kernels = [name for name in seen if name.startswith("files/kernels.")]
        assert len(kernels) == KERNELS[backend]
        assert sorted(set(seen) - set(kernels)) == sorted(
            ["files/descriptor.json", f"files/{static.file(f'plan.{backend}.*')}", f"weights/{weights}"]
        )

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_files_not_moved(self, site: Any, static: Model, backend: str) -> None:
        """Without the delegate, the same addresses are errors: the test above is not blind."""
        answer = ask(
            site,
            "await WebDNN.load('/nowhere/files', {backendOrder: backend, weightDirectory: '/static'})",
            backend=backend,
        )
        assert answer["error"]["code"] == "fetch"


def test_webmetal(site: Any, static: Model) -> None:
    """The old name of webgpu, in the order and in the options."""
    inputs = static.inputs()
    body = """
      const runner = await WebDNN.load('/static', {backendOrder: ['webmetal'], backendOptions: {webmetal: {}}});
      const outputs = await runOnce(runner, inputs);
      const {backendName} = runner;
      runner.dispose();
      return {outputs, backendName};"""
    answer = value(ask(site, body, inputs=lists(inputs)))
    assert answer["backendName"] == "webgpu"
    assert_close(answer["outputs"], static.expected(inputs))


def test_order_of_what_is_available(site: Any, static: Model) -> None:
    """The page's own choice from getBackendAvailability, as the guides of WebDNN 1 showed it."""
    body = """
      const {status, defaultOrder} = WebDNN.getBackendAvailability();
      const backendOrder = defaultOrder.filter((name) => status[name]);
      const runner = await WebDNN.load('/static', {backendOrder});
      const {backendName} = runner;
      runner.dispose();
      return {backendName, first: backendOrder[0]};"""
    answer = value(ask(site, body))
    assert answer["backendName"] == answer["first"] == "webgpu"


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int], np.ndarray]:
    """The folder of a small network with samples, its predictions, and the samples."""
    random = Random("mnist")
    x = source("x", 1, 784)
    hidden = apply(MatMul(bias_relu()), x, random.constant(784, 30), random.constant(30))
    y = apply(MatMul(), hidden, random.constant(30, 10))
    graph = graph_of([x], [y])
    folder = tmp_path_factory.mktemp("mnist") / "output_keras"
    write_model(graph, folder)
    pixels = np.random.default_rng(1).random((4, 784)).round(3)
    best = [int(np.argmax(interpret(graph, [one[None]], {}, dtype="float64")[0])) for one in pixels]
    record = [{"x": one.tolist(), "y": digit} for one, digit in zip(pixels, best, strict=True)]
    (folder / "test_samples.json").write_text(json.dumps(record))
    return folder, best, pixels


@pytest.mark.parametrize("backend", ["", *BACKENDS])
def test_c4_mnist_page(page: Any, serve: Any, mnist: tuple[Path, list[int], np.ndarray], backend: str) -> None:
    """A page of WebDNN 1: its script, untouched, run by its button."""
    folder, best, pixels = mnist
    server = serve({"/mnist/output_keras/": folder, "/mnist/": FOLDER / "version_1"})
    page.goto(server.url("/mnist/index.html"))
    page.click(f"input[value='{backend}']")
    page.click("#run")
    page.wait_for_function("/done|failed/.test(document.getElementById('state').textContent)")
    assert page.text_content("#state").startswith(f"done on {backend or 'webgpu'}"), page.text_content("#state")
    assert (
        page.evaluate("[...document.querySelectorAll('#result td:nth-child(2)')].map((one) => +one.textContent)")
        == best
    )
    drawn = page.evaluate(
        """() => [...document.querySelectorAll('#result canvas')].map((one) =>
            [...one.getContext('2d').getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 1))"""
    )
    np.testing.assert_allclose(drawn, pixels * 255, atol=0.51)


def test_c4_views_are_float32_arrays(site: Any, static: Model) -> None:
    """What pages did with a view without asking for its array: index, fill, copy out, search."""
    inputs = static.inputs()
    body = """
      const runner = await WebDNN.load('/static', {backendOrder: ''});
      const [x] = runner.getInputViews();
      const [y] = runner.getOutputViews();
      x.fill(0);
      for (let i = 0; i < x.length; i++) x[i] = inputs[0][i];
      await runner.run();
      const best = y.indexOf(Math.max(...y));
      const result = {
        outputs: [Array.from(y)], same: y.slice().every((value, i) => value === y[i]), best,
        argmax: WebDNN.Math.argmax(y)[0], doubled: Array.from(y.map((value) => 2 * value)),
      };
      x.set([inputs[0].slice(0, 5), new Float32Array(inputs[0].slice(5))]);
      await runner.run();
      result.again = Array.from(y);
      runner.dispose();
      return result;"""
    answer = value(ask(site, body, inputs=lists(inputs)))
    assert_close(answer["outputs"], static.expected(inputs))
    assert answer["same"]
    assert answer["best"] == answer["argmax"]
    assert answer["doubled"] == [2 * x for x in answer["outputs"][0]]
    assert answer["again"] == answer["outputs"][0]


def test_c4_sizes_without_waiting(site: Any, dense: Model) -> None:
    """setPlaceholderValue as the release notes of WebDNN 1.2 call it: inputs are set before it has ended."""
    inputs = dense.inputs(N=4)
    body = """
      const runner = await WebDNN.load('/dense', {backendOrder: 'webassembly', saveCache: false});
      const [x, y] = [runner.getInputViews()[0], runner.getOutputViews()[0]];
      runner.setPlaceholderValue({N: 4});
      x.set(inputs[0]);
      await runner.run();
      const outputs = [[...y.toActual()]];
      runner.dispose();
      return outputs;"""
    assert_close(value(ask(site, body, inputs=lists(inputs))), dense.expected(inputs, N=4))


def test_c4_configuration(site: Any) -> None:
    body = """
      const before = WebDNN.getConfiguration('DEBUG', false);
      WebDNN.setConfiguration('DEBUG', true);
      return [before, WebDNN.getConfiguration('DEBUG', false), WebDNN.getConfiguration('nothing') === undefined];"""
    assert value(ask(site, body)) == [False, True, True]


def test_c10_availability_is_tried(browser: Any, server: StaticServer) -> None:
    """A browser that knows WebGL 2 but gives no context, or none that computes in floating point."""
    cases = {
        "nothing": ("", True),
        "no context": (
            "for (const c of [OffscreenCanvas, HTMLCanvasElement]) c.prototype.getContext = () => null;",
            False,
        ),
        "no floats": ("WebGL2RenderingContext.prototype.getExtension = () => null;", False),
    }
    context = browser.new_context()
    for name, (script, available) in cases.items():
        page = context.new_page()
        page.add_init_script(script)
        page.goto(server.url("/page.html"))
        page.wait_for_function("window.WebDNN")
        status, order = page.evaluate("Object.values(WebDNN.getBackendAvailability())")
        assert status["webgl"] is available, name
        assert ("webgl" in order) is available, name
        assert status["webassembly"], name
        page.close()
    context.close()
