"""Op cases of integers and truth: every dtype, every function that takes it, every op that moves, counts or adds it up.

Values are the corners of each dtype and small numbers: as the bits of floats they would be denormal, infinite or not a number, so a kernel that
moves them as floats is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from harness.cases import BATCHES, Case, N, Random, T, graph_of, source
from webdnn.graph.dim import Size
from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.graph import Constant, Graph, Input, Op, Value, apply
from webdnn.graph.ops import (
    ArgReduce,
    ArgSort,
    BatchMatMul,
    Concat,
    CumulativeSum,
    Elementwise,
    Fill,
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
    Transpose,
)
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.ops.indexing import REDUCTIONS as JOINS
from webdnn.graph.ops.indexing import top_k
from webdnn.graph.program import Call, Program
from webdnn.graph.types import DTYPES, INTEGERS, TensorType

BITS_OF_FLOATS = [0x7FA00000, 0x7FC00001, -0x400000, 0x7F800000, -0x80000000, 0x80, 1]
"""As floats: NaNs that signal and do not, infinity, −0, denormals."""
LITERALS = {"int32": -7.0, "uint8": 7.0, "int8": -7.0}
AMOUNTS = {"shift_left", "shift_right"}


def _functions() -> list[Case]:
    cases = []
    for name, function in FUNCTIONS.items():
        dtypes = [dtype for dtype in INTEGERS if dtype in function.domain]
        if not dtypes or name.startswith("to_") or name == "where":
            continue

        def build(
            random: Random, name: str = name, arity: int = function.arity, taken: Sequence[str] = dtypes
        ) -> Graph:
            inputs, outputs = [], []
            for dtype in taken:
                operands = [source(f"{dtype}_{i}", 5, 13, dtype=dtype) for i in range(arity)]
                inputs += operands
                outputs.append(elementwise(name, *operands))
                if arity == 2:
                    literal = 3.0 if name in AMOUNTS else LITERALS[dtype]
                    outputs += [elementwise(name, operands[0], literal), elementwise(name, literal, operands[1])]
            return graph_of(inputs, outputs)

        cases.append(Case(f"integers: function {name}", build))
    return cases


def _truth(random: Random) -> Graph:
    p, q = (source(name, 4, 9, dtype="bool") for name in "pq")
    x, y = source("x", 4, 9), source("y", 9)
    numbers = {dtype: source(dtype, 4, 9, dtype=dtype) for dtype in INTEGERS}
    outputs = [elementwise(f"logical_{name}", p, q) for name in ("and", "or", "xor")]
    outputs += [elementwise("logical_not", p), elementwise("equal", p, q), elementwise("not_equal", p, 1.0)]
    outputs += [elementwise("where", p, x, y), elementwise("where", q, -1.5, x), elementwise("where", p, q, p)]
    outputs += [elementwise("where", elementwise("less", x, y), n, 3.0) for n in numbers.values()]
    return graph_of([p, q, x, y, *numbers.values()], outputs)


def _casts(random: Random) -> Graph:
    inputs = [source(f"x_{dtype}", 6, 11, dtype=dtype) for dtype in DTYPES]
    special = [
        np.nan,
        np.inf,
        -np.inf,
        3e9,
        -3e9,
        2147483520.0,
        -129.0,
        255.9,
        256.0,
        -0.9,
        0.0,
        -0.0,
        1e-40,
        127.5,
        -128.5,
    ]
    numbers = apply(Constant(np.array(special, np.float32)), origin=("special",))
    spread = elementwise("mul", inputs[0], 120.0)
    sources = [*inputs, spread, numbers]
    return graph_of(inputs, [elementwise(f"to_{dtype}", value) for value in sources for dtype in DTYPES])


def _mixed_program(random: Random) -> Graph:
    """One program of floats, integers and truth: (i + 3) as float · x where x < i as float, else −x."""
    i, x = source("i", N, 5, dtype="int32"), source("x", N, 5)
    calls = (
        Call("clip", (0, -1000.0, 1000.0)), Call("add", (2, 3.0)), Call("to_float32", (3,)), Call("mul", (4, 1)),
        Call("less", (1, 4)), Call("neg", (1,)), Call("where", (6, 5, 7)),
    )  # fmt: skip
    return graph_of([i, x], [apply(Elementwise(Program(2, calls)), i, x)])


def _moves(dtype: str, batch: Size) -> Callable[[Random], Graph]:
    def build(random: Random) -> Graph:
        x, y = (source(name, batch, 3, 4, 6, dtype=dtype) for name in "xy")
        patterns = np.array([BITS_OF_FLOATS], np.int64)
        patterns = (patterns != 128) if dtype == "bool" else patterns.astype(np.uint32).astype(dtype)
        constant = apply(Constant(patterns), origin=("constant",))
        outputs = [apply(Transpose((0, 2, 3, 1)), x), apply(Transpose((3, 1, 0, 2)), y)]
        outputs += [apply(Concat(axis), x, y, x) for axis in range(4)]
        outputs += [apply(Slice((0, 1, 0, 2), (batch, 2, 4, 3)), x), apply(Reshape((batch * 3, 24)), y)]
        outputs += [apply(Pad(((0, 0), (1, 0), (0, 0), (2, 1)), 1.0), x), apply(Concat(0), constant, constant)]
        outputs += [apply(Transpose((1, 0)), constant), apply(Pad(((0, 1), (1, 2)), 0.0), constant)]
        places = apply(Constant(np.array([2, 0, 0, -3, 99], np.int32)), origin=("places",))
        outputs += [apply(Gather(axis), x, places) for axis in (1, 3)]
        return graph_of([x, y], outputs)

    return build


def _counting(batch: Size) -> Callable[[Random], Graph]:
    def build(random: Random) -> Graph:
        inputs = [source(dtype, batch, 5, 7, dtype=dtype) for dtype in INTEGERS]
        outputs: list[Value] = []
        for x in inputs:
            outputs += [
                apply(Reduce(kind, axes), x) for kind in ("sum", "prod", "max", "min") for axes in ((1,), (1, 2))
            ]
            outputs += [apply(ArgReduce(kind, axis), x) for kind in ("max", "min") for axis in (1, 2)]
            outputs += [apply(CumulativeSum(axis, axis == 1, axis == 2), x) for axis in (1, 2)]
            outputs += [*top_k(x, 7), apply(ArgSort(2), x)]
        truth = source("truth", batch, 5, 7, dtype="bool")
        outputs += [apply(Reduce(kind, axes), truth) for kind in ("max", "min") for axes in ((1,), (2,))]
        return graph_of([*inputs, truth], outputs)

    return build


def _products(random: Random) -> Graph:
    x, y = source("x", N, 3, 9, dtype="int32"), source("y", N, 9, 5, dtype="int32")
    weights = apply(Constant(random.integers("int32", 9, 7)), origin=("weights",))
    bias = apply(Constant(random.integers("int32", 7)), origin=("bias",))
    epilogue = Program(2, (Call("add", (0, 1)), Call("to_float32", (2,))))
    return graph_of(
        [x, y], [apply(MatMul(), x, weights), apply(MatMul(epilogue), x, weights, bias), apply(BatchMatMul(), x, y)]
    )


def _deep_products(random: Random) -> Graph:
    """1041 products of 127·127: 16,790,289 is no float32."""
    factor = apply(Constant(np.full((1041, 6), 127, np.int32)), origin=("weights",))
    x = elementwise("clip", source("x", 2, 1041, dtype="int32"), 127.0, 127.0)
    y = apply(Reshape((2, 1041, 1)), x)
    return graph_of(
        [x.node.inputs[0]], [apply(MatMul(), x, factor), apply(BatchMatMul(), apply(Reshape((2, 1, 1041)), x), y)]
    )


def _views_of_factors(dtype: str) -> Callable[[Random], Graph]:
    """Factors seen under permutations, as attention has them, and what comes after the product."""

    def build(random: Random) -> Graph:
        q, k = source("q", N, 5, 2, 8, dtype=dtype), source("k", N, 7, 2, 8, dtype=dtype)
        scores = BatchMatMul((0, 2, 1, 3), (0, 2, 3, 1))
        outputs = [apply(scores, q, k), apply(BatchMatMul(right=(0, 2, 1, 3)), apply(scores, q, k), k)]
        mask = source("mask", N, 1, 5, 7, dtype="bool")
        column = source("column", 7, dtype=dtype)
        calls = (Call("mul", (0, 2.0)), Call("where", (1, 3, -9.0)), Call("add", (4, 2)))
        outputs.append(apply(BatchMatMul((0, 2, 1, 3), (0, 2, 3, 1), Program(3, calls)), q, k, mask, column))
        return graph_of([q, k, mask, column], outputs)

    return build


def _scatter(dtype: str, kinds: Sequence[str]) -> Callable[[Random], Graph]:
    def build(random: Random) -> Graph:
        data, updates = source("data", N, 3, 9, dtype=dtype), source("updates", N, 3, 6, dtype=dtype)
        indices = elementwise("clip", source("indices", N, 3, 6, dtype="int32"), -2.0, 10.0)
        table, rows = source("table", 5, 7, dtype=dtype), source("rows", N + 3, 7, dtype=dtype)
        places = elementwise("clip", source("places", N + 3, dtype="int32"), -2.0, 6.0)
        inputs = [data, updates, indices.node.inputs[0], table, rows, places.node.inputs[0]]
        outputs = [apply(ScatterElements(kind), data, indices, updates) for kind in kinds]
        outputs += [apply(ScatterRows(kind), table, places, rows) for kind in kinds]
        return graph_of(inputs, outputs)

    return build


def _made(random: Random) -> Graph:
    x = source("x", N, 3)
    fills = [
        Fill((N, 5), -2.5),
        Fill((3, N), -7.0, "int32"),
        Fill((2, 3), 255.0, "uint8"),
        Fill((N,), 1.0, "bool"),
        Fill((), np.inf),
    ]
    counted = apply(Iota(N * 3))
    outputs = [apply(fill) for fill in fills] + [counted, apply(Iota(7)), apply(Reshape((N, 3)), counted)]
    outputs += [elementwise("mul", elementwise("to_float32", outputs[-1]), x), apply(Gather(0), x, apply(Iota(N)))]
    return graph_of([x], outputs)


def _elements(random: Random) -> Graph:
    x, i = source("x", N, 4, 9, dtype="int32"), source("i", N, 4, 3, dtype="int32")
    near = elementwise("clip", i, -3.0, 12.0)
    return graph_of(
        [x, i], [apply(GatherElements(), x, near), apply(GatherElements(), elementwise("to_uint8", x), near)]
    )


def _loop(random: Random) -> Graph:
    """States of three dtypes: a sum of integers, whether any was negative, and a float."""
    total, any_negative, last = (
        apply(Input(name, TensorType((2, 3), dtype)))
        for name, dtype in (("total", "int32"), ("any", "bool"), ("last", "float32"))
    )
    step = apply(Input("step", TensorType((2, 3), "int32")))
    sum_ = elementwise("add", total, step)
    negative = elementwise("logical_or", any_negative, elementwise("less", step, 0.0))
    halved = elementwise("where", negative, elementwise("mul", last, 0.5), last)
    body = Graph(
        (total, any_negative, last, step),
        (sum_, negative, halved, elementwise("bitwise_xor", sum_, step)),
        tuple("abcd"),
    )
    first = [source("t", 2, 3, dtype="int32"), source("a", 2, 3, dtype="bool"), source("l", 2, 3)]
    sequence = source("s", T, 2, 3, dtype="int32")
    node_outputs = apply_all(Repeat(T, body, 3, 1), *first, sequence)
    return graph_of([*first, sequence], node_outputs)


def apply_all(op: Op, *inputs: Value) -> tuple[Value, ...]:
    """All outputs of `op`."""
    return apply(op, *inputs).node.outputs


DTYPE_CASES = [
    *_functions(),
    Case("truth", _truth),
    Case("casts", _casts),
    Case("a program of several dtypes", _mixed_program, BATCHES),
    *(Case(f"moves of {dtype}", _moves(dtype, 2)) for dtype in ("int32", "uint8", "bool")),
    *(Case(f"moves of {dtype}, symbolic", _moves(dtype, N), BATCHES) for dtype in ("int32", "float32")),
    Case("integers: counting", _counting(2)),
    Case("integers: counting, symbolic", _counting(N), BATCHES),
    Case("integers: products", _products, BATCHES),
    Case("integers: deep products", _deep_products),
    *(
        Case(f"products of {dtype} under permutations", _views_of_factors(dtype), BATCHES)
        for dtype in ("float32", "int32")
    ),
    Case("scatter of floats", _scatter("float32", list(JOINS)), BATCHES),
    Case("scatter of integers", _scatter("int32", list(JOINS)), BATCHES),
    Case("scatter of uint8", _scatter("uint8", ["none", "add", "max"]), BATCHES),
    Case("scatter of bools", _scatter("bool", ["none"]), BATCHES),
    Case("fill and iota", _made, BATCHES),
    Case("gather elements of integers", _elements, BATCHES),
    Case("a loop with states of several dtypes", _loop, ({"T": 1}, {"T": 5})),
]
