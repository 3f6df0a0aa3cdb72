"""Layers that merge several values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from webdnn.frontend.keras.lowering import Context, Layer, LayerLowering, single_axis
from webdnn.graph.graph import Value
from webdnn.graph.ops.shape import Concat


def same_rank(inputs: Sequence[Value], context: Context) -> list[Value]:
    """Keras gives an input of lower rank axes of size 1 after the batch, where NumPy would add them before it."""
    rank = max(x.type.rank for x in inputs)
    return [
        context.reshape(x, (x.shape[0], *(1,) * (rank - x.type.rank), *x.shape[1:])) if x.type.rank < rank else x
        for x in inputs
    ]


def chain(function: str) -> LayerLowering:
    def lower(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
        return reduce(lambda a, b: context.elementwise(function, a, b), same_rank(inputs, context))

    return lower


def lower_average(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return context.elementwise("mul", chain("add")(layer, inputs, context), 1 / len(inputs))


def lower_concatenate(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return context.apply(Concat(single_axis(layer.axis, inputs[0].type.rank)), *inputs)


LOWERINGS = {
    "Add": chain("add"),
    "Average": lower_average,
    "Concatenate": lower_concatenate,
    "Maximum": chain("max"),
    "Minimum": chain("min"),
    "Multiply": chain("mul"),
    "Subtract": chain("sub"),
}
