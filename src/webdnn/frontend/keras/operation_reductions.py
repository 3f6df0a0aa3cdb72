"""Operations of keras.ops that reduce, sum up or count along axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from webdnn.frontend.keras.lowering import Context, array_of, positive_axes
from webdnn.frontend.keras.operation_dtypes import RANGES, Call, cast
from webdnn.frontend.keras.operation_elementwise import LARGEST, OperationLowering, tensor
from webdnn.frontend.keras.operation_order import flat_if_none
from webdnn.frontend.loops import Values, loop
from webdnn.frontend.products import diagonal
from webdnn.frontend.statistics import mean, variance
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.reduction import CumulativeSum, Reduce


def axes_of(operation: Any, x: Value) -> tuple[int, ...]:
    """The operation's axes; None stands for all."""
    return tuple(range(x.type.rank)) if operation.axis is None else positive_axes(operation.axis, x.type.rank)


def reduced(c: Context, kind: str, x: Value, axes: tuple[int, ...], keepdims: bool = False) -> Value:
    """The reduction over `axes`; over none it is x itself."""
    return c.apply(Reduce(kind, axes, keepdims), x) if axes else x


def without(c: Context, x: Value, axes: tuple[int, ...], keepdims: bool) -> Value:
    """`x`, whose `axes` have size 1, without them unless `keepdims`."""
    return x if keepdims else c.reshape(x, [size for axis, size in enumerate(x.shape) if axis not in axes])


def reduction(kind: str) -> OperationLowering:
    return lambda c, o, x: reduced(c, kind, x, axes_of(o, x), bool(o.keepdims))


def extremum(kind: str) -> OperationLowering:
    """The largest or smallest, `initial` being one more element."""

    def lower(c: Context, operation: Any, x: Value) -> Value:
        found = reduced(c, kind, x, axes_of(operation, x), bool(operation.keepdims))
        return found if operation.initial is None else c.elementwise(kind, found, float(array_of(operation.initial)))

    return lower


def lower_count(c: Context, operation: Any, x: Value) -> Value:
    return reduced(c, "sum", c.cast(x, "int32"), axes_of(operation, x))


def in_own_dtype(operation: Any, x: Value) -> Value:
    """`x`, which is in the dtype of the result, that the operation may name."""
    _ = operation.dtype
    return x


def lower_product(c: Context, operation: Any, x: Value) -> Value:
    return reduced(c, "prod", in_own_dtype(operation, x), axes_of(operation, x), bool(operation.keepdims))


def statistic(compute: Callable[[Context, Value, tuple[int, ...]], Value]) -> OperationLowering:
    """What `compute(context, x, axes)` gives with its axes kept."""

    def lower(c: Context, operation: Any, x: Value) -> Value:
        axes, keepdims = axes_of(operation, x), bool(operation.keepdims)
        if not axes:  # every element by itself
            return c.reshape(compute(c, c.reshape(x, (*x.shape, 1)), (x.type.rank,)), x.shape)
        return without(c, compute(c, x, axes), axes, keepdims)

    return lower


def deviation(c: Context, x: Value, axes: tuple[int, ...]) -> Value:
    return c.elementwise("sqrt", variance(c, x, axes))


def log_sum_exp(c: Context, x: Value, axes: tuple[int, ...]) -> Value:
    """The largest is taken out, unless it is infinite."""
    largest = c.apply(Reduce("max", axes, True), x)
    shift = c.elementwise("where", c.elementwise("greater", c.elementwise("abs", largest), LARGEST), 0.0, largest)
    total = c.apply(Reduce("sum", axes, True), c.elementwise("exp", c.elementwise("sub", x, shift)))
    return c.elementwise("add", c.elementwise("log", total), shift)


def extent(c: Context, x: Value, axes: tuple[int, ...]) -> Value:
    return c.elementwise("sub", c.apply(Reduce("max", axes, True), x), c.apply(Reduce("min", axes, True), x))


