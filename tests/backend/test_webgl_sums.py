"""Long sums on webgl: each is cut into shorter ones, so that rounding does not grow with the number of terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

from harness.cases import Array, Case, N, Random, graph_of, source
from harness.descriptors import run_cases, write_cases
from harness.page import PageError
from webdnn.backend.webgl import TARGET
from webdnn.graph.dim import Size
from webdnn.graph.graph import Constant, Graph, Op, apply
from webdnn.graph.ops import BatchMatMul, Conv2D, CumulativeSum, DepthwiseConv2D, MatMul, Pool2D, Reduce, Softmax
from webdnn.graph.ops.elementwise import elementwise

BOUND = 1e-6
"""Of |have − want| / |want|, element by element: all terms are positive, so no sum is smaller than its parts."""
ROWS = 400_003
pytestmark = pytest.mark.slow


class Positive(Case):
    """Inputs are positive and repeat, so that one running sum would round all in one direction."""

    def inputs(self, run: int) -> list[Array]:
        def periodic(shape: Sequence[int]) -> Array:
            size = int(np.prod(shape))
            return (0.1 + np.arange(size) % 97 / 97).astype(np.float32).reshape(shape)

        return [periodic([self.runs[run].get(str(s), s) for s in v.shape]) for v in self.graph.inputs]


def one(shape: Sequence[Size], op: Op, _: Random) -> Graph:
    x = source("x", *shape)
    return graph_of([x], [apply(op, x, origin=("op",))])


def weighted(shape: Sequence[int], weights: Sequence[int], op: Op, _: Random) -> Graph:
    """Weights between 0.5 and 1."""
    size = int(np.prod(weights))
    values = (0.5 + np.arange(size) % 89 / 178).astype(np.float32).reshape(weights)
    x = source("x", *shape)
    return graph_of([x], [apply(op, x, apply(Constant(values)), origin=("op",))])


def cumulative(shape: Sequence[Size], op: Op, _: Random) -> Graph:
    """Of equal terms, 0.1: as long as a sum does not double, each is rounded in the same direction."""
    x = source("x", *shape)
    return graph_of([x], [apply(op, elementwise("min", x, 0.1), origin=("op",))])


def batched(_: Random) -> Graph:
    x, y = source("x", 1, 2, 100_003), source("y", 1, 100_003, 3)
    return graph_of([x, y], [apply(BatchMatMul(), x, y, origin=("op",))])


def case(name: str, build: Callable[[Random], Graph], **fields: Any) -> Positive:
    return Positive(name, build, tolerance=BOUND, **fields)


CASES = [
    case("sum of rows", partial(one, (ROWS, 3), Reduce("sum", (0,)))),
    case("mean of rows, symbolic", partial(one, (N, 3), Reduce("mean", (0,))), runs=({"N": 262_144}, {"N": 5})),
    case("mean of pixels", partial(one, (1, 401, 403, 3), Reduce("mean", (1, 2)))),
    case("sum of columns", partial(one, (1, ROWS), Reduce("sum", (1,)))),
    case("mean of columns and rows", partial(one, (1009, 2, 101), Reduce("mean", (0, 2)))),
    case("average pooling", partial(one, (1, 401, 403, 2), Pool2D("average", (401, 403), (1, 1)))),
    case("cumulative sum of rows", partial(cumulative, (4_001, 2), CumulativeSum(0))),
    case("cumulative sum of columns", partial(cumulative, (1, 9_001), CumulativeSum(1))),
    case("cumulative sum of columns, reverse", partial(cumulative, (1, 5_001), CumulativeSum(1, reverse=True))),
    case("softmax", partial(one, (1, ROWS), Softmax())),
    case("matmul of one row", partial(weighted, (1, 100_003), (100_003, 3), MatMul())),
    case("matmul of many rows", partial(weighted, (9, 20_003), (20_003, 3), MatMul())),
    case("batch matmul", batched),
    case("convolution of 1 × 8,001 taps", partial(weighted, (1, 1, 8_009, 1), (1, 8_001, 1, 4), Conv2D())),
    case("depthwise convolution", partial(weighted, (1, 121, 121, 2), (117, 117, 2, 1), DepthwiseConv2D())),
]


def worst(have: Sequence[Array], want: Sequence[Array]) -> float:
    return max(float(np.max(np.abs(h - w) / np.abs(w))) for h, w in zip(have, want, strict=True))


@pytest.fixture(scope="module")
def answers(browser: Any, serve_session: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("sums")
    return run_cases(browser, serve_session, CASES, root, write_cases(TARGET, CASES, root), "webgl")


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_e2_long_sums_are_cut(answers: dict[str, Any], case: Positive) -> None:
    answer = answers[case.name]
    if isinstance(answer, PageError):
        raise answer
    for run, have in enumerate(answer):
        error = worst(have, case.expected(run))
        assert error <= case.tolerance
