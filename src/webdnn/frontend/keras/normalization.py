"""Normalisation: with known statistics (a factor and a summand per channel, computed in float64), and with those of the data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from webdnn.frontend.keras.lowering import Array, Context, Layer, array_of, positive_axes, single_axis
from webdnn.frontend.statistics import (
    over_deviation,
    over_length,
    over_root_mean_square,
    standardize,
    standardize_groups,
)
from webdnn.graph.graph import Value


def batch_norm_factor(layer: Layer) -> Array:
    """γ / √(σ² + ε)"""
    factor = 1 / np.sqrt(array_of(layer.moving_variance).astype(np.float64) + layer.epsilon)
    return factor * array_of(layer.gamma).astype(np.float64) if layer.scale else factor


def batch_norm_summand(layer: Layer) -> Array:
    """β − μ · γ / √(σ² + ε)"""
    summand = -array_of(layer.moving_mean).astype(np.float64) * batch_norm_factor(layer)
    return summand + array_of(layer.beta).astype(np.float64) if layer.center else summand


def lower_batch_normalization(
    layer: Layer, inputs: Sequence[Value], context: Context, mask: Value | None = None
) -> Value:
    """With the statistics of training; a mask is for those only."""
    (x,) = inputs
    after = x.type.rank - 1 - single_axis(layer.axis, x.type.rank)
    shape = (-1, *(1,) * after)
    factor = context.constant(layer, f"factor {after}", lambda: batch_norm_factor(layer).reshape(shape))
    summand = context.constant(layer, f"summand {after}", lambda: batch_norm_summand(layer).reshape(shape))
    return context.elementwise("add", context.elementwise("mul", x, factor), summand)


def lower_rescaling(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    def operand(name: str, array: Array) -> Value | float:
        return float(array) if array.ndim == 0 else context.constant(layer, name, lambda: array)

    scale, offset = (np.asarray(array_of(numbers), np.float64) for numbers in (layer.scale, layer.offset))
    if scale.ndim and channels_come_first():
        scale = scale.reshape(*scale.shape, *(1,) * (3 - scale.ndim))
    return context.elementwise(
        "add", context.elementwise("mul", inputs[0], operand("scale", scale)), operand("offset", offset)
    )


def channels_come_first() -> bool:
    """What Keras's setting says, which is that of the process and in no model's file."""
    import keras

    return bool(keras.config.image_data_format() == "channels_first")


def lower_normalization(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    e = context.elementwise
    mean = array_of(layer.mean).astype(np.float64)
    deviation = np.maximum(np.sqrt(array_of(layer.variance).astype(np.float64)), 1e-7)  # keras.backend.epsilon()
    if layer.invert:
        scaled = e("mul", inputs[0], context.constant(layer, "deviation", lambda: deviation))
        return e("add", scaled, context.constant(layer, "mean", lambda: mean))
    centred = e("sub", inputs[0], context.constant(layer, "mean", lambda: mean))
    return e("mul", centred, context.constant(layer, "factor", lambda: 1 / deviation))


def broadcast_weight(layer: Layer, name: str, x: Value, axes: Sequence[int], context: Context) -> Value:
    """The layer's variable of that name, whose axes are `axes` of x."""
    array = array_of(getattr(layer, name))
    sizes = dict(zip(axes, array.shape, strict=True))
    shape = [sizes.get(axis, 1) for axis in range(axes[0], x.type.rank)]
    return context.constant(layer, f"{name} {shape}", lambda: array.reshape(shape))


def lower_layer_normalization(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    (x,) = inputs
    axes = positive_axes(layer.axis, x.type.rank)
    normalize = over_deviation if layer.rms_scaling else standardize
    y = normalize(context, x, axes, float(layer.epsilon))
    rms = layer.rms_scaling
    for function, name, is_used in (("mul", "gamma", layer.scale or rms), ("add", "beta", layer.center and not rms)):
        if is_used:
            y = context.elementwise(function, y, broadcast_weight(layer, name, x, axes, context))
    return y


def lower_group_normalization(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    (x,) = inputs
    axis = single_axis(layer.axis, x.type.rank)
    y = standardize_groups(context, x, axis, int(layer.groups), float(layer.epsilon))
    for function, name, is_used in (("mul", "gamma", layer.scale), ("add", "beta", layer.center)):
        if is_used:
            y = context.elementwise(function, y, broadcast_weight(layer, name, x, (axis,), context))
    return y


def lower_rms_normalization(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    (x,) = inputs
    y = over_root_mean_square(context, x, positive_axes(layer.axis, x.type.rank), float(layer.epsilon))
    return context.elementwise("mul", y, context.weight(layer, "scale"))  # Keras broadcasts it from the last axis


def lower_unit_normalization(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    (x,) = inputs
    return over_length(context, x, positive_axes(layer.axis, x.type.rank), least=1e-12)


LOWERINGS = {
    "BatchNormalization": lower_batch_normalization,
    "GroupNormalization": lower_group_normalization,
    "LayerNormalization": lower_layer_normalization,
    "Normalization": lower_normalization,
    "RMSNormalization": lower_rms_normalization,
    "Rescaling": lower_rescaling,
    "UnitNormalization": lower_unit_normalization,
}
