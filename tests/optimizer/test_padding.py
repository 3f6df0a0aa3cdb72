from __future__ import annotations

import math

import pytest

from optimizer.support import Builder, apply_rules, array, assert_same_answers, op_names, optimized
from webdnn.graph.dim import symbol
from webdnn.graph.graph import apply
from webdnn.graph.ops import Concat, Pad, Pool2D, Reduce, Resize2D, Slice, Softmax, Transpose
from webdnn.graph.ops.elementwise import elementwise
from webdnn.optimizer.nonnegative import is_nonnegative
from webdnn.optimizer.padding import fold_padding, fold_padding_into_max

AMOUNTS = ((0, 0), (1, 2), (3, 0), (0, 0))


@pytest.mark.parametrize("kind", ["conv", "groups", "depthwise"])
def test_zeros_become_padding(kind):
    b = Builder()
    x = apply(Pad(AMOUNTS), b.input(2, 5, 6, 3), origin=("pad",))
    attributes = {"padding": ((1, 0), (0, 1)), "strides": (2, 1)}
    if kind == "groups":
        attributes["groups"] = 3
    y = b.depthwise(x, 3, **attributes) if kind == "depthwise" else b.conv(x, 3, 6, **attributes)
    graph = b.graph(y)
    folded = apply_rules(graph, fold_padding)
    assert folded.outputs[0].op.padding == ((2, 2), (3, 1))
    assert folded.outputs[0].origin[0] == "pad"
    assert folded.outputs[0].op.attributes().get("groups") == {"conv": 1, "groups": 3}.get(kind)
    assert len(op_names(folded)) == 1
    assert_same_answers(graph, folded)


def test_symbolic_padding():
    b, n = Builder(), symbol("N")
    x = apply(Pad(((0, 0), (n, 1), (0, 0), (0, 0))), b.input(1, 5, n, 3))
    graph = b.graph(b.conv(x, 3, 4))
    folded = apply_rules(graph, fold_padding)
    assert op_names(folded) == ["Conv2D"]
    assert_same_answers(graph, folded, {"N": 6})


def test_a_pad_with_other_readers_stays_for_them():
    b = Builder()
    x = apply(Pad(AMOUNTS), b.input(2, 5, 6, 3))
    graph = b.graph(b.conv(x, 3, 4), elementwise("exp", elementwise("neg", elementwise("abs", x))))
    folded = apply_rules(graph, fold_padding)
    assert folded.outputs[0].op.padding == AMOUNTS[1:3]
    assert "Pad" in op_names(folded)
    assert_same_answers(graph, folded)


@pytest.mark.parametrize(
    ("amounts", "value"),
    [(AMOUNTS, 1.0), (((0, 0), (1, 1), (1, 1), (0, 1)), 0.0), (((1, 0), (0, 0), (0, 0), (0, 0)), 0.0)],
)
def test_ones_channels_and_batch_do_not_fold(amounts, value):
    b = Builder()
    graph = b.graph(b.conv(apply(Pad(amounts, value), b.input(2, 5, 6, 3)), 3, 4))
    assert apply_rules(graph, fold_padding) is graph


@pytest.mark.parametrize("counted", [False, True])
def test_average_pooling_counts_the_zeros(counted):
    b = Builder()
    pool = Pool2D("average", (3, 3), (2, 2), count_padding=counted)
    graph = b.graph(apply(pool, apply(Pad(AMOUNTS), b.input(2, 5, 6, 3))))
    folded = apply_rules(graph, fold_padding)
    assert op_names(folded) == ["Pool2D"]
    assert_same_answers(graph, folded)


def test_average_pooling_with_uncounted_padding_does_not_fold():
    b = Builder()
    pool = Pool2D("average", (3, 3), (2, 2), ((1, 1), (1, 1)))
    graph = b.graph(apply(pool, apply(Pad(AMOUNTS), b.input(2, 5, 6, 3))))
    assert apply_rules(graph, fold_padding) is graph


def test_zeros_never_become_the_padding_of_max_pooling():
    b = Builder()
    graph = b.graph(apply(Pool2D("max", (3, 3), (2, 2)), apply(Pad(AMOUNTS), b.input(2, 5, 6, 3))))
    assert apply_rules(graph, fold_padding) is graph


