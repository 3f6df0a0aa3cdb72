"""Normalisation with known statistics: a factor and a summand per channel, computed in float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from webdnn.frontend.keras.lowering import Array, Context, Layer, array_of, single_axis
from webdnn.graph.graph import Value


def batch_norm_factor(layer: Layer) -> Array:
    """γ / √(σ² + ε)"""
    factor = 1 / np.sqrt(array_of(layer.moving_variance).astype(np.float64) + layer.epsilon)
    return factor * array_of(layer.gamma).astype(np.float64) if layer.scale else factor


def batch_norm_summand(layer: Layer) -> Array:
    """β − μ · γ / √(σ² + ε)"""
    summand = -array_of(layer.moving_mean).astype(np.float64) * batch_norm_factor(layer)
    return summand + array_of(layer.beta).astype(np.float64) if layer.center else summand


def lower_batch_normalization(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    (x,) = inputs
    after = x.type.rank - 1 - single_axis(layer.axis, x.type.rank)
    shape = (-1, *(1,) * after)
    factor = context.constant(layer, f"factor {after}", lambda: batch_norm_factor(layer).reshape(shape))
    summand = context.constant(layer, f"summand {after}", lambda: batch_norm_summand(layer).reshape(shape))
    return context.elementwise("add", context.elementwise("mul", x, factor), summand)


def lower_rescaling(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    def operand(name: str) -> Value | float:
        value = np.asarray(array_of(getattr(layer, name)), np.float64)
        return float(value) if value.ndim == 0 else context.constant(layer, name, lambda: value)

    return context.elementwise("add", context.elementwise("mul", inputs[0], operand("scale")), operand("offset"))


def lower_normalization(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    e = context.elementwise
    mean = array_of(layer.mean).astype(np.float64)
    deviation = np.maximum(np.sqrt(array_of(layer.variance).astype(np.float64)), 1e-7)  # keras.backend.epsilon()
    if layer.invert:
        scaled = e("mul", inputs[0], context.constant(layer, "deviation", lambda: deviation))
        return e("add", scaled, context.constant(layer, "mean", lambda: mean))
    centred = e("sub", inputs[0], context.constant(layer, "mean", lambda: mean))
    return e("mul", centred, context.constant(layer, "factor", lambda: 1 / deviation))


LOWERINGS = {
    "BatchNormalization": lower_batch_normalization,
    "Normalization": lower_normalization,
    "Rescaling": lower_rescaling,
}
