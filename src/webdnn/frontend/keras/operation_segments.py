"""Operations of keras.ops that gather elements into groups: segments, histograms, counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from webdnn.frontend.keras.lowering import Context, array_of
from webdnn.frontend.keras.operation_dtypes import BOOL, RANGES, Call, graph_dtype, number_as
from webdnn.frontend.keras.operation_elementwise import OperationLowering, tensor
from webdnn.frontend.keras.operation_indices import known
from webdnn.frontend.keras.operation_order import flat_if_none, opposite, sortable
from webdnn.frontend.keras.operation_ranges import between
from webdnn.graph.dim import product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.elementwise import Elementwise
from webdnn.graph.ops.indexing import ArgReduce, ArgSort, GatherElements, ScatterElements, ScatterRows
from webdnn.graph.ops.reduction import CumulativeSum, Reduce


def neutral(kind: str, dtype: str) -> float:
    """What a segment without elements has: the number that joins others by `kind` without effect. `dtype` is one of Keras."""
    if kind in ("add", "mul"):
        return 0.0 if kind == "add" else 1.0
    low, high = RANGES.get(dtype, (-np.inf, np.inf))
    return float(low if kind == "max" else high)


def segments(kind: str) -> OperationLowering:
    """The elements of x that have the same number in `segments`, joined; those of no segment go to a further one, which is cut off. That segments
    are sorted changes nothing."""

    def lower(c: Call, operation: Any, x: Any, numbers: Any) -> Value:
        if operation.num_segments is None or operation.sorted not in (True, False):
            raise UnsupportedError("segments without num_segments, whose number is not known")
        if c.result == BOOL:
            raise UnsupportedError("segments of bool; cast to int32 first")
        return joined_rows(c, tensor(c, x), tensor(c, numbers), int(operation.num_segments), kind)

    return lower


def joined_rows(c: Call, data: Value, numbers: Value, count: int, kind: str) -> Value:
    """Rows (N, …) → (count, …): those whose number (N) is the same, joined by `kind`; numbers outside of 0 … count − 1 count nowhere."""
    e = c.elementwise
    width = product(data.shape[1:])
    is_inside = e("logical_and", e("greater_equal", numbers, 0.0), e("less", numbers, float(count)))
    places = e("where", is_inside, numbers, float(count))
    start = c.fill((count + 1, width), neutral(kind, c.result), data.dtype)
    found = c.apply(ScatterRows(kind), start, places, c.reshape(data, (data.shape[0], width)))
    return c.reshape(c.cut(found, 0, 0, count), (count, *data.shape[1:]))


def most(x: Value) -> int | None:
    """A number that no element of x exceeds, where the op that made x tells: an index, a remainder, a limit, a small dtype."""
    small = {"bool": 1, "uint8": 255, "int8": 127}
    if isinstance(x.op, ArgReduce):
        size = x.node.inputs[0].shape[x.op.axis]
        return size - 1 if isinstance(size, int) else None
    if isinstance(x.op, Elementwise) and len(x.op.program.calls) == 1:
        (call,) = x.op.program.calls
        limits = {"clip": 2, "min": 1, "mod": 1}
        limit = call.operands[limits[call.function]] if call.function in limits else None
        if isinstance(limit, float) and not (call.function == "mod" and limit <= 0):
            return int(limit) - (call.function == "mod")
        if call.function.startswith("to_"):
            return most(x.node.inputs[0])
    return small.get(x.dtype)


def lower_count(c: Call, operation: Any, x: Value) -> Value:
    """How often each number occurs in x (N) or in its rows (B, N), or the sum of the weights; negative numbers count as 0.

    Keras's result is as long as the largest number says, so only that of numbers known to lie below `minlength` has a size.
    """
    length, limit = int(operation.minlength), most(x)
    if operation.sparse:
        raise UnsupportedError("a sparse tensor")
    if limit is None or limit >= length:
        raise UnsupportedError(
            f"numbers that are not known to lie below minlength={length}, so the size of the result is not; "
            f"write ops.bincount(ops.clip(x, 0, {max(length - 1, 0)}), minlength={max(length, 1)})"
        )
    e = c.elementwise
    places = e("max", c.cast(x, "int32"), 0.0)
    classes = c.literal(np.arange(length).reshape(-1, 1))
    chosen = e("equal", c.reshape(places, (*x.shape[:-1], 1, x.shape[-1])), classes)
    if operation.weights is None:
        amounts = c.cast(chosen, "int32")
    else:
        weights = tensor(c, array_of(operation.weights))
        weights = c.cast(weights, graph_dtype(c.result))
        amounts = e("where", chosen, c.reshape(weights, (*weights.shape[:-1], 1, weights.shape[-1])), 0.0)
    return c.apply(Reduce("sum", (x.type.rank,)), amounts)


def lower_histogram(c: Call, operation: Any, x: Value) -> list[Value]:
    """How many numbers lie in each of `bins` parts of a range, and the ends of these. The last part has its upper end, too."""
    e = c.elementwise
    flat = c.cast(x, "float32")
    if operation.range:
        low, high = (float(v) for v in operation.range)
        low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
        first, last = (c.fill((), v, "float32") for v in (low, high))
    else:
        first, last = (c.apply(Reduce(kind, (0,)), flat) for kind in ("min", "max"))
        is_point = e("equal", first, last)
        first, last = (e("where", is_point, e("add", v, shift), v) for v, shift in ((first, -0.5), (last, 0.5)))
    bins = int(operation.bins)
    ends = between(c, first, last, bins + 1, True)
    column = c.reshape(ends, (bins + 1, 1))
    is_last = c.literal(np.arange(bins + 1).reshape(-1, 1) == bins)
    beyond = e("where", is_last, e("greater", flat, column), e("greater_equal", flat, column))
    beyond = c.apply(Reduce("sum", (1,)), c.cast(beyond, "float32"))
    return [e("sub", c.cut(beyond, 0, 0, bins), c.cut(beyond, 0, 1, bins)), ends]


def lower_partition(c: Context, operation: Any, x: Value) -> Value:
    """The order of the kth + 1 smallest, and then the others from left to right, as Keras on JAX has them."""
    x, axis = flat_if_none(c, operation.axis, sortable(c, x))
    last = x.type.rank - 1
    size = known(x.shape[axis], "argpartition")
    count = int(operation.kth) % size + 1
    rows = c.swap(x, axis, last)
    smallest = c.apply(ArgSort(count), opposite(c, rows))
    if count == size:
        return c.swap(smallest, axis, last)
    free = c.fill(rows.shape, 1, "int32")
    taken = c.fill(smallest.shape, 0, "int32")
    free = c.apply(ScatterElements(), free, smallest, taken)
    others = c.apply(ArgSort(size - count), free)
    return c.swap(c.concat([smallest, others], last), axis, last)


def lower_unique(c: Call, operation: Any, x: Value) -> list[Value]:
    """The first `size` distinct elements in ascending order; further places repeat the least, or have `fill_value`. Each NaN is distinct."""
    if operation.size is None:
        raise UnsupportedError("unique without size, so that of the result depends on the numbers; give a size")
    if (operation.axis is not None and x.type.rank > 1) or operation.sorted not in (True, False):
        raise UnsupportedError(f"unique along axis {operation.axis} of {x.type}; flatten the tensor first")
    e, size = c.elementwise, int(operation.size)
    length = known(x.type.elements, "unique")
    flat = c.reshape(sortable(c, x), (1, length))
    order = c.apply(ArgSort(length), opposite(c, flat))
    row = c.apply(GatherElements(), flat, order)
    earlier = c.frame_axis(c.cut(row, 1, 0, length - 1), 1, 1, 0) if length > 1 else row
    is_new = e("logical_or", e("not_equal", row, earlier), c.literal(np.arange(length) == 0))
    number = e("sub", c.apply(CumulativeSum(1), c.cast(is_new, "int32")), 1.0)
    starts = starts_of_runs(c, is_new, number, size)
    first = c.cut(starts, 1, 0, size)
    found = c.apply(GatherElements(), row, first)
    if operation.fill_value is not None:
        count = e("add", c.apply(Reduce("max", (1,), True), number), 1.0)
        is_there = e("less", c.literal(np.arange(size)), count)
        found = e("where", is_there, found, number_as(array_of(operation.fill_value).item(), c.result))
    results = [c.reshape(c.cast(found, x.dtype), (size,))]
    if operation.return_index:
        results.append(c.reshape(c.apply(GatherElements(), order, first), (size,)))
    if operation.return_inverse:
        unsorted = c.apply(ScatterElements(), c.fill((1, length), 0, "int32"), order, number)
        results.append(c.reshape(unsorted, x.shape))
    if operation.return_counts:
        is_beyond = e("logical_and", e("equal", starts, 0.0), c.literal(np.arange(size + 1) > 0))
        ends = e("where", is_beyond, float(length), starts)
        results.append(c.reshape(e("sub", c.cut(ends, 1, 1, size), c.cut(ends, 1, 0, size)), (size,)))
    return results


def starts_of_runs(c: Context, is_new: Value, number: Value, size: int) -> Value:
    """Where in a row (1, N) the runs 0 … size begin, each with its `number`; 0 for runs that there are not. Every other element writes into one
    further place, which is cut off."""
    e = c.elementwise
    target = e("where", is_new, e("min", number, float(size + 1)), float(size + 1))
    places = c.literal(np.arange(is_new.shape[1], dtype=np.int32)[None])  # type: ignore[arg-type]
    return c.cut(c.apply(ScatterElements(), c.fill((1, size + 2), 0, "int32"), target, places), 1, 0, size + 1)


OPERATIONS: dict[str, OperationLowering] = {
    "Argpartition": lower_partition,
    "Bincount": lower_count,
    "Histogram": lower_histogram,
    "SegmentMax": segments("max"),
    "SegmentMin": segments("min"),
    "SegmentProd": segments("mul"),
    "SegmentSum": segments("add"),
    "Unique": lower_unique,
}
