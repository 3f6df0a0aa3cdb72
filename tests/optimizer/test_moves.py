"""no_op and transpose_motion."""

from __future__ import annotations

import pytest

from optimizer.support import Builder, apply_rules, assert_same_answers, op_names, optimized
from webdnn.graph.dim import symbol
from webdnn.graph.graph import apply
from webdnn.graph.ops import (
    ArgReduce,
    Concat,
    CumulativeSum,
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
from webdnn.optimizer.dense_weights import permute_dense_weights
from webdnn.optimizer.no_op import merge_moves, remove_no_op, transpose_as_reshape
from webdnn.optimizer.transpose_motion import sink_transpose

TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
SHAPE = (2, 4, 6, 3)

NO_OPS = [
    Reshape(SHAPE),
    Transpose((0, 1, 2, 3)),
    Pad(((0, 0),) * 4, 5.0),
    Slice((0,) * 4, SHAPE),
    Concat(2),
    Resize2D(4, 6, "bilinear"),
    Resize2D(4, 6, "nearest"),
    Resize2D(4, 6, "bicubic", "align_corners"),
    Pool2D("max", (1, 1), (1, 1)),
    Pool2D("average", (1, 1), (1, 1)),
]

LOOK_ALIKES = [
    Reshape((2, 6, 4, 3)),
    Transpose((1, 0, 2, 3)),
    Pad(((0, 0), (0, 1), (0, 0), (0, 0))),
    Slice((0, 1, 0, 0), (2, 3, 6, 3)),
    Resize2D(4, 7, "nearest"),
    Resize2D(4, 6, "bilinear", "tf_half_pixel_for_nn"),
    Resize2D(4, 6, "nearest", ratios=((1, 2), (1, 1))),
    Pool2D("max", (1, 1), (2, 1)),
    Pool2D("average", (1, 1), (1, 1), ((0, 1), (0, 0)), count_padding=True),
]


@pytest.mark.parametrize("op", NO_OPS, ids=str)
def test_no_op_goes(op):
    b = Builder()
    graph = b.graph(elementwise("exp", apply(op, elementwise("neg", b.input(*SHAPE)))))
    result = apply_rules(graph, remove_no_op)
    assert op_names(result) == ["Elementwise", "Elementwise"]
    assert_same_answers(graph, result)


@pytest.mark.parametrize("op", LOOK_ALIKES, ids=str)
def test_look_alike_stays(op):
    b = Builder()
    graph = b.graph(apply(op, b.input(*SHAPE)))
    assert apply_rules(graph, remove_no_op, merge_moves) is graph


def test_symbolic_no_ops():
    b, n = Builder(), symbol("N")
    x = b.input(n, 4)
    graph = b.graph(elementwise("exp", apply(Slice((0, 0), (n, 4)), apply(Reshape((n, 4)), x))))
    assert op_names(apply_rules(graph, remove_no_op)) == ["Elementwise"]


PAIRS = [
    (Reshape((8, 18)), Reshape((3, 48)), "Reshape"),
    (Transpose((1, 2, 3, 0)), Transpose((2, 0, 1, 3)), "Transpose"),
    (Slice((1, 0, 2, 0), (1, 3, 4, 2)), Slice((0, 1, 1, 1), (1, 2, 3, 1)), "Slice"),
    (Pad(((0, 1), (1, 0), (0, 0), (2, 0)), 3.0), Pad(((1, 1), (0, 0), (0, 2), (0, 0)), 3.0), "Pad"),
]


@pytest.mark.parametrize(("inner", "outer", "name"), PAIRS, ids=lambda p: str(p))
def test_pairs_merge(inner, outer, name):
    b = Builder()
    graph = b.graph(apply(outer, apply(inner, b.input(*SHAPE))))
    result = apply_rules(graph, merge_moves)
    assert op_names(result) == [name]
    assert_same_answers(graph, result)


def test_inverse_transposes_cancel():
    b = Builder()
    optimized(
        b.graph(elementwise("exp", apply(Transpose(TO_FIRST), apply(Transpose(TO_LAST), b.input(*SHAPE))))),
        ["Elementwise"],
    )


def test_pads_of_different_values_do_not_merge():
    b = Builder()
    x = apply(Pad(((0, 0), (1, 1), (1, 1), (0, 0)), 1.0), b.input(*SHAPE))
    graph = b.graph(apply(Pad(((0, 0), (1, 1), (1, 1), (0, 0)), 0.0), x))
    assert apply_rules(graph, merge_moves) is graph


def test_transpose_of_unit_axes_is_a_reshape():
    b = Builder()
    graph = b.graph(apply(Transpose(TO_LAST), b.input(2, 5, 1, 1)), apply(Transpose(TO_LAST), b.input(2, 1, 3, 4)))
    result = apply_rules(graph, transpose_as_reshape)
    assert op_names(result) == ["Reshape", "Reshape"]
    assert_same_answers(graph, result)
    graph = b.graph(apply(Transpose(TO_LAST), b.input(1, 5, 1, 2)))
    assert apply_rules(graph, transpose_as_reshape) is graph


def transposed(b: Builder):
    return apply(Transpose(TO_FIRST), b.input(*SHAPE))


def flat(x, *shape):
    return apply(Reshape(shape), x)


MOVING = {
    "elementwise": lambda b: elementwise("exp", transposed(b)),
    "channel_constant": lambda b: elementwise("sub", b.weights(3, 1, 1), transposed(b)),
    "scalar": lambda b: elementwise("mul", transposed(b), b.input()),
    "two": lambda b: elementwise("sub", transposed(b), transposed(b)),
    "unit_axes": lambda b: elementwise("mul", b.input(2, 3, 1, 1), transposed(b)),
    "concat": lambda b: apply(Concat(1), transposed(b), transposed(b), b.weights(2, 2, 4, 6)),
    "pad": lambda b: apply(Pad(((0, 0), (0, 1), (2, 3), (4, 5)), 2.0), transposed(b)),
    "slice": lambda b: apply(Slice((0, 1, 2, 3), (2, 1, 2, 3)), transposed(b)),
    "mean": lambda b: apply(Reduce("mean", (2, 3), keepdims=True), transposed(b)),
    "max": lambda b: apply(Reduce("max", (2,)), transposed(b)),
    "sum": lambda b: apply(Reduce("sum", (0, 2)), transposed(b)),
    "max of an axis of size 1": lambda b: apply(Reduce("max", (1, 2)), apply(Transpose(TO_FIRST), b.input(2, 4, 6, 1))),
    "concat of one channel": lambda b: apply(
        Concat(1), *(apply(Transpose(TO_FIRST), b.input(2, 4, 6, 1)) for _ in "12")
    ),
    "pad of one channel": lambda b: apply(
        Pad(((0, 0), (1, 1), (0, 0), (0, 0))), apply(Transpose(TO_FIRST), b.input(2, 4, 6, 1))
    ),
    "largest": lambda b: apply(ArgReduce("max", 1), transposed(b)),
    "smallest, kept": lambda b: apply(ArgReduce("min", 2, keepdims=True), transposed(b)),
    "cumulative": lambda b: apply(CumulativeSum(1, exclusive=True, reverse=True), transposed(b)),
    "gather": lambda b: take(transposed(b), 1, [2, 0, 0, 1, 1]),
    "elementwise of rows": lambda b: elementwise("add", flat(transposed(b), 2, 3, 24), b.weights(3, 1)),
    "elementwise of two rows": lambda b: elementwise("sub", *(flat(transposed(b), 2, 3, 24) for _ in "12")),
    "mean of a group": lambda b: apply(
        Reduce("mean", (2,), True), flat(apply(Transpose((0, 3, 2, 1)), b.input(*SHAPE)), 2, 3, 24)
    ),
    "sum of rows": lambda b: apply(Reduce("sum", (0,)), flat(transposed(b), 2, 3, 24)),
    "largest of rows": lambda b: apply(ArgReduce("max", 2, True), flat(transposed(b), 2, 3, 24)),
    "slice of rows": lambda b: apply(Slice((0, 1, 5), (2, 2, 7)), flat(transposed(b), 2, 3, 24)),
    "pad of rows": lambda b: apply(Pad(((0, 0), (0, 1), (2, 0)), 3.0), flat(transposed(b), 2, 3, 24)),
    "concat of rows": lambda b: apply(Concat(2), flat(transposed(b), 2, 3, 24), b.weights(2, 3, 2)),
    "softmax of channels": lambda b: apply(
        Softmax(), flat(apply(Transpose((2, 0, 1, 3)), b.input(2, 4, 6, 8)), 6, 2, 4, 8)
    ),
    "softmax": lambda b: apply(Softmax(), apply(Transpose((2, 0, 1, 3)), b.input(*SHAPE))),
}


@pytest.mark.parametrize("name", MOVING)
def test_transposes_sink(name):
    b = Builder()
    graph = b.graph(MOVING[name](b))
    result = apply_rules(graph, sink_transpose)
    names = op_names(result)
    moves = [name in ("Transpose", "Reshape") for name in names]
    assert names.count("Transpose") <= 1
    assert "Transpose" not in names[: moves.index(False)]
    assert result is not graph
    assert_same_answers(graph, result)


STAYING = {
    "different": lambda b: elementwise("add", transposed(b), apply(Transpose(TO_LAST), b.input(2, 6, 3, 4))),
    "one": lambda b: elementwise("add", transposed(b), b.input(2, 3, 4, 6)),
    "concat": lambda b: apply(Concat(1), transposed(b), b.input(2, 3, 4, 6)),
    "broadcast_up": lambda b: elementwise("add", transposed(b), b.input(2, 1, 1, 1, 1)),
    "softmax": lambda b: apply(Softmax(), transposed(b)),
    "pool": lambda b: apply(Pool2D("max", (2, 2), (1, 1)), transposed(b)),
    "largest of all": lambda b: apply(ArgReduce("max", 1), flat(transposed(b), 2, 72)),
    "cumulative over channels and rows": lambda b: apply(CumulativeSum(1), flat(transposed(b), 2, 12, 6)),
    "half of all": lambda b: apply(Slice((0, 0), (2, 36)), flat(transposed(b), 2, 72)),
    "softmax of pixels": lambda b: apply(Softmax(), flat(transposed(b), 2, 3, 24)),
    "a reshape that cuts across": lambda b: elementwise("exp", flat(apply(Transpose((1, 0)), b.input(4, 9)), 6, 6)),
    "rows of another order": lambda b: elementwise(
        "add", flat(transposed(b), 2, 3, 24), flat(apply(Transpose((0, 3, 2, 1)), b.input(*SHAPE)), 2, 3, 24)
    ),
}


@pytest.mark.parametrize("name", STAYING)
def test_transposes_stay(name):
    b = Builder()
    graph = b.graph(STAYING[name](b))
    assert apply_rules(graph, sink_transpose) is graph


def test_flatten_and_dense_permute_the_weights():
    b, n = Builder(), symbol("N")
    x = apply(Transpose(TO_FIRST), b.input(n, 4, 6, 3))
    y = apply(MatMul(), apply(Reshape((n, 72)), elementwise("tanh", x)), b.weights(72, 5))
    optimized(b.graph(y), ["Elementwise", "Reshape", "MatMul"], symbols={"N": 2})


def test_rows_of_dense_weights_are_permuted_by_factors():
    """(N, H, W, C) as (N, C·H, W) before a dense layer of W, and after a shuffle of channels before one of all."""
    b, n = Builder(), symbol("N")
    x = elementwise("tanh", b.input(n, 4, 6, 8))
    parts = apply(Transpose((0, 3, 4, 1, 2)), flat(x, n, 4, 6, 2, 4))
    y = apply(MatMul(), flat(apply(Transpose((0, 2, 1, 3, 4)), parts), n, 192), b.weights(192, 5))
    optimized(b.graph(y), ["Elementwise", "Reshape", "MatMul"], symbols={"N": 2})
    x = apply(Transpose((0, 1, 3, 2)), b.input(n, 4, 6, 8))
    y = apply(MatMul(), flat(x, n * 4, 48), b.weights(48, 5))
    optimized(b.graph(y), ["Reshape", "MatMul"], symbols={"N": 3})


def test_flatten_of_a_moved_batch_keeps_the_weights():
    b = Builder()
    x = apply(Transpose((1, 0, 2, 3)), b.input(4, 2, 6, 3))
    graph = b.graph(apply(MatMul(), apply(Reshape((2, 72)), x), b.weights(72, 5)))
    assert apply_rules(graph, permute_dense_weights) is graph


def test_channels_first_network_keeps_one_transpose():
    """Each convolution of a channels-first source stands between two transposes."""
    b = Builder()

    def conv(x, kernel, channels, **attributes):
        y = b.conv(apply(Transpose(TO_LAST), x), kernel, channels, **attributes)
        return elementwise("add", apply(Transpose(TO_FIRST), y), b.weights(channels, 1, 1))

    def batch_norm(x):
        scaled = elementwise("mul", x, b.weights(x.shape[1], 1, 1))
        return elementwise("add", scaled, b.weights(1, x.shape[1], 1, 1))

    x = b.input(2, 3, 6, 6)
    x = elementwise("relu", batch_norm(conv(x, 3, 4)))
    y = elementwise("relu", batch_norm(conv(x, 3, 4, padding=((1, 1), (1, 1)))))
    s = apply(Reduce("mean", (2, 3), keepdims=True), y)
    y = elementwise("mul", y, elementwise("sigmoid", conv(s, 1, 4)))
    x = elementwise("relu", elementwise("add", batch_norm(conv(y, 1, 4)), x))
    z = apply(MatMul(), apply(Reshape((2, 64)), x), b.weights(64, 5))
    optimized(
        b.graph(z), ["Transpose", "Conv2D", "Conv2D", "Reduce", "Conv2D", "Elementwise", "Conv2D", "Reshape", "MatMul"]
    )


def test_concat_of_three():
    b = Builder()
    x, y, z = b.input(2, 3), b.input(2, 1), b.input(2, 4)
    result = optimized(b.graph(apply(Concat(1), x, elementwise("neg", y), z)), ["Concat", "Elementwise"])
    assert result.outputs[0].node.inputs[::2] == (x, z)
