"""Products of two computed values read their factors as they lie."""

from __future__ import annotations

from dataclasses import replace

from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import BatchMatMul, Transpose
from webdnn.optimizer.rewrite import Context, merge_origins

Permutation = tuple[int, ...]


def transpose_of_factor(value: Value, context: Context) -> Value | None:
    """`aᵀ·b = a·b` with a seen under the transpose's permutation, for either factor: attention's heads need no copies.

    The transpose stays for other readers that it may have; the product does not need it then either.
    """
    op = value.op
    if not isinstance(op, BatchMatMul):
        return None
    left, right, *others = value.node.inputs
    seen_left, seen_right = _seen(left, op.left), _seen(right, op.right)
    if (seen_left, seen_right) == ((left, op.left), (right, op.right)):
        return None
    product = replace(op, left=seen_left[1], right=seen_right[1])
    origin = merge_origins(*(v.node for v in (left, right) if isinstance(v.op, Transpose)), value.node)
    result = apply(product, seen_left[0], seen_right[0], *others, origin=origin)
    return result if result.type == value.type else None


def _seen(factor: Value, permutation: Permutation | None) -> tuple[Value, Permutation | None]:
    """What `factor` is a transpose of, and the permutation under which that is seen; the factor itself where it is none."""
    if not isinstance(factor.op, Transpose):
        return factor, permutation
    inner = factor.op.permutation
    seen = inner if permutation is None else tuple(inner[axis] for axis in permutation)
    return factor.node.inputs[0], None if seen == tuple(range(len(seen))) else seen
