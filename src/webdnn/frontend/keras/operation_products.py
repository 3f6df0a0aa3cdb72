"""Operations of keras.ops that multiply tensors, slide windows and normalise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from webdnn.frontend.keras.convolution import transposed_windows, windows_of
from webdnn.frontend.keras.lowering import Array, Context, array_of, channels_last, positive_axes
from webdnn.frontend.keras.operation_elementwise import OperationLowering, operand, tensor
from webdnn.frontend.keras.operation_indices import known
from webdnn.frontend.keras.operation_matrices import norm
from webdnn.frontend.products import contract, einsum, matmul
from webdnn.frontend.resample import adaptive_average, adaptive_max
from webdnn.frontend.statistics import mean, over_deviation, over_length, over_root_mean_square, standardize
from webdnn.frontend.windows import Windows, convolution, depthwise, pooling, transposed_convolution
from webdnn.frontend.writer import Keep
from webdnn.graph.dim import number
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.reduction import Reduce

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
    a, b = tensor(c, x), tensor(c, y)
    if not a.type.rank or not b.type.rank:
        return c.elementwise("mul", a, b)
    return contract(c, a, b, [a.type.rank - 1], [max(b.type.rank - 2, 0)])


def lower_inner(c: Context, _: Any, x: Any, y: Any) -> Value:
    a, b = tensor(c, x), tensor(c, y)
    if not a.type.rank or not b.type.rank:
        return c.elementwise("mul", a, b)
    return contract(c, a, b, [a.type.rank - 1], [b.type.rank - 1])


def lower_outer(c: Context, _: Any, x: Any, y: Any) -> Value:
    a, b = tensor(c, x), tensor(c, y)
    return c.elementwise("mul", c.reshape(a, (a.type.elements, 1)), c.reshape(b, (b.type.elements,)))


def weights_of(kernel: Any) -> Array | Value:
    """A kernel that another layer computes, or the array of a variable or of numbers. Its sizes must be known."""
    if not isinstance(kernel, Value):
        return array_of(kernel)
    if not all(isinstance(size, int) for size in kernel.shape):
        raise UnsupportedError(f"a computed kernel {kernel.type}; its sizes must be fixed")
    return kernel


def keep(c: Context) -> Keep:
    """Operations share no constants."""
    return lambda _, make: c.literal(make())


def over_images(lower: Callable[..., Value]) -> Callable[..., Value]:
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
    weights = weights_of(kernel)
    *size, channels, _ = map(number, weights.shape)
    return convolution(c, x, weights, convolution_windows(operation, x, size), keep(c), _quotient(x, channels))


def _quotient(x: Value, channels: int) -> int:
    groups = x.shape[-1] // channels
    if not isinstance(groups, int):
        raise UnsupportedError(f"a symbolic number of channels, {x.shape[-1]}")
    return groups


@over_images
def lower_transposed(c: Context, operation: Any, x: Value, kernel: Any) -> Value:
    weights = weights_of(kernel)
    size = tuple(map(number, weights.shape[:-2]))
    rank = len(size)
    strides, dilation = (spread(v, rank) for v in (operation.strides, operation.dilation_rate))
    extra = None if operation.output_padding is None else spread(operation.output_padding, rank)
    windows = transposed_windows(operation.padding, size, strides, dilation, extra)
    swapped = c.swap(weights, -1, -2) if isinstance(weights, Value) else np.swapaxes(weights, -1, -2)
    return transposed_convolution(c, x, swapped, windows, keep(c))


@over_images
def lower_depthwise(c: Context, operation: Any, x: Value, kernel: Any) -> Value:
    return _spread_out(c, operation, x, weights_of(kernel))


def _spread_out(c: Context, operation: Any, x: Value, weights: Array | Value) -> Value:
    windows = convolution_windows(operation, x, [number(size) for size in weights.shape[:-2]])
    return depthwise(c, x, weights, windows, keep(c))


@over_images
def lower_separable(c: Context, operation: Any, x: Value, kernel: Any, pointwise: Any) -> Value:
    points = weights_of(pointwise)
    ones = Windows.of((1,) * (len(points.shape) - 2))
    return convolution(c, _spread_out(c, operation, x, weights_of(kernel)), points, ones, keep(c))


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
        return c.literal(array_of(value).astype(np.float32).reshape(shape))

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
        length = norm(c, x, operation.order, operation.axis, keep=True)
        return c.elementwise("div", x, c.elementwise("max", length, _epsilon(operation)))
    return over_length(c, x, positive_axes(operation.axis, x.type.rank), _epsilon(operation))


def _epsilon(operation: Any) -> float:
    return EPSILON if operation.epsilon is None else float(operation.epsilon)


def lower_vdot(c: Context, _: Any, x: Any, y: Any) -> Value:
    """The sum of the products of all elements."""
    a, b = tensor(c, x), tensor(c, y)
    return matmul(c, c.reshape(a, (a.type.elements,)), c.reshape(b, (b.type.elements,)))


def lower_kronecker(c: Context, _: Any, x: Any, y: Any) -> Value:
    """Every element of x times the whole of y."""
    a, b = tensor(c, x), tensor(c, y)
    rank = max(a.type.rank, b.type.rank)
    outer, inner = ((1,) * (rank - v.type.rank) + v.shape for v in (a, b))
    blocks = c.elementwise(
        "mul",
        c.reshape(a, [size for pair in zip(outer, (1,) * rank, strict=True) for size in pair]),
        c.reshape(b, [size for pair in zip((1,) * rank, inner, strict=True) for size in pair]),
    )
    return c.reshape(blocks, [m * n for m, n in zip(outer, inner, strict=True)])


def lower_cross(c: Context, operation: Any, x: Any, y: Any) -> Value:
    """The cross product of vectors of three; one of two lies in the plane, and of two such vectors only the third number is left."""
    a, b = (_last(c, tensor(c, v), axis) for v, axis in ((x, operation.axisa), (y, operation.axisb)))
    sizes = a.shape[-1], b.shape[-1]
    if any(size not in (2, 3) for size in sizes):
        raise UnsupportedError(f"the cross product of vectors of {sizes[0]} and {sizes[1]}")
    a, b = (c.frame_axis(v, v.type.rank - 1, 0, 3 - size) for v, size in zip((a, b), sizes, strict=True))

    def turned(v: Value, order: Sequence[int]) -> Value:
        return c.take(v, v.type.rank - 1, order)

    e = c.elementwise
    result = e(
        "sub",
        e("mul", turned(a, (1, 2, 0)), turned(b, (2, 0, 1))),
        e("mul", turned(a, (2, 0, 1)), turned(b, (1, 2, 0))),
    )
    rank = result.type.rank
    if sizes == (2, 2):
        _ = operation.axisc  # which the result has not
        return c.reshape(c.cut(result, rank - 1, 2, 1), result.shape[:-1])
    place = operation.axisc % rank
    return c.transpose(result, [*range(place), rank - 1, *range(place, rank - 1)])


def _last(c: Context, x: Value, axis: int) -> Value:
    axis %= x.type.rank
    return c.transpose(x, [*(a for a in range(x.type.rank) if a != axis), axis])


def lower_vander(c: Context, operation: Any, x: Value) -> Value:
    """Powers of x (n,) side by side, the largest first."""
    count = known(x.shape[0], "vander") if operation.N is None else int(operation.N)
    column = c.reshape(x, (*x.shape, 1))
    powers = [c.fill(column.shape, 1, column.dtype)]
    while len(powers) < count:
        powers.append(c.elementwise("mul", powers[-1], column))
    powers = powers[:count]
    return c.concat(powers if operation.increasing else powers[::-1], 1)


def lower_correlation(c: Context, _: Any, x: Value) -> Value:
    """Correlation coefficients of the rows of x."""
    rows = c.reshape(x, (1, *x.shape)) if x.type.rank == 1 else x
    centred = c.elementwise("sub", rows, mean(c, rows, (1,)))
    lengths = c.elementwise("sqrt", c.apply(Reduce("sum", (1,), True), c.elementwise("square", centred)))
    even = c.elementwise("div", centred, lengths)
    found = c.elementwise("clip", matmul(c, even, c.swap(even, 0, 1)), -1.0, 1.0)
    return c.reshape(found, ()) if x.type.rank == 1 else found


def lower_distances(c: Context, _: Any, x: Any, y: Any) -> Value:
    """x (…, M, K), y (…, N, K) → (…, M, N)."""
    a, b = tensor(c, x), tensor(c, y)
    rows = c.reshape(a, (*a.shape[:-1], 1, a.shape[-1]))
    columns = c.reshape(b, (*b.shape[:-2], 1, *b.shape[-2:]))
    gap = c.elementwise("sub", rows, columns)
    return c.elementwise("sqrt", c.apply(Reduce("sum", (gap.type.rank - 1,)), c.elementwise("square", gap)))


OPERATIONS: dict[str, OperationLowering] = {
    "AdaptiveAveragePool": lower_adaptive(adaptive_average),
    "AdaptiveMaxPool": lower_adaptive(adaptive_max),
    "AveragePool": lower_pooling("average"),
    "BatchNorm": lower_batch_norm,
    "Conv": lower_convolution,
    "ConvTranspose": lower_transposed,
    "DepthwiseConv": lower_depthwise,
    "CDist": lower_distances,
    "Corrcoef": lower_correlation,
    "Cross": lower_cross,
    "Dot": lower_dot,
    "Einsum": lower_einsum,
    "Inner": lower_inner,
    "Kron": lower_kronecker,
    "LayerNorm": lower_layer_norm,
    "Matmul": lower_matmul,
    "MaxPool": lower_pooling("max"),
    "Normalize": lower_normalize,
    "Outer": lower_outer,
    "RMSNorm": lower_rms_norm,
    "SeparableConv": lower_separable,
    "Tensordot": lower_tensordot,
    "Vander": lower_vander,
    "Vdot": lower_vdot,
}
