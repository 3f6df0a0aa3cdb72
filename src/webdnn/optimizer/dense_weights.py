"""A dense layer takes its data in the order in which they lie: the rows of its weights move instead."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from webdnn.graph.graph import Constant, Value, apply
from webdnn.graph.ops import MatMul, Transpose
from webdnn.optimizer.match import constant
from webdnn.optimizer.moves import applied, steps, trace
from webdnn.optimizer.rewrite import Context, merge_origins


def permute_dense_weights(value: Value, context: Context) -> Value | None:
    """`flatten(xᵀ)·W = flatten(x)·W'`, the rows of W' being those of W in the order of x.

    The last axis of the data is several factors of x (`optimizer/moves.py`); they come in the order of x's memory, and each row of W with its
    column of the data. Hazards: W must be a constant, the factors must have known sizes, and a transpose less must be left.
    """
    if not isinstance(value.op, MatMul):
        return None
    data, weights = value.node.inputs[:2]
    array = constant(weights)
    source, move = trace(data)
    fine = None if array is None or move.merged().is_reshape else move.by_axis()
    if array is None or fine is None:
        return None
    move, axes = fine
    last = axes[-1]
    sizes = [size for size in (move.sizes[factor] for factor in last) if isinstance(size, int)]
    if len(sizes) != len(last) or math.prod(sizes) != array.shape[0]:
        return None
    first = move.order[: len(move.order) - len(last)]
    ops = steps(replace(move, order=(*first, *sorted(last))), source.shape)
    if _transposes(ops) >= _transposes(steps(move, source.shape)):
        context.stays(value, f"no other order of its weights' rows takes the transpose from its data {data.type}")
        return None
    rows = array.reshape(*sizes, array.shape[1]).transpose(*np.argsort(last), len(last)).reshape(array.shape)
    permuted = apply(Constant(np.ascontiguousarray(rows)), origin=weights.origin)
    moved = applied(source, ops, merge_origins(data.node))
    return apply(value.op, moved, permuted, *value.node.inputs[2:], origin=value.origin)


def _transposes(ops: tuple[object, ...]) -> int:
    return sum(isinstance(op, Transpose) for op in ops)
