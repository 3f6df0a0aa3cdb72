"""Image preprocessing that a model may contain. What is random does nothing outside training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from webdnn.frontend.keras.lowering import Context, Layer, channels_last
from webdnn.frontend.resample import aspect_crop, aspect_pad, known_sizes, resize
from webdnn.graph.graph import Value


def resize_like(context: Context, settings: Any, x: Value, size: tuple[int, int]) -> Value:
    """x (N, H, W, C) resized to `size` as `settings`, the layer or the operation, says."""
    crop, pad, value = settings.crop_to_aspect_ratio, settings.pad_to_aspect_ratio, float(settings.fill_value)
    if crop:
        x = aspect_crop(context, x, size)
    elif pad:
        x = aspect_pad(context, x, size, value)
    return resize(context, x, size, settings.interpolation, bool(settings.antialias))


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


LOWERINGS = {"CenterCrop": lower_center_crop, "Resizing": lower_resizing}
