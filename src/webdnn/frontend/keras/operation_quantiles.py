"""Operations of keras.ops that take an element by its place in the order: medians, quantiles, percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from webdnn.frontend.keras.lowering import Array, Context, array_of, positive_axes
from webdnn.frontend.keras.operation_elementwise import OperationLowering
from webdnn.frontend.keras.operation_indices import at_run_time, broadcast_together
from webdnn.frontend.keras.operation_order import ascending
from webdnn.graph.dim import product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.indexing import GatherElements
from webdnn.graph.ops.reduction import Reduce

Number: TypeAlias = "Value | float"
METHODS = ("linear", "lower", "higher", "nearest", "midpoint")


def blend(c: Context, method: str, low: Value, high: Value, share: Value) -> Value:
    """What stands between two neighbours, `share` of the way from the lower to the higher one."""
    e = c.elementwise
    match method:
        case "lower":
            return low
        case "higher":
            return high
        case "midpoint":
            return e("mul", e("add", low, high), 0.5)
        case "nearest":
            return e("where", e("less_equal", share, 0.5), low, high)
        case _:
            return e("add", e("mul", low, e("sub", 1.0, share)), e("mul", high, share))


def in_rows(c: Context, x: Value, axes: Sequence[int]) -> Value:
    """x with `axes` as one last axis, in order along it; NaN is last."""
    others = [axis for axis in range(x.type.rank) if axis not in axes]
    moved = c.transpose(x, [*others, *axes])
    size = product(moved.shape[len(others) :])
    return ascending(c, c.reshape(moved, (*moved.shape[: len(others)], size)), len(others))


def of_all(c: Context, rows: Value, levels: Array, method: str) -> Value:
    """(…, levels): of all elements; NaN where one of them is."""
    last, size = rows.type.rank - 1, rows.shape[-1]
    if isinstance(size, int):
        place = levels * np.float32(size - 1)
        low, high = (c.take(rows, last, near(place).astype(int).tolist()) for near in (np.floor, np.ceil))
        found = blend(c, method, low, high, c.literal(place - np.floor(place)))
    else:
        count = c.cast(at_run_time(c, size), "float32")  # type: ignore[arg-type]
        found = of_first(c, rows, broadcast_together(c, [count, c.cut(rows, last, 0, 1)])[0], levels, method)
    largest = c.cut(rows, last, size - 1, 1)
    return c.elementwise("where", c.elementwise("equal", largest, largest), found, largest)


def of_numbers(c: Context, rows: Value, levels: Array, method: str) -> Value:
    """(…, levels): of those that are no NaN, which are first; NaN where there are none."""
    are_numbers = c.cast(c.elementwise("equal", rows, rows), "float32")
    return of_first(c, rows, c.apply(Reduce("sum", (rows.type.rank - 1,), True), are_numbers), levels, method)


def of_first(c: Context, rows: Value, count: Value, levels: Array, method: str) -> Value:
    """(…, levels): of the first elements of each row, so many as `count` (…, 1) says where the graph runs."""
    e = c.elementwise
    end = e("sub", count, 1.0)
    place = e("mul", end, c.literal(levels))
    low, high = (e("max", e("min", e(near, place), end), 0.0) for near in ("floor", "ceil"))
    below, above = (c.apply(GatherElements(), rows, c.cast(index, "int32")) for index in (low, high))
    return blend(c, method, below, above, e("sub", place, e("floor", place)))


def quantiles(c: Context, operation: Any, x: Value, levels: Array, method: str, without_nan: bool) -> Value:
    """x at `levels` (between 0 and 1) of its order along the operation's axes. An array of levels becomes the first axis."""
    axes = tuple(range(x.type.rank)) if operation.axis is None else positive_axes(operation.axis, x.type.rank)
    rows = in_rows(c, x, axes)
    found = (of_numbers if without_nan else of_all)(c, rows, levels.ravel().astype(np.float32), method)
    last = found.type.rank - 1
    found = c.transpose(found, [last, *range(last)])
    kept = [1 if axis in axes else s for axis, s in enumerate(x.shape)] if operation.keepdims else found.shape[1:]
    return c.reshape(found, (*levels.shape, *kept))


def median(without_nan: bool = False) -> OperationLowering:
    """The mean of the two in the middle, or the one."""
    return lambda c, operation, x: quantiles(c, operation, x, np.array(0.5), "midpoint", without_nan)


def quantile(scale: float, without_nan: bool = False, has_methods: bool = True) -> OperationLowering:
    """`scale` makes shares of the levels."""

    def lower(c: Context, operation: Any, x: Value, q: Any) -> Value:
        if isinstance(q, Value):
            raise UnsupportedError("levels that another layer computes")
        method = str(operation.method)
        if method not in METHODS or (method != "linear" and not has_methods):
            known_ones = ", ".join(METHODS) if has_methods else "Keras ignores it in a model; linear"
            raise UnsupportedError(f"method {method!r}; {known_ones} is supported")
        return quantiles(c, operation, x, array_of(q).astype(np.float32) * np.float32(scale), method, without_nan)

    return lower


OPERATIONS: dict[str, OperationLowering] = {
    "Median": median(),
    "Nanmedian": median(without_nan=True),
    "Nanpercentile": quantile(0.01, without_nan=True),
    "Nanquantile": quantile(1.0, without_nan=True),
    "Percentile": quantile(0.01),
    "Quantile": quantile(1.0, has_methods=False),
}
