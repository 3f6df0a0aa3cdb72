"""Operations of keras.ops that choose elements by their places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from webdnn.frontend.keras.lengths import compared
from webdnn.frontend.keras.lowering import Context, array_of
from webdnn.frontend.keras.operation_dtypes import Call, graph_dtype
from webdnn.frontend.keras.operation_elementwise import OperationLowering, tensor
from webdnn.frontend.keras.size_values import size_value
from webdnn.frontend.products import diagonal
from webdnn.graph.bounds import least_value, most_value
from webdnn.graph.dim import Dim, Size, product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.indexing import Gather, GatherElements, ScatterRows
from webdnn.graph.ops.shape import Iota, Slice
from webdnn.graph.types import broadcast_shapes


def known(size: Size, what: str) -> int:
    """`size` as a number. Raises UnsupportedError where it is symbolic."""
    if not isinstance(size, int):
        raise UnsupportedError(f"{what} along the symbolic size {size}")
    return size


def whole(size: Any) -> Size:
    """A size that an operation is given: a whole number in any form, or a symbolic size."""
    return size if isinstance(size, Dim) else int(size)


def lower_take(c: Context, operation: Any, x: Any, indices: Any) -> Value:
    data = tensor(c, x)
    if operation.axis is None:
        data, axis = c.reshape(data, (data.type.elements,)), 0
    else:
        axis = operation.axis % data.type.rank
    before, after = data.shape[:axis], data.shape[axis + 1 :]
    if isinstance(indices, Value):
        places = from_the_start(c, indices, data.shape[axis])
        picked = c.apply(Gather(axis), data, c.reshape(places, (indices.type.elements,)))
        return c.reshape(picked, (*before, *indices.shape, *after))
    array = array_of(indices)
    return c.reshape(c.take(data, axis, array.ravel().tolist()), (*before, *array.shape, *after))


def at_run_time(c: Context, size: Size) -> Value | float:
    """A size as an operand of arithmetic on int32. A symbolic one is counted where the graph runs."""
    return float(size) if isinstance(size, int) else size_value(c, size)


def from_the_start(c: Context, indices: Value, size: Size) -> Value:
    """Negative indices count from the end."""
    count = at_run_time(c, size)
    return c.elementwise("where", c.elementwise("less", indices, 0.0), c.elementwise("add", indices, count), indices)


def broadcast(c: Context, x: Value, shape: Sequence[Any]) -> Value:
    """x repeated to `shape`, where None and 1 leave the size of x."""
    x = c.reshape(x, (1,) * (len(shape) - x.type.rank) + x.shape)
    for axis, size in enumerate(shape):
        if x.shape[axis] == 1 and size not in (None, 1):
            x = copied(c, x, axis, whole(size))
    return x


def broadcast_together(c: Context, values: Sequence[Value]) -> list[Value]:
    """The values in the shape that they have together: adding nothing repeats them, along symbolic axes too."""
    shape = broadcast_shapes([x.shape for x in values])
    return [x if x.shape == shape else c.elementwise("add", x, c.fill(shape, 0, x.dtype)) for x in values]


def copied(c: Context, x: Value, axis: int, times: Size) -> Value:
    """An axis of size 1, so many times."""
    if isinstance(times, int):
        return c.take(x, axis, [0] * times)
    return c.apply(Gather(axis), x, c.fill((times,), 0, "int32"))


def lower_take_along_axis(c: Context, operation: Any, x: Any, indices: Any) -> Value:
    """Every line of x takes elements at indices of its own; x and indices broadcast along the other axes."""
    data, places = tensor(c, x), tensor(c, indices)
    if operation.axis is None:
        data, places = (c.reshape(v, (v.type.elements,)) for v in (data, places))
    axis, last = (operation.axis or 0) % data.type.rank, data.type.rank - 1
    places = from_the_start(c, places, data.shape[axis])
    shape = [b if a == 1 else a for a, b in zip(data.shape, places.shape, strict=True)]
    shape[axis] = 1  # nothing to repeat
    data, places = broadcast(c, data, shape), broadcast(c, places, shape)
    return c.swap(c.apply(GatherElements(), c.swap(data, axis, last), c.swap(places, axis, last)), axis, last)


def lower_get_item(c: Context, _: Any, x: Value, key: Any) -> Value:
    """`x[key]`: numbers, slices, `...` and None. A list stands for a tuple, as in Keras."""
    keys = list(key) if isinstance(key, tuple) else [key]
    missing = x.type.rank - sum(k is not None and k is not Ellipsis for k in keys)
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[at : at + 1] = [slice(None)] * missing
    starts: list[Size] = []
    sizes: list[Size] = []
    for axis, k in enumerate(k for k in keys if k is not None):
        if _has_step(k):
            x = _stepped(c, x, axis, k)
        start, size = (0, x.shape[axis]) if _has_step(k) else _interval(k, x.shape[axis])
        starts.append(start)
        sizes.append(size)
    cut = x if tuple(sizes) == x.shape else c.apply(Slice(tuple(starts), tuple(sizes)), x)
    rest = iter(sizes)
    shape: list[Size] = []
    for k in keys:
        size = 1 if k is None else next(rest)
        if k is None or isinstance(k, slice):
            shape.append(size)
    return c.reshape(cut, shape)


def _has_step(key: Any) -> bool:
    return isinstance(key, slice) and key.step not in (None, 1)


def _stepped(c: Context, x: Value, axis: int, key: slice) -> Value:
    """Every so many elements of an axis; a negative step counts from the end."""
    size = x.shape[axis]
    if isinstance(size, int):
        return c.take(x, axis, range(*key.indices(size)))
    if key.step < 0 and (key.start is not None or key.stop is not None):
        raise UnsupportedError(
            f"a slice {key.start}:{key.stop}:{key.step} of the symbolic size {size}; reverse it first"
        )
    if key.step < 0:
        x, key = reversed_along(c, x, [axis]), slice(None, None, -key.step)
    start, count = _interval(slice(key.start, key.stop), size)
    return c.every(x, axis, key.step, (count + key.step - 1) // key.step, start)


def reversed_along(c: Context, x: Value, axes: Iterable[int]) -> Value:
    """The elements along these axes from the last to the first."""
    for axis in axes:
        size = x.shape[axis]
        if isinstance(size, int):
            x = c.take(x, axis, range(size - 1, -1, -1))
        else:
            last = c.elementwise("sub", at_run_time(c, size), 1.0)
            x = c.apply(Gather(axis), x, c.elementwise("sub", last, c.apply(Iota(size))))
    return x


def _interval(key: Any, size: Size) -> tuple[Size, Size]:
    """(start, count) of a number or a slice along an axis of that size."""

    if isinstance(key, slice):
        start = _place(key.start, 0, size)
        count = _place(key.stop, size, size) - start
        return start, max(count, 0) if isinstance(count, int) else count
    if isinstance(key, (int, Dim)):
        return (size + key if _is_negative(key) else key), 1
    raise UnsupportedError(f"index {key!r}")


def _place(position: Any, default: Size, size: Size) -> Size:
    """Where a slice of an axis begins or ends. Python takes what lies outside as the end; where a symbolic size decides whether it does, the page
    refuses sizes for which it would."""
    if position is None:
        return default
    place = whole(position) + size if _is_negative(position) else whole(position)
    if compared(place, 0) == -1:
        return 0
    return size if compared(place, size) == 1 else place


def _is_negative(position: Any) -> bool:
    """Whether a position counts from the end."""
    if not isinstance(position, Dim):
        return bool(position < 0)
    if least_value(position, {}) >= 0:
        return False
    if most_value(position, {}) < 0:
        return True
    raise UnsupportedError(
        f"the place {position}, which counts from the start for some sizes and from the end for others"
    )


def lower_slice(c: Context, operation: Any, x: Value, starts: Any) -> Value:
    """keras.ops.slice: a length of −1 reaches to the end; a part that would reach beyond it begins earlier."""
    for axis, (start, size) in enumerate(zip(starts_of(c, starts), operation.shape, strict=True)):
        length = x.shape[axis]
        if isinstance(start, Value):
            if size in (None, -1):
                raise UnsupportedError("a slice to the end that starts where another layer says; give its length")
            count = whole(size)
            place = at_most(c, from_the_start(c, start, length), length - count)
            x = c.apply(Gather(axis), x, c.elementwise("add", c.apply(Iota(count)), place))
            continue
        first = start + length if _is_negative(start) else start
        count = length - first if size in (None, -1) else whole(size)
        room = length - count
        inside = max(min(first, room), 0) if isinstance(first, int) and isinstance(room, int) else first
        x = c.cut(x, axis, inside, count)
    return x


def starts_of(c: Context, starts: Any) -> list[Size | Value]:
    """One start for each axis: a number, or a scalar that is computed."""
    if isinstance(starts, Value):
        return [c.reshape(c.cut(starts, 0, i, 1), ()) for i in range(known(starts.shape[0], "starts"))]
    return [c.reshape(start, ()) if isinstance(start, Value) else whole(start) for start in starts]


def at_most(c: Context, start: Value, limit: Size) -> Value:
    """`start` between 0 and `limit`."""
    return c.elementwise("max", c.elementwise("min", start, at_run_time(c, limit)), 0.0)


def lower_slice_update(c: Context, _: Any, x: Any, starts: Any, updates: Any) -> Value:
    """x with a part replaced; a part that would reach beyond the end begins earlier. What stands at place i of x, inside of the part, is the element
    i − start of the updates."""
    e = c.elementwise
    old, new = tensor(c, x), tensor(c, updates)
    is_new = c.fill((), 1, "bool")
    for axis, (start, size, part) in enumerate(zip(starts_of(c, starts), old.shape, new.shape, strict=True)):
        if size == part:
            continue
        first = start if isinstance(start, Value) else size_value(c, start)
        place = at_most(c, from_the_start(c, first, size), size - part)
        index = e("sub", c.apply(Iota(size)), place)
        is_inside = e("logical_and", e("greater_equal", index, 0.0), e("less", index, at_run_time(c, part)))
        is_new = e("logical_and", is_new, c.reshape(is_inside, (size, *(1,) * (old.type.rank - 1 - axis))))
        new = c.apply(Gather(axis), new, index)  # beyond its ends it repeats them, which is_new does not take
    return e("where", is_new, new, old)


def lower_scatter_update(c: Context, operation: Any, x: Any, indices: Any, updates: Any) -> Value:
    """x with other elements, or parts along its last axes, at indices (K, axes), joined with what stands there as `reduction` says."""
    reduction = "none" if operation.reduction is None else str(operation.reduction)
    return scattered(c, tensor(c, x), indices, updates, reduction)


def lower_scatter(c: Call, operation: Any, indices: Any, values: Any) -> Value:
    """Zeros with elements at indices; those at the same index are added up."""
    shape = tuple(int(size) for size in operation.shape)
    return scattered(c, c.fill(shape, 0, graph_dtype(c.result)), indices, values, "add")


def scattered(c: Context, x: Value, indices: Any, updates: Any, reduction: str) -> Value:
    """x as rows, one for each place that an index can name."""
    places, new = tensor(c, indices), tensor(c, updates)
    depth = known(places.shape[-1], "the depth of an index")
    sizes = x.shape[:depth]
    places = c.reshape(places, (product(places.shape[:-1]), depth))
    row: Value | None = None
    for axis, size in enumerate(sizes):
        along = c.reshape(c.cut(places, 1, axis, 1), (places.shape[0],))
        along = from_the_start(c, along, size)
        row = along if row is None else c.elementwise("add", c.elementwise("mul", row, at_run_time(c, size)), along)
    width = product(x.shape[depth:])
    new = broadcast(c, new, (*(None,) * (len(x.shape) - depth), *x.shape[depth:])) if new.type.rank == 0 else new
    rows, new = c.reshape(x, (product(sizes), width)), c.reshape(new, (places.shape[0], width))
    if row is None:
        raise UnsupportedError("indices of no axes")
    return c.reshape(c.apply(ScatterRows(reduction), rows, row, new), x.shape)


def lower_diagonal(c: Context, operation: Any, x: Value) -> Value:
    return diagonal(c, x, operation.axis1, operation.axis2, int(operation.offset))


def lower_diag(c: Context, operation: Any, x: Value) -> Value:
    """The diagonal of a matrix, or the matrix of a diagonal."""
    return diagonal(c, x, 0, 1, int(operation.k)) if x.type.rank == 2 else on_diagonal(c, x, int(operation.k))


def lower_diag_flat(c: Context, operation: Any, x: Value) -> Value:
    return on_diagonal(c, c.reshape(x, (x.type.elements,)), int(operation.k))


def on_diagonal(c: Context, x: Value, k: int) -> Value:
    size = known(x.shape[0], "a diagonal") + abs(k)
    padded = c.frame_axis(x, 0, 0, abs(k))
    lines = c.reshape(padded, (size, 1) if k >= 0 else (1, size))
    return c.elementwise("where", c.literal(np.eye(size, k=k, dtype=bool)), lines, 0.0)


def lower_unravel(c: Context, operation: Any, indices: Any) -> list[Value]:
    """The place along each axis of `shape` of elements counted in row-major order."""
    rest, found = tensor(c, indices), []
    for size in reversed(operation.shape):
        found.append(c.elementwise("mod", rest, float(size)))
        rest = c.elementwise("floor_div", rest, float(size))
    return found[::-1]


def lower_sequences(c: Context, operation: Any, x: Value) -> Value:
    """Windows of the last axis: (…, L) → (…, count, length)."""
    length, stride = int(operation.sequence_length), int(operation.sequence_stride)
    count = (x.shape[-1] - length) // stride + 1
    starts = c.elementwise("mul", c.reshape(c.apply(Iota(count)), (count, 1)), float(stride))
    places = c.elementwise("add", starts, c.literal(np.arange(length)))
    found = c.apply(Gather(x.type.rank - 1), x, c.reshape(places, (count * length,)))
    return c.reshape(found, (*x.shape[:-1], count, length))


OPERATIONS: dict[str, OperationLowering] = {
    "Diag": lower_diag,
    "Diagflat": lower_diag_flat,
    "Diagonal": lower_diagonal,
    "ExtractSequences": lower_sequences,
    "GetItem": lower_get_item,
    "Scatter": lower_scatter,
    "ScatterUpdate": lower_scatter_update,
    "Slice": lower_slice,
    "SliceUpdate": lower_slice_update,
    "Take": lower_take,
    "TakeAlongAxis": lower_take_along_axis,
    "UnravelIndex": lower_unravel,
}
