"""Layers that move, cut, pad and repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from webdnn.frontend.keras.convolution import integers
from webdnn.frontend.keras.lowering import Context, Layer, LayerLowering, channels_last, flat
from webdnn.frontend.resample import enlarged, resize
from webdnn.frontend.windows import along_depth, slice_by_slice, with_height
from webdnn.graph.dim import Size, product
from webdnn.graph.graph import Value


def fill_in(shape: Sequence[Size], elements: Size) -> tuple[Size, ...]:
    """`shape` with its −1, if any, replaced by what `elements` leaves."""
    if -1 not in shape:
        return tuple(shape)
    known = product([s for s in shape if s != -1])
    return tuple(elements // known if s == -1 else s for s in shape)


def lower_flatten(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    (x,) = inputs
    if layer.data_format == "channels_first" and x.type.rank > 2:
        x = context.transpose(x, (0, *range(2, x.type.rank), 1))
    return flat(x, context)


def lower_reshape(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    (x,) = inputs
    return context.reshape(x, (x.shape[0], *fill_in(tuple(map(int, layer.target_shape)), product(x.shape[1:]))))


def lower_permute(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return context.transpose(inputs[0], (0, *map(int, layer.dims)))


def spatial_pairs(amounts: Any) -> list[tuple[int, int]]:
    """(before, after) of each spatial axis; one axis alone comes without a list around it."""
    pairs = np.reshape(amounts, (-1, 2)).tolist()
    return [(int(before), int(after)) for before, after in pairs]


def spatial(attribute: str, sign: int) -> LayerLowering:
    """Pads (1) or cuts (−1) by the amounts that the layer holds in `attribute`."""

    def lower(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
        (x,) = inputs
        amounts = [(sign * before, sign * after) for before, after in spatial_pairs(getattr(layer, attribute))]
        first = 2 if getattr(layer, "data_format", None) == "channels_first" else 1
        rest = x.type.rank - first - len(amounts)
        return context.frame(x, [(0, 0)] * first + amounts + [(0, 0)] * rest)

    return lower


def lower_repeat_vector(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """(N, C) → (N, n, C)."""
    return repeated(context, context.reshape(inputs[0], (inputs[0].shape[0], 1, inputs[0].shape[1])), int(layer.n))


def repeated(context: Context, x: Value, times: int) -> Value:
    """x (N, L, C) → (N, L·times, C), every element `times` times."""
    return with_height(context, x, lambda image: enlarged(context, image, (1, image.shape[2] * times)))


def lower_up_sampling_1d(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return repeated(context, inputs[0], int(np.reshape(layer.size, -1)[0]))


@channels_last
def lower_up_sampling_2d(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    (x,) = inputs
    rows, columns = integers(layer.size)
    size = (x.shape[1] * rows, x.shape[2] * columns)
    if layer.interpolation == "nearest":
        return enlarged(context, x, size)
    return resize(context, x, size, layer.interpolation)


@channels_last
def lower_up_sampling_3d(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    (x,) = inputs
    depth, rows, columns = integers(layer.size)

    def grow(image: Value, rows: int, columns: int) -> Value:
        return enlarged(context, image, (image.shape[1] * rows, image.shape[2] * columns))

    x = slice_by_slice(context, x, lambda image: grow(image, rows, columns))
    return along_depth(context, x, lambda image: grow(image, depth, 1))


LOWERINGS = {
    **{f"Cropping{rank}": spatial("cropping", -1) for rank in ("1D", "2D", "3D")},
    **{f"ZeroPadding{rank}": spatial("padding", 1) for rank in ("1D", "2D", "3D")},
    "Flatten": lower_flatten,
    "Permute": lower_permute,
    "RepeatVector": lower_repeat_vector,
    "Reshape": lower_reshape,
    "UpSampling1D": lower_up_sampling_1d,
    "UpSampling2D": lower_up_sampling_2d,
    "UpSampling3D": lower_up_sampling_3d,
}
