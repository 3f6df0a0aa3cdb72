"""Convolutions and pooling of one to three spatial axes, channels last, as the graph's two-dimensional ops.

One axis: a height of 1 is added. Three axes: depth joins the batch, so that one two-dimensional op does every slice; what meets along the depth is
put side by side first (convolutions) or merged afterwards (pooling).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeVar

import numpy as np

from webdnn.frontend.writer import Array, Keep, Writer
from webdnn.graph.dim import Size, number, product
from webdnn.graph.graph import Value
from webdnn.graph.ops.convolution import Conv2D, Conv2DTranspose, DepthwiseConv2D, output_size
from webdnn.graph.ops.pooling import Pool2D

T = TypeVar("T")


@dataclass(frozen=True)
class Windows:
    """Windows along each spatial axis. For a transposed convolution `padding` is what is cut off the full result."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[Size, Size], ...]
    dilation: tuple[int, ...]

    @staticmethod
    def of(
        size: tuple[int, ...],
        strides: tuple[int, ...] | None = None,
        padding: tuple[tuple[Size, Size], ...] | None = None,
        dilation: tuple[int, ...] | None = None,
    ) -> Windows:
        """Strides and dilation of 1 and no padding where they are left out."""
        ones = (1,) * len(size)
        return Windows(size, strides or ones, padding or ((0, 0),) * len(size), dilation or ones)

    @property
    def rank(self) -> int:
        return len(self.size)

    def lifted(self) -> Windows:
        """The same windows with an axis of size 1 before them."""
        return Windows((1, *self.size), (1, *self.strides), ((0, 0), *self.padding), (1, *self.dilation))

    def inner(self) -> Windows:
        """The windows without their first axis."""
        return Windows(self.size[1:], self.strides[1:], self.padding[1:], self.dilation[1:])


def pairs(values: tuple[T, ...]) -> tuple[T, T]:
    """A tuple of exactly two."""
    first, second = values
    return first, second


def with_height(w: Writer, x: Value, image: Callable[[Value], Value]) -> Value:
    """`image` of x (N, L, C) as (N, 1, L, C), back as (N, L', C')."""
    y = image(w.reshape(x, (x.shape[0], 1, *x.shape[1:])))
    return w.reshape(y, (y.shape[0], *y.shape[2:]))


def slice_by_slice(w: Writer, x: Value, image: Callable[[Value], Value]) -> Value:
    """`image` of every depth slice of x (N, D, H, W, C), as one batch (N·D, H, W, C)."""
    y = image(w.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:])))
    return w.reshape(y, (*x.shape[:2], *y.shape[1:]))


def along_depth(w: Writer, x: Value, image: Callable[[Value], Value]) -> Value:
    """`image` of x (N, D, H, W, C) as (N, D, H·W, C)."""
    y = image(w.reshape(x, (*x.shape[:2], x.shape[2] * x.shape[3], x.shape[4])))
    return w.reshape(y, (*y.shape[:2], *x.shape[2:]))


@dataclass(frozen=True)
class Weights:
    """The kernel of a convolution: an array, which is kept as a constant named `name`, or what the graph computes."""

    w: Writer
    values: Array | Value
    keep: Keep
    name: str = "kernel"

    @property
    def shape(self) -> tuple[Size, ...]:
        return self.values.shape

    def reshaped(self, *shape: Size) -> Weights:
        if isinstance(self.values, Value):
            return replace(self, values=self.w.reshape(self.values, shape))
        return replace(self, values=self.values.reshape([number(size) for size in shape]))

    def transposed(self, *permutation: int) -> Weights:
        if isinstance(self.values, Value):
            return replace(self, values=self.w.transpose(self.values, permutation))
        return replace(self, values=self.values.transpose(permutation))

    def reversed(self) -> Weights:
        """Along the first axis."""
        if isinstance(self.values, Value):
            places = range(number(self.shape[0]) - 1, -1, -1)
            return replace(self, values=self.w.take(self.values, 0, places))
        return replace(self, values=self.values[::-1])

    def placed(self) -> Value:
        """As a value of the graph."""
        values = self.values
        return values if isinstance(values, Value) else self.keep(self.name, lambda: values)


def convolution(w: Writer, x: Value, kernel: Array | Value, windows: Windows, keep: Keep, groups: int = 1) -> Value:
    """x (N, …, C) * kernel (…, C / groups, O) → (N, …, O)."""
    return _convolution(w, x, Weights(w, kernel, keep), windows, groups)