def lower_moments(c: Context, operation: Any, x: Value) -> list[Value]:
    """`synchronized` is about several devices."""
    if operation.synchronized:
        raise UnsupportedError("moments of several devices")
    axes = positive_axes(operation.axes, x.type.rank)
    return [without(c, y, axes, bool(operation.keepdims)) for y in (mean(c, x, axes), variance(c, x, axes))]


def lower_cumulative_sum(c: Call, operation: Any, x: Value) -> Value:
    x, axis = flat_if_none(c, operation.axis, in_own_dtype(operation, x))
    return c.apply(CumulativeSum(axis), x)


def lower_cumulative_product(c: Call, operation: Any, x: Value) -> Value:
    """One element after the other: products of many at a time could overflow before they meet a 0."""
    x, axis = flat_if_none(c, operation.axis, in_own_dtype(operation, x))
    moved = c.swap(x, 0, axis)
    lines = moved if moved.type.rank > 1 else c.reshape(moved, (*moved.shape, 1))

    def step(states: Values, elements: Values, _: Values) -> tuple[Values, Values]:
        product = c.elementwise("mul", states[0], elements[0])
        return [product], [product]

    start = c.fill(lines.shape[1:], 1, x.dtype)
    _, (found,) = loop(c, lines.shape[0], [start], [lines], [], step)
    return c.swap(c.reshape(found, moved.shape), 0, axis)


def without_nan(lower: OperationLowering, instead: float) -> OperationLowering:
    """`lower` with `instead` for every NaN."""

    def lower_rest(c: Call, operation: Any, x: Value) -> Value:
        clean = c.elementwise("where", c.elementwise("equal", x, x), x, instead)
        return lower(c, operation, clean)  # type: ignore[return-value]

    return lower_rest


def nan_extremum(kind: str, instead: float) -> OperationLowering:
    """NaN only where there is nothing else: there, the sum of x."""

    def lower(c: Context, operation: Any, x: Value) -> Value:
        axes, keep = axes_of(operation, x), bool(operation.keepdims)
        if x.dtype != "float32":
            return reduced(c, kind, x, axes, keep)
        real = c.elementwise("equal", x, x)
        found = reduced(c, kind, c.elementwise("where", real, x, instead), axes, keep)
        return c.elementwise("where", reduced(c, "max", real, axes, keep), found, reduced(c, "sum", x, axes, keep))

    return lower


def real_mean(c: Context, x: Value, real: Value, axes: tuple[int, ...]) -> Value:
    """The mean of the elements where `real` is true."""
    total = c.apply(Reduce("sum", axes, True), c.elementwise("where", real, x, 0.0))
    return c.elementwise("div", total, c.apply(Reduce("sum", axes, True), c.cast(real, "float32")))


def nan_mean(c: Context, x: Value, axes: tuple[int, ...]) -> Value:
    return real_mean(c, x, c.elementwise("equal", x, x), axes)


def nan_variance(c: Context, x: Value, axes: tuple[int, ...]) -> Value:
    e = c.elementwise
    real = e("equal", x, x)
    return real_mean(c, e("square", e("sub", x, real_mean(c, x, real, axes))), real, axes)


def nan_deviation(c: Context, x: Value, axes: tuple[int, ...]) -> Value:
    return c.elementwise("sqrt", nan_variance(c, x, axes))


def lower_difference(c: Call, operation: Any, x: Value) -> Value:
    axis = operation.axis % x.type.rank
    for _ in range(operation.n):
        count = x.shape[axis] - 1
        x = c.elementwise("not_equal" if c.of_truth else "sub", c.cut(x, axis, 1, count), c.cut(x, axis, 0, count))
    return x


def one_hot(c: Call, operation: Any, x: Value) -> Value:
    """True where the class is that of x; a class that there is not is nowhere true."""
    if operation.sparse:
        raise UnsupportedError("a sparse tensor")
    if c.operands[0] not in RANGES:
        raise UnsupportedError(f"classes of {c.operands[0]}, of which a fraction is none; cast them to int32 first")
    axis = operation.axis % (x.type.rank + 1)
    spread = c.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))
    classes = np.arange(operation.num_classes).reshape(-1, *(1,) * (x.type.rank - axis))
    return c.elementwise("equal", spread, c.literal(classes))


