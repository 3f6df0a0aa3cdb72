"""Elementwise computation comes before a reshape, where it meets what made the value."""

from __future__ import annotations

from webdnn.graph.graph import Constant, Value, apply
from webdnn.graph.ops import Elementwise, Reduce, Reshape
from webdnn.graph.ops.elementwise import WithEpilogue
from webdnn.optimizer.match import constant, is_per_channel
from webdnn.optimizer.rewrite import Context


def sink_reshape(value: Value, context: Context) -> Value | None:
    """`f(reshape(x), c) = reshape(f(x, c))` for an elementwise f and an x that may take it: a product, another elementwise op, a reduction.

    Hazards: x and its reshape must have a single reader each, else f would still wait for the reshape. Every operand must be reshaped from the shape
    of x too, or be a scalar, one value a channel where the channels stay the last axis, or a constant over all axes into which the last axis of x is
    divided (the biases of attention's heads). Beside a product, which may then take f as its epilogue, an operand may also be one that is as large as
    the result and is reshaped now (a residual addition).
    """
    if not isinstance(value.op, Elementwise):
        return None
    first = next((v for v in value.node.inputs if isinstance(v.op, Reshape) and v.shape == value.shape), None)
    if first is None:
        return None
    x = first.node.inputs[0]
    if not isinstance(x.op, WithEpilogue | Elementwise | Reduce):
        return None
    if not context.single_reader(first) or not context.single_reader(x):
        return None
    operands = [_before(v, first, x) for v in value.node.inputs]
    kept = [v for v in operands if v is not None]
    if len(kept) != len(operands):
        return None
    inner = apply(value.op, *kept, origin=value.origin)
    result = apply(first.op, inner, origin=first.origin)
    return result if inner.type == x.type and result.type == value.type else None


def _before(value: Value, reshaped: Value, x: Value) -> Value | None:
    """What f takes beside x instead of `value`, which it takes beside `reshaped`."""
    if isinstance(value.op, Reshape) and value.shape == reshaped.shape and value.node.inputs[0].shape == x.shape:
        return value.node.inputs[0]
    divided = _of_divided_axis(value, reshaped, x)
    if divided is not None:
        return divided
    if isinstance(x.op, WithEpilogue) and value.shape == reshaped.shape and constant(value) is None:
        return apply(Reshape(x.shape), value, origin=value.origin)
    channels_stay = value.type.elements == 1 or (x.shape[-1:] == reshaped.shape[-1:])
    if not is_per_channel(value) or not channels_stay:
        return None
    array = constant(value)
    if array is None or value.type.rank <= x.type.rank:
        return value if value.type.rank <= x.type.rank else None
    return apply(Constant(array.reshape(array.shape[-x.type.rank :] if x.type.rank else ())), origin=value.origin)


def _of_divided_axis(value: Value, reshaped: Value, x: Value) -> Value | None:
    """A constant over the last axes of `reshaped`, which are the last one of `x`, divided, as a constant over that."""
    array = constant(value)
    if array is None or x.type.rank == 0:
        return None
    axes = next((i for i, size in enumerate(array.shape) if size != 1), array.ndim)
    shape = array.shape[axes:]
    if len(shape) < 2 or reshaped.shape[-len(shape) :] != shape or x.shape[-1] != array.size:
        return None
    return apply(Constant(array.reshape(-1)), origin=value.origin)