def _convolution(w: Writer, x: Value, kernel: Weights, windows: Windows, groups: int) -> Value:
    if windows.rank == 1:
        lifted = windows.lifted()
        return with_height(
            w, x, lambda image: _convolution(w, image, kernel.reshaped(1, *kernel.shape), lifted, groups)
        )
    outputs = kernel.shape[-1]
    if windows.rank == 2:
        if 1 < groups == x.shape[-1]:
            return _depthwise(w, x, kernel.reshaped(*kernel.shape[:-2], groups, outputs // groups), windows)
        op = Conv2D(pairs(windows.strides), pairs(windows.padding), pairs(windows.dilation), groups=groups)
        return w.apply(op, x, kernel.placed())
    stacked = _groups_together(w, _depth_windows(w, x, windows), windows.size[0], groups)
    flat = _depth_in_channels(kernel)
    return slice_by_slice(w, stacked, lambda image: _convolution(w, image, flat, windows.inner(), groups))


def _depth_in_channels(kernel: Weights) -> Weights:
    """A kernel (D, H, W, C, O) → (H, W, D·C, O)."""
    depth, height, width, channels, outputs = kernel.shape
    return kernel.transposed(1, 2, 0, 3, 4).reshaped(height, width, depth * channels, outputs)


def _groups_together(w: Writer, x: Value, taps: int, groups: int) -> Value:
    """(…, taps · groups · C) → (…, groups · taps · C): the channels of a group are neighbours, whichever tap they come from."""
    if taps == 1 or groups == 1:
        return x
    split = w.reshape(x, (product(x.shape[:-1]), taps, groups, x.shape[-1] // (taps * groups)))
    return w.reshape(w.transpose(split, (0, 2, 1, 3)), x.shape)


def _depth_windows(w: Writer, x: Value, windows: Windows) -> Value:
    """(N, D, H, W, C) → (N, D', H, W, k·C): side by side what a window meets along the depth."""
    size, stride, dilation = windows.size[0], windows.strides[0], windows.dilation[0]
    count = output_size(x.shape[1], size, stride, dilation, windows.padding[0])
    padded = w.frame_axis(x, 1, *windows.padding[0])
    return w.concat([w.every(padded, 1, stride, count, start=i * dilation) for i in range(size)], -1)


def depthwise(w: Writer, x: Value, kernel: Array | Value, windows: Windows, keep: Keep) -> Value:
    """x (N, …, C), kernel (…, C, M) → (N, …, C·M), for one or two spatial axes."""
    return _depthwise(w, x, Weights(w, kernel, keep), windows)


def _depthwise(w: Writer, x: Value, kernel: Weights, windows: Windows) -> Value:
    if windows.rank == 1:
        lifted = windows.lifted()
        return with_height(w, x, lambda image: _depthwise(w, image, kernel.reshaped(1, *kernel.shape), lifted))
    op = DepthwiseConv2D(pairs(windows.strides), pairs(windows.padding), pairs(windows.dilation))
    return w.apply(op, x, replace(kernel, name="depthwise kernel").placed())


def transposed_convolution(w: Writer, x: Value, kernel: Array | Value, windows: Windows, keep: Keep) -> Value:
    """x (N, …, C), kernel (…, C, O) → (N, …, O): every element adds its kernel, `strides` apart."""
    return _transposed(w, x, Weights(w, kernel, keep), windows)


def _transposed(w: Writer, x: Value, kernel: Weights, windows: Windows) -> Value:
    if windows.rank == 1:
        lifted = windows.lifted()
        return with_height(w, x, lambda image: _transposed(w, image, kernel.reshaped(1, *kernel.shape), lifted))
    if windows.rank == 2:
        op = Conv2DTranspose(pairs(windows.strides), pairs(windows.padding), pairs(windows.dilation))
        return w.apply(op, x, kernel.placed())
    # Along the depth, a transposed convolution is a convolution with the reversed kernel over slices that zeros keep `stride` apart.
    stride, reach = windows.strides[0], (windows.size[0] - 1) * windows.dilation[0]
    before, after = windows.padding[0]
    spaced = w.reshape(x, (*x.shape[:2], 1, *x.shape[2:]))
    spaced = w.frame_axis(spaced, 2, 0, stride - 1)
    spaced = w.reshape(spaced, (x.shape[0], x.shape[1] * stride, *x.shape[2:]))
    depth = Windows.of(
        (windows.size[0],), None, ((reach - before, reach - after - (stride - 1)),), (windows.dilation[0],)
    )
    stacked = _depth_windows(w, spaced, depth)
    flat = _depth_in_channels(kernel.reversed())
    return slice_by_slice(w, stacked, lambda image: _transposed(w, image, flat, windows.inner()))


def pooling(w: Writer, kind: str, x: Value, windows: Windows, count_padding: bool = False) -> Value:
    """x (N, …, C) → (N, …, C); `kind` is "max" or, of floats, "average"."""
    if x.dtype != "float32" and kind == "max":
        return _whole_maxima(w, x, windows)
    if windows.rank == 1:
        return with_height(w, x, lambda image: pooling(w, kind, image, windows.lifted(), count_padding))
    if windows.rank == 2:
        op = Pool2D(kind, pairs(windows.size), pairs(windows.strides), pairs(windows.padding), count_padding)
        return w.apply(op, x)
    # A maximum of maxima, or a mean of means: padding leaves every window of a slice the same number of elements.
    depth = Windows.of((windows.size[0], 1), (windows.strides[0], 1), (windows.padding[0], (0, 0)))
    x = slice_by_slice(w, x, lambda image: pooling(w, kind, image, windows.inner(), count_padding))
    return along_depth(w, x, lambda image: pooling(w, kind, image, depth, count_padding))


def _whole_maxima(w: Writer, x: Value, windows: Windows) -> Value:
    """Of whole numbers or truth: along one axis after the other, the largest of the elements that a window meets."""
    if x.dtype == "bool":
        return w.cast(_whole_maxima(w, w.cast(x, "uint8"), windows), "bool")
    least = float(np.iinfo(x.dtype).min)
    for axis, (size, stride, padding) in enumerate(zip(windows.size, windows.strides, windows.padding, strict=True), 1):
        count = output_size(x.shape[axis], size, stride, 1, padding)
        padded = w.frame_axis(x, axis, *padding, least)
        taps = [w.every(padded, axis, stride, count, start=tap) for tap in range(size)]
        x = reduce(lambda a, b: w.elementwise("max", a, b), taps)
    return x
