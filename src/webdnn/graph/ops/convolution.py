"""Two-dimensional convolutions, channels last.

Padding is ((top, bottom), (left, right)); paddings and crops may be Dims. Output size along an axis of size H with kernel k, stride s, dilation d:
(H + before + after − (k−1)·d − 1) // s + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from webdnn.graph.dim import Size, number
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Op
from webdnn.graph.ops.elementwise import WithEpilogue
from webdnn.graph.program import Program
from webdnn.graph.types import FLOATS, TensorType, check_dtype

Array = np.ndarray
Pair: TypeAlias = "tuple[int, int]"
Padding: TypeAlias = "tuple[tuple[Size, Size], tuple[Size, Size]]"

NO_PADDING: Padding = ((0, 0), (0, 0))


def output_size(size: Size, kernel: int, stride: int, dilation: int, padding: tuple[Size, Size]) -> Size:
    """Number of window positions along one axis; raises GraphError when there is none."""
    result = (size + padding[0] + padding[1] - (kernel - 1) * dilation - 1) // stride + 1
    if isinstance(result, int) and result < 1:
        raise GraphError(f"window {kernel} (dilation {dilation}) does not fit into size {size} with padding {padding}")
    return result


def check_ranks(data: TensorType, weights: TensorType) -> None:
    """Both of rank 4, and floats."""
    if data.rank != 4 or weights.rank != 4:
        raise GraphError(f"data and weights must have rank 4, got {data} and {weights}")
    for name, type_ in (("data", data), ("weights", weights)):
        check_dtype(type_.dtype, FLOATS, name)


def check_data(data: TensorType, weights: TensorType, channels_axis: int) -> None:
    """Both of rank 4, and as many channels as the weights want."""
    check_ranks(data, weights)
    if data.shape[3] != weights.shape[channels_axis]:
        raise GraphError(
            f"data {data} has {data.shape[3]} channels, the weights {weights} want {weights.shape[channels_axis]}"
        )


def check_groups(data: TensorType, weights: TensorType, groups: int) -> None:
    """Both of rank 4, and their channels fall into `groups` equal groups."""
    if groups < 1:
        raise GraphError(f"groups must be at least 1, got {groups}")
    if groups == 1:
        check_data(data, weights, 2)
        return
    check_ranks(data, weights)
    if weights.shape[2] * groups != data.shape[3]:
        raise GraphError(
            f"data {data} has {data.shape[3]} channels, the weights {weights} want {groups} groups of {weights.shape[2]}"
        )
    if weights.shape[3] % groups != 0:
        raise GraphError(
            f"the {weights.shape[3]} output channels of the weights {weights} do not fall into {groups} groups"
        )


def window(x: Array, row: int, column: int, strides: Pair, size: tuple[int, int]) -> Array:
    """The (N, *size, C) elements of padded x that kernel position (row, column) meets; offsets already multiplied by the dilation."""
    return x[
        :,
        row : row + (size[0] - 1) * strides[0] + 1 : strides[0],
        column : column + (size[1] - 1) * strides[1] + 1 : strides[1],
    ]


def numbers(padding: Padding) -> tuple[tuple[int, int], tuple[int, int]]:
    """A padding without placeholders."""
    (top, bottom), (left, right) = padding
    return (number(top), number(bottom)), (number(left), number(right))


def pad_spatial(x: Array, padding: Padding, value: float = 0.0) -> Array:
    return np.pad(x, ((0, 0), *numbers(padding), (0, 0)), constant_values=value)


@dataclass(frozen=True, eq=False)
class Conv2D(WithEpilogue):
    """x (N, H, W, C), weights (KH, KW, C / groups, O) → (N, OH, OW, O); a cross-correlation, as in every framework.

    Input and output channels are `groups` runs of neighbours each; every run of the output reads the same run of the input.
    """

    strides: Pair = (1, 1)
    padding: Padding = NO_PADDING
    dilation: Pair = (1, 1)
    epilogue: Program | None = None
    groups: int = 1

    def main_type(self, inputs: Sequence[TensorType]) -> TensorType:
        x, w = inputs
        check_groups(x, w, self.groups)
        return TensorType((x.shape[0], *self.spatial(x.shape, w.shape), w.shape[3]), x.dtype)

    def spatial(self, x: tuple[Size, ...], w: tuple[Size, ...]) -> tuple[Size, Size]:
        """(OH, OW) for shapes of data and weights."""
        return conv_sizes(self, x, w)

    def main_evaluate(self, inputs: Sequence[Array]) -> Array:
        x, w = inputs
        height, width = self.spatial(x.shape, w.shape)
        size = number(height), number(width)
        padded = pad_spatial(x, self.padding)
        result = np.zeros((x.shape[0], *size, w.shape[3]), np.result_type(x, w))
        # Views of the padded image and of the result, one for every group.
        images, sums = np.split(padded, self.groups, axis=3), np.split(result, self.groups, axis=3)
        for image, part, weights in zip(images, sums, np.split(w, self.groups, axis=3), strict=True):
            for i in range(w.shape[0]):
                for j in range(w.shape[1]):
                    met = window(image, i * self.dilation[0], j * self.dilation[1], self.strides, size)
                    part += met @ weights[i, j]
        return result


@dataclass(frozen=True, eq=False)
class DepthwiseConv2D(WithEpilogue):
    """x (N, H, W, C), weights (KH, KW, C, M) → (N, OH, OW, C·M); output channel c·M + m reads input channel c."""

    strides: Pair = (1, 1)
    padding: Padding = NO_PADDING
    dilation: Pair = (1, 1)
    epilogue: Program | None = None

    def main_type(self, inputs: Sequence[TensorType]) -> TensorType:
        x, w = inputs
        check_data(x, w, 2)
        return TensorType((x.shape[0], *self.spatial(x.shape, w.shape), w.shape[2] * w.shape[3]), x.dtype)

    def spatial(self, x: tuple[Size, ...], w: tuple[Size, ...]) -> tuple[Size, Size]:
        """(OH, OW) for shapes of data and weights."""
        return conv_sizes(self, x, w)

    def main_evaluate(self, inputs: Sequence[Array]) -> Array:
        x, w = inputs
        height, width = self.spatial(x.shape, w.shape)
        size = number(height), number(width)
        padded = pad_spatial(x, self.padding)
        result = np.zeros((x.shape[0], *size, *w.shape[2:]), np.result_type(x, w))
        for i in range(w.shape[0]):
            for j in range(w.shape[1]):
                result += (
                    window(padded, i * self.dilation[0], j * self.dilation[1], self.strides, size)[..., None] * w[i, j]
                )
        return result.reshape(*result.shape[:3], -1)


def conv_sizes(op: Conv2D | DepthwiseConv2D, x: tuple[Size, ...], w: tuple[Size, ...]) -> tuple[Size, Size]:
    """(OH, OW) of a convolution for shapes of data and weights."""
    height, width = (
        output_size(x[1 + i], number(w[i]), op.strides[i], op.dilation[i], op.padding[i]) for i in range(2)
    )
    return height, width


@dataclass(frozen=True, eq=False)
class Conv2DTranspose(WithEpilogue):
    """x (N, H, W, C), weights (KH, KW, C, O) → (N, OH, OW, O): every input pixel adds its kernel, `strides` apart.

    The full result has size (H−1)·stride + (k−1)·dilation + 1; `crop` is cut off (a negative crop adds zeros, before the epilogue).
    """

    strides: Pair = (1, 1)
    crop: Padding = NO_PADDING
    dilation: Pair = (1, 1)
    epilogue: Program | None = None

    def main_type(self, inputs: Sequence[TensorType]) -> TensorType:
        x, w = inputs
        check_data(x, w, 2)
        return TensorType((x.shape[0], *self.spatial(x.shape, w.shape), w.shape[3]), x.dtype)

    def spatial(self, x: tuple[Size, ...], w: tuple[Size, ...]) -> tuple[Size, ...]:
        """(OH, OW) for shapes of data and weights."""
        sizes: list[Size] = []
        for i in range(2):
            full = (x[1 + i] - 1) * self.strides[i] + (w[i] - 1) * self.dilation[i] + 1
            size = full - self.crop[i][0] - self.crop[i][1]
            if isinstance(size, int) and size < 1:
                raise GraphError(f"crop {self.crop[i]} leaves nothing of size {full}")
            sizes.append(size)
        return tuple(sizes)

    def main_evaluate(self, inputs: Sequence[Array]) -> Array:
        x, w = inputs
        height, width = map(number, self.spatial(x.shape, w.shape))
        (top, _), (left, _) = numbers(self.crop)
        # Room for the full result and for what negative crops add.
        rows = (x.shape[1] - 1) * self.strides[0] + (w.shape[0] - 1) * self.dilation[0] + 1
        columns = (x.shape[2] - 1) * self.strides[1] + (w.shape[1] - 1) * self.dilation[1] + 1
        above, before = max(-top, 0), max(-left, 0)
        shape = (x.shape[0], above + max(rows, top + height), before + max(columns, left + width), w.shape[3])
        full = np.zeros(shape, np.result_type(x, w))
        for i in range(w.shape[0]):
            for j in range(w.shape[1]):
                target = window(
                    full, above + i * self.dilation[0], before + j * self.dilation[1], self.strides, x.shape[1:3]
                )
                target += x @ w[i, j]
        return full[:, above + top : above + top + height, before + left : before + left + width]


OPS: tuple[type[Op], ...] = (Conv2D, Conv2DTranspose, DepthwiseConv2D)
