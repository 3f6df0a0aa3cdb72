"""One table of op cases with many consumers: infer agrees with evaluate, evaluate with an independent reference, every backend with evaluate.

A case is a small graph and the runs to make of it: placeholder values, from which random inputs follow. Inputs hold negative values and exact
zeros; sizes are odd, and no multiple of a tile.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from webdnn.graph.dim import Size, evaluate, number, symbol, symbols_of
from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.graph import (
    Constant,
    Graph,
    Input,
    Node,
    Op,
    Placeholder,
    State,
    Value,
    apply,
    collect_constraints,
)
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import (
    ArgReduce,
    BatchMatMul,
    Concat,
    Conv2D,
    Conv2DTranspose,
    CumulativeSum,
    DepthwiseConv2D,
    Elementwise,
    Gather,
    GatherElements,
    MatMul,
    Normalize,
    Pad,
    Pool2D,
    Reduce,
    Repeat,
    Reshape,
    Resize2D,
    Slice,
    Softmax,
    Transpose,
)
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.ops.indexing import take, top_k
from webdnn.graph.ops.resize import COORDINATES, ROUNDINGS, TAPS
from webdnn.graph.program import COMPOSED, Call, Program, single
from webdnn.graph.types import TensorType

Array = np.ndarray
Symbols = dict[str, int]

TOLERANCE = 2e-5
N, H, W, T = (symbol(name) for name in "NHWT")
BATCHES: tuple[Symbols, ...] = ({"N": 1}, {"N": 3}, {"N": 8})


@dataclass(frozen=True)
class Case:
    """`build` makes the graph; `runs` are the placeholder values to try; `tolerance` is explained where it is not the usual one."""

    name: str
    build: Callable[[Random], Graph]
    runs: tuple[Symbols, ...] = ({},)
    tolerance: float = TOLERANCE

    @cached_property
    def graph(self) -> Graph:
        graph = self.build(Random(self.name))
        names = {n for v in graph.inputs for s in v.shape for n in symbols_of(s)}
        graph = replace(graph, placeholders={n: Placeholder() for n in sorted(names)}, name=self.name)
        return replace(graph, constraints=collect_constraints(graph))

    def inputs(self, run: int) -> list[Array]:
        """The inputs of a run, the same on every call."""
        random = Random(f"{self.name}/{run}")
        shapes = [[evaluate(s, self.runs[run]) for s in v.shape] for v in self.graph.inputs]
        return [random.of_dtype(v.dtype, *shape) for v, shape in zip(self.graph.inputs, shapes, strict=True)]

    def expected(self, run: int) -> list[Array]:
        """What the interpreter says, in float64."""
        return interpret(self.graph, self.inputs(run), self.runs[run], dtype="float64")


class Random:
    """Arrays that depend on a text only."""

    def __init__(self, seed: str) -> None:
        self._generator = np.random.default_rng(zlib.crc32(seed.encode()))

    def array(self, *shape: int, scale: float = 1.0) -> Array:
        """Normal values with some exact zeros."""
        values = self._generator.normal(size=shape) * scale
        return np.where(self._generator.random(shape) < 0.05, 0.0, values).astype(np.float32)

    def integers(self, dtype: str, *shape: int) -> Array:
        """Half of them small, the others anything that `dtype` holds, its corners among them."""
        limits = np.iinfo(dtype)
        low, high = max(limits.min, -9), min(limits.max, 10)
        corners = np.array([limits.min, limits.min + 1, limits.max - 1, limits.max])
        anything = np.where(
            self._generator.random(shape) < 0.5,
            self._generator.integers(limits.min, limits.max, shape, endpoint=True),
            self._generator.choice(corners, shape),
        )
        small = self._generator.integers(low, high, shape)
        return np.where(self._generator.random(shape) < 0.5, small, anything).astype(dtype)

    def of_dtype(self, dtype: str, *shape: int) -> Array:
        """Values of `dtype`, as `array` and `integers` make them; of bools about half are true."""
        if dtype == "float32":
            return self.array(*shape)
        return self._generator.random(shape) < 0.5 if dtype == "bool" else self.integers(dtype, *shape)

    def constant(self, *shape: int, scale: float = 1.0) -> Value:
        return apply(Constant(self.array(*shape, scale=scale)), origin=("constant",))


def source(name: str, *shape: Size, dtype: str = "float32") -> Value:
    """A graph input."""
    return apply(Input(name, TensorType(shape, dtype)), origin=(name,))


def graph_of(inputs: Sequence[Value], outputs: Sequence[Value]) -> Graph:
    return Graph(tuple(inputs), tuple(outputs), tuple(f"y{i}" for i in range(len(outputs))))


def bias_relu(extra: int = 0) -> Program:
    """Epilogue: add a bias, add `extra` further operands, relu."""
    calls = [Call("add", (0, 1))]
    for i in range(extra):
        calls.append(Call("add", (2 + extra + i, 2 + i)))
    calls.append(Call("relu", (2 + extra + extra,)))
    return Program(2 + extra, tuple(calls))


def one(shape: Sequence[Size], op: Op) -> Callable[[Random], Graph]:
    """A graph of one op on one input."""

    def build(random: Random) -> Graph:
        x = source("x", *shape)
        return graph_of([x], [apply(op, x, origin=("op",))])

    return build


def weighted(shape: Sequence[Size], weights: Sequence[int], op: Op, scale: float = 0.3) -> Callable[[Random], Graph]:
    """A graph of one op on an input and weights; a bias is added where the op's epilogue wants one."""

    def build(random: Random) -> Graph:
        x = source("x", *shape)
        operands = [x, random.constant(*weights, scale=scale)]
        result_columns = op.infer([v.type for v in operands])[0].shape[-1] if not op.attributes()["epilogue"] else None
        if result_columns is None:
            bare = replace(op, epilogue=None)  # type: ignore[call-arg]
            result_columns = bare.infer([v.type for v in operands])[0].shape[-1]
            operands.append(random.constant(int(result_columns)))  # type: ignore[arg-type]
        return graph_of([x], [apply(op, *operands, origin=("op",))])

    return build


