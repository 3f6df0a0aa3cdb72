"""Blocks of well-known networks: one op per convolution is left."""

from __future__ import annotations

from optimizer.support import Builder, optimized
from webdnn.graph.graph import apply
from webdnn.graph.ops import Concat, Conv2D, MatMul, Pad, Pool2D, Reduce
from webdnn.graph.ops.elementwise import elementwise


def test_resnet_bottleneck():
    b = Builder()
    x = b.input(1, 6, 6, 8)
    y = elementwise("relu", b.batch_norm(elementwise("add", b.conv(x, 1, 4, "c1"), b.weights(4), origin=("c1",)), "b1"))
    same = ((1, 1), (1, 1))
    y = elementwise("relu", b.batch_norm(b.conv(y, 3, 4, "c2", padding=same), "b2"), origin=("r2",))
    y = b.batch_norm(b.conv(y, 1, 8, "c3"), "b3")
    short = b.batch_norm(b.conv(x, 1, 8, "c0"), "b0")
    y = elementwise("relu", elementwise("add", short, y, origin=("add",)), origin=("r3",))
    result = optimized(b.graph(y), ["Conv2D"] * 4)
    last = result.outputs[0].node
    assert last.origin == ("c3", "b3", "add", "r3")
    assert str(last.op.program) == "t0 = add(x0, x1); t1 = add(x2, t0); t2 = relu(t1)"
    # Each convolution: data, weights, one bias; the last one also the shortcut.
    assert sorted(len(n.inputs) for n in result.nodes() if isinstance(n.op, Conv2D)) == [3, 3, 3, 4]


def test_identity_residual_goes_into_the_last_convolution():
    b = Builder()
    x = elementwise("relu", b.input(1, 4, 4, 8))
    y = b.batch_norm(b.conv(elementwise("relu", b.batch_norm(b.conv(x, 1, 4))), 1, 8))
    optimized(b.graph(elementwise("relu", elementwise("add", y, x))), ["Elementwise", "Conv2D", "Conv2D"])


def test_mobilenet_v2_block():
    b = Builder()
    x = b.input(1, 7, 7, 4)
    y = elementwise("clip", b.batch_norm(b.conv(x, 1, 12)), 0, 6)
    y = apply(Pad(((0, 0), (0, 1), (0, 1), (0, 0))), y, origin=("pad",))
    y = elementwise("clip", b.batch_norm(b.depthwise(y, 3, strides=(2, 2))), 0, 6)
    y = b.batch_norm(b.conv(y, 1, 4))
    result = optimized(b.graph(y), ["Conv2D", "DepthwiseConv2D", "Conv2D"])
    depthwise = next(n for n in result.nodes() if n.op.name == "DepthwiseConv2D")
    assert depthwise.op.padding == ((0, 1), (0, 1))
    assert depthwise.origin == ("pad", "depthwise", "bn")


def test_mobilenet_v2_residual():
    b = Builder()
    x = b.batch_norm(b.conv(b.input(2, 5, 5, 3), 1, 4))
    y = elementwise("clip", b.batch_norm(b.conv(x, 1, 12)), 0, 6)
    y = elementwise("clip", b.batch_norm(b.depthwise(y, 3, padding=((1, 1), (1, 1)))), 0, 6)
    y = elementwise("add", x, b.batch_norm(b.conv(y, 1, 4)))
    optimized(b.graph(y), ["Conv2D", "Conv2D", "DepthwiseConv2D", "Conv2D"])


def test_pre_activation_block():
    b = Builder()
    x = b.input(1, 5, 5, 8)
    y = elementwise("relu", b.batch_norm(x))
    y = elementwise("relu", b.batch_norm(b.conv(y, 1, 4)))
    y = b.conv(y, 3, 8, padding=((1, 1), (1, 1)))
    y = elementwise("add", x, elementwise("add", y, b.weights(8)))
    optimized(b.graph(y), ["Elementwise", "Conv2D", "Conv2D"])


def test_densenet_block():
    b = Builder()
    x = b.input(1, 4, 4, 8)
    for _ in range(2):
        y = elementwise("relu", b.batch_norm(x))
        y = elementwise("relu", b.batch_norm(b.conv(y, 1, 6)))
        x = apply(Concat(3), x, b.conv(y, 3, 4, padding=((1, 1), (1, 1))))
    x = apply(Pool2D("average", (2, 2), (2, 2)), b.conv(elementwise("relu", b.batch_norm(x)), 1, 6))
    expected = ["Elementwise", "Conv2D", "Conv2D", "Concat"] * 2 + ["Elementwise", "Conv2D", "Pool2D"]
    optimized(b.graph(x), expected)


def test_squeeze_and_excitation():
    b = Builder()
    x = b.batch_norm(b.depthwise(b.input(2, 4, 4, 6), 3))
    x = elementwise("mul", x, elementwise("sigmoid", x))
    s = apply(Reduce("mean", (1, 2), keepdims=True), x)
    s = elementwise("add", b.conv(s, 1, 2), b.weights(2))
    s = elementwise(
        "sigmoid", elementwise("add", b.conv(elementwise("mul", s, elementwise("sigmoid", s)), 1, 6), b.weights(6))
    )
    y = b.batch_norm(b.conv(elementwise("mul", x, s), 1, 4))
    optimized(b.graph(y), ["DepthwiseConv2D", "Reduce", "Conv2D", "Conv2D", "Elementwise", "Conv2D"])


def test_dense_head_and_residual_of_a_transformer():
    b = Builder()
    x = b.input(1, 5, 8)
    h = elementwise("gelu", elementwise("add", apply(MatMul(), x, b.weights(8, 16)), b.weights(16)))
    y = elementwise("add", x, elementwise("add", apply(MatMul(), h, b.weights(16, 8)), b.weights(8)))
    optimized(b.graph(y), ["MatMul", "MatMul"])
