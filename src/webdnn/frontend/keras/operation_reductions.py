"""Operations of keras.ops that reduce, order or count along axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from webdnn.frontend.keras.lowering import Context, positive_axes
from webdnn.frontend.keras.operation_elementwise import OperationLowering
from webdnn.frontend.keras.operation_moves import known
from webdnn.frontend.statistics import mean, variance
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.indexing import ArgReduce, ArgSort, top_k
from webdnn.graph.ops.reduction import CumulativeSum, Reduce


def axes_of(operation: Any, x: Value) -> tuple[int, ...]:
    """The operation's axes; None stands for all."""
    return tuple(range(x.type.rank)) if operation.axis is None else positive_axes(operation.axis, x.type.rank)


def without(c: Context, x: Value, axes: tuple[int, ...], keepdims: bool) -> Value:
    """`x`, whose `axes` have size 1, without them unless `keepdims`."""
    return x if keepdims else c.reshape(x, [size for axis, size in enumerate(x.shape) if axis not in axes])


def reduction(kind: str) -> OperationLowering:
    return lambda c, o, x: c.apply(Reduce(kind, axes_of(o, x), bool(getattr(o, "keepdims", False))), x)


def truth(kind: str) -> OperationLowering:
    """`kind` of whether the elements are not 0."""

    def lower(c: Context, operation: Any, x: Value) -> Value:
        return reduction(kind)(c, operation, c.elementwise("not_equal", x, 0.0))  # type: ignore[return-value]

    return lower


def statistic(compute: Callable[[Context, Value, tuple[int, ...]], Value]) -> OperationLowering:
    """What `compute(context, x, axes)` gives with its axes kept."""

    def lower(c: Context, operation: Any, x: Value) -> Value:
        axes = axes_of(operation, x)
        return without(c, compute(c, x, axes), axes, bool(operation.keepdims))

    return lower


def deviation(c: Context, x: Value, axes: tuple[int, ...]) -> Value:
    return c.elementwise("sqrt", variance(c, x, axes))


def log_sum_exp(c: Context, x: Value, axes: tuple[int, ...]) -> Value:
    largest = c.apply(Reduce("max", axes, True), x)
    total = c.apply(Reduce("sum", axes, True), c.elementwise("exp", c.elementwise("sub", x, largest)))
    return c.elementwise("add", c.elementwise("log", total), largest)


def extent(c: Context, x: Value, axes: tuple[int, ...]) -> Value:
    return c.elementwise("sub", c.apply(Reduce("max", axes, True), x), c.apply(Reduce("min", axes, True), x))


def lower_norm(c: Context, operation: Any, x: Value) -> Value:
    """Lengths of vectors; of matrices Frobenius's."""
    order, axes = operation.ord, axes_of(operation, x)
    keep = bool(operation.keepdims)

    def total(kind: str, of: Value) -> Value:
        return c.apply(Reduce(kind, axes, keep), of)

    if order in (None, "fro") or (order == 2 and len(axes) == 1):
        return c.elementwise("sqrt", total("sum", c.elementwise("square", x)))
    if len(axes) == 1 and order in (math.inf, -math.inf):
        return total("max" if order > 0 else "min", c.elementwise("abs", x))
    if len(axes) == 1 and order == 1:
        return total("sum", c.elementwise("abs", x))
    raise UnsupportedError(f"norm of order {order!r} over {len(axes)} axes")


def lower_moments(c: Context, operation: Any, x: Value) -> list[Value]:
    axes = positive_axes(operation.axes, x.type.rank)
    return [without(c, y, axes, bool(operation.keepdims)) for y in (mean(c, x, axes), variance(c, x, axes))]


def arg_reduction(kind: str) -> OperationLowering:
    def lower(c: Context, operation: Any, x: Value) -> Value:
        if operation.axis is None:
            found = c.apply(ArgReduce(kind, 0), c.reshape(x, (x.type.elements,)))
            return c.reshape(found, (1,) * x.type.rank if operation.keepdims else ())
        return c.apply(ArgReduce(kind, operation.axis % x.type.rank, bool(operation.keepdims)), x)

    return lower


def lower_top_k(c: Context, operation: Any, x: Value) -> list[Value]:
    return list(top_k(x, int(operation.k), c.origin))


def lower_sort(c: Context, operation: Any, x: Value) -> Value:
    """Upwards: the opposites, downwards."""
    x, axis = _flat_if_none(c, operation, x)
    last = x.type.rank - 1
    size = known(x.shape[axis], "sort")
    ordered, _ = top_k(c.swap(c.elementwise("neg", x), axis, last), size, c.origin)
    return c.elementwise("neg", c.swap(ordered, axis, last))


def lower_argsort(c: Context, operation: Any, x: Value) -> Value:
    x, axis = _flat_if_none(c, operation, x)
    last = x.type.rank - 1
    op = ArgSort(known(x.shape[axis], "argsort"))
    return c.swap(c.apply(op, c.swap(c.elementwise("neg", x), axis, last)), axis, last)


def lower_cumulative_sum(c: Context, operation: Any, x: Value) -> Value:
    x, axis = _flat_if_none(c, operation, x)
    return c.apply(CumulativeSum(axis), x)


def _flat_if_none(c: Context, operation: Any, x: Value) -> tuple[Value, int]:
    if operation.axis is None:
        return c.reshape(x, (x.type.elements,)), 0
    return x, operation.axis % x.type.rank


def lower_difference(c: Context, operation: Any, x: Value) -> Value:
    axis = operation.axis % x.type.rank
    for _ in range(operation.n):
        count = x.shape[axis] - 1
        x = c.elementwise("sub", c.cut(x, axis, 1, count), c.cut(x, axis, 0, count))
    return x


def lower_one_hot(c: Context, operation: Any, x: Value) -> Value:
    """0 and 1, which every dtype has."""
    _ = operation.dtype
    axis = operation.axis % (x.type.rank + 1)
    spread = c.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))
    classes = np.arange(operation.num_classes).reshape(-1, *(1,) * (x.type.rank - axis))
    return c.elementwise("equal", spread, c.literal(classes))


def lower_average(c: Context, operation: Any, x: Value, weights: Any = None) -> Value:
    if weights is not None:
        raise UnsupportedError("an average with weights")
    return c.apply(Reduce("mean", axes_of(operation, x)), x)


OPERATIONS: dict[str, OperationLowering] = {
    "All": truth("min"),
    "Amax": reduction("max"),
    "Amin": reduction("min"),
    "Any": truth("max"),
    "Argmax": arg_reduction("max"),
    "Argmin": arg_reduction("min"),
    "Argsort": lower_argsort,
    "Average": lower_average,
    "CountNonzero": truth("sum"),
    "Cumsum": lower_cumulative_sum,
    "Diff": lower_difference,
    "Logsumexp": statistic(log_sum_exp),
    "Max": reduction("max"),
    "Mean": reduction("mean"),
    "Min": reduction("min"),
    "Moments": lower_moments,
    "Norm": lower_norm,
    "OneHot": lower_one_hot,
    "Prod": reduction("prod"),
    "Ptp": statistic(extent),
    "Sort": lower_sort,
    "Std": statistic(deviation),
    "Sum": reduction("sum"),
    "TopK": lower_top_k,
    "Var": statistic(variance),
}
