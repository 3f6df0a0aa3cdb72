"""Ops that take or give indices. An index is an int32; one outside of its axis is moved to the nearest end. NaN counts as the largest and as the
smallest element, and stands last in an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.graph.dim import Size
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Constant, Op, Value, apply
from webdnn.graph.types import NUMBERS, TensorType, broadcast_requirements, check_dtype, sizes_may_match

Array = np.ndarray

REDUCTIONS: dict[str, np.ufunc | None] = {
    "none": None,
    "add": np.add,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}
"""How a scattered update joins what stands where it goes; with `none` it takes its place."""


def check_axis(axis: int, x: TensorType) -> None:
    if not 0 <= axis < x.rank:
        raise GraphError(f"axis {axis} does not fit {x}")


def check_indices(indices: TensorType) -> None:
    check_dtype(indices.dtype, ("int32",), "indices")


def _inside(indices: Array, size: int) -> Array:
    return np.asarray(np.clip(indices, 0, size - 1), int)


@dataclass(frozen=True, eq=False)
class Gather(Op):
    """x, indices (K) → x with `axis` replaced by its elements at `indices`: embeddings, flips, repetitions, reflecting padding."""

    axis: int

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, indices = inputs
        check_axis(self.axis, x)
        check_indices(indices)
        if indices.rank != 1:
            raise GraphError(f"indices must have rank 1, got {indices}; reshape them, and the result")
        return (TensorType((*x.shape[: self.axis], indices.shape[0], *x.shape[self.axis + 1 :]), x.dtype),)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        x, indices = inputs
        return (np.take(x, _inside(indices, x.shape[self.axis]), self.axis),)


@dataclass(frozen=True, eq=False)
class GatherElements(Op):
    """x (…, N), indices (…, K) → (…, K): every row takes elements at indices of its own. Other axes: transpose first."""

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, indices = inputs
        check_indices(indices)
        same = x.rank == indices.rank and all(map(sizes_may_match, x.shape[:-1], indices.shape[:-1]))
        if x.rank < 1 or not same:
            raise GraphError(f"data (…, N) and indices (…, K) wanted, got {x} and {indices}")
        return (TensorType(indices.shape, x.dtype),)

    def requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        return broadcast_requirements([t.shape[:-1] for t in inputs])

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        x, indices = inputs
        return (np.take_along_axis(x, _inside(indices, x.shape[-1]), -1),)


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
        return (TensorType((*x.shape[: self.axis], *([1] * self.keepdims), *x.shape[self.axis + 1 :]), "int32"),)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        (x,) = inputs
        find = np.argmax if self.kind == "max" else np.argmin
        return (np.asarray(find(x, axis=self.axis, keepdims=self.keepdims)).astype(np.int32),)


@dataclass(frozen=True, eq=False)
class ArgSort(Op):
    """x (…, N) → (…, `count`): indices of the largest elements of every row, from the largest down; of equal ones the first comes first."""

    count: Size

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = inputs
        check_axis(x.rank - 1, x)
        left = x.shape[-1] - self.count
        if (isinstance(self.count, int) and self.count < 1) or (isinstance(left, int) and left < 0):
            raise GraphError(f"{self.count} of {x.shape[-1]} elements cannot be had")
        return (TensorType((*x.shape[:-1], self.count), "int32"),)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        (x,) = inputs
        # Of integers, −1 − x: the least one has no negative.
        falling = -x if x.dtype.kind == "f" else np.invert(x)
        return (np.argsort(falling, axis=-1, kind="stable")[..., : self.count].astype(np.int32),)


@dataclass(frozen=True, eq=False)
class ScatterElements(Op):
    """data (…, N), indices (…, K), updates (…, K) → data, where element `indices[…, k]` of every row is joined with `updates[…, k]`, for k from 0 up.

    `reduction` says how (REDUCTIONS). Other axes: transpose first.
    """

    reduction: str = "none"

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        data, indices, updates = inputs
        check_scatter(self.reduction, data, indices, updates)
        rows = data.rank == indices.rank and all(map(sizes_may_match, data.shape[:-1], indices.shape[:-1]))
        same = indices.rank == updates.rank and all(map(sizes_may_match, indices.shape, updates.shape))
        if data.rank < 1 or not rows or not same:
            raise GraphError(
                f"data (…, N), indices (…, K) and updates (…, K) wanted, got {data}, {indices} and {updates}"
            )
        return (data,)

    def requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        data, indices, updates = (t.shape for t in inputs)
        return tuple(zip((*data[:-1], *indices), (*indices[:-1], *updates), strict=True))

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        data, indices, updates = inputs
        rows = data.reshape(-1, data.shape[-1]).copy()
        places = _inside(indices, data.shape[-1]).reshape(len(rows), -1)
        _scatter(rows, (np.arange(len(rows))[:, None], places), updates.reshape(places.shape), self.reduction)
        return (rows.reshape(data.shape),)


@dataclass(frozen=True, eq=False)
class ScatterRows(Op):
    """data (R, C), rows (K), updates (K, C) → data, where row `rows[k]` is joined with row k of `updates`, for k from 0 up.

    `reduction` says how (REDUCTIONS). ScatterND of the frameworks is this on reshaped data, with rows that are computed from its indices.
    """

    reduction: str = "none"

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        data, rows, updates = inputs
        check_scatter(self.reduction, data, rows, updates)
        ranks = (data.rank, rows.rank, updates.rank) == (2, 1, 2)
        if not ranks or not all(map(sizes_may_match, updates.shape, (*rows.shape, data.shape[1]))):
            raise GraphError(f"data (R, C), rows (K) and updates (K, C) wanted, got {data}, {rows} and {updates}")
        return (data,)

    def requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        data, rows, updates = (t.shape for t in inputs)
        return ((updates[0], rows[0]), (updates[1], data[1]))

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        data, rows, updates = inputs
        result = data.copy()
        _scatter(result, (_inside(rows, len(data)),), updates, self.reduction)
        return (result,)


def check_scatter(reduction: str, data: TensorType, indices: TensorType, updates: TensorType) -> None:
    """Raises GraphError for an unknown reduction, and for dtypes that do not go together."""
    if reduction not in REDUCTIONS:
        raise GraphError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    check_indices(indices)
    check_dtype(updates.dtype, (data.dtype,), "updates")
    if reduction != "none":
        check_dtype(data.dtype, NUMBERS, "data")


def _scatter(result: Array, places: tuple[Array, ...], updates: Array, reduction: str) -> None:
    """Joins `updates` with `result[places]`, in their order."""
    function = REDUCTIONS[reduction]
    if function is None:
        result[places] = updates  # NumPy keeps the last of several
    else:
        function.at(result, places, updates)


def take(x: Value, axis: int, indices: Sequence[int], origin: tuple[str, ...] = ()) -> Value:
    """The elements of `x` at constant `indices` along `axis`; a negative index counts from the end of an axis of known size."""
    size = x.shape[axis]
    if not isinstance(size, int):
        places = list(indices)
    else:
        places = [i + size if i < 0 else i for i in indices]
    if any(i < 0 or (isinstance(size, int) and i >= size) for i in places):
        raise GraphError(f"indices {min(indices)}…{max(indices)} do not lie in an axis of size {size}")
    constant = apply(Constant(np.array(places, np.int32)), origin=origin)
    return apply(Gather(axis), x, constant, origin=origin)


def top_k(x: Value, count: Size, origin: tuple[str, ...] = ()) -> tuple[Value, Value]:
    """The `count` largest elements along the last axis, from the largest down, and their indices."""
    indices = apply(ArgSort(count), x, origin=origin)
    return apply(GatherElements(), x, indices, origin=origin), indices


OPS: tuple[type[Op], ...] = (ArgReduce, ArgSort, Gather, GatherElements, ScatterElements, ScatterRows)
