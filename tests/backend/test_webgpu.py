"""WebGPU: what the op cases do not reach. Every tile, folded dispatches, packed weights, timing, and what can go wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cases import BATCHES, CASES, Case, Random, graph_of, source
from harness.descriptors import check_answer, write_cases
from harness.dtype_cases import DTYPE_CASES
from harness.page import RUNNER_PAGE, job, run_jobs
from webdnn.backend.builder import Builder, WeightTable, build_plan
from webdnn.backend.target import Target
from webdnn.backend.webgpu import (
    TARGET,
    dialect,
    emit,
    lower_elementwise,
    lower_matmul,
    lower_reduction,
    product,
    tiles,
)
from webdnn.descriptor.schema import Item, Kernel, Step
from webdnn.graph.dim import Size, evaluate, symbol
from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.graph import Constant, Graph, Input, Node, apply
from webdnn.graph.ops import (
    OPS,
    BatchMatMul,
    Concat,
    Elementwise,
    Gather,
    MatMul,
    Reduce,
    Repeat,
    Reshape,
    Slice,
    Softmax,
)
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.program import Call, Program
from webdnn.graph.types import DTYPES, INTEGERS

BY_NAME = {case.name: case for case in [*CASES, *DTYPE_CASES]}
# Vectors and scalars on either side, a gather and a scatter, an image and a matrix, every kind of epilogue operand.
PRODUCTS = [
    BY_NAME[name]
    for name in (
        "conv2d 64->24 k3 s1 d1 p1",
        "conv2d 17->33 k3 s1 d1 p1",
        "conv2d transpose 8->4 k4 s2 crop(1, 1)",
        "matmul 13x128x40",
        "epilogue with operands of every kind",
    )
]
BATCHES_OF_PRODUCTS = [BY_NAME[name] for name in ("batch matmul of rank 3", "products of float32 under permutations")]
ONE_OF_EACH = [
    BY_NAME[name]
    for name in (
        "conv2d 17->33 k3 s1 d1 p1",
        "depthwise symbolic batch",
        "matmul 5x33x17",
        "matmul 64x12x9",
        "batch matmul of rank 3",
        "integers: products",
        "scatter of uint8",
        "fill and iota",
        "average pool symbolic",
        "reduce mean over the image",
        "reduce sum over channels",
        "softmax symbolic rank 3",
        "transpose (3, 1, 0, 2)",
        "elementwise broadcast",
    )
]


@pytest.fixture
def check(tmp_path: Path, page: Any, serve: Callable[..., Any]) -> Callable[..., None]:
    """Runs cases in the page and compares them with the interpreter."""

    def run(cases: Sequence[Case], target: Target = TARGET, **options: Any) -> None:
        folders = write_cases(target, cases, tmp_path)
        server = serve({"/cases/": tmp_path})
        page.goto(server.add("/runner.html", RUNNER_PAGE.read_bytes()))
        jobs = [
            job(
                f"/cases/{folders[c.name]}", "webgpu", [(c.runs[r], c.inputs(r)) for r in range(len(c.runs))], **options
            )
            for c in cases
        ]
        for case, answer in zip(cases, run_jobs(page, jobs), strict=True):
            check_answer(case, answer, "webgpu")

    return run


def source_of(kernel: Kernel) -> str:
    assert isinstance(kernel, emit.Shader)
    return kernel.source


def windows_of(kernel: Kernel) -> tuple[int, ...]:
    assert isinstance(kernel, emit.Shader)
    return kernel.windows


def test_every_op_and_function_is_there() -> None:
    assert set(TARGET.lowerings) == set(OPS) - {Concat, Repeat, Reshape}
    for dtype in DTYPES:
        assert set(dialect.FUNCTIONS[dtype]) == {
            name for name, function in FUNCTIONS.items() if dtype in function.domain
        }


def divide_as(monkeypatch: pytest.MonkeyPatch, divide: Callable[..., tiles.Division]) -> None:
    """Has `divide` choose the tiles of every product, also of one with few rows."""
    for module in (product, lower_matmul):
        monkeypatch.setattr(module, "divide", divide)
    monkeypatch.setattr(product, "is_few", lambda rows: False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "tile",
    [pytest.param(t, marks=[] if t in tiles.TILES[::2] else [pytest.mark.exhaustive]) for t in tiles.TILES],
    ids=lambda t: f"{t.tile_rows}x{t.tile_columns}",
)
def test_d3_every_tile(check: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tile: tiles.Tile) -> None:
    divide_as(monkeypatch, lambda *sizes, **more: tiles.Division(tile))
    check([*PRODUCTS, *BATCHES_OF_PRODUCTS])


def test_products_split_along_their_depth(check: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    divide_as(monkeypatch, lambda *sizes, **more: tiles.Division(tiles.TILES[-1], 3))
    check(PRODUCTS)


def test_d2_a_plan_holds_a_division_for_small_and_for_large_devices(
    check: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both give the same answer, and a page computes the one that its device takes, or that it is told to take."""
    small, large = tiles.Division(tiles.TILES[0]), tiles.Division(tiles.TILES[2], 2)
    divide_as(monkeypatch, lambda *sizes, **more: small if sizes[3] == tiles.FEW else large)
    for workgroups in ("few", "many"):
        check(PRODUCTS, workgroups=workgroups)


