"""Random small graphs give the same answers before and after."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimizer.support import Builder, array
from webdnn.graph.graph import Value, apply, uses
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
    MatMul,
    Pad,
    Pool2D,
    Reduce,
    Reshape,
    Resize2D,
    Slice,
    Softmax,
    Transpose,
)
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.ops.indexing import take
from webdnn.graph.program import Call, Program
from webdnn.graph.types import broadcast_shapes
from webdnn.optimizer import optimize

# Of slopes at most 1, so that the rounding of weights is not magnified without bound.
UNARY = ["neg", "abs", "relu", "sigmoid", "tanh", "softsign", "sin", "erf", "silu", "gelu"]
SMALL = st.integers(0, 1)


class RandomGraph:
    """Grows a graph of rank-4 values from drawn choices; sizes stay small."""

    def __init__(self, draw) -> None:
        self.draw = draw
        self.b = Builder(draw(st.integers(0, 1000)))
        shape = [draw(st.integers(1, 2)), *(draw(st.integers(2, 4)) for _ in range(2)), draw(st.integers(1, 3))]
        self.values: list[Value] = [self.b.input(*shape), self.b.input(*shape)]

    def pick(self, options):
        return self.draw(st.sampled_from(options))

    def recent(self) -> Value:
        """Mostly one of the last values, so that chains and shared readers both occur."""
        return self.values[max(0, len(self.values) - 1 - self.draw(st.integers(0, 4)))]

    def weights(self, *shape: int) -> Value:
        count = int(np.prod(shape))
        return array(self.b.random.normal(size=shape) / max(1.0, np.sqrt(count / (shape[-1] or 1))))

    def padding(self):
        return ((self.draw(SMALL), self.draw(SMALL)), (self.draw(SMALL), self.draw(SMALL)))

    def grow(self) -> None:
        x = self.recent()
        kinds = "affine affine affine binary binary program sum sum sum unary constant pad transpose transpose reshape "
        kinds += "concat slice pool reduce other rows rows"
        make = getattr(self, self.pick(kinds.split()))
        y = make(x)
        if y is not None and y.type.rank == 4 and np.prod(y.shape) <= 2000:
            self.values.append(y)

    def unary(self, x: Value) -> Value:
        return elementwise(self.pick(UNARY), x)

    def affine(self, x: Value) -> Value:
        function = self.pick(["add", "sub", "mul", "div"])
        shape = self.pick(
            [(), (1,), (x.shape[3],), (1, 1, x.shape[3]), (1, 1, 1, x.shape[3]), (x.shape[2], 1), x.shape]
        )
        values = self.b.random.uniform(0.5, 1.5, size=shape) * self.b.random.choice([-1, 1], size=shape)
        other: Value | float = array(values)
        if shape == () and self.draw(st.booleans()):
            other = float(self.pick([0.0, 1.0, -1.0, 2.0]) if function != "div" else 1.0)
        swapped = function != "div" and self.draw(st.booleans())
        return elementwise(function, other, x) if swapped else elementwise(function, x, other)

    def constant(self, x: Value) -> Value:
        scaled = elementwise("mul", apply(Transpose((1, 0)), self.weights(x.shape[3], 1)), self.weights(x.shape[3]))
        return elementwise("add", x, elementwise("tanh", scaled))

    def binary(self, x: Value) -> Value | None:
        candidates = []
        for y in self.values[-6:]:
            fits = all(1 in pair or pair[0] == pair[1] for pair in zip(x.shape, y.shape, strict=True))
            candidates += [y] if fits and np.prod(broadcast_shapes([x.shape, y.shape])) <= 2000 else []
        y = self.pick(candidates)
        return elementwise(self.pick(["add", "sub", "max", "min"]), *self.pick([(x, y), (y, x)]))

    def program(self, x: Value) -> Value:
        calls = (
            Call("sigmoid", (1,)),
            Call("add", (0, 0.5)),
            Call("mul", (3, 2)),
            Call(self.pick(["add", "sub"]), (4, 1)),
        )
        return apply(Elementwise(Program(2, calls)), x, self.pick([x, self.weights(x.shape[3])]))

    def sum(self, x: Value) -> Value | None:
        channels, kernel = self.draw(st.integers(1, 3)), self.draw(st.integers(1, 2))
        kind = self.pick(["conv", "groups", "depthwise", "transposed", "matmul"])
        if kind == "matmul":
            return apply(MatMul(), x, self.weights(x.shape[3], channels))
        strides = (self.draw(st.integers(1, 2)), 1)
        if kind == "transposed":
            op = Conv2DTranspose(strides, ((-1, 0), (0, -1)) if self.draw(st.booleans()) else ((0, 0), (0, 0)))
            return apply(op, x, self.weights(kernel, kernel, x.shape[3], channels))
        padding = self.padding()
        if any(x.shape[1 + i] + sum(padding[i]) < kernel for i in range(2)):
            return None
        if kind == "groups":
            groups = self.pick([n for n in range(1, x.shape[3] + 1) if x.shape[3] % n == 0])
            weights = self.weights(kernel, kernel, x.shape[3] // groups, groups * channels)
            return apply(Conv2D(strides, padding, groups=groups), x, weights)
        op = Conv2D(strides, padding) if kind == "conv" else DepthwiseConv2D(strides, padding)
        return apply(op, x, self.weights(kernel, kernel, x.shape[3], channels))

    def pad(self, x: Value) -> Value:
        return apply(Pad(((0, 0), *self.padding(), (0, self.pick([0, 0, 0, 1]))), self.pick([0.0, 0.0, 0.0, 1.0])), x)

    def transpose(self, x: Value) -> Value:
        return apply(Transpose(self.pick([(0, 2, 3, 1), (0, 3, 1, 2), (0, 2, 1, 3), (3, 0, 1, 2), (0, 1, 2, 3)])), x)

    def reshape(self, x: Value) -> Value:
        n, h, w, c = x.shape
        if self.draw(st.booleans()):
            return apply(
                Reshape(self.pick([(n, w, h, c), (n, 1, h * w, c), (1, n * h, w, c), (n, h, w, c), (n, h, 1, w * c)])),
                x,
            )
        flat = apply(MatMul(), apply(Reshape((n, h * w * c)), x), self.weights(h * w * c, 4))
        return apply(Reshape((n, 2, 2, 1)), flat)

    def rows(self, x: Value) -> Value:
        """What exporters write around reshapes: normalization over joined axes, shuffles of factors, attention without weights."""
        permutation = self.pick([(0, 3, 1, 2), (0, 2, 1, 3), (0, 1, 2, 3)])
        y = apply(Transpose(permutation), x)
        n, a, b, c = y.shape
        kind = self.pick(["joined", "shuffled", "tokens", "cut"])
        if kind == "joined":
            flat = apply(Reshape(self.pick([(n, a, b * c), (n, a * b, c), (n * a, 1, b * c)])), y)
            axis = self.draw(st.integers(1, 2))
            centred = elementwise("sub", flat, apply(Reduce(self.pick(["mean", "max"]), (axis,), True), flat))
            centred = apply(Softmax(), centred) if self.draw(st.booleans()) else centred
            return apply(Reshape((n, a, b, c)), centred)
        if kind == "shuffled":
            factors = next((f for f in (3, 2) if c % f == 0), 1)
            parts = apply(Reshape((n, a, b, factors, c // factors)), y)
            order = self.pick([(0, 1, 2, 4, 3), (0, 1, 3, 2, 4), (0, 3, 1, 2, 4)])
            moved = elementwise("tanh", apply(Transpose(order), parts))
            return apply(Reshape((n, a * factors, b, c // factors)), moved)
        if kind == "tokens":
            tokens = apply(Transpose((0, 2, 1)), apply(Reshape((n, a, b * c)), y))
            found = apply(ArgReduce("max", self.pick([1, 2]), True), tokens)
            tokens = elementwise("add", tokens, elementwise("tanh", elementwise("to_float32", found)))
            return apply(Reshape((n, a, b, c)), apply(Transpose((0, 2, 1)), tokens))
        half = apply(Slice((0, 0, 0), (n, a, b)), apply(Reshape((n, a, b * c)), y))
        return apply(Reshape((n, 1, a, b)), apply(CumulativeSum(1), elementwise("mul", half, 0.25)))

    def concat(self, x: Value) -> Value:
        axis = self.draw(st.integers(0, 3))
        fits = [
            y
            for y in self.values[-6:]
            if all(i == axis or a == c for i, (a, c) in enumerate(zip(x.shape, y.shape, strict=True)))
        ]
        return apply(Concat(axis), x, *(self.pick(fits) for _ in range(self.draw(st.integers(0, 2)))))

    def slice(self, x: Value) -> Value:
        starts = tuple(self.draw(st.integers(0, size - 1)) for size in x.shape)
        return apply(
            Slice(starts, tuple(self.draw(st.integers(1, s - a)) for s, a in zip(x.shape, starts, strict=True))), x
        )

    def pool(self, x: Value) -> Value | None:
        if min(x.shape[1:3]) < 2:
            return None
        padding = self.pick([((0, 0), (0, 0)), ((1, 0), (0, 1))])
        return apply(Pool2D(self.pick(["max", "average"]), (2, 2), (1, 1), padding, self.draw(st.booleans())), x)

    def reduce(self, x: Value) -> Value:
        axes = self.pick([(1, 2), (3,), (1,), (0, 2)])
        kind = self.pick(["mean", "max", "min"])
        if self.draw(st.booleans()):
            return apply(Reduce(kind, axes, True), x)
        shape = tuple(1 if i in axes else s for i, s in enumerate(x.shape))
        return apply(Reshape(shape), apply(Reduce(kind, axes), x))

    def other(self, x: Value) -> Value:
        axis = self.draw(st.integers(0, 3))
        kind = self.pick(["one", "take", "sums", "product"])
        if kind == "take":
            return take(x, axis, self.draw(st.lists(st.integers(0, x.shape[axis] - 1), min_size=1, max_size=4)))
        if kind == "sums":
            sums = apply(CumulativeSum(axis, self.draw(st.booleans()), self.draw(st.booleans())), x)
            return elementwise("mul", sums, 0.25)
        if kind == "product":
            bounded = elementwise("tanh", x)
            return apply(
                BatchMatMul(),
                bounded,
                apply(Transpose((0, 1, 3, 2)), self.pick([bounded, elementwise("neg", bounded)])),
            )
        return apply(self.pick([Softmax(), Resize2D(x.shape[1], 3, "bilinear"), Resize2D(3, x.shape[2], "nearest")]), x)


@st.composite
def graphs(draw):
    random = RandomGraph(draw)
    for _ in range(draw(st.integers(3, 25))):
        random.grow()
    outputs = random.values[-1:] + [v for v in random.values[2:-1] if draw(st.integers(0, 7)) == 0]
    return random.b.graph(*outputs)


def agree(graph, result) -> None:
    random = np.random.default_rng(0)
    inputs = [random.normal(size=v.shape).astype(np.float32) for v in graph.inputs]
    wanted = interpret(graph, inputs, dtype="float64")
    for want, have in zip(wanted, interpret(result, inputs, dtype="float64"), strict=True):
        assert np.abs(want - have).max() <= 1e-6 * max(1.0, np.abs(want).max())


@pytest.mark.slow
@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(graphs())
def test_random_graphs(graph):
    result = optimize(graph)
    agree(graph, result)
    readers = uses(result)
    assert all(readers.get(v, 0) or v in result.inputs for n in result.nodes() for v in n.outputs)
    assert optimize(result) is result
