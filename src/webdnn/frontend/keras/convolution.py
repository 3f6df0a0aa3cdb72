"""Two-dimensional convolutions. Keras's kernels are (KH, KW, C, O); a transposed convolution's is (KH, KW, O, C)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from webdnn.frontend.keras.activation import activate
from webdnn.frontend.keras.lowering import Context, Layer, array_of, channels_last
from webdnn.graph.dim import Size, ceil_divide, maximum
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.convolution import NO_PADDING, Conv2D, Conv2DTranspose, DepthwiseConv2D, Padding, Pair
from webdnn.graph.ops.shape import Concat, Slice


def window_padding(kind: str, x: Value, kernel: Pair, strides: Pair, dilation: Pair = (1, 1)) -> Padding:
    """Padding of x (N, H, W, C) for Keras's `padding="valid"` or `"same"`: ⌈size / stride⌉ positions, the odd element after."""
    if kind == "valid":
        return NO_PADDING
    if kind != "same":
        raise UnsupportedError(f"padding {kind!r}")
    rows, columns = (_same(x.shape[1 + i], (kernel[i] - 1) * dilation[i] + 1, strides[i]) for i in range(2))
    return rows, columns


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


def pair(value: Any) -> Pair:
    first, second = value
    return int(first), int(second)


@channels_last
def lower_conv2d(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    (x,) = inputs
    strides, dilation = pair(layer.strides), pair(layer.dilation_rate)
    padding = window_padding(layer.padding, x, pair(layer.kernel_size), strides, dilation)
    channels, groups = x.shape[3], int(layer.groups)
    if groups == 1:
        result = context.apply(Conv2D(strides, padding, dilation), x, context.weight(layer, "kernel"))
    elif groups == channels:
        kernel = context.constant(layer, "depthwise kernel", lambda: _as_depthwise(array_of(layer.kernel), groups))
        result = context.apply(DepthwiseConv2D(strides, padding, dilation), x, kernel)
    else:
        result = _grouped(layer, x, Conv2D(strides, padding, dilation), groups, context)
    return finish(layer, result, context)


def _as_depthwise(kernel: Any, groups: int) -> Any:
    """(KH, KW, 1, groups·M) → (KH, KW, groups, M): a group of one channel each."""
    return kernel.reshape(*kernel.shape[:2], groups, -1)


def _grouped(layer: Layer, x: Value, op: Conv2D, groups: int, context: Context) -> Value:
    each = x.shape[3] // groups
    kernels = np.split(array_of(layer.kernel), groups, axis=3)
    parts = []
    for group, kernel in enumerate(kernels):
        part = context.apply(Slice((0, 0, 0, group * each), (*x.shape[:3], each)), x)
        parts.append(context.apply(op, part, context.constant(layer, f"kernel {group}", partial(np.array, kernel))))
    return context.apply(Concat(3), *parts)


@channels_last
def lower_depthwise_conv2d(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return finish(layer, _depthwise(layer, inputs[0], "kernel", context), context)


@channels_last
def lower_separable_conv2d(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    spread = _depthwise(layer, inputs[0], "depthwise_kernel", context)
    return finish(layer, context.apply(Conv2D(), spread, context.weight(layer, "pointwise_kernel")), context)


def _depthwise(layer: Layer, x: Value, kernel: str, context: Context) -> Value:
    strides, dilation = pair(layer.strides), pair(layer.dilation_rate)
    padding = window_padding(layer.padding, x, pair(layer.kernel_size), strides, dilation)
    return context.apply(DepthwiseConv2D(strides, padding, dilation), x, context.weight(layer, kernel))


@channels_last
def lower_conv2d_transpose(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    (x,) = inputs
    strides, dilation, size = pair(layer.strides), pair(layer.dilation_rate), pair(layer.kernel_size)
    extra = (None, None) if layer.output_padding is None else pair(layer.output_padding)
    rows, columns = (_crop(layer.padding, (size[i] - 1) * dilation[i] + 1, strides[i], extra[i]) for i in range(2))
    kernel = context.constant(layer, "kernel", lambda: array_of(layer.kernel).transpose(0, 1, 3, 2))
    return finish(layer, context.apply(Conv2DTranspose(strides, (rows, columns), dilation), x, kernel), context)


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
    "Conv2D": lower_conv2d,
    "Conv2DTranspose": lower_conv2d_transpose,
    "DepthwiseConv2D": lower_depthwise_conv2d,
    "SeparableConv2D": lower_separable_conv2d,
}
