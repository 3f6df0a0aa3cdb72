"""Functions that arrive written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from optimizer.support import Builder, apply_rules, array, assert_same_answers, op_names, optimized
from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import MatMul, Reduce, Softmax
from webdnn.graph.ops.elementwise import elementwise as e
from webdnn.optimizer import optimize
from webdnn.optimizer.recognition import recognize_softmax

SQRT2 = float(np.float32(math.sqrt(2)))
SIXTH = float(np.float32(1 / 6))


def erf_part(x: Value, scale: float = SQRT2) -> Value:
    return e("add", e("erf", e("div", x, scale)), 1.0)


WRITTEN_OUT = {
    "sigmoid": (lambda x: e("div", array(1.0), e("add", array(1.0), e("exp", e("neg", x)))), ["sigmoid"]),
    "sigmoid_reciprocal": (lambda x: e("reciprocal", e("add", e("exp", e("mul", x, -1.0)), 1.0)), ["sigmoid"]),
    "silu": (lambda x: e("mul", x, e("sigmoid", x)), ["silu"]),
    "silu_turned": (lambda x: e("mul", e("sigmoid", x), x), ["silu"]),
    "silu_quotient": (lambda x: e("div", x, e("add", e("exp", e("neg", x)), 1.0)), ["silu"]),
    "silu_from_primitives": (
        lambda x: e("mul", x, e("div", array(1.0), e("add", e("exp", e("neg", x)), 1.0))),
        ["silu"],
    ),
    "hard_sigmoid": (lambda x: e("clip", e("add", e("mul", x, SIXTH), 0.5), 0, 1), ["hard_sigmoid"]),
    "hard_sigmoid_minmax": (lambda x: e("min", e("max", e("add", e("div", x, 6.0), 0.5), 0.0), 1.0), ["hard_sigmoid"]),
    "hard_sigmoid_maxmin": (lambda x: e("max", e("min", e("add", e("div", x, 6.0), 0.5), 1.0), 0.0), ["hard_sigmoid"]),
    "hard_sigmoid_relu6": (lambda x: e("div", e("clip", e("add", x, 3.0), 0, 6), 6.0), ["hard_sigmoid"]),
    "hard_swish": (lambda x: e("div", e("mul", x, e("clip", e("add", x, 3.0), 0, 6)), 6.0), ["hard_sigmoid", "mul"]),
    "hard_swish_relu": (
        lambda x: e("mul", x, e("mul", e("min", e("relu", e("add", x, 3.0)), 6.0), SIXTH)),
        ["hard_sigmoid", "mul"],
    ),
    "gelu": (lambda x: e("mul", e("mul", x, 0.5), erf_part(x)), ["gelu"]),
    "gelu_late_half": (lambda x: e("mul", e("mul", x, erf_part(x)), 0.5), ["gelu"]),
    "gelu_halved": (lambda x: e("div", e("mul", x, erf_part(x)), 2.0), ["gelu"]),
    "gelu_inner_half": (lambda x: e("mul", x, e("mul", array(0.5), erf_part(x))), ["gelu"]),
    "gelu_multiplied": (
        lambda x: e("mul", e("mul", x, 0.5), e("add", array(1.0), e("erf", e("mul", x, math.sqrt(0.5))))),
        ["gelu"],
    ),
}


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_functions_are_recognized(name):
    make, functions = WRITTEN_OUT[name]
    b = Builder()
    result = optimized(b.graph(make(b.input(3, 5))), ["Elementwise"])
    assert [call.function for call in result.outputs[0].op.program.calls] == functions


def test_gelu_of_a_product():
    b = Builder()
    x = e("mul", b.input(3, 5), b.input(3, 5))
    result = optimized(b.graph(e("mul", e("mul", x, 0.5), erf_part(x))), ["Elementwise"])
    assert [call.function for call in result.outputs[0].op.program.calls] == ["mul", "gelu"]


def test_gelu_goes_into_the_dense_layer():
    b = Builder()
    x = e("add", apply(MatMul(), b.input(3, 5), b.weights(5, 4)), b.weights(4))
    result = optimized(b.graph(e("mul", e("mul", x, 0.5), erf_part(x))), ["MatMul"])
    assert [call.function for call in result.outputs[0].op.program.calls] == ["add", "gelu"]


def test_what_others_read_is_still_computed():
    b = Builder()
    x = b.input(3, 5)
    gate = e("sigmoid", x)
    optimized(b.graph(e("mul", x, gate), e("neg", gate)))


def tanh_gelu(x: Value) -> Value:
    cubed = e("mul", e("mul", x, e("mul", x, x)), 0.044715)
    z = e("mul", e("add", x, cubed), math.sqrt(2 / math.pi))
    return e("mul", e("mul", x, 0.5), e("add", e("tanh", z), 1.0))


LOOK_ALIKES = {
    "sigmoid_of_x": lambda x, y: e("div", array(1.0), e("add", e("exp", x), 1.0)),
    "sigmoid_plus_two": lambda x, y: e("div", array(1.0), e("add", e("exp", e("neg", x)), 2.0)),
    "one_plus_over_one": lambda x, y: e("div", e("add", e("exp", e("neg", x)), 1.0), array(1.0)),
    "gate_of_another": lambda x, y: e("mul", x, e("sigmoid", y)),
    "quotient_of_another": lambda x, y: e("div", x, e("add", e("exp", e("neg", y)), 1.0)),
    "keras_2_hard_sigmoid": lambda x, y: e("clip", e("add", e("mul", x, 0.2), 0.5), 0, 1),
    "wide_hard_sigmoid": lambda x, y: e("clip", e("add", e("div", x, 6.0), 0.5), 0, 2),
    "relu6_of_x_plus_2": lambda x, y: e("div", e("clip", e("add", x, 2.0), 0, 6), 6.0),
    "six_over_relu6": lambda x, y: e("div", array(6.0), e("clip", e("add", x, 3.0), 0, 6)),
    "hard_swish_over_5": lambda x, y: e("div", e("mul", x, e("clip", e("add", x, 3.0), 0, 6)), 5.0),
    "tanh_gelu": lambda x, y: tanh_gelu(x),
    "gelu_of_another": lambda x, y: e("mul", e("mul", y, 0.5), erf_part(x)),
    "gelu_squared": lambda x, y: e("mul", e("mul", e("mul", x, x), 0.5), erf_part(x)),
    "gelu_without_half": lambda x, y: e("mul", x, erf_part(x)),
    "gelu_of_another_width": lambda x, y: e("mul", e("mul", x, 0.5), erf_part(x, 1.4143)),
    "gelu_minus": lambda x, y: e("mul", e("mul", x, 0.5), e("sub", e("erf", e("div", x, SQRT2)), 1.0)),
}
RECOGNIZED = {"sigmoid", "silu", "hard_sigmoid", "gelu"}


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_look_alikes_stay(name):
    b = Builder()
    x, y = b.input(3, 5), b.input(3, 5)
    graph = b.graph(LOOK_ALIKES[name](x, y))
    before = [
        call.function for node in graph.nodes() if node.op.name == "Elementwise" for call in node.op.program.calls
    ]
    result = optimized(graph) if name != "six_over_relu6" else apply_rules(graph)
    after = [
        call.function for node in result.nodes() if node.op.name == "Elementwise" for call in node.op.program.calls
    ]
    assert RECOGNIZED & set(after) == RECOGNIZED & set(before)


def test_a_square_of_squares_is_no_burden():
    b = Builder()
    x = b.input(3)
    for _ in range(30):
        x = e("mul", x, x)
    assert op_names(optimize(b.graph(x))) == ["Elementwise"]


def rows(kind: str, x: Value, axes=(2,), keepdims: bool = True) -> Value:
    return apply(Reduce(kind, axes, keepdims), x, origin=(kind,))


def softmax_of(power: Value, axes=(2,)) -> Value:
    return e("div", power, rows("sum", power, axes), origin=("div",))


SOFTMAX = {
    "plain": lambda x: softmax_of(e("exp", x, origin=("exp",))),
    "stable": lambda x: softmax_of(e("exp", e("sub", x, rows("max", x)), origin=("exp",))),
    "softmax_of_difference": lambda x: apply(Softmax(), e("sub", x, rows("max", x))),
}


@pytest.mark.parametrize("name", SOFTMAX)
def test_softmax_is_recognized(name):
    b = Builder()
    graph = b.graph(SOFTMAX[name](b.input(2, 3, 5)))
    result = apply_rules(graph, recognize_softmax)
    assert op_names(result) == ["Softmax"]
    assert_same_answers(graph, result)
    optimized(graph, ["Softmax"])


def test_softmax_of_a_fused_program():
    b = Builder()
    x = b.input(2, 3, 5)
    power = e("exp", e("sub", x, rows("max", x)))
    fused = optimized(b.graph(power), ["Reduce", "Elementwise"]).outputs[0]
    graph = b.graph(softmax_of(fused))
    assert op_names(apply_rules(graph, recognize_softmax)) == ["Softmax"]
    optimized(graph, ["Softmax"])


def test_softmax_after_a_dense_layer():
    b = Builder()
    x = e("add", apply(MatMul(), b.input(2, 3, 5), b.weights(5, 4)), b.weights(4))
    optimized(b.graph(SOFTMAX["stable"](x)), ["MatMul", "Softmax"])


NO_SOFTMAX = {
    "another_axis": lambda x: softmax_of(e("exp", x), (1,)),
    "two_axes": lambda x: softmax_of(e("exp", x), (1, 2)),
    "mean": lambda x: e("div", power := e("exp", x), rows("mean", power)),
    "sum_of_x": lambda x: e("div", e("exp", x), rows("sum", x)),
    "turned": lambda x: e("div", rows("sum", power := e("exp", x)), power),
    "no_exp": lambda x: softmax_of(e("sigmoid", x)),
    "softmax_of_mean": lambda x: apply(Softmax(), e("sub", x, rows("mean", x))),
    "softmax_of_column_maximum": lambda x: apply(Softmax(), e("sub", x, rows("max", x, (1,)))),
    "negative": lambda x: apply(Softmax(), e("sub", rows("max", x), x)),
}


@pytest.mark.parametrize("name", NO_SOFTMAX)
def test_no_softmax(name):
    b = Builder()
    graph = b.graph(NO_SOFTMAX[name](b.input(2, 3, 5)))
    assert apply_rules(graph, recognize_softmax) is graph
