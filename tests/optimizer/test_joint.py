"""Elementwise ops whose results are all wanted become one; what must not is left."""

from __future__ import annotations

from optimizer.support import Builder, optimized
from webdnn.graph.graph import Graph, Node, Value, apply
from webdnn.graph.ops import JointElementwise, Reduce, Repeat
from webdnn.graph.ops.elementwise import elementwise
from webdnn.optimizer import optimize


def results_of(graph: Graph) -> list[tuple[int, int]]:
    """(inputs, results) of each op with several results."""
    return [(len(n.inputs), len(n.types)) for n in graph.nodes() if isinstance(n.op, JointElementwise)]


def test_a_result_that_another_is_made_from() -> None:
    b = Builder()
    x, z = b.input(3, 5), b.input(5)
    y = elementwise("tanh", elementwise("add", x, z))
    graph = optimized(b.graph(y, elementwise("mul", y, x)), ["JointElementwise"])
    assert results_of(graph) == [(2, 2)]
    assert optimize(graph) is graph


def test_two_functions_of_one_value_need_not_store_it() -> None:
    b = Builder()
    x = b.input(3, 5)
    shared = elementwise("exp", elementwise("mul", x, 0.25))
    graph = optimized(b.graph(elementwise("sin", shared), elementwise("tanh", shared)), ["JointElementwise"])
    assert results_of(graph) == [(1, 2)]


def test_what_others_read_is_a_result() -> None:
    b = Builder()
    x = b.input(3, 5)
    y = elementwise("exp", x)
    total = apply(Reduce("sum", (1,), True), y)
    graph = optimized(b.graph(elementwise("sin", y), total), ["JointElementwise", "Reduce"])
    assert results_of(graph) == [(1, 2)]


def test_results_of_other_dtypes() -> None:
    b = Builder()
    x, z = b.input(3, 5), b.input(3, 5)
    larger = elementwise("greater", x, z)
    graph = optimized(b.graph(larger, elementwise("where", larger, x, z), elementwise("to_int32", larger)))
    assert results_of(graph) == [(2, 3)]


def test_an_op_that_would_wait_for_itself_stays() -> None:
    b = Builder()
    x = b.input(3, 5)
    y = elementwise("exp", x)
    total = apply(Reduce("sum", (1,), True), y)  # is made from y, and made into the other result
    optimized(b.graph(y, elementwise("add", y, total)), ["Elementwise", "Reduce", "Elementwise"])


def test_another_shape_stays() -> None:
    b = Builder()
    x, z = b.input(5), b.input(3, 5)
    y = elementwise("exp", x)
    optimized(b.graph(y, elementwise("add", y, z)), ["Elementwise", "Elementwise"])


def test_no_more_operands_than_a_shader_may_have() -> None:
    b = Builder()
    inputs = [b.input(2, 3) for _ in range(6)]
    results: list[Value] = [inputs[0]]
    for other in inputs[1:]:
        results.append(elementwise("sub", elementwise("tanh", results[-1]), other))
    graph = optimized(b.graph(*results[1:]))
    assert results_of(graph)
    assert all(inputs + results <= 8 for inputs, results in results_of(graph))


def test_in_a_loop() -> None:
    b = Builder()
    x, start = b.input(4, 2, 3), b.input(2, 3)
    body_of = Builder()
    state, step = body_of.input(2, 3), body_of.input(2, 3)
    after = elementwise("add", elementwise("tanh", state), step)
    body = Graph((state, step), (after, elementwise("mul", after, step)), ("s", "y"))
    graph = optimized(b.graph(*Node(Repeat(4, body, 1, 1), (start, x), ("loop",)).outputs), ["Repeat"])
    (loop,) = [n.op for n in graph.nodes() if isinstance(n.op, Repeat)]
    assert results_of(loop.body) == [(2, 2)]
    assert optimize(graph) is graph


def test_a_long_chain_of_wanted_results() -> None:
    b = Builder()
    y: Value = b.input(2, 3)
    outputs = []
    for _ in range(40):
        y = elementwise("tanh", elementwise("add", y, 0.25))
        outputs.append(y)
    graph = optimized(b.graph(*outputs))
    assert sum(results for _, results in results_of(graph)) >= 39
