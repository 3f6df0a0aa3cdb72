"""Image preprocessing that a model may contain. What is random does nothing outside training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from webdnn.frontend.keras.lowering import Context, Layer, channels_last
from webdnn.frontend.keras.operation_dtypes import RANGES, graph_dtype
from webdnn.frontend.resample import aspect_crop, aspect_pad, known_sizes, resize
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value


def resize_like(context: Context, settings: Any, x: Value, size: tuple[int, ...], dtype: str | None = None) -> Value:
    """x (N, H, W, C) resized to `size` as `settings`, the layer or the operation, says. Whole numbers are resized as floats, and rounded; `dtype` is
    Keras's, where it says more than that of `x`."""
    if settings.fill_mode != "constant":
        raise UnsupportedError(f"fill_mode {settings.fill_mode!r}; constant is supported")
    height, width = size
    pads, value = bool(settings.pad_to_aspect_ratio), float(settings.fill_value)
    kept = x.dtype
    if pads or settings.interpolation != "nearest":  # what is only moved stays what it is
        if kept == "bool":
            raise UnsupportedError("pictures of bool; cast to uint8 or float32 first")
        x = context.cast(x, "float32")
    if settings.crop_to_aspect_ratio:
        x = aspect_crop(context, x, (height, width))
    elif pads:
        x = aspect_pad(context, x, (height, width), value)
    y = resize(context, x, (height, width), settings.interpolation, bool(settings.antialias))
    return y if y.dtype == kept else saturated(context, context.elementwise("round", y), dtype or kept)


def saturated(context: Context, x: Value, dtype: str) -> Value:
    """Floats as whole numbers of Keras's `dtype`; those beyond its range become its end."""
    low, high = RANGES[dtype]
    return context.cast(context.elementwise("clip", x, float(low), float(high)), graph_dtype(dtype))


@channels_last
def lower_resizing(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return resize_like(context, layer, inputs[0], (int(layer.height), int(layer.width)))


@channels_last
def lower_center_crop(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """The centre, where the image is large enough; else the largest centred part of these proportions, resized."""
    (x,) = inputs
    size = (int(layer.height), int(layer.width))
    height, width = known_sizes(x)
    if height < size[0] or width < size[1]:
        return resize(context, aspect_crop(context, x, size), size, "bilinear")
    return context.cut(context.cut(x, 1, (height - size[0]) // 2, size[0]), 2, (width - size[1]) // 2, size[1])


def lower_pipeline(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """One layer after the other."""
    values = list(inputs)
    for inner in layer.layers:
        values = [context.lower_layer(inner, values, context.inside(inner.name))]
    return values[0]


def lower_max_boxes(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """Pictures as they are: the layer is for the boxes beside them, which a page has as a list."""
    _ = layer.max_number, layer.fill_value
    if len(inputs) != 1:
        raise UnsupportedError("called with a dictionary of pictures and boxes; call it with the pictures alone")
    return inputs[0]


LOWERINGS = {
    "CenterCrop": lower_center_crop,
    "MaxNumBoundingBoxes": lower_max_boxes,
    "Pipeline": lower_pipeline,
    "Resizing": lower_resizing,
}
