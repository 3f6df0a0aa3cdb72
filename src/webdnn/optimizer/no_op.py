"""Ops that move elements and change nothing, or that two of them do as one."""

from __future__ import annotations

from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import Concat, Pad, Pool2D, Reshape, Resize2D, Slice, Transpose
from webdnn.graph.ops.convolution import NO_PADDING
from webdnn.optimizer.rewrite import Context, merge_origins


def remove_no_op(value: Value, context: Context) -> Value | None:
    """`f(x) = x`: reshape or resize to the same shape, identity transpose, pad by 0, slice of everything, concat of one, 1×1 pooling."""
    if not value.node.inputs:
        return None
    x = value.node.inputs[0]
    match value.op:
        case Reshape() | Slice():
            nothing = x.shape == value.shape  # a slice of the full sizes starts at 0
        case Resize2D():
            nothing = x.shape == value.shape and all(
                value.op.reads_itself(axis, x.shape[1 + axis]) for axis in range(2)
            )
        case Transpose(permutation):
            nothing = permutation == tuple(range(len(permutation)))
        case Pad(amounts):
            nothing = all(pair == (0, 0) for pair in amounts)
        case Concat():
            nothing = len(value.node.inputs) == 1
        case Pool2D(_, size, strides, padding):
            nothing = size == (1, 1) and strides == (1, 1) and padding == NO_PADDING
        case _:
            nothing = False
    return x if nothing and x.type == value.type else None


def merge_moves(value: Value, context: Context) -> Value | None:
    """`f(g(x)) = h(x)` for two reshapes, transposes, slices, or pads with the same value.

    g stays where it has another reader: h costs no more than f did.
    """
    if len(value.node.inputs) != 1:
        return None
    inner = value.node.inputs[0]
    match value.op, inner.op:
        case Reshape(), Reshape():
            op: Reshape | Transpose | Slice | Pad = value.op
        case Transpose(outer_permutation), Transpose(permutation):
            op = Transpose(tuple(permutation[i] for i in outer_permutation))
        case Slice(outer_starts, sizes), Slice(starts, _):
            op = Slice(tuple(a + b for a, b in zip(outer_starts, starts, strict=True)), sizes)
        case Pad(outer, outer_value), Pad(amounts, inner_value) if float(outer_value).hex() == float(inner_value).hex():
            op = Pad(tuple((a[0] + b[0], a[1] + b[1]) for a, b in zip(outer, amounts, strict=True)), inner_value)
        case _:
            return None
    merged = apply(op, *inner.node.inputs, origin=merge_origins(inner.node, value.node))
    return merged if merged.type == value.type else None


def transpose_as_reshape(value: Value, context: Context) -> Value | None:
    """A transpose that moves only axes of size 1 is a reshape, which moves nothing in memory."""
    if not isinstance(value.op, Transpose):
        return None
    x = value.node.inputs[0]
    moved = [axis for axis in value.op.permutation if x.shape[axis] != 1]
    return apply(Reshape(value.shape), x, origin=value.origin) if moved == sorted(moved) else None