def _convolutions() -> list[Case]:
    cases = []
    for channels, filters, kernel, stride, dilation, pad in (
        (3, 8, 3, 1, 1, 1), (3, 5, 7, 2, 1, 3), (8, 16, 1, 1, 1, 0), (16, 12, 1, 2, 1, 0), (5, 7, 3, 2, 1, 1), (4, 9, 3, 1, 2, 2),
        (17, 33, 3, 1, 1, 1), (12, 8, 5, 1, 1, 2), (1, 1, 3, 1, 1, 0), (64, 24, 3, 1, 1, 1),
    ):  # fmt: skip
        op = Conv2D((stride, stride), ((pad, pad), (pad, pad)), (dilation, dilation), bias_relu())
        name = f"conv2d {channels}->{filters} k{kernel} s{stride} d{dilation} p{pad}"
        cases.append(Case(name, weighted((1, 11, 9, channels), (kernel, kernel, channels, filters), op)))
    uneven = Conv2D((1, 2), ((0, 2), (3, 1)), (2, 1))
    cases.append(Case("conv2d asymmetric padding, no epilogue", weighted((2, 9, 8, 6), (2, 3, 6, 10), uneven)))
    symbolic = Conv2D((1, 1), ((1, 1), (1, 1)), (1, 1), bias_relu())
    cases.append(Case("conv2d symbolic batch", weighted((N, 7, 7, 4), (3, 3, 4, 8), symbolic), BATCHES))
    same = Conv2D((2, 2), ((0, 1), (0, 1)), (1, 1), bias_relu())
    sizes = ({"N": 1, "H": 8, "W": 8}, {"N": 2, "H": 13, "W": 6})
    cases.append(Case("conv2d symbolic image", weighted((N, H, W, 3), (3, 3, 3, 6), same), sizes))
    total = (-H) % 2 + 1  # "same" padding of a stride-2 3×3 window depends on H
    padded = Conv2D((2, 2), ((total // 2, total - total // 2), (0, 1)), (1, 1), bias_relu())
    cases.append(Case("conv2d symbolic padding", weighted((1, H, 8, 5), (3, 3, 5, 4), padded), ({"H": 8}, {"H": 9})))
    return cases


def _grouped() -> list[Case]:
    cases = []
    for channels, filters, groups, kernel, stride, dilation, pad in (
        (4, 4, 2, 3, 1, 1, 1), (6, 9, 3, 3, 1, 1, 1), (9, 12, 3, 3, 2, 1, 1), (8, 8, 2, 5, 1, 2, 4), (10, 16, 2, 3, 2, 1, 0),
        (16, 10, 2, 3, 1, 1, 1), (3, 6, 3, 3, 1, 1, 1), (128, 128, 32, 3, 1, 1, 1), (256, 256, 32, 3, 2, 1, 1), (32, 64, 32, 3, 2, 1, 1),
        (64, 32, 32, 3, 1, 2, 2), (96, 160, 32, 3, 1, 1, 1),
        (8, 24, 2, 3, 1, 1, 1), (12, 24, 3, 1, 1, 1, 0), (30, 30, 3, 1, 1, 1, 0), (16, 8, 2, 1, 2, 1, 0),
        (24, 96, 3, 3, 1, 1, 1), (10, 64, 2, 3, 2, 1, 1), (128, 64, 2, 3, 1, 1, 1), (64, 256, 2, 1, 1, 1, 0),
    ):  # fmt: skip
        op = Conv2D((stride, stride), ((pad, pad), (pad, pad)), (dilation, dilation), bias_relu(), groups)
        name = f"conv2d of {groups} groups {channels}->{filters} k{kernel} s{stride} d{dilation} p{pad}"
        cases.append(Case(name, weighted((1, 11, 9, channels), (kernel, kernel, channels // groups, filters), op, 0.2)))
    uneven = Conv2D((1, 2), ((0, 2), (3, 1)), (2, 1), None, 3)
    cases.append(Case("conv2d of 3 groups, asymmetric padding", weighted((2, 9, 8, 6), (2, 3, 2, 15), uneven)))
    window = Conv2D(epilogue=bias_relu(), groups=4)
    cases.append(Case("conv2d of 4 groups to one pixel", weighted((1, 3, 3, 16), (3, 3, 4, 144), window)))
    same = Conv2D((2, 2), ((0, 1), (0, 1)), (1, 1), bias_relu(), 2)
    sizes = ({"N": 1, "H": 8, "W": 8}, {"N": 2, "H": 13, "W": 6})
    cases.append(Case("conv2d of 2 groups, symbolic image", weighted((N, H, W, 8), (3, 3, 4, 8), same), sizes))

    def residual(random: Random) -> Graph:
        x = source("x", N, 6, 5, 24)
        op = Conv2D((1, 1), ((1, 1), (1, 1)), (1, 1), bias_relu(1), 3)
        y = apply(op, x, random.constant(3, 3, 8, 24, scale=0.2), random.constant(24), x, origin=("residual",))
        return graph_of([x], [y, elementwise("neg", x)])

    def strided(channels: Sequence[int], cut: tuple[int, int]) -> Callable[[Random], Graph]:
        """Grouped convolutions write the parts of a concatenation, and one reads `cut` (first channel, channels) of it."""

        def build(random: Random) -> Graph:
            x = source("x", N, 5, 4, 8)
            op = Conv2D((1, 1), ((1, 1), (1, 1)), (1, 1), bias_relu(), 2)
            parts = [apply(op, x, random.constant(3, 3, 4, c), random.constant(c)) for c in channels]
            joined = apply(Concat(3), *parts)
            start, size = cut
            view = apply(Slice((0, 0, 0, start), (N, 5, 4, size)), joined)
            pixel = Conv2D(epilogue=bias_relu(), groups=2)
            last = apply(pixel, view, random.constant(1, 1, size // 2, 6), random.constant(6))
            return graph_of([x], [apply(op, view, random.constant(3, 3, size // 2, 8), random.constant(8)), last])

        return build

    cases.append(Case("conv2d of 3 groups with a residual, symbolic batch", residual, BATCHES))
    cases.append(Case("conv2d of groups on strided views, fours", strided((8, 16), (4, 16)), BATCHES))
    cases.append(Case("conv2d of groups on strided views, odd", strided((6, 10, 2), (3, 10)), BATCHES))
    return cases


def _depthwise() -> list[Case]:
    cases = []
    for channels, multiplier, kernel, stride, dilation in (
        (8, 1, 3, 1, 1), (5, 1, 3, 2, 1), (12, 1, 5, 1, 1), (16, 1, 5, 2, 1), (6, 2, 3, 1, 1), (4, 1, 3, 1, 2), (7, 3, 2, 1, 1),
    ):  # fmt: skip
        pad = (kernel - 1) * dilation // 2
        op = DepthwiseConv2D((stride, stride), ((pad, pad), (pad, pad)), (dilation, dilation), bias_relu())
        name = f"depthwise {channels}x{multiplier} k{kernel} s{stride} d{dilation}"
        cases.append(Case(name, weighted((1, 10, 9, channels), (kernel, kernel, channels, multiplier), op)))
    op = DepthwiseConv2D((1, 1), ((1, 1), (1, 1)), (1, 1), bias_relu())
    cases.append(Case("depthwise symbolic batch", weighted((N, 5, 6, 8), (3, 3, 8, 1), op), BATCHES))
    return cases


def _transposed() -> list[Case]:
    cases = []
    for channels, filters, kernel, stride, crop in (
        (4, 8, 2, 2, (0, 0)), (3, 5, 3, 2, (0, 1)), (8, 4, 4, 2, (1, 1)), (5, 3, 3, 1, (1, 1)), (4, 6, 2, 3, (0, -1)), (6, 4, 5, 3, (2, 0)),
    ):  # fmt: skip
        op = Conv2DTranspose((stride, stride), (crop, crop), (1, 1), bias_relu())
        name = f"conv2d transpose {channels}->{filters} k{kernel} s{stride} crop{crop}"
        cases.append(Case(name, weighted((1, 5, 6, channels), (kernel, kernel, channels, filters), op)))
    dilated = Conv2DTranspose((1, 1), ((1, 0), (0, 1)), (2, 2))
    cases.append(Case("conv2d transpose dilated", weighted((1, 4, 5, 3), (3, 3, 3, 4), dilated)))
    op = Conv2DTranspose((2, 2), ((0, 0), (0, 0)), (1, 1), bias_relu())
    cases.append(Case("conv2d transpose symbolic", weighted((N, 3, 3, 4), (2, 2, 4, 4), op), BATCHES))
    return cases


def _matmul() -> list[Case]:
    def flattened(random: Random) -> Graph:
        """`view(size(0), -1)` before a dense layer of 36 rows: H·W must be 12."""
        x = source("x", N, 3, H, W)
        rows = apply(Reshape((N, x.type.elements // N)), x, origin=("view",))
        return graph_of([x], [apply(MatMul(), rows, random.constant(36, 7, scale=0.3), origin=("dense",))])

    cases = [
        Case(f"matmul {rows}x{k}x{m}", weighted((rows, k), (k, m), MatMul(bias_relu()), scale=0.1))
        for rows, k, m in ((1, 64, 10), (1, 7, 5), (5, 33, 17), (13, 128, 40), (2, 300, 1), (64, 12, 9))
    ]
    cases.append(Case("matmul of rank 4", weighted((2, 3, 2, 5), (5, 6), MatMul(), scale=0.3)))
    cases.append(Case("matmul symbolic batch", weighted((N, 20), (20, 12), MatMul(bias_relu())), BATCHES))
    pictures = tuple({"N": n, "H": h, "W": w} for n, h, w in ((1, 3, 4), (3, 2, 6), (2, 12, 1)))
    cases.append(Case("matmul symbolic depth", flattened, pictures))
    return cases


def _batch_matmul() -> list[Case]:
    def between(*shapes: Sequence[Size]) -> Callable[[Random], Graph]:
        def build(random: Random) -> Graph:
            x, y = (source(name, *shape) for name, shape in zip("xy", shapes, strict=True))
            return graph_of([x, y], [apply(BatchMatMul(), x, y, origin=("op",))])

        return build

    def attention(random: Random) -> Graph:
        x = source("x", N, 5, 12)
        heads = apply(Transpose((0, 2, 1, 3)), apply(Reshape((N, 5, 3, 4)), x))
        scores = apply(Softmax(), apply(BatchMatMul(), heads, apply(Transpose((0, 1, 3, 2)), heads)))
        return graph_of([x], [apply(BatchMatMul(), scores, heads), apply(BatchMatMul(), heads, random.constant(4, 3))])

    return [
        Case("batch matmul of two matrices", between((7, 5), (5, 9))),
        Case("batch matmul of rank 3", between((3, 9, 33), (3, 33, 17))),
        Case("batch matmul of rows", between((4, 1, 6), (4, 6, 5))),
        Case("batch matmul broadcasts both", between((2, 1, 3, 5), (4, 5, 6))),
        Case("batch matmul broadcasts inner axes", between((2, 3, 4, 5), (2, 1, 5, 3))),
        Case("batch matmul deeper than a slice", between((2, 5, 600), (2, 600, 11))),
        Case("batch matmul symbolic", between((N, T, 7), (N, 7, T)), ({"N": 1, "T": 5}, {"N": 3, "T": 2})),
        Case("batch matmul of symbolic depth", between((2, 3, T), (T, 4)), ({"T": 1}, {"T": 530})),
        Case("batch matmul in attention", attention, BATCHES),
    ]


def _pooling() -> list[Case]:
    cases = []
    for kind, channels, size, stride, pad, count in (
        ("max", 8, 2, 2, 0, False), ("max", 5, 3, 2, 1, False), ("average", 8, 2, 2, 0, False), ("average", 3, 3, 2, 1, False),
        ("average", 7, 3, 1, 1, True), ("max", 4, 3, 1, 1, False),
    ):  # fmt: skip
        op = Pool2D(kind, (size, size), (stride, stride), ((pad, pad), (pad, pad)), count)
        cases.append(
            Case(f"{kind} pool c{channels} k{size} s{stride} p{pad} count={count}", one((2, 9, 8, channels), op))
        )
    uneven = Pool2D("max", (2, 3), (1, 2), ((0, 1), (1, 0)))
    cases.append(Case("max pool asymmetric, negative data wins over padding", _negative((1, 5, 6, 4), uneven)))
    cases.append(
        Case("average pool symbolic", one((N, 6, 6, 4), Pool2D("average", (3, 3), (2, 2), ((0, 1), (0, 1)))), BATCHES)
    )
    return cases


def _negative(shape: Sequence[Size], op: Op) -> Callable[[Random], Graph]:
    def build(random: Random) -> Graph:
        x = source("x", *shape)
        below = elementwise("sub", elementwise("neg", elementwise("abs", x)), 1.0)
        return graph_of([x], [apply(op, below, origin=("op",))])

    return build


def _reductions() -> list[Case]:
    cases = []
    for kind in ("mean", "sum", "max", "min", "prod"):
        cases.append(Case(f"reduce {kind} over the image", one((2, 5, 7, 6), Reduce(kind, (1, 2)))))
        cases.append(Case(f"reduce {kind} over channels", one((2, 3, 5), Reduce(kind, (2,), True))))
    cases.append(Case("reduce mean, many channels", one((1, 7, 7, 130), Reduce("mean", (1, 2)))))
    cases.append(Case("reduce sum over first and last axis", one((3, 4, 5), Reduce("sum", (0, 2)))))
    cases.append(Case("reduce everything", one((3, 4, 5), Reduce("mean", (0, 1, 2)))))
    cases.append(
        Case("reduce mean of groups of channels", one((N, 3, 5, 2, 4), Reduce("mean", (1, 2, 4), True)), BATCHES)
    )
    cases.append(Case("reduce symbolic", one((N, 3, 3, 8), Reduce("mean", (1, 2))), BATCHES))
    cases += [Case(f"softmax over {c}", one((3, c), Softmax())) for c in (1, 3, 5, 8, 10, 257)]
    cases.append(Case("softmax symbolic rank 3", one((N, 2, 6), Softmax()), BATCHES))

    def large(random: Random) -> Graph:
        x = source("x", 2, 6)
        return graph_of([x], [apply(Softmax(), elementwise("mul", x, 60.0))])

    cases.append(Case("softmax of large values", large))

    def normalized(shape: Sequence[Size], centre: bool) -> Callable[[Random], Graph]:
        """Of rows whose mean is large against their deviation, bare and with scale, shift and activation."""

        def build(random: Random) -> Graph:
            x = source("x", *shape)
            columns = number(shape[-1])
            shifted = elementwise("add", x, 30.0)
            scale, shift = random.constant(columns), random.constant(columns)
            calls = (Call("mul", (0, 1)), Call("add", (3, 2)), Call("relu", (4,)))
            finished = Normalize(1e-3, centre, Program(3, calls))
            return graph_of(
                [x],
                [
                    apply(Normalize(1e-5, centre), shifted),
                    apply(finished, x, scale, shift),
                    apply(Normalize(0.5, centre), x),
                ],
            )

        return build

    cases += [Case(f"normalize rows of {c}", normalized((3, 2, c), True)) for c in (1, 5, 8, 64, 257)]
    cases += [Case(f"normalize rows of {c} by their root mean square", normalized((2, c), False)) for c in (3, 12, 130)]
    cases.append(Case("normalize, symbolic", normalized((N, 3, 16), True), BATCHES))
    return cases


def _indexing() -> list[Case]:
    def taken(shape: Sequence[Size], axis: int, indices: Sequence[int]) -> Callable[[Random], Graph]:
        def build(random: Random) -> Graph:
            x = source("x", *shape)
            return graph_of([x], [take(x, axis, indices, ("take",))])

        return build

    def embedding(random: Random) -> Graph:
        """Indices are computed, and some lie outside."""
        x = source("x", N, 3)
        indices = elementwise("to_int32", elementwise("floor", elementwise("mul", x, 4.0)))
        flat = apply(Reshape((3 * N,)), indices)
        return graph_of(
            [x], [apply(Reshape((N, 3, 6)), apply(Gather(0), random.constant(5, 6), flat)), apply(Gather(1), x, flat)]
        )

    def elements(random: Random) -> Graph:
        x, z = source("x", N, 2, 9), source("z", N, 2, 5)
        indices = elementwise("to_int32", elementwise("abs", elementwise("mul", z, 5.0)))
        return graph_of([x, z], [apply(GatherElements(), x, indices)])

    def best(shape: Sequence[Size]) -> Callable[[Random], Graph]:
        """Along every axis, of values among which there are equal ones."""

        def build(random: Random) -> Graph:
            x = source("x", *shape)
            stepped = elementwise("floor", x)
            axes = range(len(shape))
            outputs = [apply(ArgReduce("max", a), x) for a in axes] + [
                apply(ArgReduce("min", a), stepped) for a in axes
            ]
            outputs += [apply(ArgReduce("max", a, True), stepped) for a in axes]
            return graph_of([x], outputs)

        return build

    def largest(shape: Sequence[Size], count: Size) -> Callable[[Random], Graph]:
        def build(random: Random) -> Graph:
            x = source("x", *shape)
            stepped = elementwise("floor", elementwise("mul", x, 2.0))
            return graph_of([x], [*top_k(x, count), *top_k(stepped, count)])

        return build

    def sums(shape: Sequence[Size]) -> Callable[[Random], Graph]:
        def build(random: Random) -> Graph:
            x = source("x", *shape)
            flags = [(False, False), (False, True), (True, False), (True, True)]
            ops = [CumulativeSum(axis, *both) for axis in range(len(shape)) for both in flags]
            return graph_of([x], [apply(op, x) for op in ops])

        return build

    return [
        Case("take rows", taken((5, 7), 0, (4, 0, 0, 2))),
        Case("take columns, reversed", taken((3, 7), 1, range(6, -1, -1))),
        Case("take pixels: reflecting padding", taken((2, 4, 5, 3), 1, (2, 1, 0, 1, 2, 3, 2))),
        Case("take columns of an image, every second, from the end", taken((2, 4, 5, 4), 2, (-1, -3, -5))),
        Case("take channels", taken((2, 3, 3, 5), 3, (1, 1, 4, 0, 3, 2))),
        Case("take of a vector", taken((6,), 0, (5, 5, 1))),
        Case("take of many", taken((3, 2), 0, [i % 3 for i in range(5000)])),
        Case("take symbolic", taken((N, 5, 4), 1, (3, 0)), BATCHES),
        Case("gather by computed indices", embedding, BATCHES),
        Case("gather elements", elements, BATCHES),
        Case("argmax and argmin", best((3, 4, 2, 7))),
        Case("argmax and argmin of odd shape", best((2, 9))),
        Case("argmax and argmin of a vector", best((9,))),
        Case("argmax and argmin, symbolic", best((N, 3, 5)), BATCHES),
        Case("top 3 of 10", largest((4, 10), 3)),
        Case("sort", largest((2, 3, 37), 37)),
        Case("top 1, symbolic", largest((N, 5), 1), BATCHES),
        Case("sort of any length", largest((N, T), T), ({"N": 2, "T": 1}, {"N": 1, "T": 37})),
        Case("cumulative sums", sums((3, 2, 4, 6))),
        Case("cumulative sums of odd shape", sums((5, 11))),
        Case("cumulative sums, symbolic", sums((N, 3, 4)), BATCHES),
    ]


def _functions() -> list[Case]:
    """Every elementwise function of floats alone, on values where it is defined."""
    positive = {"sqrt", "rsqrt", "log", "reciprocal", "pow"}
    # On exact halves and whole numbers, so that every backend meets ties and equal operands.
    stepped = {"round", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "where"}
    cases = []
    for name, function in FUNCTIONS.items():
        if "float32" not in function.domain or name.startswith("to_"):
            continue  # dtype_cases.py has these

        def build(random: Random, name: str = name, arity: int = function.arity) -> Graph:
            x = source("x", 3, 2, 7)
            first = elementwise("mul", x, 3.0)
            if name in positive:
                first = elementwise("add", elementwise("abs", x), 0.1)
            elif name == "log1p":
                first = elementwise("sub", elementwise("abs", x), 0.9)
            elif name in stepped:
                first = _stepped(x)
            if name == "clip":
                return graph_of([x], [elementwise("clip", first, -1.0, 2.5)])
            if arity == 1:
                return graph_of([x], [elementwise(name, first)])
            other = source("z", 3, 2, 7)
            if name == "where":
                chosen = elementwise("not_equal", first, 0.0)
                outputs = [elementwise(name, chosen, x, other), elementwise(name, chosen, -1.0, x)]
                return graph_of([x, other], outputs)
            second = elementwise("add", elementwise("abs", other), 0.5) if name in ("div", "pow") else other
            if name == "mod":
                second = elementwise("where", elementwise("less", other, 0.0), elementwise("sub", other, 0.5), first)
                second = elementwise("where", elementwise("equal", second, 0.0), 0.5, second)
            elif name in stepped:
                second = _stepped(other)
            return graph_of([x, other], [elementwise(name, first, second), elementwise(name, first, 0.75)])

        cases.append(Case(f"function {name}", build))
    for name in ("sigmoid", "tanh", "silu", "gelu", "softplus", "elu", "erf", "exp", "expm1", "atan"):

        def extreme(random: Random, name: str = name) -> Graph:
            x = source("x", 4, 8)
            spread = elementwise("mul", x, 15.0 if name in ("exp", "expm1") else 40.0)
            return graph_of([x], [elementwise(name, spread, 1.0) if name == "elu" else elementwise(name, spread)])

        cases.append(Case(f"function {name} of large values", extreme))

    def composed(random: Random) -> Graph:
        x, z = source("x", 4, 9), source("z", 4, 9)
        within = {"asin": 0.99, "acos": 0.99, "atanh": 0.9, "tan": 1.2}
        outputs = []
        for name, program in COMPOSED.items():
            first = elementwise("clip", x, -within.get(name, 5.0), within.get(name, 5.0))
            if name == "acosh":
                first = elementwise("add", elementwise("abs", x), 1.0)
            second = elementwise("add", elementwise("abs", z), 0.25) if name == "floor_divide" else _stepped(z)
            outputs.append(elementwise(name, *[first, second][: program.inputs]))
        return graph_of([x, z], outputs)

    def multiples(random: Random) -> Graph:
        """Whole numbers, many of them multiples: a quotient that is off by one bit must not be rounded down."""
        x = source("x", 6, 11)
        whole = elementwise("floor", elementwise("mul", x, 32.0))
        divisors = (3.0, -3.0, 7.0, 0.5)
        outputs = [elementwise(name, whole, d) for name in ("mod", "floor_divide") for d in divisors]
        return graph_of([x], outputs)

    cases.append(Case("functions composed of others", composed))
    cases.append(Case("functions mod and floor_divide of whole numbers", multiples))
    return cases


def _stepped(x: Value) -> Value:
    """Multiples of ½."""
    return elementwise("mul", elementwise("floor", elementwise("mul", x, 4.0)), 0.5)


def _elementwise() -> list[Case]:
    def broadcast(random: Random) -> Graph:
        x, column, row = source("x", 2, 3, 4, 6), source("column", 6), source("row", 2, 1, 4, 1)
        total = Elementwise(Program(3, (Call("add", (0, 1)), Call("mul", (3, 2)))))
        return graph_of([x, column, row], [apply(total, x, column, row), elementwise("sub", row, column)])

    def subtract_order(random: Random) -> Graph:
        x = source("x", 2, 5)
        one_over = elementwise("div", elementwise("add", elementwise("abs", x), 1.0), 2.0)
        return graph_of([x], [elementwise("div", 6.0, elementwise("mul", 2.0, one_over)), elementwise("sub", 1.0, x)])

    def three_terms(random: Random) -> Graph:
        a, b, c = (source(n, N, 3, 5) for n in "abc")
        return graph_of([a, b, c], [elementwise("add", elementwise("add", a, b), c), elementwise("relu", a)])

    def read_twice(random: Random) -> Graph:
        x = source("x", 2, 4, 4, 8)
        negative = elementwise("neg", x)
        return graph_of([x], [elementwise("relu", negative), elementwise("add", negative, x)])

    def swish(random: Random) -> Graph:
        x = source("x", 3, 9)
        return graph_of([x], [apply(Elementwise(Program(1, (Call("sigmoid", (0,)), Call("mul", (1, 0))))), x)])

    def scalars(random: Random) -> Graph:
        x, s = source("x", 2, 3, 5), source("s", 1)
        return graph_of([x, s], [elementwise("mul", x, s), elementwise("add", random.constant(1, 1, 5), x)])

    def six_inputs(random: Random) -> Graph:
        values = [source(f"x{i}", 2, 7) for i in range(6)]
        calls = [Call("add", (0, 1))] + [Call("add", (5 + i, i + 1)) for i in range(1, 5)]
        return graph_of(values, [apply(Elementwise(Program(6, tuple(calls))), *values)])

    def rank_zero(random: Random) -> Graph:
        x = source("x", 5, 3)
        return graph_of([x], [elementwise("mul", apply(Reduce("sum", (0, 1)), x), 2.0)])

    return [
        Case("elementwise broadcast", broadcast),
        Case("elementwise division and subtraction keep their order", subtract_order),
        Case("elementwise a + b + c, symbolic", three_terms, BATCHES),
        Case("elementwise value with a second reader", read_twice),
        Case("elementwise program reads its input twice", swish),
        Case("elementwise scalars and constants", scalars),
        Case("elementwise six inputs", six_inputs),
        Case("elementwise rank zero", rank_zero),
    ]


def _shapes() -> list[Case]:
    cases = [
        Case(f"transpose {p}", one(tuple((2, 3, 5, 4, 2, 3)[: len(p)]), Transpose(p)))
        for p in (
            (5, 3, 1, 4, 0, 2),
            (1, 0),
            (0, 2, 1),
            (2, 1, 0),
            (0, 3, 1, 2),
            (0, 2, 3, 1),
            (3, 1, 0, 2),
            (4, 2, 0, 1, 3),
        )
    ]
    cases.append(Case("transpose symbolic", one((N, 3, 4, 6), Transpose((0, 3, 1, 2))), BATCHES))
    for before, after in (
        ((2, 3, 4), (2, 12)),
        ((2, 12), (2, 3, 4)),
        ((4, 6), (24,)),
        ((6, 5), (3, 2, 5)),
        ((3, 5), (5, 3)),
        ((1, 9), (9, 1)),
    ):
        cases.append(Case(f"reshape {before} to {after}", one(before, Reshape(after))))
    cases.append(Case("reshape symbolic", one((N, 2, 3, 3), Reshape((N, 18))), BATCHES))
    cases.append(Case("pad", one((1, 3, 4, 5), Pad(((0, 0), (1, 2), (0, 3), (0, 0))))))
    cases.append(Case("pad every axis with a value", one((2, 3, 3), Pad(((1, 0), (0, 1), (2, 3)), -1.5))))
    cases.append(Case("pad symbolic", one((N, 3, 4, 4), Pad(((0, 0), (1, 1), (1, 1), (0, 0)))), BATCHES))
    for starts, sizes in (
        ((0, 0, 4), (3, 5, 4)),
        ((0, 0, 1), (3, 5, 3)),
        ((1, 0, 0), (2, 5, 9)),
        ((1, 1, 2), (1, 3, 5)),
        ((0, 2, 0), (3, 2, 9)),
    ):
        cases.append(Case(f"slice {sizes} from {starts}", one((3, 5, 9), Slice(starts, sizes))))
    for mode in TAPS:
        cases.append(Case(f"resize {mode} by 2", one((1, 4, 5, 6), Resize2D(8, 10, mode))))
        cases.append(Case(f"resize {mode} odd", one((2, 4, 5, 3), Resize2D(7, 3, mode))))
        grown = ({"H": 3, "W": 4}, {"H": 5, "W": 2})
        cases.append(Case(f"resize {mode} symbolic", one((1, H, W, 4), Resize2D(2 * H, 2 * W, mode)), grown))
        for coordinates in COORDINATES:
            op = Resize2D(7, 3, mode, coordinates)
            cases.append(Case(f"resize {mode}, {coordinates}", one((1, 4, 5, 3), op)))
    for coordinates in ("half_pixel", "align_corners"):
        for rounding in ROUNDINGS:
            op = Resize2D(6, 5, "nearest", coordinates, rounding)
            cases.append(Case(f"resize nearest, {coordinates}, {rounding}", one((2, 3, 10, 4), op)))
    cubic = Resize2D(9, 4, "bicubic", cubic=-0.5, exclude_outside=True)
    cases.append(Case("resize bicubic, edges left out", one((1, 4, 7, 5), cubic)))
    single_pixel = Resize2D(1, 6, "bilinear", "pytorch_half_pixel")
    cases.append(Case("resize to one row", one((1, 5, 4, 4), single_pixel)))
    corners = Resize2D(2 * H - 1, 3 * W, "bilinear", "align_corners")
    cases.append(Case("resize align_corners symbolic", one((N, H, W, 3), corners), ({"N": 2, "H": 1, "W": 4},)))
    ratios = Resize2D(3, 12, "bilinear", "half_pixel_symmetric", ratios=((7, 10), (9, 4)))
    cases.append(Case("resize by ratios of its own", one((1, 5, 5, 4), ratios)))
    return cases


def _concats() -> list[Case]:
    def parallel(channels: Sequence[int], batch: Size = 1) -> Callable[[Random], Graph]:
        def build(random: Random) -> Graph:
            x = source("x", batch, 5, 5, 4)
            parts = [
                apply(
                    Conv2D((1, 1), ((1, 1), (1, 1)), (1, 1), bias_relu()),
                    x,
                    random.constant(3, 3, 4, c),
                    random.constant(c),
                )
                for c in channels
            ]
            joined = apply(Concat(3), *parts, origin=("concat",))
            total = sum(channels)
            pooled = apply(Pool2D("max", (2, 2), (2, 2)), joined)
            last = apply(Conv2D(epilogue=bias_relu()), pooled, random.constant(1, 1, total, 6), random.constant(6))
            return graph_of([x], [last, joined])

        return build

    def dense_block(random: Random) -> Graph:
        x = source("x", N, 6, 6, 8)
        values = [x]
        for layer in range(3):
            width = 8 + 4 * layer
            joined = values[0] if layer == 0 else apply(Concat(3), *values)
            scaled = elementwise("relu", elementwise("mul", joined, random.constant(width)))
            bottleneck = apply(
                Conv2D(epilogue=bias_relu()), scaled, random.constant(1, 1, width, 8), random.constant(8)
            )
            values.append(apply(Conv2D((1, 1), ((1, 1), (1, 1))), bottleneck, random.constant(3, 3, 8, 4)))
        return graph_of([x], [apply(Reduce("mean", (1, 2)), apply(Concat(3), *values))])

    def nested(random: Random) -> Graph:
        x = source("x", 1, 4, 4, 4)
        a, b, c = (elementwise(f, x) for f in ("neg", "abs", "tanh"))
        inner = apply(Concat(3), a, b)
        # The inner concatenation is read by itself, and direct readers of its parts write into the outer one.
        d = apply(Conv2D(), inner, random.constant(1, 1, 8, 4))
        return graph_of([x], [apply(Concat(3), inner, c, d), elementwise("relu", inner)])

    def same_twice(random: Random) -> Graph:
        x = source("x", 2, 3, 4)
        a = elementwise("tanh", x)
        return graph_of([x], [apply(Concat(2), a, a, x), apply(Concat(1), a, x, a), apply(Concat(0), x, a)])

    def split_and_join(random: Random) -> Graph:
        x = source("x", N, 3, 3, 12)
        parts = [apply(Slice((0, 0, 0, s), (N, 3, 3, n)), x) for s, n in ((0, 4), (4, 4), (8, 3), (11, 1))]
        outputs = [apply(Conv2D(), part, random.constant(1, 1, number(part.shape[3]), 4)) for part in parts]
        return graph_of([x], [apply(Concat(3), *reversed(outputs)), elementwise("add", parts[0], parts[1])])

    def whole_input(random: Random) -> Graph:
        x, z = source("x", 1, 2, 4), source("z", 1, 2, 3)
        return graph_of([x, z], [apply(Concat(2), x, z)])

    return [
        Case("concat of convolutions, multiples of four", parallel((8, 4, 12))),
        Case("concat of convolutions, odd channels", parallel((3, 5, 7))),
        Case("concat of convolutions, symbolic batch", parallel((4, 8), N), BATCHES),
        Case("concat in a dense block", dense_block, BATCHES),
        Case("concat nested", nested),
        Case("concat of repeated values and other axes", same_twice),
        Case("split and join, symbolic", split_and_join, BATCHES),
        Case("concat of inputs", whole_input),
    ]


def _epilogues() -> list[Case]:
    def residual(random: Random) -> Graph:
        x = source("x", N, 6, 5, 8)
        weights, bias = random.constant(3, 3, 8, 8, scale=0.2), random.constant(8)
        y = apply(Conv2D((1, 1), ((1, 1), (1, 1)), (1, 1), bias_relu(1)), x, weights, bias, x, origin=("residual",))
        return graph_of([x], [y, elementwise("neg", x)])

    def kinds(random: Random) -> Graph:
        x, scalar, image = source("x", 1, 4, 5, 6), source("scalar", 1), source("image", 1, 4, 1, 7)
        epilogue = Program(
            4, (Call("mul", (0, 1)), Call("add", (4, 2)), Call("clip", (5, -1.0, 6.0)), Call("sub", (3, 6)))
        )
        y = apply(Conv2D(epilogue=epilogue), x, random.constant(1, 1, 6, 7), scalar, random.constant(7), image)
        return graph_of([x, scalar, image], [y])

    def dense(random: Random) -> Graph:
        x = source("x", N, 16)
        y = apply(MatMul(bias_relu(1)), x, random.constant(16, 16, scale=0.2), random.constant(16), x)
        z = apply(MatMul(single("sigmoid", None)), y, random.constant(16, 3, scale=0.2))
        return graph_of([x], [z])

    def depthwise(random: Random) -> Graph:
        x = source("x", 1, 7, 7, 12)
        program = Program(3, (Call("add", (0, 1)), Call("clip", (3, 0.0, 6.0)), Call("add", (4, 2))))
        op = DepthwiseConv2D((1, 1), ((1, 1), (1, 1)), (1, 1), program)
        return graph_of([x], [apply(op, x, random.constant(3, 3, 12, 1), random.constant(12), x)])

    return [
        Case("epilogue with a residual, symbolic batch", residual, BATCHES),
        Case("epilogue with operands of every kind", kinds),
        Case("epilogue of a matrix product", dense, BATCHES),
        Case("epilogue of a depthwise convolution", depthwise),
    ]


def _loops() -> list[Case]:
    def recurrence(length: Size, reverse: bool = False) -> Callable[[Random], Graph]:
        def build(random: Random) -> Graph:
            state, element = source("state", N, 6), source("element", N, 5)
            mixed = elementwise(
                "add",
                apply(MatMul(), element, random.constant(5, 6, scale=0.4)),
                apply(MatMul(), state, random.constant(6, 6, scale=0.4)),
            )
            after = elementwise("tanh", mixed)
            body = Graph((state, element), (after, elementwise("neg", after)), ("state", "y"))
            x, start = source("x", length, N, 5), source("start", N, 6)
            node = Node(Repeat(length, body, 1, 1, reverse), (start, x), ("recurrence",))
            return graph_of([x, start], list(node.outputs))

        return build

    def swapped(random: Random) -> Graph:
        a, b, fixed = source("a", 2, 4), source("b", 2, 4), source("fixed", 4)
        body = Graph((a, b, fixed), (b, elementwise("add", a, fixed)), ("a", "b"))
        first, second, step = source("first", 2, 4), source("second", 2, 4), source("step", 4)
        node = Node(Repeat(5, body, 2, 0), (first, second, step), ("swap",))
        return graph_of([first, second, step], [*node.outputs, elementwise("neg", step)])

    return [
        Case("repeat: a recurrence, symbolic batch", recurrence(4), BATCHES),
        Case("repeat: backwards", recurrence(3, reverse=True), ({"N": 2},)),
        Case("repeat: symbolic length", recurrence(T), ({"N": 1, "T": 1}, {"N": 2, "T": 6})),
        Case("repeat: states swap places", swapped),
    ]


def _whole() -> list[Case]:
    def tiny_classifier(random: Random) -> Graph:
        x = source("image", N, 12, 12, 3)
        y = apply(
            Conv2D((1, 1), ((1, 1), (1, 1)), (1, 1), bias_relu()),
            x,
            random.constant(3, 3, 3, 8, scale=0.3),
            random.constant(8),
        )
        y = apply(
            DepthwiseConv2D((2, 2), ((0, 1), (0, 1)), (1, 1), bias_relu()),
            y,
            random.constant(3, 3, 8, 1),
            random.constant(8),
        )
        y = apply(Conv2D(epilogue=bias_relu(1)), y, random.constant(1, 1, 8, 8, scale=0.3), random.constant(8), y)
        pooled = [apply(Pool2D(kind, (2, 2), (2, 2)), y) for kind in ("max", "average")]
        y = apply(Concat(3), *pooled)
        y = apply(Reshape((N, 144)), apply(Transpose((0, 3, 1, 2)), y))
        y = apply(MatMul(single("add", None, None)), y, random.constant(144, 10, scale=0.1), random.constant(10))
        return graph_of([x], [apply(Softmax(), y)])

    def chain(random: Random) -> Graph:
        x = source("x", 1, 16)
        y = x
        # Every op counts, and hardly any rounds.
        for i in range(5000):
            y = elementwise("add", y, 2.0**-7) if i % 2 else elementwise("sub", y, 2.0**-8)
        return graph_of([x], [y])

    def passthrough(random: Random) -> Graph:
        x = source("x", 2, 3)
        return graph_of([x], [x, apply(Reshape((6,)), x), random.constant(2, 2)])

    def counter(random: Random) -> Graph:
        x, before = source("x", 2, 5), source("memory", 2, 5)
        after = elementwise("add", before, x)
        graph = graph_of([x], [elementwise("mul", after, 2.0)])
        return replace(graph, states=(State(before, after),))

    return [
        Case("whole: a tiny classifier, symbolic batch", tiny_classifier, BATCHES),
        Case("whole: a chain of 5,000 ops", chain),
        Case("whole: outputs that are inputs, views and constants", passthrough),
        Case("whole: a state", counter),
    ]


def all_cases() -> list[Case]:
    """Every case, in a stable order; names are unique."""
    groups = (
        _convolutions, _grouped, _depthwise, _transposed, _matmul, _batch_matmul, _pooling, _reductions, _indexing, _functions, _elementwise, _shapes,
        _concats, _epilogues, _loops, _whole,
    )  # fmt: skip
    return [case for group in groups for case in group()]


CASES = all_cases()
