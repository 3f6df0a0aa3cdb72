"""Graphs inside ops: whoever walks over a model sees those of any op, however many it has. `Either` has two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from webdnn.cli.picture import draw
from webdnn.graph.cost import all_nodes, count_ops, parameters, smallest_sizes
from webdnn.graph.dim import Size, symbol
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Constant, Graph, Input, Node, Op, Placeholder, Value, apply
from webdnn.graph.interpreter import interpret, run_values
from webdnn.graph.ops import Repeat, Slice
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.types import TensorType
from webdnn.graph.verify import verify
from webdnn.optimizer import optimize


@dataclass(frozen=True, eq=False)
class Either(Op):
    """`first` where `chosen`, else `second`, on the same inputs."""

    first: Graph
    chosen: bool
    second: Graph

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return tuple(v.type for v in self.first.outputs)

    def evaluate(self, inputs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        return tuple(run_values(self.first if self.chosen else self.second, inputs, {}))


def leaf(*shape: Size) -> Value:
    return apply(Input("x_t", TensorType(shape)))


def cut(function: str, length: Size, taken: Size) -> Graph:
    """(length,) → `function` of its first `taken` elements, twice; the second is of no use."""
    x = leaf(length)
    y = elementwise(function, apply(Slice((0,), (taken,)), x))
    return Graph((x,), (elementwise("add", y, y),), ("y",))


def model(length: Size, taken: Size, chosen: bool = False, **placeholders: Placeholder) -> Graph:
    x = apply(Input("x", TensorType((length,))))
    op = Either(cut("exp", length, taken), chosen, cut("neg", length, taken))
    return Graph((x,), (apply(op, x),), ("y",), placeholders=placeholders)


def test_placeholders_are_bound_in_every_body_and_the_op_stays_as_it_was():
    n = symbol("N")
    graph = model(n, n - 2, N=Placeholder(3))
    op = graph.outputs[0].op
    assert isinstance(op, Either)
    bound = op.bind({"N": 5})
    assert [[v.shape for v in (*b.inputs, *b.outputs)] for b in bound.bodies] == [[(5,), (3,)]] * 2
    assert op.bodies == (op.first, op.second)
    assert op.second.inputs[0].shape == (n,)
    (y,) = interpret(graph, [np.arange(5, dtype=np.float32)])
    np.testing.assert_array_equal(y, [0, -2, -4])


def test_a_loop_in_a_loop_is_bound():
    n = symbol("N")
    x, state = leaf(n), leaf(n)
    inner = Graph((state,), (elementwise("add", state, 1),), ("y",))
    outer = Graph((x,), (apply(Repeat(n, inner, 1, 0), x),), ("y",))
    bound = Repeat(2, outer, 1, 0).bind({"N": 3})
    (body,) = bound.bodies
    (loop,) = [node.op for node in body.nodes() if isinstance(node.op, Repeat)]
    assert (loop.count, loop.body.inputs[0].shape) == (3, (3,))
    np.testing.assert_array_equal(bound.evaluate([np.zeros(3, np.float32)])[0], [6, 6, 6])


def test_every_body_is_printed_counted_and_drawn():
    graph = model(4, 3)
    text = str(graph)
    assert [line.count("    %") for line in text.splitlines()] == [0, 0, *[1] * 4, 0, *[1] * 4, 0, 0]
    assert "Either(chosen=False)" in text
    assert count_ops(graph) == {"Either": 1, "Elementwise": 4, "Slice": 2}
    picture = draw(graph)
    assert picture.count(">exp<") == picture.count(">neg<") == 1


def test_sizes_and_constants_inside_of_bodies_count():
    n = symbol("N")
    assert smallest_sizes(model(n, n - 6, N=Placeholder())) == {"N": 7}
    x = leaf(2)
    scaled = Graph((x,), (elementwise("mul", x, apply(Constant(np.ones(2, np.float32)))),), ("y",))
    y = leaf(2)
    plain = Graph((y,), (elementwise("neg", y),), ("y",))
    outer = apply(Input("x", TensorType((2,))))
    for op in (Either(scaled, True, plain), Either(plain, True, scaled)):
        assert parameters(Graph((outer,), (apply(op, outer),), ("y",))) == 2


def test_every_body_is_optimized_and_one_that_is_used_twice_stays_one():
    shared = cut("exp", 4, 4)
    x = apply(Input("x", TensorType((4,))))
    both = apply(Either(shared, True, cut("neg", 4, 4)), x)
    again = apply(Either(shared, False, shared), both)
    result = optimize(Graph((x,), (again,), ("y",)))
    ops = [node.op for node in result.nodes() if isinstance(node.op, Either)]
    assert [op.first is ops[0].first for op in ops] == [True, True]
    assert ops[1].second is ops[0].first
    assert not [node for node in all_nodes(result) if isinstance(node.op, Slice)]
    assert len([node for node in ops[0].second.nodes() if node.inputs]) == 1


def test_what_is_wrong_inside_of_a_second_body_is_found():
    x, stranger = leaf(2), leaf(2)
    bad = Graph((x,), (elementwise("add", x, stranger),), ("y",))
    y = leaf(2)
    good = Graph((y,), (elementwise("neg", y),), ("y",))
    outer = apply(Input("x", TensorType((2,))))
    graph = Graph((outer,), Node(Either(good, True, bad), (outer,)).outputs, ("y",))
    with pytest.raises(GraphError, match="'x_t', which is not an input of the graph"):
        verify(graph)


def test_other_bodies_are_as_many():
    op = Either(cut("exp", 4, 4), True, cut("neg", 4, 4))
    changed = op.with_bodies(op.bodies[::-1])
    assert isinstance(changed, Either)
    assert (changed.first, changed.chosen, changed.second) == (op.second, True, op.first)
    with pytest.raises(ValueError, match="shorter"):
        op.with_bodies(op.bodies[:1])
