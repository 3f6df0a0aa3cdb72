"""Storage of random graphs of every dtype, with symbolic sizes and loops, optimized or not, on targets that exist on paper."""

from __future__ import annotations

import numpy as np
import pytest

from harness.imaginary import CAPABILITIES, Machine
from harness.random_graphs import SYMBOLS, RandomGraph, inputs_of
from webdnn.graph.interpreter import interpret
from webdnn.optimizer import optimize


def check(seed: int, capabilities: str) -> None:
    graph = RandomGraph(seed).graph()
    machine = Machine(CAPABILITIES[capabilities])
    symbols = SYMBOLS[-1]
    if not all(constraint.holds(symbols) for constraint in graph.constraints):
        return
    inputs = inputs_of(graph, symbols, seed)
    # Alternately, so that half the time is enough.
    graph = optimize(graph) if seed % 2 else graph
    wanted = interpret(graph, inputs, symbols, dtype="float64")
    try:
        (found,) = machine.run(graph, [inputs], symbols)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}\n{graph}") from error
    for have, want in zip(found, wanted, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-9, atol=1e-9, err_msg=f"seed {seed}\n{graph}")


@pytest.mark.parametrize("capabilities", CAPABILITIES)
def test_random_graphs(capabilities: str) -> None:
    for seed in range(10):
        check(seed, capabilities)


@pytest.mark.exhaustive
@pytest.mark.parametrize("capabilities", CAPABILITIES)
@pytest.mark.parametrize("start", range(10, 410, 100))
def test_many_random_graphs(start: int, capabilities: str) -> None:
    for seed in range(start, start + 100):
        check(seed, capabilities)
