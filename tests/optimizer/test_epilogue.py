from __future__ import annotations

import pytest

from optimizer.support import Builder, apply_rules, array, assert_same_answers, op_names, optimized
from webdnn.graph.graph import apply
from webdnn.graph.ops import Elementwise, MatMul, Reshape
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.program import Call, Program
from webdnn.optimizer.epilogue import MAX_CALLS, MAX_OPERANDS, fuse_epilogue
from webdnn.optimizer.no_op import remove_no_op


def fused(graph):
    result = apply_rules(graph, fuse_epilogue)
    assert_same_answers(graph, result)
    return op_names(result)


def test_bias_residual_and_activation():
    b = Builder()
    x = b.input(2, 4, 4, 3)
    y = elementwise("add", b.conv(x, 1, 3), b.weights(3))
    graph = b.graph(elementwise("relu", elementwise("sub", x, y)))
    assert fused(graph) == ["Conv2D"]


def test_bias_residual_and_activation_of_groups():
    b = Builder()
    x = b.input(2, 4, 4, 6)
    y = elementwise("add", b.conv(x, 3, 6, padding=((1, 1), (1, 1)), groups=3), b.weights(6))
    result = optimized(b.graph(elementwise("relu", elementwise("add", x, y))), ["Conv2D"])
    assert result.outputs[0].op.groups == 3


def test_two_readers_do_not_fuse():
    b = Builder()
    y = b.conv(b.input(2, 4, 4, 3), 1, 3)
    assert fused(b.graph(elementwise("relu", y), elementwise("neg", y))) == ["Conv2D", "Elementwise", "Elementwise"]


def test_a_graph_output_does_not_fuse():
    b = Builder()
    y = b.conv(b.input(2, 4, 4, 3), 1, 3)
    assert fused(b.graph(elementwise("relu", y), y)) == ["Conv2D", "Elementwise"]


def test_an_output_twice_does_not_fuse():
    b = Builder()
    y = b.conv(b.input(2, 4, 4, 3), 1, 3)
    assert len(optimized(b.graph(y, y), ["Conv2D"]).outputs) == 2


def test_a_reader_behind_a_no_op_counts():
    b = Builder()
    y = b.conv(b.input(2, 4, 4, 3), 1, 3)
    graph = b.graph(elementwise("relu", y), elementwise("neg", apply(Reshape((2, 4, 4, 3)), y)))
    result = apply_rules(graph, remove_no_op, fuse_epilogue)
    assert op_names(result) == ["Conv2D", "Elementwise", "Elementwise"]


def test_relu_of_a_value_with_a_second_reader():
    b = Builder()
    y = elementwise("add", b.conv(b.input(2, 4, 4, 3), 1, 3), b.weights(3))
    optimized(b.graph(elementwise("add", elementwise("relu", y), b.conv(y, 1, 3))))


def test_a_sum_read_twice_by_one_node_fuses():
    b = Builder()
    y = b.conv(b.input(2, 4, 4, 3), 1, 3)
    program = Program(2, (Call("sigmoid", (1,)), Call("mul", (0, 2))))
    assert fused(b.graph(apply(Elementwise(program), y, y))) == ["Conv2D"]


def test_x_times_sigmoid_x_of_two_nodes_fuses():
    b = Builder()
    y = b.batch_norm(b.conv(b.input(2, 4, 4, 3), 1, 3))
    optimized(b.graph(elementwise("mul", y, elementwise("sigmoid", y))), ["Conv2D"])


def test_broadcasting_up_does_not_fuse():
    b = Builder()
    y = b.conv(b.input(1, 1, 1, 3), 1, 3)
    assert fused(b.graph(elementwise("add", y, b.input(2, 4, 4, 3)))) == ["Conv2D", "Elementwise"]
    b = Builder()
    y = b.conv(b.input(1, 4, 4, 3), 1, 3)
    assert fused(b.graph(elementwise("add", y, b.weights(1, 1, 1, 1, 3)))) == ["Conv2D", "Elementwise"]


@pytest.mark.parametrize("shape", [(2, 1, 1, 3), (4, 1), (2, 4, 4, 1)])
def test_operands_that_are_neither_whole_nor_per_channel_do_not_fuse(shape):
    b = Builder()
    y = b.conv(b.input(2, 4, 4, 3), 1, 3)
    assert fused(b.graph(elementwise("mul", y, b.input(*shape)))) == ["Conv2D", "Elementwise"]


@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 1, 3), (1, 1, 1, 3), (2, 4, 4, 3)])
def test_operands_that_are_whole_or_per_channel_fuse(shape):
    b = Builder()
    y = b.conv(b.input(2, 4, 4, 3), 1, 3)
    assert fused(b.graph(elementwise("div", b.input(*shape), elementwise("exp", y)))) == ["Conv2D"]


def test_of_two_sums_the_later_takes_the_addition():
    b = Builder()
    x = b.input(1, 4, 4, 3)
    early = b.conv(x, 1, 3, "early")
    late = b.conv(elementwise("relu", b.conv(x, 3, 3, "first", padding=((1, 1), (1, 1)))), 1, 3, "late")
    for operands in ((early, late), (late, early)):
        result = apply_rules(b.graph(elementwise("add", *operands)), fuse_epilogue)
        assert len(op_names(result)) == 3
        last = result.outputs[0].node
        other = last.inputs[2].node
        order = [n.origin[:1] for n in result.nodes()]
        assert order.index(other.origin[:1]) < order.index(last.origin[:1])


def test_limits_leave_an_elementwise_op_behind():
    b = Builder()
    y = b.conv(b.input(1, 4, 4, 3), 1, 3)
    for _ in range(MAX_OPERANDS + 1):
        y = elementwise("add", y, b.input(1, 4, 4, 3))
    result = optimized(b.graph(y), ["Conv2D", "Elementwise"])
    assert all(len(n.inputs) <= 2 + MAX_OPERANDS for n in result.nodes())
    b = Builder()
    y = b.conv(b.input(1, 4, 4, 3), 1, 3)
    for i in range(MAX_CALLS + 8):
        y = elementwise("sin" if i % 2 else "cos", y)
    optimized(b.graph(y), ["Conv2D", "Elementwise"])


def test_a5_literals_that_are_not_finite_are_literals():
    b = Builder()
    y = elementwise("max", apply(MatMul(), b.input(2, 3), b.weights(3, 4)), array([float("-inf")]))
    result = optimized(b.graph(y), ["MatMul"])
    assert len(result.outputs[0].node.inputs) == 2


def test_origins_in_execution_order_without_repeats():
    b = Builder()
    y = b.conv(b.input(1, 4, 4, 3), 1, 3, "conv")
    y = elementwise("relu", elementwise("neg", y, origin=("conv", "neg")), origin=("relu", "neg"))
    assert apply_rules(b.graph(y), fuse_epilogue).outputs[0].origin == ("conv", "neg", "relu")
