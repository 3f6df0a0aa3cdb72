"""Concatenations that get out of the way of fusion."""

from __future__ import annotations

import numpy as np

from webdnn.graph.graph import Constant, Value, apply
from webdnn.graph.ops import Concat, Elementwise
from webdnn.graph.ops.elementwise import WithEpilogue
from webdnn.optimizer.match import constant, is_per_channel
from webdnn.optimizer.rewrite import Context, merge_origins

MAX_PARTS = 64  # a chain of thousands would cost the square of its length


def flatten_concat(value: Value, context: Context) -> Value | None:
    """`concat(a, concat(b, c)) = concat(a, b, c)` along the same axis.

    Hazard: the inner one must have a single reader, else its parts would be copied twice, in a dense block once for every layer.
    """
    if not isinstance(value.op, Concat):
        return None
    axis = value.op.axis
    for inner in dict.fromkeys(value.node.inputs):
        if not isinstance(inner.op, Concat) or inner.op.axis != axis or not context.single_reader(inner):
            continue
        parts = [part for v in value.node.inputs for part in (inner.node.inputs if v == inner else (v,))]
        if len(parts) > MAX_PARTS:
            continue
        flat = apply(Concat(axis), *parts, origin=merge_origins(inner.node, value.node))
        if flat.type == value.type:
            return flat
    return None


def split_over_concat(value: Value, context: Context) -> Value | None:
    """`f(concat(a, b)) = concat(f(a), f(b))`, where convolutions make a and b and take f into their epilogues: batch norm, activation.

    f is elementwise and works on channels; its constants of one value a channel are cut as the concatenation is.

    Hazards: the concatenation, and every part that is to take f, must have a single reader, else f would be computed more often. At
    most one part may be something that cannot take f; that keeps the count of kernels.
    """
    if not isinstance(value.op, Elementwise):
        return None
    variable = [v for v in dict.fromkeys(value.node.inputs) if constant(v) is None]
    if len(variable) != 1 or not isinstance(variable[0].op, Concat) or variable[0].type != value.type:
        return None
    joined = variable[0]
    parts, axis = joined.node.inputs, joined.op.axis  # type: ignore[attr-defined]
    if axis != joined.type.rank - 1 or not context.single_reader(joined) or len(set(parts)) != len(parts):
        return None
    takers = [isinstance(p.op, WithEpilogue | Elementwise) and context.single_reader(p) for p in parts]
    products = any(isinstance(p.op, WithEpilogue) and taker for p, taker in zip(parts, takers, strict=True))
    if not products or takers.count(False) > 1 or not all(is_per_channel(v) for v in value.node.inputs if v != joined):
        return None
    results = []
    start = 0
    for part in parts:
        size = part.shape[-1]
        if not isinstance(size, int):
            return None
        operands = [part if v == joined else _cut(v, start, start + size) for v in value.node.inputs]
        results.append(apply(value.op, *operands, origin=value.origin))
        start += size
    result = apply(Concat(axis), *results, origin=joined.origin)
    return result if result.type == value.type else None


def _cut(value: Value, start: int, stop: int) -> Value:
    """Elements start…stop of a constant along the last axis, if it varies there."""
    array = constant(value)
    if array is None or array.size == 1:
        return value
    return apply(Constant(np.ascontiguousarray(array[..., start:stop])), origin=value.origin)
