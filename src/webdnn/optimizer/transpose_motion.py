"""Transposes move towards the outputs until they meet their inverse, or weights that can be permuted instead."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from webdnn.graph.graph import Constant, Op, Value, apply
from webdnn.graph.ops import Concat, Elementwise, MatMul, Pad, Reduce, Reshape, Slice, Softmax, Transpose
from webdnn.optimizer.match import constant
from webdnn.optimizer.rewrite import Context, merge_origins

T = TypeVar("T")
Permutation = tuple[int, ...]


def sink_transpose(value: Value, context: Context) -> Value | None:
    """`f(xᵀ) = f'(x)ᵀ` for elementwise ops, concat, pad, slice, reduction, and softmax along an axis that stays the last.

    Hazards: every operand must be the same transpose, a constant (which is permuted), or of so few axes larger than 1 that permuting it is a reshape.
    Where a transpose has other readers that keep it, there are two of them; in a model that was channels-first they move as well.
    """
    first = next((v for v in value.node.inputs if isinstance(v.op, Transpose) and v.type.rank >= value.type.rank), None)
    if first is None or not isinstance(first.op, Transpose):
        return None
    permutation = first.op.permutation
    moved = _moved(value.op, permutation)
    operands = [_before(v, permutation) for v in value.node.inputs]
    if moved is None or any(v is None for v in operands):
        return None
    op, after = moved
    inner = apply(op, *(v for v in operands if v is not None), origin=value.origin)
    result = apply(Transpose(after), inner, origin=first.origin)
    return result if result.type == value.type else None


def permute_dense_weights(value: Value, context: Context) -> Value | None:
    """`flatten(xᵀ)·W = flatten(x)·W'`, the rows of W' being those of W in the order of x.

    Hazards: the flatten must join all axes but the first, which the transpose must leave where it is; W must be a constant.
    """
    if not isinstance(value.op, MatMul):
        return None
    flat, weights = value.node.inputs[:2]
    array = constant(weights)
    if array is None or not isinstance(flat.op, Reshape) or not isinstance(flat.node.inputs[0].op, Transpose):
        return None
    transposed = flat.node.inputs[0]
    permutation: Permutation = transposed.op.permutation  # type: ignore[attr-defined]
    sizes = [size for size in transposed.shape[1:] if isinstance(size, int)]
    if (
        permutation[0] != 0
        or len(sizes) != len(permutation) - 1
        or flat.shape != (transposed.shape[0], math.prod(sizes))
    ):
        return None
    axes = [axis - 1 for axis in _inverse(permutation)[1:]]
    blocks = array.reshape(*sizes, array.shape[1]).transpose(*axes, len(axes))
    permuted = apply(Constant(np.ascontiguousarray(blocks).reshape(array.shape)), origin=weights.origin)
    data = apply(Reshape(flat.shape), transposed.node.inputs[0], origin=merge_origins(transposed.node, flat.node))
    return apply(value.op, data, permuted, *value.node.inputs[2:], origin=value.origin)


def _moved(op: Op, permutation: Permutation) -> tuple[Op, Permutation] | None:
    """(f', permutation of its result) for f = `op` that reads a transpose, whose axis i is axis permutation[i] of what it transposes."""
    match op:
        case Elementwise():
            return op, permutation
        case Concat(axis):
            return Concat(permutation[axis]), permutation
        case Pad(amounts, value):
            return Pad(_permute(amounts, _inverse(permutation)), value), permutation
        case Slice(starts, sizes):
            back = _inverse(permutation)
            return Slice(_permute(starts, back), _permute(sizes, back)), permutation
        case Reduce(kind, axes, keepdims):
            moved = Reduce(kind, tuple(sorted(permutation[a] for a in axes)), keepdims)
            left = [p for a, p in enumerate(permutation) if a not in axes]
            return moved, permutation if keepdims else tuple(sorted(left).index(p) for p in left)
        case Softmax() if permutation[-1] == len(permutation) - 1:
            return op, permutation
    return None


def _before(value: Value, permutation: Permutation) -> Value | None:
    """x with transpose(x, permutation) = `value`, up to leading axes of size 1; None where that would take a transpose."""
    if isinstance(value.op, Transpose):
        return value.node.inputs[0] if value.op.permutation == permutation else None
    missing = len(permutation) - value.type.rank
    if missing < 0:
        return None
    back = _inverse(permutation)
    shape = (1,) * missing + value.shape
    array = constant(value)
    if array is not None:
        permuted = np.ascontiguousarray(array.reshape((1,) * missing + array.shape).transpose(back))
        return apply(Constant(permuted), origin=value.origin)
    kept = [axis for axis in back if shape[axis] != 1]
    return apply(Reshape(_permute(shape, back)), value, origin=value.origin) if kept == sorted(kept) else None


def _permute(items: Sequence[T], permutation: Permutation) -> tuple[T, ...]:
    return tuple(items[i] for i in permutation)


def _inverse(permutation: Permutation) -> Permutation:
    return tuple(permutation.index(i) for i in range(len(permutation)))
