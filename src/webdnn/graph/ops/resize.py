"""Resizing images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.graph.dim import Size, number
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Op
from webdnn.graph.types import TensorType

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Resize2D(Op):
    """x (N, H, W, C) → (N, height, width, C).

    `nearest`: output i reads input ⌊i·H/height⌋. `bilinear`: half-pixel centres, position (i + ½)·H/height − ½ clamped to the image, no
    antialiasing.
    """

    height: Size
    width: Size
    mode: str

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = inputs
        if x.rank != 4:
            raise GraphError(f"data must have rank 4, got {x}")
        if self.mode not in ("nearest", "bilinear"):
            raise GraphError(f"mode must be nearest or bilinear, got {self.mode!r}")
        return (TensorType((x.shape[0], self.height, self.width, x.shape[3]), x.dtype),)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        (x,) = inputs
        for axis, size in ((1, number(self.height)), (2, number(self.width))):
            x = self._along(x, axis, size)
        return (x,)

    def _along(self, x: Array, axis: int, size: int) -> Array:
        before = x.shape[axis]
        index = np.arange(size)
        if self.mode == "nearest":
            return np.asarray(np.take(x, index * before // size, axis))
        position = np.clip((index + 0.5) * before / size - 0.5, 0, before - 1)
        low = np.floor(position).astype(int)
        high = np.minimum(low + 1, before - 1)
        shape = [1] * x.ndim
        shape[axis] = size
        weight = (position - low).astype(x.dtype).reshape(shape)
        return np.asarray(np.take(x, low, axis) * (1 - weight) + np.take(x, high, axis) * weight)
