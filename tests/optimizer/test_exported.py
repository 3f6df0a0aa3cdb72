"""Graphs as exporters of channels-first frameworks write them: what only moves elements is gone but for the input's transpose."""

from __future__ import annotations

import math

import pytest

from optimizer.support import Builder, assert_same_answers, op_names
from webdnn.graph.dim import Size, symbol
from webdnn.graph.graph import Graph, Value, apply
from webdnn.graph.ops import BatchMatMul, Conv2D, MatMul, Reduce, Reshape, Softmax, Transpose
from webdnn.graph.ops.elementwise import elementwise
from webdnn.optimizer import optimize

TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
N = symbol("N")


def transpose(x: Value, *permutation: int) -> Value:
    return apply(Transpose(permutation), x, origin=("transpose",))


def reshape(x: Value, *shape: Size) -> Value:
    return apply(Reshape(shape), x, origin=("reshape",))


def convolution(b: Builder, x: Value, kernel: int, channels: int, **attributes: object) -> Value:
    """Of a channels-first picture, bias included."""
    y = b.conv(transpose(x, *TO_LAST), kernel, channels, **attributes)
    return elementwise("add", transpose(y, *TO_FIRST), b.weights(channels, 1, 1))


def dense(b: Builder, x: Value, columns: int) -> Value:
    return elementwise("add", apply(MatMul(), x, b.weights(x.shape[-1], columns)), b.weights(columns))


def normalized(b: Builder, x: Value, axes: tuple[int, ...]) -> Value:
    """(x − mean) / √(variance + ε), in primitives."""
    centred = elementwise("sub", x, apply(Reduce("mean", axes, True), x))
    variance = apply(Reduce("mean", axes, True), elementwise("mul", centred, centred))
    return elementwise("div", centred, elementwise("sqrt", elementwise("add", variance, 1e-3)))


def attention(b: Builder, x: Value, heads: int) -> Value:
    """Of (N, T, C)."""
    n, t, c = x.shape
    split = [reshape(dense(b, x, c), n, t, heads, c // heads) for _ in range(3)]
    q, k, v = (transpose(y, 0, 2, 1, 3) for y in split)
    scores = elementwise("mul", apply(BatchMatMul(), q, transpose(k, 0, 1, 3, 2)), 1 / math.sqrt(c // heads))
    joined = transpose(apply(BatchMatMul(), apply(Softmax(), scores), v), 0, 2, 1, 3)
    return dense(b, reshape(joined, n, t, c), c)


def group_norm(b: Builder, x: Value, groups: int) -> Value:
    n, c, h, w = x.shape
    y = reshape(normalized(b, reshape(x, n, groups, c // groups * h * w), (2,)), n, c, h, w)
    return elementwise("add", elementwise("mul", y, b.weights(c, 1, 1)), b.weights(1, c, 1, 1))


def pixel_shuffle(x: Value, r: int) -> Value:
    n, c, h, w = x.shape
    y = transpose(reshape(x, n, c // r**2, r, r, h, w), 0, 1, 4, 2, 5, 3)
    return reshape(y, n, c // r**2, h * r, w * r)


def channel_shuffle(x: Value, groups: int) -> Value:
    n, c, h, w = x.shape
    return reshape(transpose(reshape(x, n, groups, c // groups, h, w), 0, 2, 1, 3, 4), n, c, h, w)


def exported(b: Builder) -> Graph:
    """A convolutional network with attention over its pixels and a dense head; the batch is symbolic."""
    x = b.input(N, 3, 6, 8)
    x = elementwise("relu", group_norm(b, convolution(b, x, 3, 8), 2))
    x = elementwise("add", x, elementwise("relu", convolution(b, x, 3, 8, padding=((1, 1), (1, 1)))))
    n, c, h, w = x.shape
    tokens = transpose(reshape(x, n, c, h * w), 0, 2, 1)
    normal = elementwise("add", elementwise("mul", normalized(b, tokens, (2,)), b.weights(c)), b.weights(c))
    tokens = elementwise("add", tokens, attention(b, normal, 4))
    x = reshape(transpose(tokens, 0, 2, 1), n, c, h, w)
    x = elementwise("relu", convolution(b, x, 1, 4))
    return b.graph(dense(b, reshape(x, x.shape[0], x.type.elements // x.shape[0]), 5))


def test_an_exported_network_keeps_the_transpose_of_its_input() -> None:
    """Besides, attention joins its heads; it splits them by reading the factors of its products as they lie."""
    graph = exported(Builder())
    assert graph.constraints == ()
    result = optimize(graph)
    transposes = [node for node in result.nodes() if isinstance(node.op, Transpose)]
    assert [t.op.permutation for t in transposes if t.inputs[0] in graph.inputs] == [(0, 2, 3, 1)]
    assert [t.op.permutation for t in transposes if t.inputs[0] not in graph.inputs] == [(0, 2, 1, 3)], str(result)
    # The residual addition is in the epilogue of its convolution, whatever coordinates the group norm took.
    assert [len(node.inputs) for node in result.nodes() if isinstance(node.op, Conv2D)] == [3, 4, 3], str(result)
    for n in (1, 3, 8):
        assert_same_answers(graph, result, {"N": n}, scale=1.0)


# Name → (graph of an input (N, 4, 6, 8), ops that are left besides elementwise ones and the convolution that follows).
PATTERNS = {
    "pixel shuffle": (lambda b, x: pixel_shuffle(x, 2), ["Reshape", "Transpose", "Reshape"]),
    "channel shuffle": (lambda b, x: channel_shuffle(x, 2), ["Reshape", "Transpose", "Reshape"]),
    "group norm": (lambda b, x: group_norm(b, x, 2), ["Reshape", "GroupNormalize", "Reshape"]),
    "softmax of channels": (lambda b, x: transpose(apply(Softmax(), transpose(x, *TO_LAST)), *TO_FIRST), ["Softmax"]),
    "softmax of pixels": (
        lambda b, x: reshape(apply(Softmax(), reshape(x, x.shape[0], 8, 24)), *x.shape),
        ["Transpose", "Reshape", "Softmax", "Reshape", "Transpose"],
    ),
    "squeeze and excitation": (
        lambda b, x: elementwise(
            "mul",
            x,
            reshape(
                elementwise("sigmoid", dense(b, reshape(apply(Reduce("mean", (2, 3)), x), x.shape[0], 8), 8)),
                x.shape[0],
                8,
                1,
                1,
            ),
        ),
        ["Reduce", "MatMul", "Reshape"],
    ),
}


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("batch", [2, N], ids=str)
def test_patterns_between_convolutions(name: str, batch: Size) -> None:
    build, moves = PATTERNS[name]
    b = Builder()
    x = transpose(b.conv(b.input(batch, 4, 6, 8), 1, 8), *TO_FIRST)
    graph = b.graph(b.conv(transpose(build(b, x), *TO_LAST), 1, 3))
    result = optimize(graph)
    for n in (1, 3) if batch == N else (2,):
        assert_same_answers(graph, result, {"N": n})
    left = [name for name in op_names(result) if name not in ("Elementwise", "JointElementwise", "Conv2D")]
    assert sorted(left) == sorted(moves), str(result)
