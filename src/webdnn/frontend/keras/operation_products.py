"""Operations of keras.ops that multiply tensors, slide windows, normalise and resize."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from webdnn.frontend.keras.convolution import transposed_windows, windows_of
from webdnn.frontend.keras.lowering import Array, Context, array_of, channels_last, positive_axes
from webdnn.frontend.keras.operation_elementwise import OperationLowering, operand, tensor
from webdnn.frontend.keras.preprocessing import resize_like
from webdnn.frontend.products import contract, einsum, matmul
from webdnn.frontend.resample import adaptive_average, adaptive_max
from webdnn.frontend.statistics import over_deviation, over_length, over_root_mean_square, standardize
from webdnn.frontend.windows import Windows, convolution, depthwise, pooling, transposed_convolution
from webdnn.frontend.writer import Keep
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value

EPSILON = 1e-7  # keras.backend.epsilon()


def lower_matmul(c: Context, _: Any, x: Any, y: Any) -> Value:
    return matmul(c, tensor(c, x), tensor(c, y))


def lower_einsum(c: Context, operation: Any, *operands: Any) -> Value:
    return einsum(c, operation.subscripts, *(tensor(c, x) for x in operands))


def lower_tensordot(c: Context, operation: Any, x: Any, y: Any) -> Value:
    a, b = tensor(c, x), tensor(c, y)
    if isinstance(operation.axes, int):
        left, right = list(range(a.type.rank - operation.axes, a.type.rank)), list(range(operation.axes))
    else:
        left, right = ([int(i) for i in np.atleast_1d(axes)] for axes in operation.axes)
    return contract(c, a, b, [i % a.type.rank for i in left], [i % b.type.rank for i in right])


def lower_dot(c: Context, _: Any, x: Any, y: Any) -> Value:
    """NumPy's dot: the last axis of x with the last but one of y; a number scales."""
    if (np.ndim(x) == 0 and not isinstance(x, Value)) or (np.ndim(y) == 0 and not isinstance(y, Value)):
        return c.elementwise("mul", operand(c, x), operand(c, y))
    a, b = tensor(c, x), tensor(c, y)
    return contract(c, a, b, [a.type.rank - 1], [max(b.type.rank - 2, 0)])


def lower_inner(c: Context, _: Any, x: Any, y: Any) -> Value:
    a, b = tensor(c, x), tensor(c, y)
    return contract(c, a, b, [a.type.rank - 1], [b.type.rank - 1])


def lower_outer(c: Context, _: Any, x: Any, y: Any) -> Value:
    a, b = tensor(c, x), tensor(c, y)
    return c.elementwise("mul", c.reshape(a, (a.type.elements, 1)), c.reshape(b, (b.type.elements,)))


def constant_array(kernel: Any) -> Array:
    if isinstance(kernel, Value):
        raise UnsupportedError("a kernel that another layer computes")
    return array_of(kernel)


def keep(c: Context) -> Keep:
    """Operations share no constants."""
    return lambda _, make: c.literal(make())


def over_images(lower: Callable[..., Value]) -> OperationLowering:
    """`lower(c, operation, x, …)`, written for x (N, …, C), for operations of either data_format."""

    def either(c: Context, operation: Any, x: Value, *rest: Any) -> Value:
        return channels_last(lambda operation, inputs, c: lower(c, operation, inputs[0], *rest))(operation, [x], c)

    return either


def spread(value: Any, rank: int) -> tuple[int, ...]:
    """A number for every spatial axis."""
    return (int(value),) * rank if np.ndim(value) == 0 else tuple(int(v) for v in value)


def convolution_windows(operation: Any, x: Value, size: Sequence[int]) -> Windows:
    strides, dilation = (spread(v, len(size)) for v in (operation.strides, operation.dilation_rate))
    return windows_of(operation.padding, x, size, strides, dilation)


@over_images
def lower_convolution(c: Context, operation: Any, x: Value, kernel: Any) -> Value:
    array = constant_array(kernel)
    windows = convolution_windows(operation, x, array.shape[:-2])
    return convolution(c, x, array, windows, keep(c), _quotient(x, array.shape[-2]))


def _quotient(x: Value, channels: int) -> int:
    groups = x.shape[-1] // channels
    if not isinstance(groups, int):
        raise UnsupportedError(f"a symbolic number of channels, {x.shape[-1]}")
    return groups


@over_images
def lower_transposed(c: Context, operation: Any, x: Value, kernel: Any) -> Value:
    array = np.swapaxes(constant_array(kernel), -1, -2)
    rank = array.ndim - 2
    strides, dilation = (spread(v, rank) for v in (operation.strides, operation.dilation_rate))
    extra = None if operation.output_padding is None else spread(operation.output_padding, rank)
    windows = transposed_windows(operation.padding, array.shape[:-2], strides, dilation, extra)
    return transposed_convolution(c, x, array, windows, keep(c))


