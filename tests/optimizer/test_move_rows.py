"""Rows of reshapes and transposes, what is computed on them, and why they stay."""

from __future__ import annotations

import pytest

from optimizer.support import Builder, apply_rules, assert_same_answers, op_names, optimized
from optimizer.test_moves import SHAPE, TO_FIRST, TO_LAST, flat, transposed
from webdnn.graph.dim import symbol
from webdnn.graph.graph import apply
from webdnn.graph.ops import MatMul, Reduce, Reshape, Softmax, Transpose
from webdnn.graph.ops.elementwise import elementwise
from webdnn.optimizer import optimize
from webdnn.optimizer.move_rows import shorten_moves
from webdnn.optimizer.no_op import merge_moves
from webdnn.optimizer.reshape_motion import sink_reshape

ROWS = {
    "inverse": ([Transpose(TO_FIRST), Reshape((2, 3, 24)), Transpose((0, 2, 1))], ["Reshape"]),
    "one channel": ([Transpose(TO_FIRST), Reshape((2, 3, 1, 24)), Transpose((0, 2, 3, 1))], ["Reshape"]),
    "whole axes": ([Transpose(TO_FIRST), Reshape((2, 3, 24))], ["Reshape", "Transpose"]),
    "split": ([Transpose(TO_FIRST), Reshape((2, 3, 2, 2, 6))], ["Reshape", "Transpose"]),
    "shuffle": (
        [Reshape((2, 4, 2, 3, 3)), Transpose((0, 1, 3, 2, 4)), Reshape((2, 4, 6, 3))],
        ["Reshape", "Transpose", "Reshape"],
    ),
    "shuffled and back": (
        [
            Reshape((2, 4, 2, 3, 3)),
            Transpose((0, 1, 3, 2, 4)),
            Reshape((8, 6, 3)),
            Reshape((8, 3, 2, 3)),
            Transpose((0, 2, 1, 3)),
        ],
        ["Reshape"],
    ),
    "two steps of a cycle": (
        [Transpose((3, 0, 1, 2)), Reshape((3, 48)), Transpose((1, 0)), Reshape((2, 24, 3)), Transpose((2, 0, 1))],
        ["Reshape", "Transpose"],
    ),
}


