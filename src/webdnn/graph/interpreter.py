"""Runs a graph in numpy. Slow, obvious, and the reference that every backend is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from webdnn.graph.dim import evaluate
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Constant, Graph, Input, Value, uses
from webdnn.graph.types import TensorType

Array = np.ndarray


def interpret(
    graph: Graph, inputs: Sequence[Array], symbols: Mapping[str, int] | None = None, *, dtype: str | None = None
) -> list[Array]:
    """Outputs of `graph` in its first run: of `interpret_runs`."""
    return interpret_runs(graph, [inputs], symbols, dtype=dtype)[0]


def interpret_runs(
    graph: Graph, runs: Sequence[Sequence[Array]], symbols: Mapping[str, int] | None = None, *, dtype: str | None = None
) -> list[list[Array]]:
    """Outputs of `graph` for the inputs of each run, one run after another; states are zero before the first.

    `symbols` gives the placeholders; those left out are read off the inputs' shapes. With `dtype="float64"` all floating-point inputs and
    constants are converted first, for a reference better than float32.
    """
    values = dict(symbols or {})
    for inputs in runs:
        for value, array in zip(graph.inputs, inputs, strict=True):
            _learn_symbols(value, array, values)
    for constraint in graph.constraints:
        if not constraint.holds(values):
            left, right = evaluate(constraint.left, values), evaluate(constraint.right, values)
            raise GraphError(f"{constraint} does not hold: {left} and {right}")
    states = [np.zeros([evaluate(s, values) for s in before.shape], before.dtype) for before, _ in graph.states]
    results = []
    for inputs in runs:
        roots = run_values(graph, inputs, values, states, dtype)
        results.append(roots[: len(graph.outputs)])
        states = roots[len(graph.outputs) :]
    return results


def run_values(
    graph: Graph,
    inputs: Sequence[Array],
    symbols: Mapping[str, int],
    states: Sequence[Array] = (),
    dtype: str | None = None,
) -> list[Array]:
    """Values of all roots: the outputs, then the next states. Frees each value after its last reader."""

    def cast(array: Array) -> Array:
        return array.astype(dtype) if dtype and array.dtype.kind == "f" else array

    left = uses(graph)
    known: dict[Value, Array] = {v: cast(a) for v, a in zip(graph.inputs, inputs, strict=True)}
    known.update({before: cast(a) for (before, _), a in zip(graph.states, states, strict=True)})
    for node in graph.nodes():
        if isinstance(node.op, Input):
            if node.outputs[0] not in known:
                raise GraphError(f"input {node.op.label!r} is used but is not among the graph's inputs")
            continue
        if isinstance(node.op, Constant):
            results: tuple[Array, ...] = (cast(node.op.array),)
        else:
            with np.errstate(all="ignore"):  # infinities and NaN are answers
                results = node.op.bind(symbols).evaluate([known[v] for v in node.inputs])
        for value, array in zip(node.outputs, results, strict=True):
            if left.get(value, 0):
                known[value] = cast(array)  # what is made of integers alone is float32
        for value in node.inputs:
            left[value] -= 1
            if left[value] == 0:
                known.pop(value, None)
    return [known[v] for v in graph.roots()]


def _learn_symbols(value: Value, array: Array, symbols: dict[str, int]) -> None:
    label = value.op.label if isinstance(value.op, Input) else "?"
    if array.ndim != value.type.rank:
        raise GraphError(f"input {label!r} has rank {value.type.rank}, got an array of shape {array.shape}")
    for size, have in zip(value.shape, array.shape, strict=True):
        if not isinstance(size, int) and str(size).isidentifier():
            symbols.setdefault(str(size), have)
    want = tuple(evaluate(s, symbols) for s in value.shape)
    if want != array.shape:
        raise GraphError(
            f"input {label!r} is {TensorType(value.shape, value.dtype)} = {want}, got an array of shape {array.shape}"
        )
