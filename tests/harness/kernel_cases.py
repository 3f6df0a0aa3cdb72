"""Op cases of the larger kernels that the optimizer makes of several ops."""

from __future__ import annotations

from harness.cases import BATCHES, Case, N, Random, graph_of, one, source
from webdnn.graph.graph import Graph, Node, Value, apply
from webdnn.graph.ops import (
    BatchMatMul,
    Concat,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    GroupNormalize,
    JointElementwise,
    Repeat,
    Reshape,
    Slice,
    Softmax,
)
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.program import Call, Program, single
from webdnn.optimizer import optimize

CELL = Program(
    5,
    (
        Call("sigmoid", (0,)),
        Call("mul", (5, 4)),
        Call("sigmoid", (1,)),
        Call("tanh", (2,)),
        Call("mul", (7, 8)),
        Call("add", (6, 9)),
        Call("tanh", (10,)),
        Call("sigmoid", (3,)),
        Call("mul", (12, 11)),
    ),
)
"""The cell and the output of an LSTM, from four gates and the cell before: calls 5 and 8."""


def joint(program: Program, results: tuple[int, ...], *inputs: Value) -> tuple[Value, ...]:
    return Node(JointElementwise(program, results), inputs, ("joint",)).outputs


def _joint() -> list[Case]:
    def cell(random: Random) -> Graph:
        gates, before = source("gates", N, 4 * 6), source("before", N, 6)
        parts = [apply(Slice((0, 6 * k), (N, 6)), elementwise("neg", gates)) for k in range(4)]
        return graph_of([gates, before], list(joint(CELL, (8, 5), *parts, before)))

    def broadcast(random: Random) -> Graph:
        x, column, row = source("x", 2, 3, 4, 6), source("column", 6), source("row", 2, 1, 4, 1)
        program = Program(3, (Call("add", (0, 1)), Call("less", (3, 2)), Call("to_int32", (3,)), Call("sub", (2, 3))))
        return graph_of([x, column, row], list(joint(program, (0, 1, 2, 3), x, column, row)))

    def written_over(random: Random) -> Graph:
        """Each result may take the place of an input, and a later call reads what an earlier result would have overwritten."""
        x, z = (elementwise("neg", source(name, 3, 1200)) for name in "xz")
        program = Program(2, (Call("sub", (0, 1)), Call("mul", (2, 0.5)), Call("add", (0, 3)), Call("add", (1, 4))))
        inputs = [x.node.inputs[0], z.node.inputs[0]]
        return graph_of(inputs, list(joint(program, (0, 2, 3), x, z)))

    def parts_of_one(random: Random) -> Graph:
        """Both results lie in one buffer, the first also in that of another concatenation."""
        x = source("x", N, 3, 8)
        low, high = joint(Program(1, (Call("min", (0, 0.0)), Call("max", (0, 0.25)))), (0, 1), x)
        return graph_of([x], [apply(Concat(1), high, low), elementwise("mul", low, 3.0)])

    def in_a_loop(random: Random) -> Graph:
        a, b, step = source("a", N, 5), source("b", N, 5), source("step", N, 5)
        program = Program(3, (Call("add", (0, 2)), Call("tanh", (3,)), Call("sub", (4, 1))))
        after, other = joint(program, (1, 2), a, b, step)
        body = Graph((a, b, step), (other, after, other), ("a", "b", "y"))
        first, second, steps = source("first", N, 5), source("second", N, 5), source("steps", 5, N, 5)
        return graph_of([first, second, steps], list(Node(Repeat(5, body, 2, 1), (first, second, steps), ()).outputs))

    return [
        Case("joint elementwise: the cell of an LSTM, symbolic batch", cell, BATCHES),
        Case("joint elementwise: broadcasts, and results of three dtypes", broadcast),
        Case("joint elementwise: results where inputs were", written_over),
        Case("joint elementwise: results in one concatenation", parts_of_one, BATCHES),
        Case("joint elementwise: states that swap places in a loop", in_a_loop, BATCHES),
    ]


def _computed_weights() -> list[Case]:
    def convolutions(random: Random) -> Graph:
        x, w = source("x", N, 7, 6, 4), source("w", 3, 3, 2, 6)
        grouped = apply(Conv2D((2, 1), ((1, 1), (1, 0)), groups=2), x, elementwise("tanh", w))
        turned = apply(Conv2DTranspose((2, 3), ((1, -1), (0, 2))), grouped, apply(Reshape((3, 3, 6, 2)), w))
        spread = apply(DepthwiseConv2D((1, 2), dilation=(2, 1)), turned, apply(Slice((0,) * 4, (2, 2, 2, 3)), w))
        return optimize(graph_of([x, w], [spread]))

    return [Case("convolutions by computed weights, symbolic batch", convolutions, BATCHES)]


def _group_normalizations() -> list[Case]:
    def finished(random: Random) -> Graph:
        x, other = source("x", N, 5, 3, 12), source("other", N, 5, 3, 12)
        program = Program(4, (Call("mul", (0, 1)), Call("add", (4, 2)), Call("sub", (5, 3)), Call("relu", (6,))))
        scaled = apply(GroupNormalize(3, 1e-3, program), x, random.constant(12), random.constant(12), other)
        return graph_of([x, other], [scaled, apply(GroupNormalize(2), elementwise("add", x, 100.0))])

    return [
        *(
            Case(
                f"group normalization, {groups} of {channels} channels",
                one((2, 7, 9, channels), GroupNormalize(groups)),
            )
            for groups, channels in ((1, 5), (2, 6), (4, 32), (7, 7), (3, 24))
        ),
        Case("group normalization of large images", one((1, 90, 70, 10), GroupNormalize(5, 1e-5))),
        Case("group normalization without space", one((3, 8), GroupNormalize(2))),
        Case("group normalization with an epilogue, symbolic batch", finished, BATCHES),
    ]


def _attention() -> list[Case]:
    def in_blocks(random: Random) -> Graph:
        """What the optimizer makes of large attention: a loop without states, whose body has products and a softmax."""
        q, k, v = source("q", 3, N, 2, 5, 8), source("k", N, 7, 2, 8), source("v", N, 7, 2, 6)
        rows, keys, values = (source(x.op.label, *x.shape[i:]) for i, x in ((1, q), (0, k), (0, v)))  # type: ignore[attr-defined]
        scores = apply(BatchMatMul(None, (0, 2, 3, 1), single("mul", None, 0.5)), rows, keys)
        body = Graph(
            (rows, keys, values), (apply(BatchMatMul(None, (0, 2, 1, 3)), apply(Softmax(), scores), values),), ("y",)
        )
        return graph_of([q, k, v], [apply(Repeat(3, body, 0, 1), q, k, v)])

    return [Case("attention in blocks, symbolic batch", in_blocks, BATCHES)]


KERNEL_CASES = [*_joint(), *_attention(), *_group_normalizations(), *_computed_weights()]
