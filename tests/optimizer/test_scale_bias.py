from __future__ import annotations

import numpy as np
import pytest

from optimizer.support import Builder, apply_rules, array, assert_same_answers, op_names, optimized
from webdnn.graph.graph import Constant, apply
from webdnn.graph.ops import Conv2D, Conv2DTranspose, DepthwiseConv2D, Elementwise, MatMul
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.program import Call, Program
from webdnn.optimizer.epilogue import fuse_epilogue
from webdnn.optimizer.scale_bias import fold_into_next, fold_into_sum

SAME = ((1, 1), (1, 1))


def sums(b: Builder, kind: str, x, channels: int = 6):
    """A sum of products of each kind, with 6 output channels."""
    c = x.shape[-1]
    return {
        "conv": lambda: apply(Conv2D(padding=SAME), x, b.weights(3, 3, c, channels)),
        "groups": lambda: b.conv(x, 3, channels, padding=SAME, groups=c),
        "depthwise": lambda: apply(DepthwiseConv2D(padding=SAME), x, b.weights(3, 3, c, channels // c)),
        "transposed": lambda: apply(
            Conv2DTranspose(strides=(2, 2), crop=((-1, 1), (0, 1))), x, b.weights(3, 3, c, channels)
        ),
        "matmul": lambda: apply(MatMul(), x, b.weights(c, channels)),
    }[kind]()


KINDS = ["conv", "groups", "depthwise", "transposed", "matmul"]


@pytest.mark.parametrize("kind", KINDS)
def test_batch_norm_after_a_sum(kind):
    b = Builder()
    y = b.batch_norm(elementwise("add", sums(b, kind, b.input(2, 4, 5, 3)), b.weights(6)))
    graph = b.graph(elementwise("relu", y))
    folded = apply_rules(graph, fold_into_sum, fuse_epilogue)
    assert len(op_names(folded)) == 1
    assert len(folded.outputs[0].node.inputs) == 3
    assert str(folded.outputs[0].op.program) == "t0 = add(x0, x1); t1 = relu(t0)"
    assert_same_answers(graph, folded)


@pytest.mark.parametrize("scale", [0.0, -2.5, 1.0])
def test_scales_of_any_sign(scale):
    b = Builder()
    y = elementwise("mul", b.conv(b.input(1, 4, 4, 3), 3, 5), scale)
    graph = b.graph(elementwise("add", y, b.weights(5)))
    assert_same_answers(graph, optimized(graph, ["Conv2D"]))


def test_every_affine_function_and_operand_order():
    b = Builder()
    y = b.conv(b.input(1, 4, 4, 3), 1, 5)
    for function, operands in (
        ("sub", (y, b.weights(5))),
        ("sub", (b.weights(5), None)),
        ("div", (None, b.weights(5))),
        ("neg", (None,)),
        ("mul", (array(-3.0), None)),
        ("add", (None, array([[[7.0]]]))),
    ):
        y = elementwise(function, *(y if o is None else o for o in operands))
    result = optimized(b.graph(elementwise("relu", y)), ["Conv2D"])
    assert len(result.outputs[0].node.inputs) == 3


def test_constant_over_sum_is_not_affine():
    b = Builder()
    y = elementwise("div", 6.0, elementwise("mul", b.conv(b.input(1, 3, 3, 3), 1, 5), 2.0))
    result = optimized(b.graph(y), ["Conv2D"])
    assert [c.function for c in result.outputs[0].op.program.calls] == ["div"]


def test_a_step_with_two_readers_ends_the_run():
    b = Builder()
    y = b.conv(b.input(1, 3, 3, 3), 1, 5)
    program = Program(2, (Call("mul", (0, 1)), Call("sigmoid", (2,)), Call("mul", (2, 3)), Call("mul", (4, 0))))
    graph = b.graph(apply(Elementwise(program), y, b.weights(5)))
    result = optimized(graph, ["Conv2D"])
    assert [c.function for c in result.outputs[0].op.program.calls] == ["mul", "silu", "mul"]


def test_scale_by_pixel_or_by_input_does_not_fold():
    b = Builder()
    x = b.input(1, 3, 3, 3)
    for operand in (b.weights(3, 3, 1), b.input(5), b.weights(1, 3, 1, 5)):
        graph = b.graph(elementwise("mul", b.conv(x, 1, 5), operand))
        fused = apply_rules(graph, fold_into_sum, fuse_epilogue)
        assert fused.outputs[0].op.key() is not None
        weights = [n.op.array for n in fused.nodes() if isinstance(n.op, Constant) and n.op.array.ndim == 4]
        assert any(w.shape == (1, 1, 3, 5) and w is graph_weights(graph) for w in weights)
        assert_same_answers(graph, fused)


def graph_weights(graph):
    return next(n for n in graph.nodes() if isinstance(n.op, Conv2D)).inputs[1].op.array


def test_infinite_scale_does_not_fold():
    b = Builder()
    graph = b.graph(elementwise("mul", b.conv(b.input(1, 3, 3, 3), 1, 2), array([np.inf, 1])))
    fused = apply_rules(graph, fold_into_sum, fuse_epilogue)
    assert [c.function for c in fused.outputs[0].op.program.calls] == ["mul"]


def test_a_sum_that_is_an_output_keeps_its_weights():
    b = Builder()
    y = b.conv(b.input(1, 3, 3, 3), 1, 2)
    optimized(b.graph(y, b.batch_norm(y)), ["Conv2D", "Elementwise"])


def test_shared_weights_stay_for_the_other_reader():
    b = Builder()
    weights, x = b.weights(1, 1, 3, 4), b.input(1, 3, 3, 3)
    plain = apply(Conv2D(), x, weights)
    optimized(b.graph(plain, b.batch_norm(apply(Conv2D(), b.input(1, 3, 3, 3), weights))), ["Conv2D", "Conv2D"])


@pytest.mark.parametrize("kind", ["depthwise", "conv", "matmul"])
def test_batch_norm_before_an_unpadded_sum(kind):
    b = Builder()
    x = b.batch_norm(b.input(2, 4, 5, 3))
    y = {
        "conv": lambda: b.conv(x, 3, 6),
        "depthwise": lambda: b.depthwise(x, 3, multiplier=2),
        "matmul": lambda: apply(MatMul(), x, b.weights(3, 6)),
    }[kind]()
    graph = b.graph(elementwise("relu", y))
    folded = apply_rules(graph, fold_into_next, fold_into_sum, fuse_epilogue)
    assert len(op_names(folded)) == 1
    assert_same_answers(graph, folded)


@pytest.mark.parametrize(("channels", "outputs", "groups"), [(6, 4, 2), (4, 6, 2), (6, 9, 3), (5, 5, 5), (8, 4, 4)])
def test_batch_norm_before_and_after_groups(channels, outputs, groups):
    """Before: every group has channels of its own among the weights' rows. After: output channels, as without groups."""
    b = Builder()
    before = b.batch_norm(b.input(2, 4, 5, channels))
    after = b.batch_norm(b.conv(before, 3, outputs, groups=groups))
    result = optimized(b.graph(elementwise("relu", after)), ["Conv2D"])
    assert result.outputs[0].op.groups == groups
    assert str(result.outputs[0].op.program) == "t0 = add(x0, x1); t1 = relu(t0)"


def test_one_scale_for_all_channels_of_groups():
    b = Builder()
    scaled = elementwise("add", elementwise("mul", b.input(1, 4, 5, 6), -2.5), 0.75)
    optimized(b.graph(b.conv(scaled, 3, 4, groups=2)), ["Conv2D"])


@pytest.mark.parametrize("kind", KINDS)
def test_scale_alone_moves_through_padding(kind):
    b = Builder()
    y = sums(b, kind, elementwise("mul", b.input(2, 4, 5, 3), b.weights(3)))
    graph = b.graph(elementwise("relu", y))
    folded = apply_rules(graph, fold_into_next)
    assert len(op_names(folded)) == 2
    assert_same_answers(graph, folded)


@pytest.mark.parametrize("kind", ["conv", "groups", "depthwise", "transposed"])
def test_shift_does_not_move_through_padding(kind):
    b = Builder()
    graph = b.graph(sums(b, kind, elementwise("add", b.input(2, 4, 5, 3), b.weights(3))))
    assert apply_rules(graph, fold_into_next) is graph
    optimized(
        graph,
        ["Elementwise", {"depthwise": "DepthwiseConv2D", "transposed": "Conv2DTranspose"}.get(kind, "Conv2D")],
    )


def test_scaled_input_with_another_reader_stays():
    b = Builder()
    x = elementwise("mul", b.input(1, 4, 4, 3), b.weights(3))
    graph = b.graph(b.conv(x, 1, 2), elementwise("exp", elementwise("neg", x)))
    assert apply_rules(graph, fold_into_next) is graph


def test_weights_that_are_no_constant_stay():
    b = Builder()
    graph = b.graph(elementwise("mul", apply(MatMul(), b.input(4, 3), b.input(3, 5)), b.weights(5)))
    optimized(graph, ["BatchMatMul"])


def test_weights_are_scaled_in_float64():
    b = Builder()
    weights = array([[1 / 3]])
    y = apply(MatMul(), b.input(2, 1), weights)
    for factor in (1 / 3, 3.0):
        y = elementwise("mul", y, array([factor]))
    result = optimized(b.graph(y))
    array_left = result.outputs[0].node.inputs[1].op.array
    assert array_left.dtype == np.float32
    assert abs(float(array_left[0, 0]) - float(np.float32(1 / 3)) * float(np.float32(1 / 3)) * 3.0) < 3e-8
