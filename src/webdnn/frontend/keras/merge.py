"""Layers that merge several values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from webdnn.frontend.keras.layer_dtypes import shared_dtype
from webdnn.frontend.keras.lowering import Context, Layer, LayerLowering, single_axis
from webdnn.frontend.keras.operation_elementwise import OF_TRUTH
from webdnn.frontend.products import LETTERS, einsum
from webdnn.frontend.statistics import over_length
from webdnn.graph.graph import Value
from webdnn.graph.ops.shape import Concat

EPSILON = 1e-7  # keras.backend.epsilon()


def same_rank(inputs: Sequence[Value], context: Context) -> list[Value]:
    """Keras gives an input of lower rank axes of size 1 after the batch, where NumPy would add them before it."""
    rank = max(x.type.rank for x in inputs)
    return [
        context.reshape(x, (*x.shape[:1], *(1,) * (rank - x.type.rank), *x.shape[1:])) if x.type.rank < rank else x
        for x in inputs
    ]


def chain(function: str) -> LayerLowering:
    """Of the first two inputs, of that and the third, and so on, each pair in the dtype that the two share."""

    def both(context: Context, a: Value, b: Value) -> Value:
        dtype = shared_dtype((a, b))
        known = OF_TRUTH.get(function, function) if dtype == "bool" else function
        return context.elementwise(known, context.cast(a, dtype), context.cast(b, dtype))

    def lower(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
        return reduce(lambda a, b: both(context, a, b), same_rank(inputs, context))

    return lower


def lower_average(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    total = context.cast(chain("add")(layer, inputs, context), "float32")
    return context.elementwise("mul", total, 1 / len(inputs))


def lower_concatenate(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    shared = shared_dtype(inputs)
    parts = [context.cast(x, shared) for x in inputs]
    return context.apply(Concat(single_axis(layer.axis, parts[0].type.rank)), *parts)


def lower_dot(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """The sum over an axis of each input, for every element of the batch. Keras multiplies int8 by int8 into int32."""
    shared = shared_dtype(inputs)
    narrow = "int32" if all(x.dtype == "int8" for x in inputs) else shared
    x, y = (context.cast(x, "float32" if shared == "float32" else "int32") for x in inputs)
    axes = (layer.axes, layer.axes) if isinstance(layer.axes, int) else layer.axes
    left, right = int(axes[0]) % x.type.rank, int(axes[1]) % y.type.rank
    if layer.normalize:
        x, y = (context.cast(v, "float32") for v in (x, y))
        x, y = over_length(context, x, (left,), EPSILON), over_length(context, y, (right,), EPSILON)
    # Letters: z for the batch, s for the sum.
    rows = "".join("z" if a == 0 else "s" if a == left else LETTERS[a] for a in range(x.type.rank))
    columns = "".join("z" if a == 0 else "s" if a == right else LETTERS[a + 9] for a in range(y.type.rank))
    result = einsum(context, f"{rows},{columns}->z{(rows + columns).replace('z', '').replace('s', '')}", x, y)
    result = result if layer.normalize else context.cast(result, narrow)
    return context.reshape(result, (*result.shape, 1)) if result.type.rank == 1 else result


def lower_scaled_sum(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """x + scale · y, of Keras's own InceptionResNetV2."""
    x, y = inputs
    return context.elementwise("add", x, context.elementwise("mul", y, float(layer.scale)))


LOWERINGS = {
    "Add": chain("add"),
    "Average": lower_average,
    "Concatenate": lower_concatenate,
    "CustomScaleLayer": lower_scaled_sum,
    "Dot": lower_dot,
    "Maximum": chain("max"),
    "Minimum": chain("min"),
    "Multiply": chain("mul"),
    "Subtract": chain("sub"),
}
