"""elementwise_chain, simplify_programs and literals."""

from __future__ import annotations

import math

import pytest

from optimizer.support import Builder, apply_rules, array, assert_same_answers, op_names, optimized
from webdnn.graph.graph import apply
from webdnn.graph.ops import Elementwise
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.program import Call, Program
from webdnn.optimizer.elementwise_chain import MAX_CALLS, MAX_INPUTS, fuse_elementwise
from webdnn.optimizer.literals import fold, simplify
from webdnn.optimizer.simplify_programs import simplify_elementwise


def chained(graph):
    result = apply_rules(graph, fuse_elementwise)
    assert_same_answers(graph, result)
    return result


def test_a_chain_becomes_one_op():
    b = Builder()
    x = b.input(2, 3, 4)
    y = elementwise("tanh", elementwise("sub", elementwise("exp", elementwise("neg", x)), b.weights(4)))
    assert op_names(chained(b.graph(y))) == ["Elementwise"]


def test_three_addends_stay_three():
    b = Builder()
    a, c, d = b.input(2, 3), b.input(2, 3), b.input(2, 3)
    for y in (elementwise("add", elementwise("add", a, c), d), elementwise("add", a, elementwise("add", c, d))):
        result = chained(b.graph(y))
        assert op_names(result) == ["Elementwise"]
        assert set(result.outputs[0].node.inputs) == {a, c, d}


def test_equal_inputs_are_one_input():
    b = Builder()
    x = b.input(2, 3)
    y = elementwise("mul", elementwise("add", x, b.input(2, 3)), elementwise("sub", x, 1.0))
    result = chained(b.graph(y))
    assert op_names(result) == ["Elementwise"]
    assert len(result.outputs[0].node.inputs) == 2


def test_two_readers_do_not_fuse():
    b = Builder()
    inner = elementwise("exp", b.input(2, 3))
    graph = b.graph(elementwise("relu", inner), elementwise("neg", inner))
    assert apply_rules(graph, fuse_elementwise) is graph
    graph = b.graph(elementwise("relu", inner), inner)
    assert apply_rules(graph, fuse_elementwise) is graph


def test_an_inner_op_that_is_broadcast_does_not_fuse():
    b = Builder()
    graph = b.graph(elementwise("add", b.input(5, 3), elementwise("exp", b.input(3))))
    assert apply_rules(graph, fuse_elementwise) is graph


def test_one_over_x_and_six_over_two_x():
    b = Builder()
    x = b.input(3, 4)
    y = elementwise("div", 1.0, elementwise("add", elementwise("square", x), 1.0))
    z = elementwise("div", 6.0, elementwise("mul", 2.0, elementwise("add", elementwise("square", x), 1.0)))
    w = elementwise("sub", 0.0, x)
    v = elementwise("pow", 1.0, x)
    u = elementwise("sub", 3.0, elementwise("sub", 2.0, x))
    optimized(b.graph(y, z, w, v, u))


def test_limits():
    b = Builder()
    y = b.input(2, 2)
    for _ in range(2 * MAX_INPUTS):
        y = elementwise("add", y, b.input(2, 2))
    result = chained(b.graph(y))
    assert 2 <= len(op_names(result)) <= 4
    assert all(len(n.inputs) <= MAX_INPUTS for n in result.nodes())
    b = Builder()
    y = b.input(2, 2)
    for i in range(3 * MAX_CALLS):
        y = elementwise("sin" if i % 2 else "cos", y)
    result = chained(b.graph(y))
    assert [len(n.op.program.calls) for n in result.nodes() if n.op.name == "Elementwise"] == [MAX_CALLS] * 3


@pytest.mark.parametrize(
    ("function", "operands", "kept"),
    [
        ("mul", (None, 1.0), 0),
        ("mul", (1.0, None), 0),
        ("add", (None, 0.0), 0),
        ("add", (0.0, None), 0),
        ("sub", (None, 0.0), 0),
        ("div", (None, 1.0), 0),
        ("pow", (None, 1.0), 0),
        ("sub", (0.0, None), 1),
        ("div", (1.0, None), 1),
        ("pow", (1.0, None), 1),
        ("mul", (None, 0.0), 1),
        ("max", (None, 0.0), 1),
    ],
)
def test_neutral_literals(function, operands, kept):
    b = Builder()
    x = elementwise("exp", b.input(2, 3))
    graph = b.graph(elementwise(function, *(x if o is None else array(o) for o in operands)))
    result = apply_rules(graph, simplify_elementwise)
    assert len(op_names(result)) == 1 + kept
    assert_same_answers(graph, result)


