"""Layers that move, cut, pad and resize."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.frontend.keras.convolution import pair
from webdnn.frontend.keras.lowering import Context, Layer, channels_last, flat
from webdnn.graph.dim import Size, product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.resize import Resize2D
from webdnn.graph.ops.shape import Pad, Slice


def fill_in(shape: Sequence[int], elements: Size) -> tuple[Size, ...]:
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


@channels_last
def lower_zero_padding(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    rows, columns = map(pair, layer.padding)
    return context.apply(Pad(((0, 0), rows, columns, (0, 0))), inputs[0])


@channels_last
def lower_cropping(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    (x,) = inputs
    (top, bottom), (left, right) = layer.cropping
    batch, height, width, channels = x.shape
    return context.apply(Slice((0, top, left, 0), (batch, height - top - bottom, width - left - right, channels)), x)


@channels_last
def lower_up_sampling(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    (x,) = inputs
    if layer.interpolation not in ("nearest", "bilinear"):
        raise UnsupportedError(f"interpolation {layer.interpolation!r}; nearest and bilinear are supported")
    rows, columns = map(int, layer.size)
    return context.apply(Resize2D(x.shape[1] * rows, x.shape[2] * columns, layer.interpolation), x)


LOWERINGS = {
    "Cropping2D": lower_cropping,
    "Flatten": lower_flatten,
    "Permute": lower_permute,
    "Reshape": lower_reshape,
    "UpSampling2D": lower_up_sampling,
    "ZeroPadding2D": lower_zero_padding,
}
