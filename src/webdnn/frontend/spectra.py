"""Discrete Fourier transforms as products with matrices of cosines and sines. A complex tensor is a pair: its real and its imaginary part."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from webdnn.frontend.windows import Windows, convolution, transposed_convolution
from webdnn.frontend.writer import Array, Keep, Writer
from webdnn.graph.dim import product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.matmul import MatMul

Pair: TypeAlias = "tuple[Value, Value]"
LONGEST = 256
"""Longer transforms are made of two shorter ones where their length is a product: a matrix of 1,024 × 1,024 is larger than many models."""


def angles(rows: int, columns: int, length: int) -> Array:
    """−2π · row · column / length, exact to float64 whatever the product is."""
    return np.outer(np.arange(rows), np.arange(columns)) % length * (-2 * math.pi / length)


def joined_parts(w: Writer, parts: Pair) -> Value:
    return w.concat(parts, parts[0].type.rank - 1)


def halves(w: Writer, x: Value, size: int) -> Pair:
    """The first and second `size` elements of the last axis."""
    last = x.type.rank - 1
    return w.cut(x, last, 0, size), w.cut(x, last, size, size)


def transform(w: Writer, parts: Pair) -> Pair:
    """The transform along the last axis, whose size is known."""
    length = parts[0].shape[-1]
    if not isinstance(length, int):
        raise UnsupportedError(f"a Fourier transform of the symbolic size {length}; fix it in --input_shape")
    first = _divisor(length)
    if length <= LONGEST or first == 1:
        angle = angles(length, length, length)
        cosine, sine = np.cos(angle), np.sin(angle)
        matrix = np.block([[cosine, sine], [-sine, cosine]])
        return halves(w, w.apply(MatMul(), joined_parts(w, parts), w.literal(matrix)), length)
    return _composed(w, parts, first, length // first)


def _divisor(length: int) -> int:
    """The largest divisor that is no larger than the other factor."""
    return next(d for d in range(math.isqrt(length), 0, -1) if length % d == 0)


def _composed(w: Writer, parts: Pair, first: int, second: int) -> Pair:
    """Of length first · second: element `second` · j + i is at (j, i). A transform over j, a turn by the angle of i times the frequency, and a
    transform over i, of which the frequency `first` · m + k is at (k, m)."""
    batch = parts[0].shape[:-1]
    columns = tuple(w.reshape(x, (*batch, first, second)) for x in parts)
    rows = tuple(w.swap(x, x.type.rank - 2, x.type.rank - 1) for x in columns)
    along = transform(w, (rows[0], rows[1]))  # (i, k)
    angle = angles(second, first, first * second)
    turned = multiply(w, along, (w.literal(np.cos(angle)), w.literal(np.sin(angle))))
    across = tuple(w.swap(x, x.type.rank - 2, x.type.rank - 1) for x in turned)
    found = transform(w, (across[0], across[1]))  # (k, m)
    real, imaginary = (w.swap(x, x.type.rank - 2, x.type.rank - 1) for x in found)
    return w.reshape(real, parts[0].shape), w.reshape(imaginary, parts[0].shape)


def multiply(w: Writer, x: Pair, y: Pair) -> Pair:
    """The product of complex numbers."""
    e = w.elementwise
    real = e("sub", e("mul", x[0], y[0]), e("mul", x[1], y[1]))
    return real, e("add", e("mul", x[0], y[1]), e("mul", x[1], y[0]))


def transform_planes(w: Writer, parts: Pair) -> Pair:
    """The transform along the last two axes."""
    for _ in range(2):
        real, imaginary = transform(w, parts)
        axes = real.type.rank - 2, real.type.rank - 1
        parts = w.swap(real, *axes), w.swap(imaginary, *axes)
    return parts


def inverse_planes(w: Writer, parts: Pair) -> Pair:
    """The inverse of `transform_planes`: the same with real and imaginary parts exchanged, divided by the number of elements."""
    imaginary, real = transform_planes(w, (parts[1], parts[0]))
    count = product(real.shape[-2:])
    if not isinstance(count, int):
        raise UnsupportedError(f"a Fourier transform of the symbolic size {count}; fix it in --input_shape")
    return w.elementwise("mul", real, 1 / count), w.elementwise("mul", imaginary, 1 / count)


def of_length(w: Writer, x: Value, length: int) -> Value:
    """x with its last axis cut off, or continued by zeros."""
    return w.frame_axis(x, x.type.rank - 1, 0, length - x.shape[-1])


def real_transform(w: Writer, x: Value, length: int) -> Pair:
    """The frequencies 0 … length / 2 of a real x, whose last axis is cut or continued to `length`."""
    x = of_length(w, x, length)
    bins = length // 2 + 1
    if length > LONGEST and _divisor(length) > 1:
        real, imaginary = transform(w, (x, w.fill(x.shape, 0, "float32")))
        last = x.type.rank - 1
        return w.cut(real, last, 0, bins), w.cut(imaginary, last, 0, bins)
    angle = angles(length, bins, length)
    return halves(w, w.apply(MatMul(), x, w.literal(np.concatenate([np.cos(angle), np.sin(angle)], 1))), bins)


def inverse_real_matrix(length: int) -> Array:
    """(2 · bins, length): what makes a real sequence of the real parts and the imaginary parts of its frequencies 0 … length / 2. All but the first
    and, of an even length, the last stand for their negatives, too."""
    bins = length // 2 + 1
    weight = np.full((bins, 1), 2 / length)
    weight[0] = 1 / length
    if length % 2 == 0:
        weight[-1] = 1 / length
    angle = angles(bins, length, length)
    return np.concatenate([np.cos(angle) * weight, np.sin(angle) * weight])


def inverse_real_transform(w: Writer, parts: Pair, length: int) -> Value:
    """The inverse of `real_transform`."""
    bins = length // 2 + 1
    cut = of_length(w, parts[0], bins), of_length(w, parts[1], bins)
    return w.apply(MatMul(), joined_parts(w, cut), w.literal(inverse_real_matrix(length)))


def _keep(w: Writer) -> Keep:
    return lambda _, make: w.literal(make())


def short_time_transform(w: Writer, x: Value, window: Array, stride: int) -> Pair:
    """(…, L) → (…, frames, bins): the transforms of parts of x, `stride` apart and as long as the window, by which they are multiplied.

    One convolution whose kernel has the window in it, so L may be symbolic.
    """
    length = len(window)
    bins = length // 2 + 1
    angle = angles(length, bins, length)
    kernel = np.concatenate([np.cos(angle), np.sin(angle)], 1) * window[:, None]
    flat = w.reshape(x, (product(x.shape[:-1]), x.shape[-1], 1))
    y = convolution(w, flat, kernel[:, None].astype(np.float32), Windows.of((length,), (stride,)), _keep(w))
    return halves(w, w.reshape(y, (*x.shape[:-1], *y.shape[1:])), bins)


def overlapped(w: Writer, parts: Pair, window: Array, stride: int) -> Value:
    """(…, frames, bins) → (…, L): the sum of all frames, each transformed back and multiplied by the window, divided by that of the squares of the
    windows, where there is any: the inverse of `short_time_transform` where frames overlap enough."""
    length = len(window)
    bins = length // 2 + 1
    cut = of_length(w, parts[0], bins), of_length(w, parts[1], bins)
    joined = joined_parts(w, cut)
    frames = joined.shape[-2]
    windows = Windows.of((length,), (stride,))
    kernel = (inverse_real_matrix(length) * window).T[:, :, None].astype(np.float32)
    flat = w.reshape(joined, (product(joined.shape[:-2]), frames, 2 * bins))
    y = transposed_convolution(w, flat, kernel, windows, _keep(w))
    ones = w.fill((1, frames, 1), 1, "float32")
    squares = (window**2).astype(np.float32).reshape(length, 1, 1)
    total = transposed_convolution(w, ones, squares, windows, _keep(w))
    total = w.elementwise("where", w.elementwise("greater", total, 1e-10), total, 1.0)
    y = w.elementwise("div", y, total)
    return w.reshape(y, (*joined.shape[:-2], y.shape[1]))
