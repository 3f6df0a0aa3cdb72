"""Reductions over axes, cumulative sums, and softmax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Op
from webdnn.graph.ops.elementwise import WithEpilogue
from webdnn.graph.program import Program
from webdnn.graph.types import FLOATS, NUMBERS, TensorType, check_dtype

Array = np.ndarray

REDUCTIONS: dict[str, tuple[Callable[..., Array], tuple[str, ...]]] = {
    "mean": (np.mean, FLOATS),
    "sum": (np.sum, NUMBERS),
    "max": (np.max, (*NUMBERS, "bool")),
    "min": (np.min, (*NUMBERS, "bool")),
    "prod": (np.prod, NUMBERS),
}
"""Meaning and dtypes. Sums and products of integers wrap around; the largest of bools is whether any is true."""


@dataclass(frozen=True, eq=False)
class Reduce(Op):
    """`kind` (mean, sum, max, min, prod) over `axes`, which are ascending and not negative; kept with size 1 if `keepdims`."""

    kind: str
    axes: tuple[int, ...]
    keepdims: bool = False

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = inputs
        if self.kind not in REDUCTIONS:
            raise GraphError(f"kind must be one of {', '.join(REDUCTIONS)}, got {self.kind!r}")
        check_dtype(x.dtype, REDUCTIONS[self.kind][1], f"what {self.kind} reduces")
        if not self.axes or list(self.axes) != sorted(set(self.axes)) or self.axes[0] < 0 or self.axes[-1] >= x.rank:
            raise GraphError(f"axes must be ascending and lie in 0…{x.rank - 1}, got {self.axes}")
        if self.keepdims:
            return (TensorType(tuple(1 if i in self.axes else s for i, s in enumerate(x.shape)), x.dtype),)
        return (TensorType(tuple(s for i, s in enumerate(x.shape) if i not in self.axes), x.dtype),)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        (x,) = inputs
        return (np.asarray(REDUCTIONS[self.kind][0](x, axis=self.axes, keepdims=self.keepdims)).astype(x.dtype),)


@dataclass(frozen=True, eq=False)
class Softmax(Op):
    """exp(x − max) / sum, along the last axis. Other axes: transpose first."""

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = inputs
        if x.rank < 1:
            raise GraphError("a scalar has no axis")
        check_dtype(x.dtype, FLOATS, "data")
        return (x,)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        (x,) = inputs
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return (e / e.sum(axis=-1, keepdims=True),)


@dataclass(frozen=True, eq=False)
class Normalize(WithEpilogue):
    """x (…, C) → (x − mean) / √(variance + `epsilon`) along the last axis, or without `centre` x / √(mean of x² + `epsilon`).

    Layer and RMS normalization; their scale and shift are the epilogue.
    """

    main: ClassVar[int] = 1
    epsilon: float = 1e-3
    centre: bool = True
    epilogue: Program | None = None

    def main_type(self, inputs: Sequence[TensorType]) -> TensorType:
        (x,) = inputs
        if x.rank < 1:
            raise GraphError("a scalar has no axis")
        check_dtype(x.dtype, FLOATS, "data")
        return x

    def main_evaluate(self, inputs: Sequence[Array]) -> Array:
        (x,) = inputs
        centred = x - x.mean(axis=-1, keepdims=True) if self.centre else x
        return np.asarray(centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + x.dtype.type(self.epsilon)))


@dataclass(frozen=True, eq=False)
class GroupNormalize(WithEpilogue):
    """x (N, …, C) → (x − mean) / √(variance + `epsilon`) over all axes but the first, in each of `groups` runs of channels by itself.

    Group normalization, and with as many groups as channels instance normalization; their scale and shift, a number for each channel, are the
    epilogue.
    """

    main: ClassVar[int] = 1
    groups: int = 1
    epsilon: float = 1e-3
    epilogue: Program | None = None

    def main_type(self, inputs: Sequence[TensorType]) -> TensorType:
        (x,) = inputs
        check_dtype(x.dtype, FLOATS, "data")
        channels = x.shape[-1] if x.rank > 1 else 0
        if not isinstance(channels, int) or self.groups < 1 or channels < 1 or channels % self.groups:
            raise GraphError(f"data (N, …, C) wanted, whose channels fall into {self.groups} groups, got {x}")
        return x

    def main_evaluate(self, inputs: Sequence[Array]) -> Array:
        (x,) = inputs
        grouped = x.reshape(x.shape[0], -1, self.groups, x.shape[-1] // self.groups)
        centred = grouped - grouped.mean(axis=(1, 3), keepdims=True)
        variance = (centred**2).mean(axis=(1, 3), keepdims=True)
        return np.asarray(centred / np.sqrt(variance + x.dtype.type(self.epsilon))).reshape(x.shape)


@dataclass(frozen=True, eq=False)
class CumulativeSum(Op):
    """Every element becomes the sum of those up to it along `axis` (`exclusive`: before it; `reverse`: counted from the end)."""

    axis: int
    exclusive: bool = False
    reverse: bool = False

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = inputs
        if not 0 <= self.axis < x.rank:
            raise GraphError(f"axis {self.axis} does not fit {x}")
        check_dtype(x.dtype, NUMBERS, "data")
        return (x,)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        x = np.flip(inputs[0], self.axis) if self.reverse else inputs[0]
        total = np.cumsum(x, self.axis, dtype=x.dtype)
        if self.exclusive:
            first = [slice(0, 1) if axis == self.axis else slice(None) for axis in range(x.ndim)]
            total = np.roll(total, 1, self.axis)
            total[tuple(first)] = 0
        return (np.flip(total, self.axis) if self.reverse else total,)


OPS: tuple[type[Op], ...] = (CumulativeSum, GroupNormalize, Normalize, Reduce, Softmax)
