from __future__ import annotations

import pytest

from optimizer.support import Builder, apply_rules, assert_same_answers, op_names
from webdnn.graph.dim import symbol
from webdnn.graph.graph import apply
from webdnn.graph.ops import Pad, Pool2D
from webdnn.graph.ops.elementwise import elementwise
from webdnn.optimizer.padding import fold_padding

AMOUNTS = ((0, 0), (1, 2), (3, 0), (0, 0))


@pytest.mark.parametrize("kind", ["conv", "depthwise"])
def test_zeros_become_padding(kind):
    b = Builder()
    x = apply(Pad(AMOUNTS), b.input(2, 5, 6, 3), origin=("pad",))
    attributes = {"padding": ((1, 0), (0, 1)), "strides": (2, 1)}
    y = b.conv(x, 3, 4, **attributes) if kind == "conv" else b.depthwise(x, 3, **attributes)
    graph = b.graph(y)
    folded = apply_rules(graph, fold_padding)
    assert folded.outputs[0].op.padding == ((2, 2), (3, 1))
    assert folded.outputs[0].origin[0] == "pad"
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