def lower_one_hot(c: Call, operation: Any, x: Any) -> Value:
    return cast(c, one_hot(c, operation, tensor(c, x)), c.result if operation.dtype is None else str(operation.dtype))


def lower_multi_hot(c: Call, operation: Any, x: Value) -> Value:
    """Keras takes the largest over axis 1, wherever the classes are."""
    found = c.apply(Reduce("max", (1 if x.type.rank > 1 else 0,)), one_hot(c, operation, x))
    return cast(c, found, c.result if operation.dtype is None else str(operation.dtype))


def lower_average(c: Context, operation: Any, x: Value, weights: Any = None) -> Value:
    """The mean, or Σ x · weight / Σ weight; the weights are like x, or along its one axis."""
    axes = axes_of(operation, x)
    if weights is None:
        return reduced(c, "mean", x, axes)
    w = tensor(c, weights)
    if w.type.rank < x.type.rank:
        if w.type.rank != len(axes) or operation.axis is None:
            raise UnsupportedError(f"weights {w.type} of {x.type}")
        order = np.argsort([int(axis) % x.type.rank for axis in np.atleast_1d(operation.axis)])
        w = c.transpose(w, order.tolist())
        w = c.reshape(w, [size if axis in axes else 1 for axis, size in enumerate(x.shape)])
    total = reduced(c, "sum", c.elementwise("mul", x, w), axes)
    return c.elementwise("div", total, reduced(c, "sum", w, axes))


def lower_trace(c: Context, operation: Any, x: Value) -> Value:
    line = diagonal(c, x, operation.axis1, operation.axis2, int(operation.offset))
    return c.apply(Reduce("sum", (line.type.rank - 1,)), line)


def lower_trapezoid(c: Context, operation: Any, y: Value) -> Value:
    """The area below a line through the points."""
    axis = operation.axis % y.type.rank
    count = y.shape[axis] - 1
    heights = c.elementwise("add", c.cut(y, axis, 1, count), c.cut(y, axis, 0, count))
    width: Value | float = float(array_of(operation.dx)) if operation.x is None else 0.0
    if operation.x is not None:
        places = array_of(operation.x)
        shape = [1] * y.type.rank
        shape[axis] = -1
        gaps = np.diff(places.astype(np.float64), axis=0 if places.ndim == 1 else axis)
        width = c.literal(gaps.reshape(shape) if places.ndim == 1 else gaps)
    return c.apply(Reduce("sum", (axis,)), c.elementwise("mul", c.elementwise("mul", heights, 0.5), width))


OPERATIONS: dict[str, OperationLowering] = {
    "All": reduction("min"),
    "Amax": reduction("max"),
    "Amin": reduction("min"),
    "Any": reduction("max"),
    "Average": lower_average,
    "CountNonzero": lower_count,
    "Cumprod": lower_cumulative_product,
    "Cumsum": lower_cumulative_sum,
    "Diff": lower_difference,
    "Logsumexp": statistic(log_sum_exp),
    "Max": extremum("max"),
    "Mean": reduction("mean"),
    "Min": extremum("min"),
    "Moments": lower_moments,
    "MultiHot": lower_multi_hot,
    "Nancumprod": without_nan(lower_cumulative_product, 1.0),
    "Nancumsum": without_nan(lower_cumulative_sum, 0.0),
    "Nanmax": nan_extremum("max", -LARGEST),
    "Nanmean": statistic(nan_mean),
    "Nanmin": nan_extremum("min", LARGEST),
    "Nanprod": without_nan(reduction("prod"), 1.0),
    "Nanstd": statistic(nan_deviation),
    "Nansum": without_nan(reduction("sum"), 0.0),
    "Nanvar": statistic(nan_variance),
    "OneHot": lower_one_hot,
    "Prod": lower_product,
    "Ptp": statistic(extent),
    "Std": statistic(deviation),
    "Sum": reduction("sum"),
    "Trace": lower_trace,
    "Trapezoid": lower_trapezoid,
    "Var": statistic(variance),
}