@pytest.mark.parametrize(
    ("functions", "calls"),
    [
        (("relu", "relu"), 1),
        (("neg", "neg"), 0),
        (("abs", "abs"), 1),
        (("sign", "sign"), 1),
        (("exp", "exp"), 2),
        (("relu", "neg", "relu"), 3),
        (("neg", "abs", "neg"), 3),
        (("floor", "ceil"), 2),
    ],
)
def test_pairs_of_unary_functions(functions, calls):
    b = Builder()
    x = b.input(2, 3)
    y = x
    for function in functions:
        y = elementwise(function, y)
    result = optimized(b.graph(y))
    assert sum(len(n.op.program.calls) for n in result.nodes() if n.op.name == "Elementwise") == calls


def test_clips():
    b = Builder()
    x = b.input(2, 30)
    twice = elementwise("clip", elementwise("clip", x, 0, 6), 0, 6)
    other = elementwise("clip", elementwise("clip", x, 0, 2), -1, 1)
    after = elementwise("relu", elementwise("clip", x, 0, 3))
    negative = elementwise("relu", elementwise("clip", x, -1, 4))
    result = optimized(b.graph(twice, other, after, negative))
    assert [len(v.op.program.calls) for v in result.outputs] == [1, 2, 1, 2]


def test_literals_merge():
    b = Builder()
    x = b.input(2, 3)
    y = elementwise("sub", elementwise("add", elementwise("add", x, 1.5), array(2.0)), 0.25)
    z = elementwise("mul", array([[3.0]]), elementwise("mul", x, -2.0))
    result = optimized(b.graph(y, z))
    assert [str(v.op.program) for v in result.outputs] == ["t0 = add(x0, 3.25)", "t0 = mul(x0, -6)"]


def test_a5_what_is_infinite_in_float32_is_an_infinite_literal_and_what_vanishes_is_none():
    assert fold("mul", 1e30, 1e30) == math.inf
    assert fold("mul", 1e-30, 1e-30) is None
    assert fold("log", 0.0) == -math.inf
    assert fold("div", 1.0, 0.0) == math.inf
    assert fold("mul", 0.0, 3.0) == 0.0
    assert fold("sub", 3.0, 3.0) == 0.0
    first = Call("mul", (-1, 1e-30))
    assert simplify(Call("mul", (0, 1e-30)), [first], lambda operand: "float32") == Call("mul", (0, 1e-30))


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a5_nan_and_infinite_constants_become_literals(value):
    b = Builder()
    y = elementwise("min", b.input(2, 3), array(value))
    (call,) = optimized(b.graph(y), ["Elementwise"]).outputs[0].op.program.calls
    assert call == Call("min", (0, value))


def test_a_scalar_constant_that_gives_the_shape_stays():
    b = Builder()
    for factor in (1.0, 2.0):
        y = elementwise("mul", b.input(3), array([[[factor]]]))
        assert optimized(b.graph(y), ["Elementwise"]).outputs[0].shape == (1, 1, 3)


def test_equal_calls_are_one_call():
    b = Builder()
    x = b.input(2, 3)
    program = Program(1, (Call("exp", (0,)), Call("exp", (0,)), Call("add", (1, 2))))
    result = optimized(b.graph(apply(Elementwise(program), x)), ["Elementwise"])
    assert str(result.outputs[0].op.program) == "t0 = exp(x0); t1 = add(t0, t0)"


def test_an_index_is_no_literal():
    """x0·x1 + x1 and x0·x1 + 1.0 are different programs, although 1 == 1.0."""
    b = Builder()
    x, z = b.input(2, 3), b.input(2, 3)
    first = Program(2, (Call("mul", (0, 1)), Call("add", (2, 1))))
    second = Program(2, (Call("mul", (0, 1)), Call("add", (2, 1.0))))
    assert first != second
    optimized(b.graph(apply(Elementwise(first), x, z), apply(Elementwise(second), x, z)), ["Elementwise"] * 2)


def test_symbolic_sizes_that_may_differ_keep_their_type():
    from webdnn.graph.dim import symbol

    b = Builder()
    x, z = b.input(symbol("N"), 3), b.input(4, 3)
    y = elementwise("relu", elementwise("add", x, elementwise("exp", z)))
    optimized(b.graph(y), symbols={"N": 4})
