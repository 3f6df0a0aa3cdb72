"""Zeros around an image are the padding of the op that reads it."""

from __future__ import annotations

import math
from dataclasses import replace

from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import Conv2D, DepthwiseConv2D, Pad, Pool2D
from webdnn.graph.ops.convolution import NO_PADDING, Padding
from webdnn.optimizer.nonnegative import is_nonnegative
from webdnn.optimizer.rewrite import Context, merge_origins


def fold_padding(value: Value, context: Context) -> Value | None:
    """`conv(pad(x, p), q) = conv(x, p + q)`, and the same for an average that counts its padding.

    Hazards: only zeros, and only around rows and columns. Never into max pooling, whose padding is −∞ (see `fold_padding_into_max`). An average
    pooling that has padding of its own which it does not count cannot count the new part. A pad that others read too stays for them.
    """
    op = value.op
    if not isinstance(op, Conv2D | DepthwiseConv2D | Pool2D):
        return None
    pad = value.node.inputs[0]
    padding = _joined_padding(op.padding, pad)
    if padding is None or not isinstance(pad.op, Pad) or pad.op.value != 0:
        return None
    if isinstance(op, Pool2D):
        if op.kind != "average" or (op.padding != NO_PADDING and not op.count_padding):
            return None
        folded: Conv2D | DepthwiseConv2D | Pool2D = replace(op, padding=padding, count_padding=True)
    else:
        folded = replace(op, padding=padding)
    return _folded(value, folded, pad)


def fold_padding_into_max(value: Value, context: Context) -> Value | None:
    """`max_pool(pad(x, p), q) = max_pool(x, p + q)` for zeros around an x ≥ 0, after a ReLU for instance.

    Hazards: the padding of max pooling is −∞, and a zero would win over negative numbers: that x has none must be provable. Where a window lies in
    the padding altogether its maximum is 0, and would be −∞: the padding on each side must be smaller than the window. Padding by −∞
    needs neither.
    """
    op = value.op
    if not isinstance(op, Pool2D) or op.kind != "max":
        return None
    pad = value.node.inputs[0]
    padding = _joined_padding(op.padding, pad)
    if padding is None or not isinstance(pad.op, Pad):
        return None
    if pad.op.value != -math.inf:
        smaller = all(
            isinstance(p, int) and p < size for pair, size in zip(padding, op.size, strict=True) for p in pair
        )
        if pad.op.value != 0 or not smaller or not is_nonnegative(pad.node.inputs[0]):
            return None
    return _folded(value, replace(op, padding=padding), pad)


def _joined_padding(own: Padding, pad: Value) -> Padding | None:
    """The padding `own` around that of `pad`; None when that is no Pad of rows and columns only."""
    if not isinstance(pad.op, Pad) or pad.type.rank != 4 or pad.op.amounts[0] != (0, 0) or pad.op.amounts[3] != (0, 0):
        return None
    rows, columns = pad.op.amounts[1:3]
    (top, bottom), (left, right) = own
    return (top + rows[0], bottom + rows[1]), (left + columns[0], right + columns[1])


def _folded(value: Value, op: Conv2D | DepthwiseConv2D | Pool2D, pad: Value) -> Value | None:
    """`op` on what `pad` pads."""
    result = apply(op, pad.node.inputs[0], *value.node.inputs[1:], origin=merge_origins(pad.node, value.node))
    return result if result.type == value.type else None
