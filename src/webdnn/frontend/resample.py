"""Resizing and adaptive pooling, channels last: the graph's ops where they mean the same, else a constant matrix along each axis.

The matrices are those of jax.image.resize: half-pixel centres; the kernel's values at the input pixels, divided by their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from webdnn.frontend.windows import Windows, pooling
from webdnn.frontend.writer import Array, Writer
from webdnn.graph.dim import Size
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.matmul import MatMul
from webdnn.graph.ops.reduction import Reduce
from webdnn.graph.ops.resize import Resize2D


def along(w: Writer, x: Value, axis: int, matrix: Array) -> Value:
    """The product of every line of `x` along `axis`, of size K, and a matrix (K, M)."""
    last = x.type.rank - 1
    return w.swap(w.apply(MatMul(), w.swap(x, axis, last), w.literal(matrix)), axis, last)


def triangle(x: Array) -> Array:
    return np.maximum(0, 1 - x)


def keys_cubic(x: Array) -> Array:
    """R. G. Keys, Cubic convolution interpolation, a = −½."""
    near = ((1.5 * x - 2.5) * x) * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x >= 2, 0.0, np.where(x >= 1, far, near))


def lanczos(radius: int, x: Array) -> Array:
    value = radius * np.sin(np.pi * x) * np.sin(np.pi * x / radius)
    inside = np.where(x > 1e-3, value / np.where(x != 0, np.pi**2 * x**2, 1), 1)
    return np.where(x > radius, 0.0, inside)


KERNELS: dict[str, Callable[[Array], Array]] = {
    "bicubic": keys_cubic,
    "bilinear": triangle,
    "lanczos3": partial(lanczos, 3),
    "lanczos5": partial(lanczos, 5),
}
_NOTHING = 1000 * float(np.finfo(np.float32).eps)  # a sum of weights that jax.image takes for none


def resize_matrix(before: int, after: int, method: str, antialias: bool = False) -> Array:
    """(before, after): column i holds the weights of the input elements in output element i."""
    return scaled_matrix(before, after, after / before, 0.0, method, antialias)


def scaled_matrix(before: int, after: int, scale: float, shift: float, method: str, antialias: bool) -> Array:
    """(before, after), for an input that is enlarged by `scale` and then moved by `shift` output elements. Outputs that look at a place outside of
    the input are 0."""
    position = (np.arange(after) + 0.5 - shift) / scale - 0.5
    spread = max(1 / scale, 1.0) if antialias else 1.0
    weights = KERNELS[method](np.abs(position[None, :] - np.arange(before)[:, None]) / spread)
    sums = weights.sum(0)
    counts = (position >= -0.5) & (position <= before - 0.5) & (np.abs(sums) > _NOTHING)
    return np.where(counts, weights / np.where(counts, sums, 1), 0.0)


def resize(w: Writer, x: Value, size: tuple[Size, Size], method: str, antialias: bool = False) -> Value:
    """x (N, H, W, C) → (N, *size, C); `method` is nearest, bilinear, bicubic, lanczos3 or lanczos5."""
    if method != "nearest" and method not in KERNELS:
        raise UnsupportedError(f"interpolation {method!r}; nearest, {', '.join(sorted(KERNELS))} are supported")
    if x.shape[1:3] == tuple(size):
        return x
    if x.dtype != "float32" and method != "nearest":
        raise UnsupportedError(f"interpolation {method!r} of {x.dtype}; cast to float32 first")
    if method == "bilinear" and (not antialias or _grows(x.shape[1:3], size)):
        return w.apply(Resize2D(*size, method), x)
    if method == "nearest" and all(_is_multiple(n, m) for n, m in zip(size, x.shape[1:3], strict=True)):
        return enlarged(w, x, size)
    for axis, after in enumerate(size, start=1):
        x = _resize_axis(w, x, axis, after, method, antialias)
    return x


def enlarged(w: Writer, x: Value, size: tuple[Size, Size]) -> Value:
    """x (N, H, W, C) → (N, *size, C), where the sizes are multiples: every element so many times."""
    if x.dtype == "float32":
        return w.apply(Resize2D(*size, "nearest"), x)
    for axis, after in enumerate(size, start=1):
        times = after // x.shape[axis]
        if not isinstance(times, int):
            raise UnsupportedError(f"interpolation 'nearest' of {x.dtype} to the symbolic size {after}")
        column = w.reshape(x, (*x.shape[: axis + 1], 1, *x.shape[axis + 1 :]))
        x = w.reshape(w.concat([column] * times, axis + 1), (*x.shape[:axis], after, *x.shape[axis + 1 :]))
    return x


def _grows(before: Sequence[Size], after: Sequence[Size]) -> bool:
    return all(isinstance(m, int) and isinstance(n, int) and n >= m for m, n in zip(before, after, strict=True))


def _is_multiple(size: Size, of: Size) -> bool:
    if isinstance(size, int) and isinstance(of, int):
        return size % of == 0
    return size == of


def _resize_axis(w: Writer, x: Value, axis: int, after: Size, method: str, antialias: bool) -> Value:
    before = x.shape[axis]
    if before == after:
        return x
    if not isinstance(before, int) or not isinstance(after, int):
        raise UnsupportedError(
            f"interpolation {method!r} from size {before} to {after}; it needs sizes known at conversion"
        )
    if method != "nearest":
        return along(w, x, axis, resize_matrix(before, after, method, antialias))
    return w.take(x, axis, [(2 * i + 1) * before // (2 * after) for i in range(after)])  # ⌊(i + ½) · before / after⌋


def aspect_crop(w: Writer, x: Value, size: tuple[int, int]) -> Value:
    """The largest centred part of x (N, H, W, C) that has the proportions of `size`."""
    height, width = known_sizes(x)
    rows = max(min(height, int(width * size[0] / size[1])), 1)
    columns = max(min(width, int(height * size[1] / size[0])), 1)
    x = w.cut(x, 1, int((height - rows) / 2), rows)
    return w.cut(x, 2, int((width - columns) / 2), columns)


def aspect_pad(w: Writer, x: Value, size: tuple[int, int], value: float) -> Value:
    """x (N, H, W, C) with `value` around it, as much on either side, so that it has the proportions of `size`."""
    height, width = known_sizes(x)
    rows = (max(height, int(width * size[0] / size[1])) - height) // 2
    columns = (max(width, int(height * size[1] / size[0])) - width) // 2
    if rows:
        return w.frame_axis(x, 1, rows, rows, value)
    return w.frame_axis(x, 2, columns, columns, value)


def known_sizes(x: Value) -> tuple[int, int]:
    """(H, W) of x (N, H, W, C). Raises UnsupportedError when one is symbolic."""
    height, width = x.shape[1:3]
    if not isinstance(height, int) or not isinstance(width, int):
        raise UnsupportedError(f"symbolic sizes {height} and {width}; it needs sizes known at conversion")
    return height, width


def adaptive_windows(before: Size, after: int) -> list[tuple[int, int]]:
    """(start, end) of window i: ⌊i · before / after⌋ … ⌈(i + 1) · before / after⌉."""
    if not isinstance(before, int):
        raise UnsupportedError(f"adaptive pooling of the symbolic size {before}; it needs sizes known at conversion")
    return [(i * before // after, -(-(i + 1) * before // after)) for i in range(after)]


def adaptive_average(w: Writer, x: Value, sizes: tuple[int, ...]) -> Value:
    """x (N, …, C) → (N, *sizes, C)."""
    return _adaptive(w, "average", x, sizes, _average_axis)


def adaptive_max(w: Writer, x: Value, sizes: tuple[int, ...]) -> Value:
    """x (N, …, C) → (N, *sizes, C)."""
    return _adaptive(w, "max", x, sizes, _max_axis)


AxisPooling = Callable[[Writer, Value, int, "list[tuple[int, int]]"], Value]


def _adaptive(w: Writer, kind: str, x: Value, sizes: tuple[int, ...], pool_axis: AxisPooling) -> Value:
    windows = [adaptive_windows(before, after) for before, after in zip(x.shape[1:-1], sizes, strict=True)]
    if all(_is_regular(axis) for axis in windows):
        lengths = tuple(axis[0][1] for axis in windows)
        return pooling(w, kind, x, Windows.of(lengths, lengths))
    for axis, intervals in enumerate(windows, start=1):
        x = pool_axis(w, x, axis, intervals)
    return x


def _is_regular(intervals: list[tuple[int, int]]) -> bool:
    return all(left[1] == right[0] for left, right in pairwise(intervals)) and len({b - a for a, b in intervals}) == 1


def _average_axis(w: Writer, x: Value, axis: int, intervals: list[tuple[int, int]]) -> Value:
    matrix = np.zeros((intervals[-1][1], len(intervals)))
    for column, (start, end) in enumerate(intervals):
        matrix[start:end, column] = 1 / (end - start)
    return along(w, x, axis, matrix)


def _max_axis(w: Writer, x: Value, axis: int, intervals: list[tuple[int, int]]) -> Value:
    parts = [w.cut(x, axis, start, end - start) for start, end in intervals]
    return w.concat([w.apply(Reduce("max", (axis,), True), part) for part in parts], axis)
