"""constant_folding and cse."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.support import Builder, apply_rules, array, assert_same_answers, op_names, optimized
from webdnn.graph.dim import symbol
from webdnn.graph.graph import Constant, apply
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import Concat, Elementwise, MatMul, Pad, Reshape, Resize2D, Softmax, Transpose
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.program import Call, Program
from webdnn.optimizer import optimize
from webdnn.optimizer.constant_folding import SMALL, fold_constants
from webdnn.optimizer.cse import share_common_subexpressions


def test_constants_fold():
    b = Builder()
    c = apply(Transpose((1, 0)), elementwise("sub", b.weights(3, 4), b.weights(4)))
    c = apply(Softmax(), apply(Concat(0), apply(Reshape((3, 4)), c), b.weights(2, 4)))
    graph = b.graph(elementwise("add", b.input(5, 4), c))
    result = apply_rules(graph, fold_constants)
    assert op_names(result) == ["Elementwise"]
    assert_same_answers(graph, result)


def test_each_step_is_computed_in_float64():
    b = Builder()
    values = b.random.uniform(0.1, 1, size=1000).astype(np.float32)
    graph = b.graph(elementwise("add", b.input(1000), elementwise("rsqrt", array(values))))
    folded = next(n.op.array for n in apply_rules(graph, fold_constants).nodes() if isinstance(n.op, Constant))
    assert folded.dtype == np.float32
    assert (folded == (1 / np.sqrt(values.astype(np.float64))).astype(np.float32)).all()
    assert (folded != 1 / np.sqrt(values)).any()


def test_integers_fold_as_integers():
    b = Builder()
    c = apply(Concat(0), apply(Constant(np.array([2**30 + 1], np.int32))), apply(Constant(np.array([-5], np.int32))))
    result = apply_rules(b.graph(c), fold_constants)
    assert result.outputs[0].op.array.tolist() == [2**30 + 1, -5]
    assert result.outputs[0].dtype == "int32"


@pytest.mark.parametrize("function", ["to_int32", "to_uint8", "floor", "sign"])
def test_what_jumps_folds_as_the_page_computes_it(function: str) -> None:
    """0.7 · 10 is 7 in float32; in float64, with the 0.7 of float32, it is less."""
    for joined in (False, True):
        x = array([0.7, 0.29, -0.7])
        if joined:
            calls = (Call("mul", (0, 1)), Call("sub", (2, 6.0)), Call(function, (3,)))
            y = apply(Elementwise(Program(2, calls)), x, array([10.0, 100.0, 10.0]))
        else:
            y = elementwise(function, elementwise("sub", elementwise("mul", x, array([10.0, 100.0, 10.0])), 6.0))
        b = Builder()
        graph = b.graph(y)
        (folded,) = [n.op.array for n in optimize(graph).nodes() if isinstance(n.op, Constant)]
        np.testing.assert_array_equal(folded, interpret(graph, [])[0])


def test_literals_that_jump_are_those_of_float32() -> None:
    b = Builder()
    calls = (Call("mul", (0.29, 100.0)), Call("floor", (1,)), Call("add", (0, 2)))
    graph = b.graph(apply(Elementwise(Program(1, calls)), b.input(3)))
    zeros = [np.zeros(3, np.float32)]
    np.testing.assert_array_equal(interpret(optimize(graph), zeros)[0], interpret(graph, zeros)[0])


def test_large_results_do_not_fold():
    b = Builder()
    big = elementwise("add", b.weights(SMALL, 1), b.weights(1, 3))
    image = apply(Resize2D(200, 200, "nearest"), b.weights(1, 2, 2, 1))
    graph = b.graph(elementwise("mul", b.input(1, 3), big), elementwise("mul", b.input(1), image))
    assert apply_rules(graph, fold_constants) is graph


def test_symbolic_results_do_not_fold():
    b, n = Builder(), symbol("N")
    c = apply(Pad(((0, n - 1), (0, 0))), b.weights(1, 3))
    graph = b.graph(elementwise("add", b.input(n, 3), c))
    assert apply_rules(graph, fold_constants) is graph


def test_what_depends_on_an_input_does_not_fold():
    b = Builder()
    graph = b.graph(apply(MatMul(), b.input(2, 3), b.weights(3, 2)))
    assert apply_rules(graph, fold_constants) is graph


def test_overflow_folds_without_a_warning():
    b = Builder()
    graph = b.graph(elementwise("max", b.input(2), elementwise("log", array([0.0, -1.0]))))
    folded = apply_rules(graph, fold_constants)
    assert op_names(folded) == ["Elementwise"]


def test_equal_computations_are_shared():
    b = Builder()
    x = b.input(2, 3)
    w = np.arange(12.0).reshape(3, 4)
    y = elementwise("exp", apply(MatMul(), x, array(w)))
    z = elementwise("neg", apply(MatMul(), x, array(w.copy())))
    graph = b.graph(y, z)
    result, count = share_common_subexpressions(graph)
    assert count == 2
    assert op_names(result) == ["MatMul", "Elementwise", "Elementwise"]
    assert_same_answers(graph, result)
    assert share_common_subexpressions(result) == (result, 0)


def test_look_alikes_are_not_shared():
    b = Builder()
    x, z = b.input(2, 3), b.input(2, 3)
    values = [
        elementwise("add", x, 1.0),
        elementwise("add", x, 2.0),
        elementwise("add", x, z),
        elementwise("sub", x, z),
        elementwise("sub", z, x),
        apply(Reshape((3, 2)), x),
        apply(Transpose((1, 0)), x),
        apply(Reshape((3, 2)), z),
        elementwise("add", x, array([1, 2, 3])),
        elementwise("add", x, array([1, 2, 4])),
        elementwise("add", x, array([[1, 2, 3]])),
    ]
    graph = b.graph(*values)
    assert share_common_subexpressions(graph) == (graph, 0)


def test_large_constants_that_differ_between_the_samples():
    b = Builder()
    left = np.zeros(1000)
    right = left.copy()
    right[501] = 1
    graph = b.graph(elementwise("add", elementwise("add", b.input(1000), array(left)), array(right)))
    assert share_common_subexpressions(graph) == (graph, 0)


def test_zero_and_minus_zero_are_two_constants():
    b = Builder()
    graph = b.graph(
        elementwise("div", array([1.0, 1]), elementwise("mul", b.input(2), array([0.0, 0]))), array([-0.0, 0])
    )
    assert share_common_subexpressions(graph) == (graph, 0)


def test_outputs_that_become_one_stay_two_outputs():
    b = Builder()
    x = b.input(2, 3)
    result = optimized(b.graph(elementwise("exp", x), elementwise("exp", x)), ["Elementwise"])
    assert result.output_names == ("y0", "y1")