@over_images
def lower_depthwise(c: Context, operation: Any, x: Value, kernel: Any) -> Value:
    array = constant_array(kernel)
    return depthwise(c, x, array, convolution_windows(operation, x, array.shape[:-2]), keep(c))


@over_images
def lower_separable(c: Context, operation: Any, x: Value, kernel: Any, pointwise: Any) -> Value:
    array, points = constant_array(kernel), constant_array(pointwise)
    spread_out = depthwise(c, x, array, convolution_windows(operation, x, array.shape[:-2]), keep(c))
    return convolution(c, spread_out, points, Windows.of((1,) * (points.ndim - 2)), keep(c))


def lower_pooling(kind: str) -> OperationLowering:
    @over_images
    def lower(c: Context, operation: Any, x: Value) -> Value:
        rank = x.type.rank - 2
        size = spread(operation.pool_size, rank)
        strides = size if operation.strides is None else spread(operation.strides, rank)
        return pooling(c, kind, x, windows_of(operation.padding, x, size, strides))

    return lower


def lower_adaptive(pool: Callable[[Context, Value, tuple[int, ...]], Value]) -> OperationLowering:
    return over_images(lambda c, operation, x: pool(c, x, spread(operation.output_size, x.type.rank - 2)))


def lower_batch_norm(c: Context, operation: Any, x: Value, mean: Any, variance: Any, offset: Any, scale: Any) -> Value:
    """(x − mean) / √(variance + ε) · scale + offset; each has the axis's size."""
    e = c.elementwise
    shape = (-1, *(1,) * (x.type.rank - 1 - operation.axis % x.type.rank))

    def along(value: Any) -> Value:
        if isinstance(value, Value):
            return c.reshape(value, (value.shape[0], *shape[1:]))
        return c.literal(array_of(value).reshape(shape))

    factor = e("rsqrt", e("add", along(variance), operation.epsilon))
    y = e("mul", e("sub", x, along(mean)), factor)
    y = y if scale is None else e("mul", y, along(scale))
    return y if offset is None else e("add", y, along(offset))


def lower_layer_norm(c: Context, operation: Any, x: Value, gamma: Any = None, beta: Any = None) -> Value:
    axes = positive_axes(operation.axis, x.type.rank)
    normalize = over_deviation if operation.rms_scaling else standardize
    y = normalize(c, x, axes, _epsilon(operation))
    for function, weight in (("mul", gamma), ("add", beta)):
        if weight is not None and not (weight is beta and operation.rms_scaling):
            values = tensor(c, weight)
            shape = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
            y = c.elementwise(function, y, c.reshape(values, shape) if len(axes) == values.type.rank else values)
    return y


def lower_rms_norm(c: Context, operation: Any, x: Value, scale: Any = None) -> Value:
    y = over_root_mean_square(c, x, positive_axes(operation.axis, x.type.rank), _epsilon(operation))
    return y if scale is None else c.elementwise("mul", y, operand(c, scale))


def lower_normalize(c: Context, operation: Any, x: Value) -> Value:
    if operation.order != 2:
        raise UnsupportedError(f"order {operation.order}")
    return over_length(c, x, positive_axes(operation.axis, x.type.rank), _epsilon(operation))


def _epsilon(operation: Any) -> float:
    return EPSILON if operation.epsilon is None else float(operation.epsilon)


def lower_resize(c: Context, operation: Any, x: Value) -> Value:
    return over_images(lambda c, o, image: resize_like(c, o, image, o.size))(c, operation, x)  # type: ignore[return-value]


@over_images
def lower_grayscale(c: Context, operation: Any, x: Value) -> Value:
    weights = np.array([[0.2989], [0.5870], [0.1140]], np.float32)  # Rec. 601, as Keras rounds it
    return matmul(c, x, c.literal(weights))


OPERATIONS: dict[str, OperationLowering] = {
    "AdaptiveAveragePool": lower_adaptive(adaptive_average),
    "AdaptiveMaxPool": lower_adaptive(adaptive_max),
    "AveragePool": lower_pooling("average"),
    "BatchNorm": lower_batch_norm,
    "Conv": lower_convolution,
    "ConvTranspose": lower_transposed,
    "DepthwiseConv": lower_depthwise,
    "Dot": lower_dot,
    "Einsum": lower_einsum,
    "Inner": lower_inner,
    "LayerNorm": lower_layer_norm,
    "Matmul": lower_matmul,
    "MaxPool": lower_pooling("max"),
    "Normalize": lower_normalize,
    "Outer": lower_outer,
    "RGBToGrayscale": lower_grayscale,
    "RMSNorm": lower_rms_norm,
    "Resize": lower_resize,
    "SeparableConv": lower_separable,
    "Tensordot": lower_tensordot,
}
