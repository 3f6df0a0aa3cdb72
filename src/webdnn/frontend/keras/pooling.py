"""Pooling."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.frontend.keras.convolution import pair, window_padding
from webdnn.frontend.keras.lowering import Context, Layer, LayerLowering, channels_last
from webdnn.graph.graph import Value
from webdnn.graph.ops.pooling import Pool2D
from webdnn.graph.ops.reduction import Reduce


def pooling(kind: str) -> LayerLowering:
    @channels_last
    def lower(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
        size, strides = pair(layer.pool_size), pair(layer.strides)
        padding = window_padding(layer.padding, inputs[0], size, strides)
        return context.apply(Pool2D(kind, size, strides, padding), inputs[0])

    return lower


def global_pooling(kind: str) -> LayerLowering:
    def lower(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
        axes = (2, 3) if layer.data_format == "channels_first" else (1, 2)
        return context.apply(Reduce(kind, axes, bool(layer.keepdims)), inputs[0])

    return lower


LOWERINGS = {
    "AveragePooling2D": pooling("average"),
    "GlobalAveragePooling2D": global_pooling("mean"),
    "GlobalMaxPooling2D": global_pooling("max"),
    "MaxPooling2D": pooling("max"),
}
