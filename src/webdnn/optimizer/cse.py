"""The same op on the same values is computed once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from webdnn.graph.graph import Constant, Graph, Node, Value
from webdnn.optimizer.match import Array
from webdnn.optimizer.rewrite import rebuild


def share_common_subexpressions(graph: Graph) -> tuple[Graph, int]:
    """`f(x), f(x)` → one `f(x)`; equal constants, bit by bit, become one.

    The first in execution order stays, so nothing ever reads what comes later.
    """
    first: dict[object, Node] = {}
    constants: dict[object, list[Node]] = {}
    shared = 0

    def visit(old: Node, fresh: Node) -> Sequence[Value]:
        nonlocal shared
        if isinstance(fresh.op, Constant):
            kept = _same_constant(fresh, fresh.op.array, constants)
        else:
            key = (fresh.op.key(), tuple((id(v.node), v.index) for v in fresh.inputs))
            kept = first.setdefault(key, fresh)
        shared += kept is not fresh
        return kept.outputs

    result = rebuild(graph, visit)
    return (result, shared) if shared else (graph, 0)


def _same_constant(node: Node, array: Array, seen: dict[object, list[Node]]) -> Node:
    """An earlier constant with the same bits, or `node`. Arrays are compared only where a sample of their elements agrees."""
    flat = array.reshape(-1)
    sample = flat[:: max(1, flat.size // 64)]
    candidates = seen.setdefault((array.dtype, array.shape, sample.tobytes()), [])
    for other in candidates:
        if isinstance(other.op, Constant) and _same_bits(other.op.array, array):
            return other
    candidates.append(node)
    return node


def _same_bits(left: Array, right: Array) -> bool:
    if left is right:
        return True
    unsigned = f"u{left.dtype.itemsize}"
    return bool(np.array_equal(np.ascontiguousarray(left).view(unsigned), np.ascontiguousarray(right).view(unsigned)))
