from dataclasses import replace

import numpy as np
import pytest

from webdnn.graph import cost
from webdnn.graph.cost import MACS, count_ops, macs, parameters, smallest_sizes
from webdnn.graph.dim import symbol
from webdnn.graph.graph import Constant, Constraint, Graph, Input, Op, Placeholder, Value, apply
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import OPS, BatchMatMul, Conv2D, Conv2DTranspose, DepthwiseConv2D, MatMul, Repeat, Slice
from webdnn.graph.ops.elementwise import WithEpilogue, elementwise
from webdnn.graph.types import TensorType


def model(op: Op, shape: tuple, weights: tuple[int, ...]) -> Graph:
    x = apply(Input("x", TensorType(shape)))
    y = apply(op, x, apply(Constant(np.ones(weights, np.float32))))
    return Graph((x,), (y,), ("y",))


def test_every_op_that_sums_products_is_counted():
    assert {op for op in OPS if issubclass(op, WithEpilogue) and op.main == 2} <= set(MACS) <= set(OPS)
    assert set(MACS) >= {BatchMatMul, Repeat}


@pytest.mark.parametrize(
    ("op", "shape", "weights"),
    [
        (Conv2D(), (2, 5, 7, 3), (3, 2, 3, 4)),
        (Conv2D(strides=(2, 1), dilation=(1, 2)), (1, 9, 8, 3), (3, 2, 3, 4)),
        (Conv2D(groups=3), (2, 5, 7, 6), (3, 2, 2, 9)),
        (DepthwiseConv2D(strides=(2, 2)), (2, 5, 7, 3), (3, 2, 3, 2)),
        (Conv2DTranspose(strides=(2, 3)), (2, 5, 7, 3), (3, 2, 3, 4)),
        (MatMul(), (2, 5, 3), (3, 4)),
        (BatchMatMul(), (2, 5, 3), (2, 3, 4)),
    ],
)
def test_of_ones_the_sum_counts_the_products(op, shape, weights):
    """Without padding, every product of ones adds 1 to the sum of the outputs."""
    graph = model(op, shape, weights)
    assert macs(graph) == interpret(graph, [np.ones(shape, np.float32)])[0].sum()


def test_symbolic_and_looped():
    n, t = symbol("N"), symbol("T")
    state, element = apply(Input("s", TensorType((n, 4)))), apply(Input("e", TensorType((n, 3))))
    weights = apply(Constant(np.ones((3, 4), np.float32)))
    body = Graph((state, element), (elementwise("add", state, apply(MatMul(), element, weights)),), ("s",))
    x, start = apply(Input("x", TensorType((t, n, 3)))), apply(Input("start", TensorType((n, 4))))
    graph = Graph((x, start), (apply(Repeat(t, body, 1, 1), start, x),), ("y",))
    assert macs(graph) == 12 * n * t
    assert parameters(graph) == 12
    assert count_ops(graph) == {"Elementwise": 1, "MatMul": 1, "Repeat": 1}


def test_a_shared_constant_counts_once():
    x = apply(Input("x", TensorType((1, 4))))
    w = apply(Constant(np.ones((4, 4), np.float32)))
    y = apply(MatMul(), apply(MatMul(), x, w), w)
    assert parameters(Graph((x,), (y,), ("y",))) == 16


def sized(*constraints: Constraint, **placeholders: Placeholder) -> Graph:
    x: Value = apply(Input("x", TensorType(tuple(symbol(name) for name in placeholders))))
    return Graph((x,), (x,), ("y",), placeholders=placeholders, constraints=constraints)


def test_smallest_sizes():
    n, h = symbol("N"), symbol("H")
    assert smallest_sizes(sized()) == {}
    assert smallest_sizes(sized(N=Placeholder(3, 8))) == {"N": 3}
    divisible = Constraint(h % 16, 0, "unet")
    assert smallest_sizes(sized(divisible, N=Placeholder(), H=Placeholder(20))) == {"N": 1, "H": 32}
    assert smallest_sizes(sized(Constraint(n, h, "add"), N=Placeholder(), H=Placeholder(5))) == {"N": 5, "H": 5}
    assert smallest_sizes(sized(divisible, H=Placeholder(1, 15))) is None


def test_smallest_sizes_leave_no_axis_empty():
    x = apply(Input("x", TensorType((symbol("H"), 2))))
    y = apply(Slice((0, 0), (symbol("H") - 4, 2)), x)
    assert smallest_sizes(Graph((x,), (y,), ("y",), placeholders={"H": Placeholder()})) == {"H": 5}


def test_smallest_sizes_are_searched_for_once(monkeypatch):
    n = symbol("N")
    graph = sized(Constraint(n % 4, 0, "add"), N=Placeholder(5))
    searched = []
    monkeypatch.setattr(cost, "_search_sizes", lambda graph: searched.append(graph) or {"N": 8})
    first = smallest_sizes(graph)
    first["N"] = 3  # the caller's own
    assert smallest_sizes(graph) == {"N": 8}
    assert smallest_sizes(replace(graph)) == {"N": 8}
    assert len(searched) == 2
