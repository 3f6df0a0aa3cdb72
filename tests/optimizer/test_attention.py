"""Large attention is computed block by block, with the same answers and less memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.imaginary import CAPABILITIES, Machine
from optimizer.support import Builder, op_names, optimized
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.limits import memory_of
from webdnn.graph.dim import Size, symbol
from webdnn.graph.graph import Constant, Graph, Placeholder, Value, apply
from webdnn.graph.ops import BatchMatMul, Repeat, Softmax
from webdnn.graph.ops.elementwise import elementwise
from webdnn.optimizer import attention as rule
from webdnn.optimizer import optimize

N, T = symbol("N"), symbol("T")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits at which small matrices are large."""
    monkeypatch.setattr(rule, "LARGEST", 500)
    monkeypatch.setattr(rule, "BLOCK", 120)
    monkeypatch.setattr(rule, "FEWEST_ROWS", 3)


def heads(b: Builder, query: Size, key: Size, masked: Callable[[Builder, Value], Value], batch: Size = 2) -> Graph:
    """Attention of two heads, whose factors lie as Keras has them, (batch, time, head, depth)."""
    q, k, v = b.input(batch, query, 2, 4), b.input(batch, key, 2, 4), b.input(batch, key, 2, 5)
    scores = apply(BatchMatMul((0, 2, 1, 3), (0, 2, 3, 1)), q, k)
    found = apply(Softmax(), masked(b, elementwise("mul", scores, 0.5)))
    return b.graph(elementwise("tanh", apply(BatchMatMul(None, (0, 2, 1, 3)), found, v)))


def causal(b: Builder, scores: Value) -> Value:
    allowed = apply(Constant(np.tril(np.ones((scores.shape[-2], scores.shape[-1]), bool))))  # type: ignore[arg-type]
    return elementwise("where", allowed, scores, -1e9)


MASKS: dict[str, Callable[[Builder, Value], Value]] = {
    "none": lambda b, s: s,
    "causal": causal,
    "additive": lambda b, s: elementwise("add", s, b.input(2, 1, s.shape[-2], s.shape[-1])),
    "of keys": lambda b, s: elementwise("where", b.input(2, 1, 1, s.shape[-1], dtype="bool"), s, -30.0),
    "of queries, after a bias of keys": lambda b, s: elementwise(
        "sub",
        elementwise("add", s, b.weights(s.shape[-1])),
        b.input(2, s.shape[-2], 1),  # type: ignore[arg-type]
    ),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(("query", "key"), [(24, 9), (23, 11), (31, 31)])
def test_answers_are_the_same(query: int, key: int, mask: str) -> None:
    graph = heads(Builder(), query, key, MASKS[mask])
    result = optimized(graph)
    (loop,) = [n.op for n in result.nodes() if isinstance(n.op, Repeat)]
    largest = max(
        v.type.elements for n in loop.body.nodes() for v in n.outputs if isinstance(n.op, BatchMatMul | Softmax)
    )
    assert isinstance(largest, int)
    assert largest < 2 * 2 * query * key / 2
    assert optimize(result) is result


@pytest.mark.parametrize("capabilities", CAPABILITIES)
def test_on_every_kind_of_memory(capabilities: str) -> None:
    graph = heads(Builder(), 23, 11, MASKS["additive"])
    random = np.random.default_rng(5)
    inputs = [random.normal(size=v.shape) for v in graph.inputs]  # type: ignore[arg-type]
    machine = Machine(CAPABILITIES[capabilities])
    (want,), (have,) = machine.run(graph, [inputs]), machine.run(optimize(graph), [inputs])
    np.testing.assert_allclose(have[0], want[0], rtol=1e-12)


def test_memory_is_that_of_a_block() -> None:
    graph = heads(Builder(), 200, 200, MASKS["none"])
    target = Machine(CAPABILITIES["arena"]).target
    before, after = (
        memory_of(build_plan(g, target, WeightTable.of(g)), target, {}).activations for g in (graph, optimize(graph))
    )
    scores = 4 * 2 * 2 * 200 * 200
    assert before >= scores
    assert after < scores / 3


def with_bounds(graph: Graph, **most: int | None) -> Graph:
    placeholders = {name: Placeholder(1, maximum) for name, maximum in most.items()}
    return Graph(graph.inputs, graph.outputs, graph.output_names, (), placeholders, graph.constraints)


def test_a_placeholder_counts_as_its_largest_value() -> None:
    graph = with_bounds(heads(Builder(), T, T, MASKS["none"], N), N=None, T=40)
    for symbols in ({"N": 1, "T": 1}, {"N": 3, "T": 7}, {"N": 2, "T": 40}):
        assert "Repeat" in op_names(optimized(graph, symbols=symbols))


@pytest.mark.parametrize("most", [None, 10])
def test_few_scores_or_no_bound_stay(most: int | None) -> None:
    graph = with_bounds(heads(Builder(), T, T, MASKS["none"], N), N=None, T=most)
    assert "Repeat" not in op_names(optimized(graph, symbols={"N": 2, "T": 5}))


def test_scores_that_something_else_reads_stay() -> None:
    b = Builder()
    q, v = b.input(40, 4), b.input(40, 4)
    scores = apply(BatchMatMul(None, (1, 0)), q, v)
    found = apply(Softmax(), elementwise("mul", scores, 0.5))
    assert "Repeat" not in op_names(optimized(b.graph(apply(BatchMatMul(), found, v), found)))


def test_products_without_a_softmax_stay() -> None:
    b = Builder()
    q, v = b.input(40, 4), b.input(40, 4)
    scores = elementwise("tanh", elementwise("add", apply(BatchMatMul(None, (1, 0)), q, v), b.input(40, 40)))
    assert "Repeat" not in op_names(optimized(b.graph(apply(BatchMatMul(), scores, v))))