SHAPE = (2, 5, 6, 3)
NONNEGATIVE = {
    "relu": lambda b: elementwise("relu", b.input(*SHAPE)),
    "clip": lambda b: elementwise("clip", b.input(*SHAPE), 0, 6),
    "maximum": lambda b: elementwise("max", b.input(*SHAPE), 0),
    "sigmoid": lambda b: elementwise("sigmoid", b.input(*SHAPE)),
    "softmax": lambda b: apply(Softmax(), b.input(*SHAPE)),
    "square": lambda b: elementwise("mul", x := b.input(*SHAPE), x),
    "constant": lambda b: elementwise("add", elementwise("abs", b.input(*SHAPE)), array([0.0, 1.0, 2.0])),
    "sum": lambda b: elementwise("add", elementwise("relu", b.input(*SHAPE)), elementwise("exp", b.input(*SHAPE))),
    "moved": lambda b: apply(Transpose((0, 2, 1, 3)), elementwise("relu", b.input(2, 6, 5, 3))),
    "joined": lambda b: apply(
        Concat(3), elementwise("relu", b.input(2, 5, 6, 1)), elementwise("abs", b.input(2, 5, 6, 2))
    ),
    "resized": lambda b: apply(Resize2D(5, 6, "bilinear"), elementwise("relu", b.input(2, 3, 3, 3))),
    "cut": lambda b: apply(Slice((0, 1, 0, 0), SHAPE), elementwise("relu", b.input(2, 6, 6, 3))),
    "pooled": lambda b: apply(Pool2D("average", (2, 2), (1, 1)), elementwise("relu", b.input(2, 6, 7, 3))),
    "scaled": lambda b: elementwise("mul", elementwise("relu", b.input(*SHAPE)), 0.5),
    "reduced": lambda b: elementwise(
        "add", apply(Reduce("max", (3,), True), elementwise("abs", x := b.input(*SHAPE))), elementwise("relu", x)
    ),
}
PERHAPS_NEGATIVE = {
    "input": lambda b: b.input(*SHAPE),
    "leaky_relu": lambda b: elementwise("leaky_relu", b.input(*SHAPE), 0.1),
    "silu": lambda b: elementwise("silu", b.input(*SHAPE)),
    "gelu": lambda b: elementwise("gelu", b.input(*SHAPE)),
    "elu": lambda b: elementwise("elu", b.input(*SHAPE), 1.0),
    "tanh": lambda b: elementwise("tanh", b.input(*SHAPE)),
    "clip": lambda b: elementwise("clip", b.input(*SHAPE), -1, 6),
    "minimum": lambda b: elementwise("min", b.input(*SHAPE), 6),
    "clip_below_zero": lambda b: elementwise("clip", b.input(*SHAPE), 0, -1),
    "shifted": lambda b: elementwise("sub", elementwise("relu", b.input(*SHAPE)), 0.5),
    "scaled": lambda b: elementwise("mul", elementwise("relu", b.input(*SHAPE)), -0.5),
    "constant": lambda b: elementwise("add", elementwise("relu", b.input(*SHAPE)), array([0.0, 1.0, -2.0])),
    "joined": lambda b: apply(Concat(3), elementwise("relu", b.input(2, 5, 6, 1)), b.input(2, 5, 6, 2)),
    "conv": lambda b: b.conv(elementwise("relu", b.input(*SHAPE)), 1, 3),
    "padded": lambda b: apply(Pad(((0, 0), (1, 0), (0, 0), (0, 0)), -1.0), elementwise("relu", b.input(2, 4, 6, 3))),
}


@pytest.mark.parametrize("name", NONNEGATIVE)
def test_zeros_around_what_is_never_negative_become_the_padding_of_max_pooling(name):
    b = Builder()
    x = apply(Pad(((0, 0), (1, 2), (2, 0), (0, 0))), NONNEGATIVE[name](b), origin=("pad",))
    graph = b.graph(apply(Pool2D("max", (3, 3), (2, 1)), x, origin=("pool",)))
    folded = apply_rules(graph, fold_padding_into_max)
    pool = folded.outputs[0].node
    assert pool.op.padding == ((1, 2), (2, 0))
    assert pool.origin == ("pad", "pool")
    assert_same_answers(graph, folded)


@pytest.mark.parametrize("name", PERHAPS_NEGATIVE)
def test_zeros_around_negative_numbers_stay(name):
    b = Builder()
    x = PERHAPS_NEGATIVE[name](b)
    assert not is_nonnegative(x)
    graph = b.graph(apply(Pool2D("max", (3, 3), (2, 1)), apply(Pad(((0, 0), (1, 2), (2, 0), (0, 0))), x)))
    assert apply_rules(graph, fold_padding, fold_padding_into_max) is graph


@pytest.mark.parametrize(
    ("amounts", "value", "own"),
    [
        (((0, 0), (3, 0), (0, 0), (0, 0)), 0.0, 0),  # a window of nothing but padding
        (((0, 0), (2, 0), (0, 0), (0, 0)), 0.0, 1),  # the same, together with the pooling's own
        (((0, 0), (1, 1), (1, 1), (0, 0)), 0.5, 0),
        (((0, 0), (1, 1), (1, 1), (1, 0)), 0.0, 0),
        (((1, 0), (1, 1), (1, 1), (0, 0)), 0.0, 0),
        (((0, 0), (symbol("N"), 1), (1, 1), (0, 0)), 0.0, 0),
    ],
)
def test_other_padding_of_max_pooling_stays(amounts, value, own):
    b = Builder()
    x = apply(Pad(amounts, value), elementwise("relu", b.input(*SHAPE)))
    graph = b.graph(apply(Pool2D("max", (3, 3), (1, 1), ((own, own), (own, own))), x))
    assert apply_rules(graph, fold_padding, fold_padding_into_max) is graph


def test_padding_by_minus_infinity_is_that_of_max_pooling():
    b = Builder()
    graph = b.graph(
        apply(
            Pool2D("max", (3, 3), (1, 1)), apply(Pad(((0, 0), (1, 2), (2, 0), (0, 0)), -math.inf), b.input(2, 5, 6, 3))
        )
    )
    folded = apply_rules(graph, fold_padding_into_max)
    assert op_names(folded) == ["Pool2D"]
    assert_same_answers(graph, folded)


def test_the_stem_of_a_residual_network():
    b = Builder()
    x = elementwise("relu", b.batch_norm(b.conv(b.input(1, 9, 9, 3), 3, 4, strides=(2, 2))))
    x = apply(Pool2D("max", (3, 3), (2, 2)), apply(Pad(((0, 0), (1, 1), (1, 1), (0, 0))), x))
    optimized(b.graph(x), ["Conv2D", "Pool2D"])


def test_a_long_chain_of_what_is_never_negative():
    b = Builder()
    x = elementwise("relu", b.input(2))
    for _ in range(5000):
        x = elementwise("mul", x, 0.5)
    assert is_nonnegative(x)
