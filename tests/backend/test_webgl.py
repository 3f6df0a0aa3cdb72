"""What is special about webgl: texels of four columns, the padding behind the last one, textures folded at 2048, the context."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cases import Array, Case, N, Random, bias_relu, graph_of, source
from harness.descriptors import check_answer, run_cases, write_cases
from harness.metric import error
from harness.page import RUNNER_PAGE, PageError
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.webgl import TARGET, dialect
from webdnn.backend.webgl.emit import Shader
from webdnn.descriptor import writer
from webdnn.descriptor.schema import Step
from webdnn.descriptor.weights import cut_shards
from webdnn.graph.dim import number
from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.graph import Constant, Graph, apply
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import (
    OPS,
    ArgReduce,
    Concat,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    Gather,
    GatherElements,
    Iota,
    MatMul,
    Pad,
    Reduce,
    Repeat,
    Reshape,
    ScatterElements,
    ScatterRows,
    Slice,
    Softmax,
    Transpose,
)
from webdnn.graph.ops.elementwise import elementwise


def test_d7_products_read_eight_texels_for_64_products():
    """Four of data and four of weights for four rows; a kernel of one row reads five for 16."""
    x = source("x", 1, 9, 7, 8)
    random = Random("reads")
    pixels = apply(Conv2D(), x, random.constant(3, 3, 8, 12))
    ones = apply(Conv2D(), pixels, random.constant(1, 1, 12, 16))
    one_row = apply(MatMul(), apply(Reshape((1, 35 * 16)), ones), random.constant(35 * 16, 8))
    graph = graph_of([x], [one_row])
    plan = build_plan(graph, TARGET, WeightTable.of(graph))
    kernels = [plan.kernels[step.kernel] for step in plan.steps if isinstance(step, Step)]
    shaders = [kernel for kernel in kernels if isinstance(kernel, Shader)]
    assert [shader.name for shader in shaders] == ["conv2d", "matmul", "matmul"]
    assert [shader.targets for shader in shaders] == [4, 4, 1]
    for shader, reads, products in zip(shaders, (8, 8, 5), (64, 64, 16), strict=True):
        loop = shader.source.split("c + 4 <= CHANNELS")[1].split("}")[0]
        assert len(re.findall(r"\b(?:weight|next|at|texel|element)\(", loop)) == reads
        assert 4 * loop.count("+= x.") == products


def test_every_op_and_function_is_lowered():
    assert set(TARGET.lowerings) == set(OPS) - {Repeat, Reshape}  # those two are the common builder's
    assert set(dialect.FLOATS) == {name for name, function in FUNCTIONS.items() if "float32" in function.domain}
    whole = {"int32", "bool"}
    assert set(dialect.INTEGERS) == {name for name, function in FUNCTIONS.items() if whole & set(function.domain)}


def poisoned(channels: int, random: Random) -> Graph:
    """Every op that combines columns, on data whose padding is not finite: 1/0 and log 0."""
    x = source("x", 2, 4, 3, channels)
    positive = elementwise("add", elementwise("abs", x), 0.5)
    never_zero = apply(Constant(np.abs(random.array(channels)) + np.float32(1)))
    inverse = elementwise("reciprocal", elementwise("mul", positive, never_zero))
    spoiled = elementwise("max", elementwise("min", inverse, elementwise("log", positive)), -9.0)
    spoiled = elementwise("sub", spoiled, elementwise("div", inverse, inverse))
    pixels = apply(Reshape((24, channels)), spoiled)
    product = apply(MatMul(bias_relu()), pixels, random.constant(channels, 3), random.constant(3))
    ones = apply(Conv2D((1, 1), ((1, 1), (1, 1))), spoiled, random.constant(3, 3, channels, 2))
    grown = apply(Conv2DTranspose((2, 2)), spoiled, random.constant(2, 2, channels, 5))
    depthwise = apply(DepthwiseConv2D(), spoiled, random.constant(2, 2, channels, 2))
    outputs = [
        product,
        ones,
        grown,
        depthwise,
        apply(Softmax(), pixels),
        apply(Reduce("mean", (3,)), spoiled),
        apply(Reduce("max", (1, 3)), spoiled),
        apply(Reduce("min", (0, 1, 2, 3)), spoiled),
        apply(Reshape((channels, 24)), pixels),
        apply(Transpose((1, 0)), pixels),
        apply(Concat(1), pixels, product, pixels),
        apply(Pad(((0, 0), (1, 2))), pixels),
        apply(Slice((0, channels - 1), (24, 1)), pixels),
    ]
    return graph_of([x], outputs)


def many_inputs(axis: int, random: Random) -> Graph:
    """More tensors than a shader can read."""
    x = source("x", 2, 3, 5)
    parts = [elementwise("mul", x, float(i)) if i % 3 else random.constant(2, 3, 5) for i in range(37)]
    return graph_of([x], [apply(Concat(axis), *parts)])


def two_layers(random: Random) -> Graph:
    """17.2 million elements: more than the 2048² texels of a layer; only the sums come back."""
    x, y = source("x", 4200, 1), source("y", 1, 4099)
    square = elementwise("add", x, y)
    return graph_of([x, y], [apply(Reduce("mean", (1,)), square), apply(Slice((4100, 7), (100, 5)), square)])


def cut_weights(random: Random) -> Graph:
    """Weights whose rows are cut anywhere, into textures of more than one row: 5 columns, 3 channels times 2, a multiple of 4."""
    x, image = source("x", 2, 1300), source("image", 1, 4, 4, 3)
    y = apply(MatMul(bias_relu()), x, random.constant(1300, 5, scale=0.05), random.constant(5))
    wide = apply(MatMul(), x, random.constant(1300, 12, scale=0.05))
    z = apply(DepthwiseConv2D(), image, random.constant(3, 3, 3, 2))
    return graph_of([x, image], [y, wide, z])


def quarters(random: Random) -> Graph:
    """Products, which lie in four layers, read in each way: by products, as other shapes whose rows lie in two layers, in parts, whole."""
    x, image = source("x", N, 5), source("image", 1, 5, 7, 4)
    rows = apply(MatMul(bias_relu()), x, random.constant(5, 8), random.constant(8))
    again = apply(MatMul(), rows, random.constant(8, 6))
    pixels = apply(Conv2D((1, 1), ((1, 1), (1, 1))), image, random.constant(3, 3, 4, 8))
    same = apply(DepthwiseConv2D((1, 1), ((1, 1), (1, 1))), pixels, random.constant(3, 3, 8, 1))
    shaped = apply(Reshape((5, 56)), elementwise("add", same, 1.0))
    outputs = [
        again,
        apply(Reduce("sum", (0,)), rows),
        apply(Reshape((N * 2, 4)), rows),
        apply(MatMul(), apply(Reshape((5, 56)), pixels), random.constant(56, 3)),
        apply(MatMul(), apply(Reshape((1, 280)), same), random.constant(280, 3)),
        apply(Conv2DTranspose((2, 2)), pixels, random.constant(3, 3, 8, 3)),
        apply(Slice((2, 4), (3, 17)), shaped),
        apply(Transpose((0, 3, 1, 2)), same),
        apply(Concat(3), pixels, same, image),
    ]
    return graph_of([x, image], outputs)


def beyond_floats(_: Random) -> Graph:
    """Indices that no float32 holds: as one, 2²⁴ + 3 is 2²⁴ + 4."""
    x = source("x", 3)
    counted = apply(Iota(2**24 + 9))
    places = apply(Constant(np.array([2**24 + 3, 5, 2**24 + 5, 2**31 - 1], np.int32)))
    return graph_of([x], [apply(Gather(0), counted, places)])


def indices(_: Random) -> Graph:
    """Whole numbers that no float of 16 bits holds."""
    x = source("x", 3, 7)
    places = elementwise("mul", apply(ArgReduce("max", 1), x), 833.0)
    return graph_of([x], [apply(Gather(0), apply(Iota(5003)), places), apply(ArgReduce("min", 0), apply(Iota(5003)))])


CASES = [
    Case("products in four layers", quarters, tuple({"N": n} for n in (1, 3, 8, 9, 10, 11, 12, 101))),
    *(Case(f"padding behind {channels} channels", partial(poisoned, channels)) for channels in (1, 3, 5, 7, 8)),
    *(Case(f"concat of 37 tensors along axis {axis}", partial(many_inputs, axis)) for axis in (0, 1, 2)),
    Case("texture of two layers", two_layers),
    Case("weights in many shards", cut_weights),
    Case("indices", indices),
    Case("indices beyond floats", beyond_floats),
]

PATTERNS = [0x7FA00000, 0xFFBFFFFF, 0x7FC00001, 0xFFC00000, 0x7F800000, 0xFF800000, 0x80000000, 1, 0x80000080, 0x7FFFFF]
"""Floats that are easily lost: NaNs that signal and do not, infinities, −0, subnormal numbers."""


def bits(random: Random, *shape: int) -> Array:
    """Half of them PATTERNS."""
    anything = random.integers("int32", *shape)
    patterns = np.resize(np.array(PATTERNS, np.uint32).view(np.int32), shape)
    return np.where(random.of_dtype("bool", *shape), anything, patterns)


def moved(dtype: str, random: Random) -> Graph:
    """Every op that moves, on inputs and constants of these bits, as `dtype`."""
    x, y = source("x", 3, 5, 7, dtype=dtype), source("y", 3, 5, 8, dtype=dtype)
    narrow, wide = (apply(Constant(bits(random, 3, columns).view(dtype))) for columns in (5, 8))
    places = apply(Constant(np.array([2, 0, 99, 1], np.int32)))
    elements = apply(Constant(np.array([[3, 0, 0], [6, 1, 5], [2, 2, 4]], np.int32)))
    row = apply(Slice((0, 1, 0), (3, 1, 7)), x)
    rows, updates = apply(Reshape((3, 7)), row), apply(Reshape((4, 8)), apply(Slice((0, 0, 0), (1, 4, 8)), y))
    outputs = [x, narrow, apply(Transpose((2, 0, 1)), x), apply(Transpose((1, 0, 2)), y), row]
    outputs += [apply(Reshape((7, 15)), x), apply(Concat(1), narrow, wide)]
    outputs += [apply(Concat(axis), x, x) for axis in range(3)] + [apply(Concat(2), x, y), apply(Concat(1), y, y)]
    outputs += [apply(Pad(((0, 1), (1, 0), (0, 0))), y), apply(Pad(((0, 0), (0, 0), (1, 2))), x)]
    outputs += [apply(Gather(axis), x, places) for axis in range(3)] + [apply(GatherElements(), rows, elements)]
    outputs += [
        apply(ScatterElements(), rows, elements, apply(Slice((0, 0), (3, 3)), wide)),
        apply(ScatterRows(), wide, places, updates),
    ]
    state, element = (source(name, 5, 7, dtype=dtype) for name in ("state", "element"))
    handed_on = Graph((state, element), (element, state), ("state", "stacked"))
    first = apply(Reshape((5, 7)), apply(Slice((1, 0, 0), (1, 5, 7)), x))
    outputs += apply(Repeat(3, handed_on, 1, 1), first, x).node.outputs
    return graph_of([x, y], outputs)


class Bits(Case):
    """Inputs are these bits, as floats; what is expected, the same bits as integers."""

    def inputs(self, run: int) -> list[Array]:
        random = Random(self.name)
        return [bits(random, *map(number, value.shape)).view(np.float32) for value in self.graph.inputs]

    def expected(self, run: int) -> list[Array]:
        integers = [array.view(np.int32) for array in self.inputs(run)]
        return interpret(moved("int32", Random(self.name)), integers, {})


def as_float(_: Random) -> Graph:
    x = source("x", 5, 13, dtype="int32")
    return graph_of([x], [elementwise("to_float32", x)])


class Rounded(Case):
    """Integers beyond 2²⁴, of which every float next to them is a neighbour: many lie in the middle between two."""

    def inputs(self, run: int) -> list[Array]:
        scale = 2 ** (np.arange(65) % 6 + 1)
        return [
            ((2**24 + np.arange(65)) * scale + scale // 2 * (np.arange(65) % 3 - 1)).astype(np.int32).reshape(5, 13)
        ]

    def expected(self, run: int) -> list[Array]:
        return [self.inputs(run)[0].astype(np.float32).view(np.int32)]


EXACT = [Bits("bits of floats", partial(moved, "float32")), Rounded("integers as floats", as_float)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Descriptors of the cases, in shards that hold a few rows each."""
    root = tmp_path_factory.mktemp("webgl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "cut_shards", lambda arrays: cut_shards(arrays, limit=4100))
        return root, write_cases(TARGET, [*CASES, *EXACT], root)


@pytest.fixture
def runner_page(page: Any, serve: Callable[..., Any], folders: tuple[Path, dict[str, str]]) -> Iterator[Any]:
    server = serve({"/cases/": folders[0]})
    page.goto(server.add("/runner.html", RUNNER_PAGE.read_bytes()))
    page.wait_for_function("window.ready === true")
    return page


@pytest.fixture(scope="module")
def answers(browser: Any, serve_session: Any, folders: tuple[Path, dict[str, str]]) -> dict[str, Any]:
    """The outputs of all cases, computed in one page."""
    return run_cases(browser, serve_session, [*CASES, *EXACT], *folders, "webgl")


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(answers: dict[str, Any], case: Case):
    check_answer(case, answers[case.name], "webgl")


@pytest.mark.parametrize("case", EXACT, ids=lambda c: c.name)
def test_every_bit_is_right(answers: dict[str, Any], case: Case):
    answer = answers[case.name]
    assert not isinstance(answer, PageError), answer
    for have, want in zip(answer[0], case.expected(0), strict=True):
        np.testing.assert_array_equal(have.view(np.int32), want)


LOAD = """async (url) => {
  const contexts = [];
  const original = OffscreenCanvas.prototype.getContext;
  OffscreenCanvas.prototype.getContext = function (...args) {
    const context = original.apply(this, args);
    contexts.push(context);
    return context;
  };
  window.contexts = contexts;
  window.runner = await WebDNN.load(url, { backendOrder: ['webgl'] });
  window.runner.inputs.forEach((input) => input.set(new Float32Array(input.length).fill(0.25)));
}"""
PROFILE = "() => window.runner.profile().then((times) => times.map((t) => ({ ...t })))"
LOSE = """async () => {
  await window.runner.run();
  window.contexts.at(-1).getExtension('WEBGL_lose_context').loseContext();
  return window.runner.run().then(() => 'ran', (error) => error.message);
}"""


def test_profile_and_info(runner_page: Any, folders: tuple[Path, dict[str, str]]):
    runner_page.evaluate(LOAD, f"/cases/{folders[1]['weights in many shards']}")
    times = runner_page.evaluate(PROFILE)
    assert [t["kernel"] for t in times] == ["matmul", "matmul", "depthwise_conv2d"]
    assert all(np.isfinite(t["milliseconds"]) and t["milliseconds"] >= 0 for t in times)
    info = runner_page.evaluate("() => ({ ...window.runner.info })")
    assert info["precision"] == "float32"
    assert info["renderer"]


def test_a_lost_context_is_an_error_of_ours(runner_page: Any, folders: tuple[Path, dict[str, str]]):
    runner_page.evaluate(LOAD, f"/cases/{folders[1]['weights in many shards']}")
    assert "context was lost" in runner_page.evaluate(LOSE)
    runner_page.evaluate("() => window.runner.dispose()")


HALF = """async (url) => {
  const original = WebGL2RenderingContext.prototype.getExtension;
  WebGL2RenderingContext.prototype.getExtension = function (name) {
    return name === 'EXT_color_buffer_float' ? null : original.call(this, name);
  };
  const runner = await WebDNN.load(url, { backendOrder: ['webgl'] });
  runner.inputs.forEach((input) => input.set(new Float32Array(input.length).fill(0.25)));
  await runner.run();
  return { precision: runner.info.precision, outputs: runner.outputs.map((output) => [...output.toActual()]) };
}"""


def test_half_precision_is_used_and_reported_where_nothing_better_is_there(
    runner_page: Any, folders: tuple[Path, dict[str, str]]
):
    warnings: list[str] = []
    runner_page.on("console", lambda message: warnings.append(message.text))
    case = next(c for c in CASES if c.name == "weights in many shards")
    answer = runner_page.evaluate(HALF, f"/cases/{folders[1][case.name]}")
    assert answer["precision"] == "float16"
    assert any("16-bit" in text for text in warnings)
    quarters = [np.full(array.shape, 0.25, np.float32) for array in case.inputs(0)]
    expected = interpret(case.graph, quarters, {}, dtype="float64")
    for have, want in zip(answer["outputs"], expected, strict=True):
        assert error(np.array(have).reshape(want.shape), want) <= 2e-3  # 11 bits


INTEGERS = """async ([url, without]) => {
  const original = WebGL2RenderingContext.prototype.getExtension;
  WebGL2RenderingContext.prototype.getExtension = function (name) {
    return name === without ? null : original.call(this, name);
  };
  const runner = await WebDNN.load(url, { backendOrder: ['webgl'] });
  runner.inputs[0].set(Float32Array.from({ length: 21 }, (_, i) => i % 7 === 6 - Math.floor(i / 7) ? 1 : 0));
  const times = await runner.profile();
  return { outputs: runner.outputs.map((output) => [...output.toActual()]), milliseconds: times.map((t) => t.milliseconds) };
}"""


@pytest.mark.parametrize("without", ["EXT_color_buffer_float", "EXT_disjoint_timer_query_webgl2"])
def test_integers_are_exact_and_are_timed_where_an_extension_is_missing(
    runner_page: Any, folders: tuple[Path, dict[str, str]], without: str
):
    """Where floats have 16 bits; and where steps are timed by reading from their results."""
    answer = runner_page.evaluate(INTEGERS, [f"/cases/{folders[1]['indices']}", without])
    assert answer["outputs"] == [[6 * 833, 5 * 833, 4 * 833], [0]]
    assert len(answer["milliseconds"]) == 6
    assert all(time >= 0 for time in answer["milliseconds"])


LIMITS = """async ([url, limits]) => {
  const original = WebGL2RenderingContext.prototype.getParameter;
  WebGL2RenderingContext.prototype.getParameter = function (name) {
    const entry = Object.entries(limits).find(([key]) => this[key] === name);
    return entry ? entry[1] : original.call(this, name);
  };
  const loading = WebDNN.load(url, { backendOrder: ['webgl'] });
  return loading.then((runner) => runner.dispose(), (error) => error.message);
}"""


def test_what_a_device_cannot_hold_is_said(runner_page: Any, folders: tuple[Path, dict[str, str]]):
    """The least that WebGL 2 allows is enough for anything that is not huge."""
    url = f"/cases/{folders[1]['texture of two layers']}"
    least = {"MAX_TEXTURE_SIZE": 2048, "MAX_ARRAY_TEXTURE_LAYERS": 256, "MAX_DRAW_BUFFERS": 4}
    assert runner_page.evaluate(LIMITS, [url, least]) is None
    refused = runner_page.evaluate(LIMITS, [url, least | {"MAX_ARRAY_TEXTURE_LAYERS": 1}])
    assert "a texture of 2048 × 2048 × 2 texels; this device has 2048 rows, 1 layers" in refused


NO_FLOAT = """async (url) => {
  const original = WebGL2RenderingContext.prototype.getExtension;
  WebGL2RenderingContext.prototype.getExtension = function (name) {
    return name.startsWith('EXT_color_buffer_') ? null : original.call(this, name);
  };
  return WebDNN.load(url, { backendOrder: ['webgl'] }).then(() => 'loaded', (error) => error.message);
}"""


def test_e10_textures_that_are_not_precise_enough_are_refused(runner_page: Any, folders: tuple[Path, dict[str, str]]):
    refused = runner_page.evaluate(NO_FLOAT, f"/cases/{folders[1]['weights in many shards']}")
    assert "webgl: this device cannot render to floating-point textures" in refused


def test_many_runners_one_after_another(runner_page: Any, folders: tuple[Path, dict[str, str]]):
    """A browser has few contexts; disposed runners give theirs back."""
    url = f"/cases/{folders[1]['padding behind 3 channels']}"
    answers = runner_page.evaluate(
        """async (url) => {
          const first = await WebDNN.load(url, { backendOrder: ['webgl'] });
          for (let i = 0; i < 20; i++) (await WebDNN.load(url, { backendOrder: ['webgl'] })).dispose();
          await first.run();
          return 'alive';
        }""",
        url,
    )
    assert answers == "alive"
