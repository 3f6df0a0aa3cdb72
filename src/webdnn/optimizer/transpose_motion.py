"""Transposes move towards the outputs until they meet their inverse."""

from __future__ import annotations

import numpy as np

from webdnn.graph.dim import Size
from webdnn.graph.graph import Constant, Value, apply
from webdnn.graph.ops import Elementwise, Gather, Transpose
from webdnn.optimizer.coordinates import Coordinates, coordinates_of
from webdnn.optimizer.match import constant
from webdnn.optimizer.moved_ops import OneAxis, moved_op, roles_of
from webdnn.optimizer.moves import applied, as_transpose, identity, inverse, permuted, steps, trace
from webdnn.optimizer.rewrite import Context, merge_origins


def sink_transpose(value: Value, context: Context) -> Value | None:
    """`f(move(x)) = move'(f'(x))`, where a move is a row of reshapes and transposes that change places in memory.

    f is elementwise, a concat, pad, slice, reduction, arg-reduction, cumulative sum, gather of constant axes, or softmax. It is computed on the
    axes of x, or on factors of them where f treats parts of an axis differently (a mean over G groups of K channels needs C = G·K as two axes); see
    `optimizer/coordinates.py`.

    Hazards: an axis along which f looks at order or position must consist of neighbours in x, the last axis of softmax of the last ones.
    Every other operand must be the same move, a constant (which is permuted), or such that permuting it is a reshape. Where a move
    has other readers that keep it, there are two of them; in a model that was channels-first they move as well.
    """
    roles = roles_of(value)
    if roles is None:
        return None
    leading = _leading_operand(value)
    if leading is None:
        return None
    found = _sunk(value, leading, roles)
    if isinstance(found, str):
        context.stays(leading, f"{value.op.name} '{', '.join(value.origin)}' {found}")
        return None
    return found


def _leading_operand(value: Value) -> Value | None:
    """The operand whose coordinates are taken: moved in memory, and no broadcast one. Of several the one that was made on the fewest axes, which are
    those of a picture rather than factors of them: a convolution can then take the op as its epilogue."""
    operands = value.node.inputs[:1] if isinstance(value.op, Gather) else value.node.inputs
    moved = [v for v in operands if _has_transpose(v)]
    if isinstance(value.op, Elementwise):
        moved = [v for v in moved if v.shape == value.shape]
    return min(moved, key=lambda v: trace(v)[0].type.rank, default=None)


def _has_transpose(value: Value) -> bool:
    """Whether `value` is a transpose, maybe reshaped."""
    while value.op.name == "Reshape":
        value = value.node.inputs[0]
    return isinstance(value.op, Transpose)


def _sunk(value: Value, leading: Value, roles: OneAxis) -> Value | str:
    """The value with the move behind it, or why that does not go."""
    source, move = trace(leading)
    operands = value.node.inputs[:1] if isinstance(value.op, Gather) else value.node.inputs
    shapes = [(1,) * (leading.type.rank - v.type.rank) + v.shape for v in operands]
    if any(len(shape) != leading.type.rank for shape in shapes):
        return "broadcasts it to more axes"
    found = coordinates_of(source.shape, move, shapes, roles.whole, roles.apart)
    if isinstance(found, str):
        return found
    op = moved_op(value.op, found, leading.shape)
    if isinstance(op, str):
        return op
    before = [_before(v, shape, found) for v, shape in zip(operands, shapes, strict=True)]
    kept = [v for v in before if v is not None]
    if len(kept) != len(before):
        return "has an operand that is not moved in the same way"
    inner = apply(op, *kept, *value.node.inputs[len(operands) :], origin=value.origin)
    result = _after(inner, value, found, roles)
    return (
        result
        if result is not None and result.type == value.type
        else "has a size that equals another only where a constraint holds"
    )


def _before(value: Value, shape: tuple[Size, ...], coordinates: Coordinates) -> Value | None:
    """`value`, read as `shape`, in the coordinates before the move; None where that takes a transpose."""
    fine = coordinates.in_result_order(shape)
    back = inverse(coordinates.order)
    slots = coordinates.joined(permuted(fine, back))
    array = constant(value)
    if array is not None:
        numbers = [size for size in (*fine, *slots) if isinstance(size, int)]
        moved = array.reshape(numbers[: len(fine)]).transpose(back).reshape(numbers[len(fine) :])
        return apply(Constant(np.ascontiguousarray(moved)), origin=value.origin)
    source, move = trace(value)
    transposed = move.reshaped(fine).transposed(back)
    if transposed is None:
        return None
    ops = steps(transposed.reshaped(slots), source.shape)
    if any(isinstance(op, Transpose) for op in ops):
        return None
    return applied(source, ops, merge_origins(value.node))


def _after(inner: Value, value: Value, coordinates: Coordinates, roles: OneAxis) -> Value | None:
    """What `inner`, the op in the coordinates before the move, is after it."""
    shape = roles.with_reduced(value)
    fine = permuted(coordinates.in_result_order(shape), inverse(coordinates.order))
    moved = identity(inner.shape).reshaped(fine).transposed(coordinates.order)
    if moved is None:
        return None
    moved = moved.reshaped(value.shape)
    # One that moves axes of size 1 is a reshape, but as a transpose it goes on until it meets its inverse.
    transpose = as_transpose(moved.merged(), inner.shape)
    ops = steps(moved, inner.shape) if transpose is None or moved.shape == inner.shape else (transpose,)
    return applied(inner, ops, value.origin)
