"""Pooling over windows of a channels-last image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.graph.dim import number
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Op
from webdnn.graph.ops.convolution import NO_PADDING, Padding, Pair, output_size, pad_spatial, window
from webdnn.graph.types import FLOATS, TensorType, check_dtype

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Pool2D(Op):
    """x (N, H, W, C) → (N, OH, OW, C); `kind` is "max" or "average".

    Padding never wins a maximum, and counts in an average only with `count_padding`.
    """

    kind: str
    size: Pair
    strides: Pair
    padding: Padding = NO_PADDING
    count_padding: bool = False

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = inputs
        if x.rank != 4:
            raise GraphError(f"data must have rank 4, got {x}")
        check_dtype(x.dtype, FLOATS, "data")
        if self.kind not in ("max", "average"):
            raise GraphError(f"kind must be max or average, got {self.kind!r}")
        spatial = [output_size(x.shape[1 + i], self.size[i], self.strides[i], 1, self.padding[i]) for i in range(2)]
        return (TensorType((x.shape[0], *spatial, x.shape[3]), x.dtype),)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        (x,) = inputs
        size = [number(s) for s in self.infer([TensorType(x.shape, "float32")])[0].shape[1:3]]
        if self.kind == "max":
            return (self._fold(pad_spatial(x, self.padding, -np.inf), size, np.maximum, -np.inf),)
        total = self._fold(pad_spatial(x, self.padding), size, np.add, 0.0)
        if self.count_padding:
            return (total / (self.size[0] * self.size[1]),)
        ones = pad_spatial(np.ones_like(x[:1, :, :, :1]), self.padding)
        return (total / self._fold(ones, size, np.add, 0.0),)

    def _fold(self, padded: Array, size: Sequence[int], function: np.ufunc, start: float) -> Array:
        result = np.full((padded.shape[0], *size, padded.shape[3]), start, padded.dtype)
        for i in range(self.size[0]):
            for j in range(self.size[1]):
                function(result, window(padded, i, j, self.strides, (size[0], size[1])), out=result)
        return result


OPS: tuple[type[Op], ...] = (Pool2D,)