def test_e10_no_workgroup_is_larger_than_compatibility_mode_allows() -> None:
    assert max(tile.threads for tile in (*tiles.TILES, product.MATVEC)) <= 128
    for columns, slices in (lower_reduction.WORKGROUP_INNER, lower_reduction.WORKGROUP_OUTER):
        assert columns * slices <= 128


def test_e10_shared_memory_is_as_every_device_has_it() -> None:
    for tile in tiles.TILES:
        assert 4 * tiles.SLICE * (tile.tile_rows + tile.tile_columns) <= 16384


def test_d2_large_devices_get_many_workgroups_and_small_ones_large_tiles() -> None:
    for rows, columns, depth in ((49, 512, 4608), (196, 256, 2304), (784, 128, 1152), (3136, 64, 576)):
        few, many = (tiles.divide(rows, columns, depth, n) for n in (tiles.FEW, tiles.MANY))
        assert 200 <= groups_of(many, rows, columns) <= 2048
        assert groups_of(few, rows, columns) <= 32
    assert tiles.divide(100352, 256, 64, tiles.MANY).parts == 1
    assert tiles.divide(49, 512, 4608, tiles.MANY, most_parts=1).parts == 1


def groups_of(division: tiles.Division, rows: int, columns: int) -> int:
    tile = division.tile
    return -(-rows // tile.tile_rows) * -(-columns // tile.tile_columns) * division.parts


def test_d3_narrow_results_get_narrow_tiles() -> None:
    """Of a tile of 128 columns, seven eighths would be padding."""
    for busy in (tiles.FEW, tiles.MANY):
        assert tiles.divide(65536, 16, 144, busy).tile.tile_columns == 16
        assert tiles.divide(12544, 16, 32, busy).tile.tile_columns <= 32
    assert tiles.divide(100352, 64, 576, tiles.MANY).tile.tile_columns == 64
    for columns in (32, 64, 96):
        tile = tiles.divide(100352, 256, 576, tiles.FEW, columns).tile
        assert columns % tile.tile_columns == 0


def test_dispatches_beyond_a_dimension_are_folded(check: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (emit, product):
        monkeypatch.setattr(module, "FOLD", 2)
    check(ONE_OF_EACH)


DOUBLE = """
struct Parameters { x: i32, x_pitch: i32, y: i32, y_pitch: i32, row: i32, rows: i32, columns: i32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Parameters;
@compute @workgroup_size(1) fn main() {
  for (var r = 0; r < p.rows; r++) {
    for (var c = 0; c < p.columns; c++) { y[p.y + (p.row + r) * p.y_pitch + c] = 2 * x[p.x + r * p.x_pitch + c]; }
  }
}
"""


def test_weights_are_packed_by_setup_steps(check: Callable[..., None]) -> None:
    def lower(builder: Builder, node: Node, op: Elementwise) -> None:
        x, w = node.inputs
        kernel = builder.kernel(emit.Shader("double", DOUBLE))
        packed = builder.packed(builder.weight(w), kernel, w.shape, [w.shape[-1]], [1])
        same = Node(op, (x, apply(Input("packed", w.type))), node.origin)
        builder._views |= {same.inputs[1]: packed, same.outputs[0]: builder.view(node.outputs[0])}
        lower_elementwise.emit_map(builder, same, op.program)

    def build(random: Random) -> Graph:
        x = source("x", 7, 5)
        return graph_of([x], [elementwise("add", x, random.constant(7, 5))])

    class Doubled(Case):
        def expected(self, run: int) -> list[Any]:
            (x,) = self.inputs(run)
            weights = WeightTable.of(self.graph).arrays[0]
            return [x.astype(np.float64) + 2 * weights]

    target = replace(TARGET, lowerings={**TARGET.lowerings, Elementwise: lower})
    check([Doubled("packed", build)], target)


def test_a_step_never_reads_and_writes_one_buffer(check: Callable[..., None]) -> None:
    """A slice of one part of a concatenation, from which another part is computed."""

    def build(random: Random) -> Graph:
        x = source("x", symbol("N"), 8)
        first = elementwise("neg", x)
        part = apply(Slice((0, 4), (symbol("N"), 4)), first)
        second = elementwise("exp", part)
        return graph_of([x], [apply(Concat(1), first, second), elementwise("relu", first)])

    case = Case("concat of what a slice of it gives", build, BATCHES)
    plan = build_plan(case.graph, TARGET, WeightTable.of(case.graph))
    for step in plan.steps:
        assert not {v.buffer for v in step.inputs} & {v.buffer for v in step.outputs}  # type: ignore[union-attr]
    check([case])


DEFAULT_LIMITS = """
const request = globalThis.GPUAdapter?.prototype.requestDevice;
if (request) GPUAdapter.prototype.requestDevice = function () { return request.call(this); };
"""


@pytest.mark.exhaustive
def test_e9_a_weight_and_an_activation_larger_than_a_device_can_bind(check: Callable[..., None], page: Any) -> None:
    """Of 141 and 257 MiB, where a binding holds 128 and a buffer 256. Rows from all windows reach the answers."""
    rows, columns = 9000, 4096
    large = 67_400

    def product_of_weight(random: Random) -> Graph:
        x = source("x", 1, rows)
        w = np.random.default_rng(3).standard_normal((rows, columns), np.float32)
        return graph_of([x], [apply(MatMul(), x, apply(Constant(w)))])

    def activation(random: Random) -> Graph:
        x = source("x", 1, 1000)
        sum_ = elementwise("add", x, random.constant(large, 1))
        return graph_of([x], [apply(Reduce("sum", (1,), False), elementwise("relu", sum_))])

    def integer_weight(random: Random) -> Graph:
        x = source("x", 5, dtype="int32")
        table = np.random.default_rng(3).integers(-(2**31), 2**31, (rows, columns), np.int32)
        places = elementwise("add", elementwise("bitwise_and", x, 255.0), float(rows - 200))  # some beyond the last
        return graph_of([x], [apply(Gather(0), apply(Constant(table)), places)])

    def integer_activation(random: Random) -> Graph:
        x = source("x", 1, 1000, dtype="int32")
        sum_ = elementwise("add", x, apply(Constant(random.integers("int32", large, 1))))
        return graph_of([x], [apply(Reduce("sum", (1,), False), elementwise("relu", sum_))])

    page.add_init_script(DEFAULT_LIMITS)
    cases = [
        Case("a weight of 141 MiB", product_of_weight),
        Case("an activation of 257 MiB", activation),
        Case("an integer weight of 141 MiB", integer_weight),
        Case("an integer activation of 257 MiB", integer_activation),
    ]
    plans = [build_plan(case.graph, TARGET, WeightTable.of(case.graph)) for case in cases]
    assert [max(max(windows_of(kernel), default=1) for kernel in plan.kernels) for plan in plans] == [2, 3, 2, 3]
    check(cases)


def test_e9_kernels_with_more_windows_than_bindings_are_left_to_devices_with_large_ones() -> None:
    def build(random: Random) -> Graph:
        x = source("x", 5 * emit.WINDOW // 4, 4)
        return graph_of([x], [elementwise("relu", x)])

    graph = Case("ten windows", build).graph
    (kernel,) = build_plan(graph, TARGET, WeightTable.of(graph)).kernels
    assert windows_of(kernel) == ()
    assert "windows" not in kernel.to_json()


def test_integers_have_windows_of_integers() -> None:
    def build(random: Random) -> Graph:
        return graph_of([x := source("x", emit.WINDOW // 2, 4, dtype="int32")], [elementwise("relu", x)])

    graph = Case("two windows", build).graph
    (kernel,) = build_plan(graph, TARGET, WeightTable.of(graph)).kernels
    assert windows_of(kernel) == (2, 2)
    assert kernel.to_json()["windows"] == [2, 2]
    assert len(re.findall(r"var<storage, \w+> \w+_window\d: array<vec4i>", source_of(kernel))) == 4


def test_what_only_moves_sees_integers() -> None:
    """Of floats too: a GPU may change the bits of those that it takes for numbers."""
    names = set()
    for name in ("moves of float32, symbolic", "fill and iota", "concat of inputs", "gather elements", "take rows"):
        graph = BY_NAME[name].graph
        for kernel in build_plan(graph, TARGET, WeightTable.of(graph)).kernels:
            if kernel.name != "elementwise":
                names.add(kernel.name)
                assert not re.search(r"f32|vec4f", source_of(kernel)), kernel.name
    assert names >= {"transpose", "move", "slice", "pad", "gather", "gather_columns", "fill", "copy"}


def attention(batch: Size, length: Size) -> Graph:
    """Scores of four heads, scaled and masked, from which values are mixed: as frameworks write it, with (batch, length, heads, depth)."""
    q, k, v = (source(name, batch, length, 4, 16) for name in "qkv")
    mask = source("mask", batch, 1, 1, length, dtype="bool")
    finish = Program(2, (Call("mul", (0, 0.25)), Call("where", (1, 2, -1e9))))
    scores = apply(BatchMatMul((0, 2, 1, 3), (0, 2, 3, 1), finish), q, k, mask)
    return graph_of([q, k, v, mask], [apply(BatchMatMul(right=(0, 2, 1, 3)), apply(Softmax(), scores), v)])


def test_heads_of_attention_are_products_of_tiles_without_copies() -> None:
    """Three kernel calls on any device: factors are seen where they lie, and the mask is repeated by strides."""
    for length in (40, symbol("T")):
        graph = attention(symbol("N"), length)
        plan = build_plan(graph, TARGET, WeightTable.of(graph))
        for many in (0, 1):
            taken = [step for item in plan.steps for step in steps_on(item, many)]
            assert [plan.kernels[step.kernel].name for step in taken] == ["batchmatmul", "softmax", "batchmatmul"]
            scores, mix = (source_of(plan.kernels[taken[i].kernel]) for i in (0, 2))
            assert all("w_tile" in source and "w: array<vec4f>" in source for source in (scores, mix))
            assert ("load_column" in scores, "load_column" in mix) == (True, False)


def test_attention_is_right_for_lengths_that_fill_no_tile(check: Callable[..., None]) -> None:
    runs = ({"N": 1, "T": 37}, {"N": 3, "T": 5})
    check([Case("attention", lambda random: attention(symbol("N"), symbol("T")), runs)])


def steps_on(item: Item, many: int) -> list[Step]:
    """The steps of `item` on a device that is kept busy by many workgroups, or by few."""
    if isinstance(item, Step):
        return [item]
    return [step for inner in item.body for step in steps_on(inner, many)] * evaluate(item.repeat, {"$many": many})


def test_integers_and_few_rows_take_the_plain_kernel() -> None:
    def build(random: Random) -> Graph:
        x, y = source("x", 3, 40, 8, dtype="int32"), source("y", 3, 8, 40, dtype="int32")
        row, w = source("row", 3, 1, 8), source("w", 3, 8, 40)
        return graph_of([x, y, row, w], [apply(BatchMatMul(), x, y), apply(BatchMatMul(), row, w)])

    graph = Case("plain", build).graph
    kernels = build_plan(graph, TARGET, WeightTable.of(graph)).kernels
    assert ["w_tile" in source_of(kernel) for kernel in kernels] == [False, False]


def test_a_literal_is_no_error_to_the_compiler(check: Callable[..., None]) -> None:
    """WGSL rejects overflows and divisions by 0 that a compiler can see: of literals, or by one."""

    def build(random: Random) -> Graph:
        x, y = source("x", 3, 5, dtype="int32"), source("y", 3, 5)
        least, most = -(2.0**31), 2.0**31 - 1
        outputs = [elementwise(name, x, 0.0) for name in ("floor_div", "trunc_div", "mod", "trunc_mod")]
        outputs += [
            elementwise(name, x, amount) for name in ("shift_left", "shift_right") for amount in (32.0, -1.0, 99.0)
        ]
        outputs += [elementwise(name, x, least) for name in ("add", "mul", "floor_div", "equal")]
        alone = [Call("floor_div", (least, -1.0)), Call("trunc_mod", (most, 0.0)), Call("bitwise_not", (least,))]
        alone += [Call("shift_left", (most, 1.0)), Call("trunc_div", (least, 0.0))]
        for call in alone:
            outputs.append(apply(Elementwise(Program(1, (call, Call("add", (0, 1))))), x))
        outputs += [
            elementwise(f"to_{dtype}", elementwise("mul", y, scale)) for dtype in INTEGERS for scale in (64.0, 2.0**33)
        ]
        return graph_of([x, y], outputs)

    check([Case("literals at the corners", build)])


# The device.

CASE = BY_NAME["whole: a tiny classifier, symbolic batch"]
START = """async ({ before, n }) => {
  window.log = [];
  const { fetch } = window;
  window.fetch = (url, ...more) => (log.push(String(url).split('/').at(-1).split('.')[0]), fetch(url, ...more));
  const find = globalThis.GPU?.prototype.requestAdapter;
  const adapters = (allowed) => {
    GPU.prototype.requestAdapter = function (options) {
      log.push('adapter');
      return allowed(options) ? find.call(this, options) : Promise.resolve(null);
    };
  };
  adapters(() => true);
  const spoil = { none() {}, hidden() { adapters(() => false); },
    old() { adapters(({ featureLevel }) => featureLevel === 'compatibility'); },
    gone() { Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined }); },
    small() {
      const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = function () { return request.call(this); };
    } };
  spoil[before]();
  const request = globalThis.GPUAdapter?.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (options) { return (window.device = await request.call(this, options)); };
  try {
    window.runner = await WebDNN.load('/cases/0', { backendOrder: ['webgpu'] });
    await runner.setPlaceholderValue({ N: n });
    return 'started';
  } catch (error) { return error.message; }
}"""


@pytest.fixture
def start(tmp_path: Path, page: Any, serve: Callable[..., Any]) -> Callable[..., str]:
    """Starts a model in the page; returns "started" or the error's message."""

    def run(before: str = "none", n: int = 2) -> str:
        write_cases(TARGET, [CASE], tmp_path)
        server = serve({"/cases/": tmp_path})
        page.goto(server.add("/runner.html", RUNNER_PAGE.read_bytes()))
        page.wait_for_function("window.ready === true")
        return str(page.evaluate(START, {"before": before, "n": n}))

    return run


def test_profile_names_every_step(start: Callable[..., str], page: Any) -> None:
    assert start() == "started"
    times = page.evaluate("async () => await runner.profile()")
    steps = build_plan(CASE.graph, TARGET, WeightTable.of(CASE.graph)).steps
    assert len(times) == len(steps)
    assert times[0]["kernel"] == "conv2d"
    assert all(time["milliseconds"] >= 0 for time in times)
    assert page.evaluate("runner.info.vendor !== undefined")
    assert page.evaluate("runner.outputs[0].toActual().reduce((a, b) => a + b)") == pytest.approx(2, abs=1e-4)


def test_without_webgpu_the_reason_is_given(start: Callable[..., str]) -> None:
    assert "this browser has no WebGPU" in start("gone")
    assert "this browser finds no WebGPU adapter" in start("hidden")


def test_d5_the_adapter_is_asked_for_once_and_before_anything_is_read(start: Callable[..., str], page: Any) -> None:
    assert start() == "started"
    log = page.evaluate("log")
    assert log.count("adapter") == 1
    assert log.index("adapter") < log.index("descriptor") < log.index("plan")


def test_e10_a_device_that_has_only_compatibility_mode_is_used(start: Callable[..., str], page: Any) -> None:
    assert start("old") == "started"
    assert page.evaluate("log.filter((one) => one === 'adapter').length") == 2
    assert page.evaluate("!device.features.has('core-features-and-limits')") or page.evaluate("runner.info.vendor")
    page.evaluate("runner.run()")


D6 = """async () => {
  const runner = await WebDNN.load('/cases/0', { backendOrder: ['webgpu'] });
  const results = [];
  for (let run = 0; run < 5; run++) {
    const values = Float32Array.from({ length: runner.inputs[0].length }, (_, i) => ((i * 7 + run * 13) % 29) - 14);
    runner.inputs[0].set(values);
    await runner.run();
    const output = runner.outputs[0].toActual();
    results.push(values.every((value, i) => output[i] === Math.max(value, 0)));
  }
  runner.dispose();
  return results;
}"""


def test_d6_large_inputs_arrive_in_every_run(tmp_path: Path, page: Any, serve: Callable[..., Any]) -> None:
    """1.4 MB, which go through buffers that stay mapped."""

    def build(random: Random) -> Graph:
        return graph_of([x := source("x", 700, 500)], [elementwise("relu", x)])

    write_cases(TARGET, [Case("large", build)], tmp_path)
    page.goto(serve({"/cases/": tmp_path}).add("/runner.html", RUNNER_PAGE.read_bytes()))
    page.wait_for_function("window.ready === true")
    assert page.evaluate(D6) == [True] * 5


@pytest.mark.slow
def test_a_buffer_larger_than_the_device_allows_is_an_error(start: Callable[..., str]) -> None:
    message = start("small", 60_000)
    assert "this GPU allows 128.0 MiB" in message


def test_a_lost_device_is_an_error(start: Callable[..., str], page: Any) -> None:
    assert start() == "started"
    run = "async () => { try { await runner.run(); return 'ran'; } catch (error) { return error.message; } }"
    assert page.evaluate(run) == "ran"
    message = page.evaluate("async () => { device.destroy(); await device.lost; return (" + run + ")(); }")
    assert "the GPU device was lost" in message
    assert "load the model again" in message


def test_few_rows_take_the_kernel_that_reads_weights_once() -> None:
    def build(random: Random) -> Graph:
        x = source("x", 1, 20)
        return graph_of([x], [apply(MatMul(), x, random.constant(20, 12))])

    graph = Case("few", build).graph
    plan = build_plan(graph, TARGET, WeightTable.of(graph))
    assert "SLICES" in plan.kernels[0].text


def invocations(source: str) -> int:
    """How many a workgroup of this kernel has."""
    constants = dict(re.findall(r"^const (\w+) = (\d+);", source, re.MULTILINE))
    (size,) = re.findall(r"@workgroup_size\(([^)]*)\)", source)
    return math.prod(int(constants.get(part.strip(), part)) for part in size.split(","))


@pytest.mark.slow
def test_e10_workgroups_fit_into_compatibility_mode() -> None:
    """128 invocations: the kernels of products, which are larger by choice, aside."""
    reductions = 0
    for case in CASES:
        for kernel in build_plan(case.graph, TARGET, WeightTable.of(case.graph)).kernels:
            if "fn store_four" not in source_of(kernel):
                assert invocations(source_of(kernel)) <= 128, f"{case.name}: {kernel.name}"
                reductions += kernel.name.startswith("reduce_")
    assert reductions > 10
