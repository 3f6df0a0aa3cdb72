"""Constraints in simple form hold for exactly the sizes that the original ones do."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from harness import applications, keras_models
from harness.cases import graph_of, source
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model
from webdnn.graph.constraints import Constraint, simplify_constraints
from webdnn.graph.dim import Size, ceil_divide, evaluate, symbol
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Constant, Graph, Value, apply, collect_constraints, required_constraints
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import MatMul, Reshape

H, W = symbol("H"), symbol("W")


def holds(constraints: Sequence[Constraint], **sizes: int) -> bool:
    return all(evaluate(c.left, sizes) == evaluate(c.right, sizes) for c in constraints)


def simplified(*pairs: tuple[Size, Size]) -> tuple[Constraint, ...]:
    """The simple form of pairs, whose reasons are a, b, c, …; checked against them for all sizes up to 64."""
    original = [Constraint(left, right, "abcdefghijkl"[i]) for i, (left, right) in enumerate(pairs)]
    simple = simplify_constraints(original)
    for height in range(1, 65):
        for width in (1, 2, 3, 12, 64):
            assert holds(simple, H=height, W=width) == holds(original, H=height, W=width), (simple, height, width)
    return simple


CASES = {
    "one": ([(H, 2 * (H // 2))], ["H % 2 == 0 (a)"]),
    "the_other_way_round": ([(3 * (H // 3), H)], ["H % 3 == 0 (a)"]),
    "rounded_up": ([(H, 4 * ceil_divide(H, 4))], ["H % 4 == 0 (a)"]),
    "levels": ([(H // 4, 2 * (H // 8)), (H // 2, 2 * (H // 4)), (H, 2 * (H // 2))], ["H % 8 == 0 (a, b, c)"]),
    "levels_rounded_up": (
        [(ceil_divide(H, 2), 2 * ceil_divide(H, 4)), (H, 2 * ceil_divide(H, 2))],
        ["H % 4 == 0 (a, b)"],
    ),
    "unknown_level": ([(H // 2, 2 * (H // 4))], ["(H // 2) % 2 == 0 (a)"]),
    "two_factors": ([(H, 4 * (H // 4)), (H, 6 * (H // 6))], ["H % 12 == 0 (a, b)"]),
    "two_sizes": ([(H, 2 * (H // 2)), (W, 3 * (W // 3))], ["H % 2 == 0 (a)", "W % 3 == 0 (b)"]),
    "shifted": ([(H + 1, 2 * ((H + 1) // 2))], ["(H + 1) % 2 == 0 (a)"]),
    "shifted_level": ([((H + 5) // 2, 2 * ((H + 5) // 4)), (H + 1, 2 * ((H + 1) // 2))], ["(H + 1) % 4 == 0 (a, b)"]),
    "common_factor": ([(2 * H, 4 * (H // 2))], ["H % 2 == 0 (a)"]),
    "repeats": ([(H, 2 * (H // 2)), (H, 2 * (H // 2))], ["H % 2 == 0 (a, b)"]),
    "product": ([(H * W, 4 * ((H * W) // 4))], ["H*W % 4 == 0 (a)"]),
    "equal_sizes": ([(H, W)], ["H == W (a)"]),
    "no_multiple": ([(H, 3 * (H // 2))], ["H == 3*(H // 2) (a)"]),
    "common_symbol": ([(16 * H * W, 48 * W)], ["H == 3 (a)"]),
    "the_same_in_lowest_terms": ([(4 * H * W, 12 * W), (H, 3)], ["H == 3 (a, b)"]),
    "common_number": ([(16 * H * W, 784)], ["H*W == 49 (a)"]),
    "never": ([(2 * H + 1, 2 * ((2 * H + 1) // 2))], ["2*H + 1 == 2*H (a)"]),
}


@pytest.mark.parametrize("name", CASES)
def test_simple_form(name: str) -> None:
    pairs, expected = CASES[name]
    assert [str(c).replace("(H*W)", "H*W") for c in simplified(*pairs)] == expected


def test_random_levels_hold_for_the_same_sizes() -> None:
    draw = random.Random(0)
    for _ in range(200):
        pairs: list[tuple[Size, Size]] = []
        for _ in range(draw.randint(1, 5)):
            size: Size = draw.randint(1, 3) * draw.choice([H, W]) + draw.randint(-1, 3)
            size = size // draw.choice([1, 1, 2, 3, 4])
            by = draw.randint(2, 4)
            quotient = draw.choice([size // by, ceil_divide(size, by), size // (by + 1)])
            pairs.append((size, by * quotient))
        simplified(*pairs)


def test_an_inequality_stays() -> None:
    constraint = Constraint(H, 8, "a", "<=")
    assert simplify_constraints([constraint]) == (constraint,)


UNETS = {"keras_models": (lambda: keras_models.unet(), 4), "applications": (lambda: applications.unet(32, 4, 2), 16)}


@pytest.mark.slow
@pytest.mark.parametrize("name", UNETS)
def test_unet_needs_multiples(name: str) -> None:
    build, multiple = UNETS[name]
    graph: Graph = from_model(build(), [parse_input_shape("(N<=8,H,W,3)")])
    texts = [str(c) for c in graph.constraints]
    assert [text.split(" (")[0] for text in texts] == [f"H % {multiple} == 0", f"W % {multiple} == 0"]
    original = required_constraints(graph)
    # That no size is less than 1 follows from the multiples.
    reasons = {name for c in original if c.relation == "==" for name in c.reason.split(", ")}
    assert {name for c in graph.constraints for name in c.reason.split(", ")} == reasons
    for height in range(1, 65):
        for width in (height, 2, multiple, 63, 64):
            wanted = height % multiple == 0 and width % multiple == 0
            assert holds(graph.constraints, H=height, W=width, N=1) == wanted
            assert all(c.holds({"H": height, "W": width, "N": 1}) for c in original) == wanted


def flattened_dense(x: Value, depth: int) -> Value:
    """`dense(x.view(x.size(0), -1))`, as it is written where sizes are computed."""
    n = x.shape[0]
    matrix = np.random.default_rng(1).normal(size=(depth, 5)).astype("float32")
    rows = apply(Reshape((n, x.type.elements // n)), x, origin=("view",))
    return apply(MatMul(), rows, apply(Constant(matrix)), origin=("dense",))


def test_a_symbolic_batch_folds_from_a_flattened_picture() -> None:
    x = source("x", symbol("N"), 2, 3, 4)
    y = flattened_dense(x, 24)
    assert y.node.inputs[0].shape == (symbol("N"), 24)
    assert collect_constraints(graph_of([x], [y])) == ()


def test_a_symbolic_depth_is_a_constraint() -> None:
    x = source("x", symbol("N"), 2, H, W)
    graph = graph_of([x], [flattened_dense(x, 24)])
    constraints = collect_constraints(graph)
    assert [str(c) for c in constraints] == ["H*W == 12 (dense)"]
    bound = replace(graph, constraints=constraints)
    data = np.random.default_rng(0).normal(size=(3, 2, 4, 3)).astype("float32")
    (have,) = interpret(bound, [data])
    matrix = next(n.op.array for n in graph.nodes() if isinstance(n.op, Constant))
    assert np.allclose(have, data.reshape(3, 24) @ matrix, atol=1e-5)
    with pytest.raises(GraphError, match=r"H\*W == 12 \(dense\) does not hold: 16 and 12"):
        interpret(bound, [np.zeros((3, 2, 4, 4), "float32")])


def test_a_depth_that_never_fits_is_an_error() -> None:
    with pytest.raises(GraphError, match=r"MatMul 'dense': data .* and weights .* wanted"):
        flattened_dense(source("x", symbol("N"), 2, H, W), 25)
