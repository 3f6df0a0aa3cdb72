"""Convolutions of one to three spatial axes. Keras's kernels are (…, C, O); a transposed convolution's is (…, O, C)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from webdnn.frontend.keras.activation import activate
from webdnn.frontend.keras.lowering import Context, Layer, array_of, channels_last
from webdnn.frontend.windows import Windows, convolution, depthwise, transposed_convolution
from webdnn.graph.dim import Size, ceil_divide, maximum
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value


def integers(values: Any) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def windows_of(kind: str, x: Value, size: Any, strides: Any, dilation: Any = None) -> Windows:
    """Windows over x (N, …, C) for Keras's `padding=`: "valid", "same" (⌈size / stride⌉ positions, the odd element after) or "causal"."""
    plain = Windows.of(integers(size), integers(strides), None, None if dilation is None else integers(dilation))
    reaches = [(k - 1) * d + 1 for k, d in zip(plain.size, plain.dilation, strict=True)]
    sizes = x.shape[1:-1]
    match kind:
        case "valid":
            return plain
        case "same":
            padding = tuple(map(_same, sizes, reaches, plain.strides))
        case "causal":
            padding = tuple((reach - 1, 0) for reach in reaches)
        case _:
            raise UnsupportedError(f"padding {kind!r}")
    return Windows(plain.size, plain.strides, padding, plain.dilation)


def _same(size: Size, kernel: int, stride: int) -> tuple[Size, Size]:
    if kernel == 1:
        return (0, 0)
    total = (ceil_divide(size, stride) - 1) * stride + kernel - size
    if kernel < stride:  # otherwise it is never negative
        total = maximum(total, 0)
    before = total // 2
    return before, total - before


def finish(layer: Layer, x: Value, context: Context) -> Value:
    """`x` with the layer's bias and activation."""
    if layer.use_bias:
        x = context.elementwise("add", x, context.weight(layer, "bias"))
    return activate(layer.activation, x, context)


@channels_last
def lower_convolution(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    (x,) = inputs
    windows = windows_of(layer.padding, x, layer.kernel_size, layer.strides, layer.dilation_rate)
    keep = partial(context.constant, layer)
    return finish(layer, convolution(context, x, array_of(layer.kernel), windows, keep, int(layer.groups)), context)


@channels_last
def lower_depthwise(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return finish(layer, _depthwise(layer, inputs[0], layer.kernel, context), context)


@channels_last
def lower_separable(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    spread = _depthwise(layer, inputs[0], layer.depthwise_kernel, context)
    pointwise = array_of(layer.pointwise_kernel)
    ones = Windows.of((1,) * (spread.type.rank - 2))
    return finish(layer, convolution(context, spread, pointwise, ones, partial(context.constant, layer)), context)


def _depthwise(layer: Layer, x: Value, kernel: Any, context: Context) -> Value:
    windows = windows_of(layer.padding, x, layer.kernel_size, layer.strides, layer.dilation_rate)
    return depthwise(context, x, array_of(kernel), windows, partial(context.constant, layer))


@channels_last
def lower_transposed(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    size, strides, dilation = map(integers, (layer.kernel_size, layer.strides, layer.dilation_rate))
    extra = None if layer.output_padding is None else integers(layer.output_padding)
    windows = transposed_windows(layer.padding, size, strides, dilation, extra)
    kernel = np.swapaxes(array_of(layer.kernel), -1, -2)
    keep = partial(context.constant, layer)
    return finish(layer, transposed_convolution(context, inputs[0], kernel, windows, keep), context)


def transposed_windows(
    padding: str, size: Sequence[int], strides: Sequence[int], dilation: Sequence[int], extra: Sequence[int] | None
) -> Windows:
    """Windows of a transposed convolution for Keras's `padding=` and `output_padding=` (`extra`)."""
    reaches = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    extras: Sequence[int | None] = extra or [None] * len(size)
    crops = [_crop(padding, *axis) for axis in zip(reaches, strides, extras, strict=True)]
    return Windows(tuple(size), tuple(strides), tuple(crops), tuple(dilation))


def _crop(padding: str, kernel: int, stride: int, extra: int | None) -> tuple[int, int]:
    """What Keras cuts off the full result along one axis; negative where it adds zeros. `extra` is output_padding."""
    if padding == "valid":
        return 0, -(max(stride - kernel, 0) if extra is None else extra)
    if padding != "same":
        raise UnsupportedError(f"padding {padding!r}")
    # Size wanted: H·stride, or (H−1)·stride + kernel % 2 + output_padding; the full size is (H−1)·stride + kernel.
    total = kernel - stride if extra is None else kernel - kernel % 2 - extra
    kept = 2 * (kernel - 1) - total
    before = kernel - 1 - min((kept + 1) // 2, kernel - 1)
    return before, total - before


LOWERINGS = {
    "Conv1D": lower_convolution,
    "Conv1DTranspose": lower_transposed,
    "Conv2D": lower_convolution,
    "Conv2DTranspose": lower_transposed,
    "Conv3D": lower_convolution,
    "Conv3DTranspose": lower_transposed,
    "DepthwiseConv1D": lower_depthwise,
    "DepthwiseConv2D": lower_depthwise,
    "SeparableConv1D": lower_separable,
    "SeparableConv2D": lower_separable,
}
