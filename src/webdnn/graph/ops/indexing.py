"""Ops that take or give indices. An index is a whole number in float32, exact below 2²⁴; one outside of its axis is moved to the nearest end, and
NaN is 0. NaN counts as the largest and as the smallest element, and stands last in an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.graph.dim import Size
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Constant, Op, Value, apply
from webdnn.graph.types import TensorType, broadcast_requirements, sizes_may_match

Array = np.ndarray

MOST = 2**24
"""Whole numbers up to this are exact in float32."""


def check_axis(axis: int, x: TensorType) -> None:
    if not 0 <= axis < x.rank:
        raise GraphError(f"axis {axis} does not fit {x}")


def _whole(indices: Array, size: int) -> Array:
    return np.asarray(np.clip(np.where(np.isnan(indices), 0, indices), 0, size - 1), int)


@dataclass(frozen=True, eq=False)
class Gather(Op):
    """x, indices (K) → x with `axis` replaced by its elements at `indices`: embeddings, flips, repetitions, reflecting padding."""

    axis: int

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, indices = inputs
        check_axis(self.axis, x)
        if indices.rank != 1:
            raise GraphError(f"indices must have rank 1, got {indices}; reshape them, and the result")
        return (TensorType((*x.shape[: self.axis], indices.shape[0], *x.shape[self.axis + 1 :]), x.dtype),)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        x, indices = inputs
        return (np.take(x, _whole(indices, x.shape[self.axis]), self.axis),)


@dataclass(frozen=True, eq=False)
class GatherElements(Op):
    """x (…, N), indices (…, K) → (…, K): every row takes elements at indices of its own. Other axes: transpose first."""

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, indices = inputs
        same = x.rank == indices.rank and all(map(sizes_may_match, x.shape[:-1], indices.shape[:-1]))
        if x.rank < 1 or not same:
            raise GraphError(f"data (…, N) and indices (…, K) wanted, got {x} and {indices}")
        return (TensorType(indices.shape, x.dtype),)

    def requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        return broadcast_requirements([t.shape[:-1] for t in inputs])

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        x, indices = inputs
        return (np.take_along_axis(x, _whole(indices, x.shape[-1]), -1),)


@dataclass(frozen=True, eq=False)
class ArgReduce(Op):
    """The index of the largest (`kind` "max") or smallest ("min") element along `axis`; of equal ones the first."""

    kind: str
    axis: int
    keepdims: bool = False

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = inputs
        check_axis(self.axis, x)
        if self.kind not in ("max", "min"):
            raise GraphError(f"kind must be max or min, got {self.kind!r}")
        check_indices(x.shape[self.axis])
        return (TensorType((*x.shape[: self.axis], *([1] * self.keepdims), *x.shape[self.axis + 1 :]), x.dtype),)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        (x,) = inputs
        find = np.argmax if self.kind == "max" else np.argmin
        return (np.asarray(find(x, axis=self.axis, keepdims=self.keepdims)).astype(x.dtype),)


@dataclass(frozen=True, eq=False)
class ArgSort(Op):
    """x (…, N) → (…, `count`): indices of the largest elements of every row, from the largest down; of equal ones the first comes first."""

    count: Size

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = inputs
        check_axis(x.rank - 1, x)
        check_indices(x.shape[-1])
        left = x.shape[-1] - self.count
        if (isinstance(self.count, int) and self.count < 1) or (isinstance(left, int) and left < 0):
            raise GraphError(f"{self.count} of {x.shape[-1]} elements cannot be had")
        return (TensorType((*x.shape[:-1], self.count), x.dtype),)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        (x,) = inputs
        return (np.argsort(-x, axis=-1, kind="stable")[..., : self.count].astype(x.dtype),)


def check_indices(size: Size) -> None:
    if isinstance(size, int) and size > MOST:
        raise GraphError(f"indices into {size} elements are not exact in float32")


def take(x: Value, axis: int, indices: Sequence[int], origin: tuple[str, ...] = ()) -> Value:
    """The elements of `x` at constant `indices` along `axis`; a negative index counts from the end of an axis of known size."""
    size = x.shape[axis]
    if not isinstance(size, int):
        places = list(indices)
    else:
        places = [i + size if i < 0 else i for i in indices]
        check_indices(size)
    if any(i < 0 or (isinstance(size, int) and i >= size) for i in places):
        raise GraphError(f"indices {min(indices)}…{max(indices)} do not lie in an axis of size {size}")
    constant = apply(Constant(np.array(places, np.float32)), origin=origin)
    return apply(Gather(axis), x, constant, origin=origin)


def top_k(x: Value, count: Size, origin: tuple[str, ...] = ()) -> tuple[Value, Value]:
    """The `count` largest elements along the last axis, from the largest down, and their indices."""
    indices = apply(ArgSort(count), x, origin=origin)
    return apply(GatherElements(), x, indices, origin=origin), indices


OPS: tuple[type[Op], ...] = (ArgReduce, ArgSort, Gather, GatherElements)
