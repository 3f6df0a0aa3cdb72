"""Concatenations get out of the way of fusion."""

from __future__ import annotations

import pytest

from optimizer.support import Builder, apply_rules, array, assert_same_answers, op_names, optimized
from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import Concat
from webdnn.graph.ops.elementwise import elementwise
from webdnn.optimizer.concat import MAX_PARTS, flatten_concat, split_over_concat


def test_nested_concatenations_are_one():
    b = Builder()
    x, y, z, w = b.input(2, 3), b.input(2, 1), b.input(2, 4), b.input(2, 2)
    inner = apply(Concat(1), y, z, origin=("inner",))
    graph = b.graph(apply(Concat(1), x, inner, w, origin=("outer",)))
    result = apply_rules(graph, flatten_concat)
    assert op_names(result) == ["Concat"]
    assert result.outputs[0].node.inputs == (x, y, z, w)
    assert result.outputs[0].origin == ("inner", "outer")
    assert_same_answers(graph, result)


def test_the_same_inner_concatenation_twice():
    b = Builder()
    inner = apply(Concat(0), b.input(2, 3), b.input(1, 3))
    graph = b.graph(apply(Concat(0), inner, b.input(4, 3), inner))
    result = apply_rules(graph, flatten_concat)
    assert op_names(result) == ["Concat"]
    assert_same_answers(graph, result)


def test_another_axis_or_another_reader_stays():
    b = Builder()
    inner = apply(Concat(0), b.input(1, 3), b.input(1, 3))
    graph = b.graph(apply(Concat(1), inner, b.input(2, 3)))
    assert apply_rules(graph, flatten_concat) is graph
    graph = b.graph(apply(Concat(0), inner, b.input(2, 3)), elementwise("exp", inner))
    assert apply_rules(graph, flatten_concat) is graph
    graph = b.graph(apply(Concat(0), inner, b.input(2, 3)), inner)
    assert apply_rules(graph, flatten_concat) is graph


def test_a_long_chain_is_flattened_in_pieces():
    b = Builder()
    x = b.input(1, 2)
    for _ in range(500):
        x = apply(Concat(1), x, b.weights(1, 1))
    graph = b.graph(x)
    result = apply_rules(graph, flatten_concat)
    assert max(len(node.inputs) for node in result.nodes()) <= MAX_PARTS
    assert len(op_names(result)) < 20
    assert_same_answers(graph, result)


def branches(b: Builder) -> tuple[Value, Value, Value]:
    x = b.input(1, 5, 5, 3)
    return b.conv(x, 1, 2, "c0"), b.depthwise(x, 1, "c1"), elementwise("exp", elementwise("neg", x))


def test_batch_norm_after_a_concatenation_goes_into_the_convolutions():
    b = Builder()
    x = apply(Concat(3), *branches(b), origin=("concat",))
    x = elementwise("relu", b.batch_norm(x))
    result = optimized(b.graph(x), ["Conv2D", "DepthwiseConv2D", "Elementwise", "Concat"])
    first = result.outputs[0].node.inputs[0].node
    assert first.origin == ("c0", "bn")
    assert str(first.op.program) == "t0 = add(x0, x1); t1 = relu(t0)"


@pytest.mark.parametrize("shape", [(), (8,), (1, 1, 1, 8), (1, 8)])
def test_constants_are_cut_as_the_concatenation_is(shape):
    b = Builder()
    x = apply(Concat(3), *branches(b))
    graph = b.graph(elementwise("sub", b.weights(*shape), x))
    result = apply_rules(graph, split_over_concat)
    assert result.outputs[0].op.name == "Concat"
    assert_same_answers(graph, result)


def test_one_part_may_be_an_input():
    b = Builder()
    y = b.input(1, 5, 5, 4)
    graph = b.graph(elementwise("tanh", apply(Concat(3), y, b.conv(b.input(1, 5, 5, 3), 1, 2))))
    result = apply_rules(graph, split_over_concat)
    assert op_names(result)[-1] == "Concat"
    assert_same_answers(graph, result)


def conv(b: Builder) -> Value:
    return b.conv(b.input(1, 4, 5, 3), 1, 2)


STAYING = {
    "two_inputs": lambda b: elementwise("relu", apply(Concat(3), conv(b), b.input(1, 4, 5, 1), b.input(1, 4, 5, 1))),
    "no_product": lambda b: elementwise("relu", apply(Concat(1), elementwise("exp", b.input(2, 2)), b.input(2, 2))),
    "rows": lambda b: elementwise("relu", apply(Concat(1), conv(b), conv(b))),
    "variable": lambda b: elementwise("add", apply(Concat(3), conv(b), conv(b)), b.input(1, 4, 5, 4)),
    "map": lambda b: elementwise("add", apply(Concat(3), conv(b), conv(b)), b.weights(4, 5, 4)),
    "broadcast": lambda b: elementwise("add", apply(Concat(3), conv(b), conv(b)), array([[[[[1.0]]]]])),
    "same_part_twice": lambda b: elementwise("relu", apply(Concat(3), y := conv(b), y)),
}


@pytest.mark.parametrize("name", STAYING)
def test_other_functions_stay(name):
    b = Builder()
    graph = b.graph(STAYING[name](b))
    assert apply_rules(graph, split_over_concat) is graph


def test_a_concatenation_or_parts_that_others_read_stay():
    b = Builder()
    x = apply(Concat(3), conv(b), conv(b))
    graph = b.graph(elementwise("relu", x), elementwise("tanh", x))
    assert apply_rules(graph, split_over_concat) is graph
    y, z = conv(b), conv(b)
    graph = b.graph(elementwise("relu", apply(Concat(3), y, z)), y, z)
    assert apply_rules(graph, split_over_concat) is graph
