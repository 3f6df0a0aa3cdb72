"""Small graphs, and the comparison of their answers before and after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from webdnn.graph.graph import Constant, Graph, Input, Value, apply, collect_constraints
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import Conv2D, DepthwiseConv2D
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.program import Call, Program
from webdnn.graph.types import TensorType
from webdnn.graph.verify import verify
from webdnn.optimizer import optimize
from webdnn.optimizer.rewrite import Rule, rewrite_to_fixpoint

__all__ = ["Call", "Program"]


class Builder:
    """Makes inputs and constants; names come in order, numbers from one seed."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.inputs: list[Value] = []

    def input(self, *shape, dtype: str = "float32") -> Value:
        self.inputs.append(apply(Input(f"x{len(self.inputs)}", TensorType(shape, dtype))))
        return self.inputs[-1]

    def weights(self, *shape: int) -> Value:
        return array(self.random.normal(size=shape))

    def batch_norm(self, x: Value, name: str = "bn") -> Value:
        """s·x + b with negative scales among them."""
        channels = x.shape[-1]
        scaled = elementwise("mul", x, self.weights(channels), origin=(name,))
        return elementwise("add", scaled, self.weights(1, 1, 1, channels), origin=(name,))

    def conv(self, x: Value, kernel: int, channels: int, name: str = "conv", **attributes) -> Value:
        weights = self.weights(kernel, kernel, x.shape[-1] // attributes.get("groups", 1), channels)
        return apply(Conv2D(**attributes), x, weights, origin=(name,))

    def depthwise(self, x: Value, kernel: int, name: str = "depthwise", multiplier: int = 1, **attributes) -> Value:
        weights = self.weights(kernel, kernel, x.shape[-1], multiplier)
        return apply(DepthwiseConv2D(**attributes), x, weights, origin=(name,))

    def graph(self, *outputs: Value) -> Graph:
        names = tuple(f"y{i}" for i in range(len(outputs)))
        graph = Graph(tuple(self.inputs), outputs, names)
        return Graph(tuple(self.inputs), outputs, names, constraints=collect_constraints(graph))


def array(values) -> Value:
    return apply(Constant(np.asarray(values, dtype=np.float32)))


def op_names(graph: Graph) -> list[str]:
    return [node.op.name for node in graph.nodes() if not isinstance(node.op, Constant | Input)]


def apply_rules(graph: Graph, *rules: Rule) -> Graph:
    result, count = rewrite_to_fixpoint(graph, rules)
    verify(result)
    assert (count == 0) == (result is graph)
    return result


BOTH = (("float64", 1e-6), (None, 1e-5))


def assert_same_answers(
    before: Graph, after: Graph, symbols=None, seed: int = 1, scale: float = 3.0, dtypes=BOTH
) -> None:
    """In float64 and float32, on inputs that are negative half of the time and contain zeros."""
    random = np.random.default_rng(seed)
    bound = [[(symbols or {}).get(str(s), s) for s in v.shape] for v in before.inputs]
    inputs = [_values(random, shape, v.dtype, scale) for v, shape in zip(before.inputs, bound, strict=True)]
    for dtype, tolerance in dtypes:
        wanted = interpret(before, inputs, symbols, dtype=dtype)
        for want, have in zip(wanted, interpret(after, inputs, symbols, dtype=dtype), strict=True):
            assert (want.shape, want.dtype) == (have.shape, have.dtype)
            if want.dtype.kind != "f":
                assert np.array_equal(want, have)
                continue
            finite = np.isfinite(want)
            assert np.array_equal(want[~finite], have[~finite], equal_nan=True)
            want, have = want[finite], have[finite]
            assert np.abs(want - have).max(initial=0) <= tolerance * max(1e-30, np.abs(want).max(initial=0))


def _values(random: np.random.Generator, shape: Sequence[int], dtype: str, scale: float) -> np.ndarray:
    if dtype == "bool":
        return random.random(shape) < 0.5
    x = random.normal(size=shape) * scale if dtype == "float32" else random.integers(-9, 10, shape)
    x = x.astype(dtype)
    x.reshape(-1)[::7] = 0
    return x


def optimized(graph: Graph, expected: Sequence[str] | None = None, symbols=None) -> Graph:
    """`optimize(graph)`, checked for equal answers and for the ops that are left, in any order."""
    result = optimize(graph)
    assert_same_answers(graph, result, symbols)
    assert (result.inputs, result.output_names) == (graph.inputs, graph.output_names)
    assert [v.type for v in result.outputs] == [v.type for v in graph.outputs]
    assert result.constraints == graph.constraints
    if expected is not None:
        assert sorted(op_names(result)) == sorted(expected), str(result)
    return result
