"""What ops need of sizes that only the page knows."""

from __future__ import annotations

import numpy as np
import pytest

from harness.cases import graph_of, source
from webdnn.graph.dim import symbol
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Graph, Node, apply, collect_constraints
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import Repeat, Slice

T = symbol("T")


def _slice(start: object, size: object) -> Graph:
    x = source("x", 4, T, 2)
    graph = graph_of([x], [apply(Slice((0, start, 0), (4, size, 2)), x, origin=("cut",))])  # type: ignore[arg-type]
    return Graph(graph.inputs, graph.outputs, graph.output_names, constraints=collect_constraints(graph))


def test_slice_ends_within_a_symbolic_axis() -> None:
    graph = _slice(2, 2)
    assert [str(c) for c in graph.constraints] == ["4 <= T (cut)"]
    assert interpret(graph, [np.zeros((4, 4, 2), np.float32)])[0].shape == (4, 2, 2)
    # Memory holds enough elements for four wrong parts: only the constraint can tell.
    with pytest.raises(GraphError, match="4 <= T"):
        interpret(graph, [np.zeros((4, 3, 2), np.float32)])


def test_slice_from_the_end_begins_within_a_symbolic_axis() -> None:
    graph = _slice(T - 3, 3)
    assert [str(c) for c in graph.constraints] == ["3 <= T (cut)"]
    with pytest.raises(GraphError, match="3 <= T"):
        interpret(graph, [np.zeros((4, 2, 2), np.float32)])


def test_a_slice_within_its_axis_needs_only_an_element() -> None:
    assert [str(c) for c in _slice(1, T - 3).constraints] == ["4 <= T (cut)"]


def test_the_body_of_a_loop_is_heard() -> None:
    state = source("state", T, 2)
    part = apply(Slice((1, 0), (3, 2)), state)
    body = Graph((state,), (state, part), ("state", "part"))
    start = source("start", T, 2)
    graph = graph_of([start], Node(Repeat(3, body, 1, 0), (start,), ("loop",)).outputs)
    assert [str(c) for c in collect_constraints(graph)] == ["4 <= T (loop)"]
