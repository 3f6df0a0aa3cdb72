"""Sizes that a page must not make too small: what is known of them, and in which form a page is told."""

from __future__ import annotations

import itertools
import random

import pytest

from harness.cases import graph_of, source
from webdnn.graph.bounds import always_reaches, least_value, most_value, simplify_limits, tightened
from webdnn.graph.constraints import Constraint
from webdnn.graph.cost import smallest_sizes
from webdnn.graph.dim import Size, evaluate, maximum, minimum, symbol
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Graph, Placeholder, apply, collect_constraints
from webdnn.graph.ops import Pool2D, Slice
from webdnn.graph.types import TensorType

S, T, N = symbol("S"), symbol("T"), symbol("N")


def positive(*sizes: Size) -> list[Constraint]:
    return [Constraint(1, size, f"layer_{i}", "<=") for i, size in enumerate(sizes)]


FORMS: dict[str, tuple[Size, list[str]]] = {
    "a difference": (T - 2, ["3 <= T"]),
    "windows": ((T - 3) // 2 + 1, ["3 <= T"]),
    "half": (T // 2, ["2 <= T"]),
    "half, rounded up": ((T + 1) // 2, []),
    "the other half": (T - T // 2, []),
    "every sample": (N * T - 2 * N, ["3 <= T"]),
    "two placeholders": (T - S, ["S + 1 <= T"]),
    "an upper limit": (5 - T, ["T <= 4"]),
    "the smaller one": (minimum(T - 1, S - 2), ["2 <= T", "3 <= S"]),
    "the larger one": (maximum(T - 5, 1), []),
    "five halvings": (T // 32, ["32 <= T"]),
}


@pytest.mark.parametrize("name", FORMS)
def test_b4_a_size_is_positive_in_simple_form(name: str) -> None:
    size, expected = FORMS[name]
    found = simplify_limits(positive(size), {})
    assert [f"{c.left} {c.relation} {c.right}" for c in found] == expected


def _random_size(draw: random.Random, depth: int = 3) -> Size:
    if depth == 0 or draw.random() < 0.2:
        return draw.choice([S, T, draw.randint(1, 6)])
    left, right = _random_size(draw, depth - 1), _random_size(draw, depth - 1)
    kind = draw.choice(["+", "-", "*", "//", "%", "min", "max"])
    if kind in ("//", "%"):
        by = draw.randint(2, 4)
        return left // by if kind == "//" else left % by
    made: dict[str, Size] = {"+": left + right, "-": left - right, "*": left * right}
    return made[kind] if kind in made else minimum(left, right) if kind == "min" else maximum(left, right)


def test_b4_bounds_and_simple_forms_hold_for_random_sizes() -> None:
    """Against every pair of values within the bounds."""
    draw = random.Random(4)
    grid = [{"S": s, "T": t} for s, t in itertools.product(range(2, 9), range(1, 8))]
    bounds = {"S": (2, 8), "T": (1, 7)}
    decided = 0
    for _ in range(150):
        size = _random_size(draw)
        values = [evaluate(size, at) for at in grid]
        assert least_value(size, bounds) <= min(values)
        assert most_value(size, bounds) >= max(values)
        decided += always_reaches(1, size, bounds)
        if isinstance(size, int) or max(values) < 1:
            continue
        found = simplify_limits(positive(size), bounds)
        for at, value in zip(grid, values, strict=True):
            assert all(c.holds(at) for c in found) == (value >= 1), (size, at, found)
    assert decided > 30


def test_the_highest_of_several_limits_stays_with_its_layers() -> None:
    found = simplify_limits(positive(T - 2, T - 5, (T - 5) // 1, T), {})
    assert [str(c) for c in found] == ["6 <= T (layer_1, layer_2)"]


def test_bounds_grant_a_limit() -> None:
    assert simplify_limits(positive(T - 2), {"T": (3, None)}) == ()
    assert tightened({"T": (1, None)}, [Constraint(T % 16, 0, "unet")]) == {"T": (16, None)}
    assert tightened({}, [Constraint((T + 1) % 4, 0, "unet"), Constraint(5, T, "conv", "<=")]) == {"T": (5, None)}


def test_b4_a_limit_that_bounds_forbid_names_the_layer() -> None:
    with pytest.raises(GraphError, match="'layer_0' needs 3 <= T, which T <= 2 forbids"):
        simplify_limits(positive(T - 2), {"T": (1, 2)})


def test_b4_every_op_is_heard_and_the_smallest_sizes_follow() -> None:
    x = source("x", N, T, S, 3)
    pooled = apply(Pool2D("max", (9000, 2), (9000, 2)), x, origin=("pool",))
    cut = apply(Slice((0, 0, 0, 0), (N, 1, S // 2 - 1, 3)), pooled, origin=("cut",))
    graph = graph_of([x], [cut])
    graph = Graph(graph.inputs, graph.outputs, ("y",), placeholders=dict.fromkeys("NTS", Placeholder()))
    constraints = collect_constraints(graph)
    assert [str(c) for c in constraints] == ["9000 <= T (pool, cut)", "4 <= S (cut)"]
    bound = Graph(graph.inputs, graph.outputs, ("y",), (), graph.placeholders, constraints)
    assert smallest_sizes(bound) == {"N": 1, "T": 9000, "S": 4}


@pytest.mark.parametrize("shape", [(0, 4), (2, -1)])
def test_b5_no_tensor_is_empty(shape: tuple[int, ...]) -> None:
    with pytest.raises(GraphError, match="every size must be at least 1"):
        TensorType(shape)
