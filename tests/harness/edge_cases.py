"""Cases at the edges of what kernels handle: windows larger than the image, strides larger than the window, depths of several blocks, textures of
several rows, many axes, loops in loops. Consumers are those of `harness.cases`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.cases import BATCHES, Case, N, Random, T, bias_relu, graph_of, one, source, weighted
from webdnn.graph.graph import Graph, Node, Op, State, apply
from webdnn.graph.ops import (
    BatchMatMul,
    Concat,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    MatMul,
    Pad,
    Pool2D,
    Reduce,
    Repeat,
    Resize2D,
    Slice,
    Softmax,
    Transpose,
)
from webdnn.graph.ops.convolution import NO_PADDING
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.program import Call, Program

SQUARE = ((1, 1), (1, 1))


def _convolutions() -> list[Case]:
    cases = []
    for shape, channels, filters, kernel, strides, dilation, padding in (
        ((1, 11, 9), 3, 5, (3, 3), (5, 4), (1, 1), NO_PADDING),  # strides that leave pixels out
        ((1, 11, 9), 3, 5, (2, 2), (3, 3), (1, 1), ((4, 5), (6, 4))),  # windows that lie in the padding
        ((1, 11, 9), 3, 7, (3, 3), (1, 2), (3, 2), ((5, 4), (4, 5))),
        ((1, 3, 5), 600, 17, (1, 1), (1, 1), (1, 1), NO_PADDING),  # two blocks of depth
        ((2, 3, 3), 130, 18, (3, 3), (1, 1), (1, 1), SQUARE),  # three, cut within a pixel
        ((1, 3, 5), 8, 8, (1, 1), (1, 1), (1, 1), ((1, 0), (0, 2))),  # pointwise, but not one product
        ((1, 11, 9), 2, 9, (1, 7), (1, 1), (1, 1), ((0, 0), (3, 3))),
    ):
        op = Conv2D(strides, padding, dilation, bias_relu())
        name = f"edge: conv2d {shape} {channels}->{filters} k{kernel} s{strides} d{dilation} p{padding}"
        cases.append(Case(name, weighted((*shape, channels), (*kernel, channels, filters), op, 0.1)))
    for shape, channels, multiplier, kernel, strides, dilation, padding in (
        ((1, 11, 9), 8, 1, (3, 3), (1, 1), (1, 1), ((4, 4), (5, 3))),
        ((1, 11, 9), 6, 1, (3, 3), (4, 5), (1, 1), SQUARE),
        ((1, 2, 2), 8, 1, (5, 5), (1, 1), (1, 1), ((2, 2), (2, 2))),  # an image smaller than the window
        ((1, 5, 12), 8, 1, (3, 3), (1, 1), (4, 1), ((6, 6), (1, 1))),
        ((1, 11, 9), 6, 1, (7, 7), (1, 1), (1, 1), ((3, 3), (3, 3))),
        ((1, 11, 9), 4, 3, (3, 3), (2, 2), (2, 2), ((3, 3), (3, 3))),
    ):
        depthwise = DepthwiseConv2D(strides, padding, dilation, bias_relu())
        name = f"edge: depthwise {shape} {channels}x{multiplier} k{kernel} s{strides} d{dilation} p{padding}"
        cases.append(Case(name, weighted((*shape, channels), (*kernel, channels, multiplier), depthwise)))
    return cases


def _transposed() -> list[Case]:
    cases = []
    for shape, channels, filters, kernel, strides, dilation, crop in (
        ((1, 5, 4), 3, 5, (2, 2), (5, 4), (1, 1), NO_PADDING),  # output pixels that no input reaches
        ((1, 5, 4), 4, 8, (3, 1), (2, 3), (2, 1), ((1, 1), (0, -2))),
        ((1, 5, 4), 4, 4, (3, 3), (2, 2), (3, 3), ((-2, 1), (2, -3))),
        ((1, 2, 3), 600, 5, (3, 3), (2, 2), (1, 1), ((0, 1), (0, 1))),
    ):
        op = Conv2DTranspose(strides, crop, dilation, bias_relu())
        name = f"edge: conv2d transpose {shape} {channels}->{filters} k{kernel} s{strides} d{dilation} crop{crop}"
        cases.append(Case(name, weighted((*shape, channels), (*kernel, channels, filters), op, 0.1)))
    return cases


def _others() -> list[Case]:
    cases = [
        Case(f"edge: matmul {rows}x{k}x{m}", weighted((rows, k), (k, m), MatMul(bias_relu()), 0.03))
        for rows, k, m in ((1, 1, 1), (1, 1101, 9), (6, 1100, 9), (9, 2050, 16), (3, 5, 2100))
    ]
    whole = ((3, 3), (3, 3))
    cases.append(Case("edge: pool with strides", one((2, 9, 8, 5), Pool2D("max", (3, 3), (5, 5)))))
    for kind in ("max", "average"):
        cases.append(Case(f"edge: {kind} pool over all", one((2, 5, 4, 6), Pool2D(kind, (7, 7), (2, 1), whole))))
    cases += [
        Case("edge: reduce mean of 5,003", one((2, 5003, 3), Reduce("mean", (1,)))),
        Case("edge: reduce sum of 5,003 columns", one((3, 5003), Reduce("sum", (1,)))),
        Case("edge: reduce max of two apart", one((3, 4, 5, 6), Reduce("max", (0, 2), True))),
        Case("edge: softmax of many rows", one((5000, 7), Softmax())),
        Case("edge: transpose of many rows", one((3, 3001, 8), Transpose((1, 0, 2)))),
        Case("edge: transpose to many columns", one((3001, 9), Transpose((1, 0)))),
        Case("edge: transpose of eight axes", one((2,) * 8, Transpose(tuple(reversed(range(8)))))),
        Case("edge: pad seven axes", one((2,) * 7, Pad(((1, 0),) * 7, 0.5))),
        Case("edge: pad many rows", one((1, 3001, 8), Pad(((0, 0), (1, 2), (0, 0))))),
        Case("edge: resize to one", one((2, 5, 4, 4), Resize2D(1, 1, "bilinear"))),
        Case("edge: resize from one", one((2, 1, 1, 4), Resize2D(5, 3, "bilinear"))),
        Case("edge: resize to less", one((1, 9, 7, 3), Resize2D(4, 5, "nearest"))),
    ]

    def many_parts(random: Random) -> Graph:
        x = source("x", N, 5)
        parts = [elementwise("mul", x, float(i + 1)) for i in range(18)]
        return graph_of([x], [apply(Concat(1), *parts), apply(Concat(0), *parts)])

    def broadcast(random: Random) -> Graph:
        a, b, d = source("a", N, 1, 1), source("b", 3, 1), source("d", N, 2, 5)
        return graph_of([a, b, d], [elementwise("sub", a, b), elementwise("mul", d, a)])

    def column(random: Random) -> Graph:
        """Elements that lie apart follow a scalar, whose row is as long as theirs."""
        x, scalar = source("x", 9, 4), source("scalar", 1, 1)
        return graph_of([x, scalar], [elementwise("sub", scalar, apply(Slice((0, 1), (9, 1)), x))])

    return [
        *cases,
        Case("edge: concat of 18", many_parts, BATCHES),
        Case("edge: broadcast", broadcast, BATCHES),
        Case("edge: a scalar and a column", column),
    ]


def _products() -> list[Case]:
    def permuted(dtype: str) -> Callable[[Random], Graph]:
        """Factors of which rows, columns, or neither have neighbours that lie side by side."""

        def build(random: Random) -> Graph:
            rows, columns = source("rows", N, 29, 37, dtype=dtype), source("columns", N, 37, 29, dtype=dtype)
            bias = source("bias", 43, dtype=dtype)
            factors = [
                (source("a", 37, N, 43, dtype=dtype), (1, 0, 2)),
                (source("b", 43, N, 37, dtype=dtype), (1, 2, 0)),
                (source("c", 37, 43, N, dtype=dtype), (2, 0, 1)),
            ]
            outputs = [apply(BatchMatMul(None, order, bias_relu()), rows, y, bias) for y, order in factors]
            outputs += [apply(BatchMatMul((0, 2, 1), order), columns, y) for y, order in factors]
            return graph_of([rows, columns, bias, *(y for y, _ in factors)], outputs)

        return build

    def other_dtypes(random: Random) -> Graph:
        """Epilogues that take truth and integers, and give them."""
        x, mask = source("x", N, 6, 7, 8), source("mask", 1, 6, 7, 1, dtype="bool")
        counts = source("counts", 8, dtype="int32")
        calls = (Call("where", (1, 0, -0.5)), Call("clip", (2, -9.0, 9.0)), Call("to_float32", (4,)))
        program = Program(3, (*calls, Call("mul", (3, 5)), Call("greater", (6, 0.0))))
        last = Program(3, (*calls, Call("less", (3, 5)), Call("where", (6, 2, 7.0))))
        ops: list[tuple[Op, tuple[int, ...]]] = []
        for epilogue in (program, last):
            ops += [
                (Conv2D(padding=SQUARE, epilogue=epilogue), (3, 3, 8, 8)),
                (DepthwiseConv2D(padding=SQUARE, epilogue=epilogue), (3, 3, 8, 1)),
                (Conv2DTranspose(crop=SQUARE, epilogue=epilogue), (3, 3, 8, 8)),
                (MatMul(epilogue), (8, 8)),
            ]
        outputs = [apply(op, x, random.constant(*shape, scale=0.3), mask, counts) for op, shape in ops]
        return graph_of([x, mask, counts], outputs)

    return [
        Case("edge: epilogues of several dtypes", other_dtypes, BATCHES[:2]),
        *(
            Case(f"edge: batch matmul of permuted {dtype}", permuted(dtype), BATCHES[:2])
            for dtype in ("float32", "int32")
        ),
    ]


def _loops() -> list[Case]:
    def scanning(random: Random) -> Graph:
        """The inner loop scans what the outer one sees whole, and its result is the outer one's state."""
        state, element = source("inner state", 4), source("inner element", 4)
        after = elementwise("tanh", elementwise("add", elementwise("mul", state, 0.5), element))
        inner = Graph((state, element), (after, elementwise("neg", after)), ("state", "stacked"))
        outer_state, outer_element, whole = source("state", 4), source("element", 4), source("whole", T, 4)
        before = elementwise("add", elementwise("mul", outer_state, outer_element), 1.0)
        last, stacked = Node(Repeat(T, inner, 1, 1, True), (before, whole), ("inner",)).outputs
        total = apply(Reduce("sum", (0,)), stacked)
        # `before` is read after the inner loop.
        new = elementwise("add", elementwise("mul", last, total), elementwise("mul", before, 0.3))
        body = Graph((outer_state, outer_element, whole), (new, elementwise("sub", outer_state, new)), ("state", "y"))
        x, start, steps = source("x", 5, 4), source("start", 4), source("steps", T, 4)
        outer = Node(Repeat(5, body, 1, 1), (start, x, steps), ("outer",))
        return graph_of([x, start, steps], [*outer.outputs, elementwise("neg", steps)])

    def swapping(random: Random) -> Graph:
        """Both loops hand a state on as another one."""
        a, b = source("a", 3, 4), source("b", 3, 4)
        inner = Graph((a, b), (b, elementwise("add", a, elementwise("mul", b, 0.5))), ("a", "b"))
        first, second, element = source("first", 3, 4), source("second", 3, 4), source("element", 3, 4)
        left, right = Node(Repeat(3, inner, 2, 0), (first, element), ("inner",)).outputs
        body = Graph((first, second, element), (right, first, elementwise("add", left, second), element), tuple("wxyz"))
        inputs = (source("start", 3, 4), source("other", 3, 4), source("x", 5, 3, 4))
        return graph_of(inputs, Node(Repeat(5, body, 2, 1, True), inputs, ("outer",)).outputs)

    def exchanged_states(random: Random) -> Graph:
        x, a, b = source("x", 2, 5), source("a", 2, 5), source("b", 2, 5)
        graph = graph_of([x], [elementwise("add", elementwise("mul", a, 2.0), x)])
        return replace(graph, states=(State(a, b), State(b, elementwise("add", a, x))))

    return [
        Case("edge: a loop in a loop", scanning, ({"T": 1}, {"T": 3})),
        Case("edge: a loop in a loop, states swap places", swapping),
        Case("edge: states swap places", exchanged_states),
    ]


EDGE_CASES = [*_convolutions(), *_transposed(), *_others(), *_products(), *_loops()]
