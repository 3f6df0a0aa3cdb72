"""Zeros around an image are the padding of the op that reads it."""

from __future__ import annotations

from dataclasses import replace

from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import Conv2D, DepthwiseConv2D, Pad, Pool2D
from webdnn.graph.ops.convolution import NO_PADDING, Padding
from webdnn.optimizer.rewrite import Context, merge_origins


def fold_padding(value: Value, context: Context) -> Value | None:
    """`conv(pad(x, p), q) = conv(x, p + q)`, and the same for an average that counts its padding.

    Hazards: only zeros, and only around rows and columns. Never into max pooling, whose padding is −∞. An average pooling that has padding of its own
    which it does not count cannot count the new part. A pad that others read too stays for them.
    """
    op = value.op
    if not isinstance(op, Conv2D | DepthwiseConv2D | Pool2D):
        return None
    pad = value.node.inputs[0]
    if not isinstance(pad.op, Pad) or pad.op.value != 0 or pad.op.amounts[0] != (0, 0) or pad.op.amounts[3] != (0, 0):
        return None
    rows, columns = pad.op.amounts[1:3]
    (top, bottom), (left, right) = op.padding
    padding: Padding = ((top + rows[0], bottom + rows[1]), (left + columns[0], right + columns[1]))
    if isinstance(op, Pool2D):
        if op.kind != "average" or (op.padding != NO_PADDING and not op.count_padding):
            return None
        folded: Conv2D | DepthwiseConv2D | Pool2D = replace(op, padding=padding, count_padding=True)
    else:
        folded = replace(op, padding=padding)
    result = apply(folded, pad.node.inputs[0], *value.node.inputs[1:], origin=merge_origins(pad.node, value.node))
    return result if result.type == value.type else None
