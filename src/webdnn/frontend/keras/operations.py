"""Operations of keras.ops that stand in a model's graph without a layer: `x * 2`, `keras.ops.relu(x)`, `x[:, 1:]`.

A lowering of these is a function `(context, operation, *arguments, **keywords) -> Value`: the call's arguments with values for tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from webdnn.frontend.keras.activation import ACTIVATIONS
from webdnn.frontend.keras.lowering import Context, array_of, single_axis
from webdnn.frontend.keras.reshape import fill_in
from webdnn.graph.dim import Size
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.reduction import Reduce
from webdnn.graph.ops.shape import Concat, Slice

OperationLowering: TypeAlias = Callable[..., Value]


def operand(context: Context, x: Any) -> Value | float:
    """A value as it is, a number as a literal, an array as a constant."""
    if isinstance(x, Value):
        return x
    array = array_of(x)
    return float(array) if array.ndim == 0 else context.literal(array)


def call(function: str) -> OperationLowering:
    """The elementwise function of all arguments."""
    return lambda c, _, *arguments: c.elementwise(function, *(operand(c, x) for x in arguments))


def activation(name: str, *attributes: str) -> OperationLowering:
    """The activation function `name` with parameters that the operation holds as attributes."""

    def lower(c: Context, operation: Any, x: Value) -> Value:
        return ACTIVATIONS[name](c, x, **{a: getattr(operation, a) for a in attributes})

    return lower


def reduction(kind: str) -> OperationLowering:
    def lower(c: Context, operation: Any, x: Value) -> Value:
        axes = range(x.type.rank) if operation.axis is None else np.atleast_1d(operation.axis)
        return c.apply(Reduce(kind, tuple(sorted(int(a) % x.type.rank for a in axes)), bool(operation.keepdims)), x)

    return lower


def lower_clip(c: Context, operation: Any, x: Value) -> Value:
    return c.elementwise("clip", x, operand(c, operation.x_min), operand(c, operation.x_max))


def lower_concatenate(c: Context, operation: Any, xs: Sequence[Value]) -> Value:
    return c.apply(Concat(single_axis(operation.axis, xs[0].type.rank)), *xs)


def lower_reshape(c: Context, operation: Any, x: Value) -> Value:
    shape = tuple(-1 if s is None else int(s) for s in np.atleast_1d(np.array(operation.newshape, object)))
    return c.reshape(x, fill_in(shape, x.type.elements))


def lower_transpose(c: Context, operation: Any, x: Value) -> Value:
    axes = range(x.type.rank - 1, -1, -1) if operation.axes is None else operation.axes
    return c.transpose(x, [int(a) % x.type.rank for a in axes])


def lower_expand_dims(c: Context, operation: Any, x: Value) -> Value:
    rank = x.type.rank + np.size(operation.axis)
    added = {int(a) % rank for a in np.atleast_1d(operation.axis)}
    rest = iter(x.shape)
    return c.reshape(x, [1 if i in added else next(rest) for i in range(rank)])


def lower_squeeze(c: Context, operation: Any, x: Value) -> Value:
    if operation.axis is None:
        return c.reshape(x, [s for s in x.shape if s != 1])
    gone = {int(a) % x.type.rank for a in np.atleast_1d(operation.axis)}
    return c.reshape(x, [s for i, s in enumerate(x.shape) if i not in gone])


def lower_get_item(c: Context, operation: Any, x: Value, key: Any) -> Value:
    """Numbers, slices of step 1, `...` and None."""
    keys = list(key) if isinstance(key, tuple) else [key]
    missing = x.type.rank - sum(k is not None and k is not Ellipsis for k in keys)
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[at : at + 1] = [slice(None)] * missing
    starts: list[Size] = []
    sizes: list[Size] = []
    shape: list[Size] = []
    axes = iter(x.shape)
    for k in keys:
        if k is None:
            shape.append(1)
            continue
        start, size = _interval(k, next(axes))
        starts.append(start)
        sizes.append(size)
        if isinstance(k, slice):
            shape.append(size)
    cut = x if tuple(sizes) == x.shape else c.apply(Slice(tuple(starts), tuple(sizes)), x)
    return c.reshape(cut, shape)


def _interval(key: Any, size: Size) -> tuple[Size, Size]:
    """(start, count) of a number or a slice along an axis of that size."""

    def place(position: Any, default: Size) -> Size:
        if position is None:
            return default
        place = size + int(position) if position < 0 else int(position)
        if isinstance(size, int) and isinstance(place, int):
            return min(max(place, 0), size)
        return place  # beyond the end of a symbolic axis is refused when the size is known

    if isinstance(key, slice) and key.step in (None, 1):
        start = place(key.start, 0)
        return start, place(key.stop, size) - start
    if isinstance(key, (int, np.integer)):
        return (size + int(key) if key < 0 else int(key)), 1
    raise UnsupportedError(f"index {key!r}")


OPERATIONS: dict[str, OperationLowering] = {
    "Abs": call("abs"),
    "Absolute": call("abs"),
    "Add": call("add"),
    "Ceil": call("ceil"),
    "Celu": activation("celu", "alpha"),
    "Clip": lower_clip,
    "Concatenate": lower_concatenate,
    "Cos": call("cos"),
    "Divide": call("div"),
    "Elu": activation("elu", "alpha"),
    "Erf": call("erf"),
    "Exp": call("exp"),
    "ExpandDims": lower_expand_dims,
    "Floor": call("floor"),
    "Gelu": activation("gelu", "approximate"),
    "GetItem": lower_get_item,
    "HardShrink": activation("hard_shrink", "threshold"),
    "HardSigmoid": activation("hard_sigmoid"),
    "HardSilu": activation("hard_silu"),
    "HardTanh": activation("hard_tanh"),
    "Identity": activation("linear"),
    "LeakyRelu": activation("leaky_relu", "negative_slope"),
    "Log": call("log"),
    "LogSigmoid": activation("log_sigmoid"),
    "LogSoftmax": activation("log_softmax", "axis"),
    "Max": reduction("max"),
    "Maximum": call("max"),
    "Mean": reduction("mean"),
    "Min": reduction("min"),
    "Minimum": call("min"),
    "Mish": activation("mish"),
    "Multiply": call("mul"),
    "Negative": call("neg"),
    "Power": call("pow"),
    "ReLU": activation("relu", "negative_slope", "max_value", "threshold"),
    "Reciprocal": call("reciprocal"),
    "Relu": activation("relu"),
    "Relu6": activation("relu6"),
    "Reshape": lower_reshape,
    "Rsqrt": call("rsqrt"),
    "Selu": activation("selu"),
    "Sigmoid": activation("sigmoid"),
    "Sign": call("sign"),
    "Silu": activation("silu"),
    "Sin": call("sin"),
    "SoftShrink": activation("soft_shrink", "threshold"),
    "Softmax": activation("softmax", "axis"),
    "Softplus": activation("softplus"),
    "Softsign": activation("softsign"),
    "SparsePlus": activation("sparse_plus"),
    "SparseSigmoid": activation("sparse_sigmoid"),
    "Sqrt": call("sqrt"),
    "Square": call("square"),
    "Squareplus": activation("squareplus", "b"),
    "Squeeze": lower_squeeze,
    "Subtract": call("sub"),
    "Sum": reduction("sum"),
    "Tanh": call("tanh"),
    "TanhShrink": activation("tanh_shrink"),
    "Threshold": activation("threshold", "threshold", "default_value"),
    "Transpose": lower_transpose,
    "TrueDivide": call("div"),
}
