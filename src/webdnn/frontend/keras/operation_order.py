"""Operations of keras.ops that order elements, or find places in an order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from webdnn.frontend.keras.lowering import Context, array_of
from webdnn.frontend.keras.operation_elementwise import LARGEST, OperationLowering, tensor
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.indexing import ArgReduce, ArgSort, GatherElements, top_k
from webdnn.graph.ops.reduction import Reduce


def flat_if_none(c: Context, axis: Any, x: Value) -> tuple[Value, int]:
    """`x` and the axis from 0; all elements in a row where there is none."""
    return (c.reshape(x, (x.type.elements,)), 0) if axis is None else (x, int(axis) % x.type.rank)


def arg_reduction(kind: str, without_nan: bool = False) -> OperationLowering:
    """The index of the largest or smallest; −1 where all is NaN and NaN does not count."""

    def lower(c: Context, operation: Any, x: Value) -> Value:
        flat, axis = flat_if_none(c, operation.axis, sortable(c, x))
        real = c.elementwise("equal", flat, flat)
        compared = c.elementwise("where", real, flat, -LARGEST if kind == "max" else LARGEST) if without_nan else flat
        found = c.apply(ArgReduce(kind, axis, bool(operation.keepdims)), compared)
        if without_nan:
            found = c.elementwise("where", c.apply(Reduce("max", (axis,), bool(operation.keepdims)), real), found, -1.0)
        return c.reshape(found, (1,) * x.type.rank) if operation.axis is None and operation.keepdims else found

    return lower


def lower_top_k(c: Context, operation: Any, x: Value) -> list[Value]:
    return list(top_k(sortable(c, x), int(operation.k), c.origin))


def sortable(c: Context, x: Value) -> Value:
    """`x` as numbers: false and true are 0 and 1."""
    return c.cast(x, "int32") if x.dtype == "bool" else x


def opposite(c: Context, x: Value) -> Value:
    """What has the opposite order, and itself as its opposite. The least whole number has no negative; −1 − x, its bits inverted, always is one."""
    return c.elementwise("neg" if x.dtype == "float32" else "bitwise_not", x)


def ascending(c: Context, x: Value, axis: int) -> Value:
    """`x` in order along `axis`, NaN last: the opposites, downwards."""
    last = x.type.rank - 1
    ordered, _ = top_k(c.swap(opposite(c, x), axis, last), x.shape[axis], c.origin)
    return opposite(c, c.swap(ordered, axis, last))


def lower_sort(c: Context, operation: Any, x: Value) -> Value:
    x, axis = flat_if_none(c, operation.axis, sortable(c, x))
    return ascending(c, x, axis)


def lower_argsort(c: Context, operation: Any, x: Value) -> Value:
    x, axis = flat_if_none(c, operation.axis, sortable(c, x))
    last = x.type.rank - 1
    op = ArgSort(x.shape[axis])
    return c.swap(c.apply(op, c.swap(opposite(c, x), axis, last)), axis, last)


def count_below(c: Context, values: Value, bounds: Value, function: str) -> Value:
    """How many of `bounds` (N,) are `function` (less, less_equal) than each value; NaN is larger than all."""
    each = c.reshape(values, (*values.shape, 1))
    compared = c.elementwise(function, bounds, each)
    if values.dtype == "float32":
        compared = c.elementwise("logical_or", compared, c.elementwise("not_equal", each, each))
    return c.apply(Reduce("sum", (values.type.rank,)), c.cast(compared, "int32"))


def lower_search_sorted(c: Context, operation: Any, bounds: Any, values: Any) -> Value:
    if operation.side not in ("left", "right"):
        raise UnsupportedError(f"side {operation.side!r}")
    return count_below(c, tensor(c, values), tensor(c, bounds), "less" if operation.side == "left" else "less_equal")


def lower_digitize(c: Context, _: Any, x: Any, bins: Any) -> Value:
    """Bins that fall, which NumPy allows, are told apart only where they are known."""
    if not isinstance(bins, Value) and np.any(np.diff(array_of(bins)) < 0):
        found = count_below(c, tensor(c, x), tensor(c, bins), "less_equal")
        return c.elementwise("sub", float(np.size(array_of(bins))), found)
    return count_below(c, tensor(c, x), tensor(c, bins), "less_equal")


def lower_in_top_k(c: Context, operation: Any, targets: Any, predictions: Any) -> Value:
    """Whether fewer than k predictions are larger than that of the target."""
    x = tensor(c, predictions)
    places = tensor(c, targets)
    own = c.apply(GatherElements(), x, c.reshape(places, (*places.shape, 1)))
    own = c.elementwise("where", c.elementwise("equal", own, own), own, -math.inf)  # NaN is no probability
    larger = c.cast(c.elementwise("greater", x, own), "int32")
    larger = c.apply(Reduce("sum", (x.type.rank - 1,)), larger)
    return c.elementwise("less", larger, float(operation.k))


OPERATIONS: dict[str, OperationLowering] = {
    "Argmax": arg_reduction("max"),
    "Argmin": arg_reduction("min"),
    "Argsort": lower_argsort,
    "Digitize": lower_digitize,
    "InTopK": lower_in_top_k,
    "Nanargmax": arg_reduction("max", without_nan=True),
    "Nanargmin": arg_reduction("min", without_nan=True),
    "SearchSorted": lower_search_sorted,
    "Sort": lower_sort,
    "TopK": lower_top_k,
}