def with_batch(op, n):
    """The reshape for a batch of N instead of 2, which is a factor of the first even size."""
    axis = next(axis for axis, size in enumerate(op.shape) if size % 2 == 0)
    return Reshape((*op.shape[:axis], n * (op.shape[axis] // 2), *op.shape[axis + 1 :]))


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("name", ROWS)
def test_rows_of_moves_are_short(name, symbolic):
    ops, expected = ROWS[name]
    b, n = Builder(), symbol("N")
    x = b.input(*((n, *SHAPE[1:]) if symbolic else SHAPE))
    for op in ops:
        if symbolic and isinstance(op, Reshape):
            op = with_batch(op, n)
        x = apply(op, x)
    graph = b.graph(x)
    result = apply_rules(graph, shorten_moves, merge_moves)
    assert op_names(result) == expected
    for batch in (1, 3) if symbolic else (2,):
        assert_same_answers(graph, result, {"N": batch})


LONGEST = {
    "across": [Transpose((3, 0, 1, 2)), Reshape((2, 72)), Transpose((1, 0))],
    "flattened": [Transpose(TO_FIRST), Reshape((2, 72))],
    "alone": [Transpose(TO_FIRST)],
}


@pytest.mark.parametrize("name", LONGEST)
def test_rows_of_moves_that_are_short_stay(name):
    b = Builder()
    x = b.input(*SHAPE)
    for op in LONGEST[name]:
        x = apply(op, x)
    graph = b.graph(x)
    assert apply_rules(graph, shorten_moves) is graph


def test_what_others_read_is_not_made_twice():
    """The transpose stays for its other reader, so the row behind it gets no transpose of its own."""
    b = Builder()
    x = transposed(b)
    graph = b.graph(flat(x, 2, 3, 24), elementwise("exp", x))
    assert apply_rules(graph, shorten_moves) is graph


def product_of(b, *shape):
    return apply(MatMul(), b.input(*shape[:-1], 3), b.weights(3, shape[-1]))


BEFORE_RESHAPE = {
    "epilogue": lambda b: elementwise("gelu", flat(product_of(b, 6, 8), 2, 3, 2, 4)),
    "bias": lambda b: elementwise("add", flat(product_of(b, 6, 8), 2, 3, 8), b.weights(1, 1, 8)),
    "scalar": lambda b: elementwise("mul", flat(product_of(b, 6, 8), 2, 3, 2, 4), b.weights(1, 1)),
    "residual": lambda b: elementwise("add", flat(product_of(b, 6, 8), 2, 3, 8), flat(b.input(6, 8), 2, 3, 8)),
    "elementwise": lambda b: elementwise("exp", flat(elementwise("sin", b.input(6, 8)), 48)),
    "residual of another shape": lambda b: elementwise("add", flat(product_of(b, 6, 8), 48), flat(b.input(8, 6), 48)),
    "heads": lambda b: elementwise("add", flat(product_of(b, 6, 8), 3, 2, 2, 4), b.weights(1, 2, 4)),
    "full operand": lambda b: elementwise("add", flat(product_of(b, 6, 8), 2, 3, 8), b.input(2, 3, 8)),
    "reduction": lambda b: elementwise("sqrt", flat(apply(Reduce("sum", (1,)), b.input(6, 8)), 2, 3)),
}

AFTER_RESHAPE = {
    "input": lambda b: elementwise("exp", flat(b.input(6, 8), 48)),
    "bias of other channels": lambda b: elementwise("add", flat(product_of(b, 6, 8), 12, 4), b.weights(4)),
    "full operand": lambda b: elementwise("add", flat(elementwise("sin", b.input(6, 8)), 2, 3, 8), b.input(2, 3, 8)),
    "part of a divided axis": lambda b: elementwise("add", flat(product_of(b, 6, 8), 6, 2, 4), b.weights(2, 1)),
    "constant of more than an axis": lambda b: elementwise("add", flat(product_of(b, 6, 8), 3, 4, 4), b.weights(4, 4)),
    "broadcast": lambda b: elementwise("add", flat(product_of(b, 1, 8), 1, 8), b.input(2, 8)),
}


@pytest.mark.parametrize("name", BEFORE_RESHAPE)
def test_elementwise_comes_before_a_reshape(name):
    b = Builder()
    graph = b.graph(BEFORE_RESHAPE[name](b))
    result = apply_rules(graph, sink_reshape)
    assert op_names(result)[-1] == "Reshape"
    assert_same_answers(graph, result)


@pytest.mark.parametrize("name", AFTER_RESHAPE)
def test_elementwise_stays_behind_a_reshape(name):
    b = Builder()
    graph = b.graph(AFTER_RESHAPE[name](b))
    assert apply_rules(graph, sink_reshape) is graph


def test_a_reshape_that_others_read_stays_before_elementwise():
    b = Builder()
    y = flat(product_of(b, 6, 8), 48)
    graph = b.graph(elementwise("exp", y), elementwise("sin", y))
    assert apply_rules(graph, sink_reshape) is graph


def test_two_names_of_a_size_are_one():
    """H·W is cut into H and W, and (H·W·C) // H divides it again."""
    b, n, h, w = Builder(), symbol("N"), symbol("H"), symbol("W")
    x = apply(Transpose(TO_FIRST), b.input(n, h, w, 6))
    y = apply(Transpose((0, 3, 1, 2)), flat(apply(Transpose((0, 2, 1)), flat(x, n, 6, h * w)), n, h, (h * w) // h, 6))
    graph = b.graph(apply(Transpose(TO_LAST), y))
    result = optimized(graph, [], {"N": 2, "H": 3, "W": 5})
    assert result.outputs[0] is result.inputs[0]


def test_reasons_are_told(monkeypatch, capsys):
    b = Builder()
    moved = apply(Transpose(TO_FIRST), b.input(*SHAPE), origin=("to_first",))
    pixels = apply(Softmax(), apply(Reshape((2, 3, 24)), moved, origin=("rows",)), origin=("attend",))
    other = apply(Transpose((0, 2, 1, 3)), b.input(*SHAPE), origin=("swapped",))
    flattened = apply(Reshape((2, 72)), other, origin=("flat",))
    graph = b.graph(pixels, flattened)
    optimize(graph)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("WEBDNN_DEBUG", "1")
    optimize(graph)
    told = [line for line in capsys.readouterr().err.splitlines() if "stays" in line]
    assert [line.removeprefix("optimizer: ") for line in told] == [
        "Transpose 'to_first, rows' float32[2, 3, 24] stays: Softmax 'attend' looks along the last axis, which is not the last before it",
        "Transpose 'swapped' float32[2, 6, 4, 3] stays: Reshape 'flat' merges axes 1 and 2, which are not neighbours before it",
    ]
