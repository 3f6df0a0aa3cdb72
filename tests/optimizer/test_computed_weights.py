"""Convolutions and dense layers by weights that the graph computes."""

from __future__ import annotations

import pytest

from optimizer.support import Builder, assert_same_answers, op_names, optimized
from webdnn.graph.dim import Size, symbol
from webdnn.graph.graph import Graph, Node, Op, Value, apply
from webdnn.graph.ops import Conv2D, Conv2DTranspose, DepthwiseConv2D, MatMul, Repeat
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.program import Call, Program
from webdnn.optimizer import optimize

N, H = symbol("N"), symbol("H")
EPILOGUE = Program(3, (Call("add", (0, 1)), Call("sub", (3, 2)), Call("relu", (4,))))

# Op, shape of its data, and of its weights.
OPS: dict[str, tuple[Op, tuple[Size, ...], tuple[int, ...]]] = {
    "plain": (Conv2D(), (2, 5, 6, 3), (3, 2, 3, 4)),
    "one pixel": (Conv2D(), (2, 5, 6, 3), (1, 1, 3, 4)),
    "strides, padding, dilation": (Conv2D((2, 3), ((1, 2), (0, 3)), (2, 1)), (2, 8, 9, 3), (2, 3, 3, 5)),
    "strides larger than the window": (Conv2D((4, 3)), (1, 10, 11, 2), (2, 1, 2, 3)),
    "groups": (Conv2D((2, 1), ((1, 0), (1, 1)), (1, 2), groups=3), (2, 5, 7, 6), (2, 3, 2, 9)),
    "symbolic": (Conv2D((2, 2), ((1, 1), (1, 1))), (N, H, 7, 3), (3, 3, 3, 4)),
    "symbolic groups": (Conv2D((1, 2), ((1, 1), (1, 1)), groups=2), (N, H, 7, 4), (3, 3, 2, 6)),
    "depthwise": (DepthwiseConv2D((2, 1), ((1, 1), (0, 2)), (1, 2)), (2, 6, 7, 5), (3, 2, 5, 1)),
    "depthwise with a multiplier": (DepthwiseConv2D((1, 2)), (N, 6, H, 3), (2, 3, 3, 4)),
    "transposed": (Conv2DTranspose(), (2, 4, 5, 3), (3, 2, 3, 4)),
    "transposed, strides, dilation": (Conv2DTranspose((2, 3), ((1, 0), (0, 2)), (2, 1)), (2, 4, 5, 3), (2, 3, 3, 4)),
    "transposed, crops that add": (Conv2DTranspose((3, 1), ((-1, 0), (2, -2))), (N, H, 5, 3), (2, 3, 3, 4)),
    "dense": (MatMul(), (N, 5, 6), (6, 4)),
    "dense, a vector": (MatMul(), (6,), (6, 4)),
}


def computed(name: str, epilogue: Program | None) -> Graph:
    op, data, weights = OPS[name]
    b = Builder()
    x, w = b.input(*data), b.input(*weights)
    kernel = elementwise("tanh", w)
    plain = apply(op, x, kernel)
    if epilogue is None:
        return b.graph(plain)
    finished = type(op)(**{**op.attributes(), "epilogue": epilogue})
    return b.graph(apply(finished, x, kernel, b.weights(int(plain.shape[-1])), plain))


@pytest.mark.parametrize("epilogue", [None, EPILOGUE], ids=["", "epilogue"])
@pytest.mark.parametrize("name", OPS)
def test_answers_are_the_same(name: str, epilogue: Program | None) -> None:
    graph = computed(name, epilogue)
    for level in (0, 1):
        result = optimize(graph, level)
        assert not {"Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "MatMul"} & set(op_names(result))
        for symbols in ({"N": 1, "H": 6}, {"N": 3, "H": 9}):
            assert_same_answers(graph, result, symbols)
        assert optimize(result, level) is result


def test_weights_that_are_constant_in_the_end_stay_weights() -> None:
    b = Builder()
    kernel = elementwise("mul", b.weights(3, 3, 2, 4), elementwise("rsqrt", elementwise("square", b.weights(4))))
    optimized(b.graph(apply(Conv2D(), b.input(1, 5, 5, 2), kernel)), ["Conv2D"])


def test_in_a_loop() -> None:
    b, inner = Builder(), Builder()
    state, step = inner.input(1, 4, 4, 2), inner.input(3, 3, 2, 2)
    after = apply(Conv2D(padding=((1, 1), (1, 1))), state, step)
    body = Graph((state, step), (elementwise("tanh", after),), ("s",))
    loop: Value = apply(Repeat(3, body, 1, 1), b.input(1, 4, 4, 2), b.input(3, 3, 3, 2, 2))
    graph = optimized(b.graph(loop), ["Repeat", "Reshape"])
    (node,) = [n for n in graph.nodes() if isinstance(n.op, Repeat)]
    assert isinstance(node, Node)
    assert "BatchMatMul" in {inner.op.name for inner in node.op.bodies[0].nodes()}
