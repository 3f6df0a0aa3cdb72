"""Random graphs of every dtype, with symbolic sizes and loops, give the same answers before and after."""

from __future__ import annotations

import numpy as np
import pytest

from harness.random_graphs import SYMBOLS, RandomGraph, inputs_of
from webdnn.graph.interpreter import interpret
from webdnn.optimizer import optimize


def check(seed: int) -> None:
    graph = RandomGraph(seed).graph()
    result = optimize(graph)
    for symbols in SYMBOLS:
        if not all(constraint.holds(symbols) for constraint in graph.constraints):
            continue
        inputs = inputs_of(graph, symbols, seed)
        wanted = interpret(graph, inputs, symbols, dtype="float64")
        for number, (have, want) in enumerate(
            zip(interpret(result, inputs, symbols, dtype="float64"), wanted, strict=True)
        ):
            where = f"seed {seed}, {symbols}, output {number}\n{graph}\n\n{result}"
            assert (have.shape, have.dtype) == (want.shape, want.dtype), where
            if want.dtype.kind == "f":
                scale = np.abs(want[np.isfinite(want)]).max(initial=1.0)
                np.testing.assert_allclose(have, want, rtol=1e-9, atol=1e-9 * scale, err_msg=where)
            else:
                np.testing.assert_array_equal(have, want, where)
    assert optimize(result) is result, f"seed {seed}"


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_random_graphs(start: int) -> None:
    for seed in range(start, start + 20):
        check(seed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("start", range(60, 2060, 100))
def test_many_random_graphs(start: int) -> None:
    for seed in range(start, start + 100):
        check(seed)
