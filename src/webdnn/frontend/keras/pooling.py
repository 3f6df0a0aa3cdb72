"""Pooling of one to three spatial axes."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.frontend.keras.convolution import windows_of
from webdnn.frontend.keras.lowering import Context, Layer, LayerLowering, channels_last
from webdnn.frontend.resample import adaptive_average, adaptive_max
from webdnn.frontend.windows import pooling
from webdnn.graph.graph import Value
from webdnn.graph.ops.reduction import Reduce


def lower_pooling(kind: str) -> LayerLowering:
    @channels_last
    def lower(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
        (x,) = inputs
        return pooling(context, kind, x, windows_of(layer.padding, x, layer.pool_size, layer.strides))

    return lower


def lower_global_pooling(kind: str) -> LayerLowering:
    def lower(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
        (x,) = inputs
        first = 2 if layer.data_format == "channels_first" else 1
        axes = tuple(range(first, first + x.type.rank - 2))
        return context.apply(Reduce(kind, axes, bool(layer.keepdims)), x)

    return lower


def lower_global_average_1d(
    layer: Layer, inputs: Sequence[Value], context: Context, mask: Value | None = None
) -> Value:
    """With a mask (N, T), the mean of the steps at which it is true, or not 0."""
    if mask is None:
        return lower_global_pooling("mean")(layer, inputs, context)
    (x,), e = inputs, context.elementwise
    axis = 2 if layer.data_format == "channels_first" else 1
    counts = context.cast(mask, "bool")
    counts = context.reshape(
        counts, (*counts.shape[:1], *((1, counts.shape[1]) if axis == 2 else (counts.shape[1], 1)))
    )
    add = Reduce("sum", (axis,), bool(layer.keepdims))
    return e("div", context.apply(add, e("where", counts, x, 0.0)), context.apply(add, context.cast(counts, "float32")))


@channels_last
def lower_adaptive_average(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return adaptive_average(context, inputs[0], tuple(layer.output_size))


@channels_last
def lower_adaptive_max(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return adaptive_max(context, inputs[0], tuple(layer.output_size))


RANKS = ("1D", "2D", "3D")
LOWERINGS: dict[str, LayerLowering] = {
    **{f"AdaptiveAveragePooling{rank}": lower_adaptive_average for rank in RANKS},
    **{f"AdaptiveMaxPooling{rank}": lower_adaptive_max for rank in RANKS},
    **{f"AveragePooling{rank}": lower_pooling("average") for rank in RANKS},
    **{f"GlobalAveragePooling{rank}": lower_global_pooling("mean") for rank in RANKS},
    **{f"GlobalMaxPooling{rank}": lower_global_pooling("max") for rank in RANKS},
    **{f"MaxPooling{rank}": lower_pooling("max") for rank in RANKS},
    "GlobalAveragePooling1D": lower_global_average_1d,
}
