"""Operations of keras.ops that move elements: shapes, parts, repetitions, orders of axes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from webdnn.frontend.keras.lowering import Context, array_of, positive_axes, single_axis
from webdnn.frontend.keras.operation_elementwise import OperationLowering, tensor
from webdnn.frontend.keras.reshape import fill_in
from webdnn.graph.dim import Size, number, product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.indexing import Gather, GatherElements
from webdnn.graph.ops.shape import Slice


def known(size: Size, what: str) -> int:
    """`size` as a number. Raises UnsupportedError where it is symbolic."""
    if not isinstance(size, int):
        raise UnsupportedError(f"{what} along the symbolic size {size}")
    return size


def lower_reshape(c: Context, operation: Any, x: Value) -> Value:
    wanted = operation.newshape if isinstance(operation.newshape, (tuple, list)) else (operation.newshape,)
    return c.reshape(x, fill_in([-1 if s is None else int(s) for s in wanted], x.type.elements))


def lower_transpose(c: Context, operation: Any, x: Value) -> Value:
    axes = range(x.type.rank - 1, -1, -1) if operation.axes is None else operation.axes
    return c.transpose(x, [int(a) % x.type.rank for a in axes])


def lower_swap_axes(c: Context, operation: Any, x: Value) -> Value:
    return c.swap(x, operation.axis1 % x.type.rank, operation.axis2 % x.type.rank)


def lower_move_axis(c: Context, operation: Any, x: Value) -> Value:
    rank = x.type.rank
    source = [int(a) % rank for a in np.atleast_1d(operation.source)]
    target = [int(a) % rank for a in np.atleast_1d(operation.destination)]
    order = [a for a in range(rank) if a not in source]
    for place, axis in sorted(zip(target, source, strict=True)):
        order.insert(place, axis)
    return c.transpose(x, order)


def lower_expand_dims(c: Context, operation: Any, x: Value) -> Value:
    rank = x.type.rank + np.size(operation.axis)
    added = {int(a) % rank for a in np.atleast_1d(operation.axis)}
    rest = iter(x.shape)
    return c.reshape(x, [1 if i in added else next(rest) for i in range(rank)])


def lower_squeeze(c: Context, operation: Any, x: Value) -> Value:
    if operation.axis is None:
        return c.reshape(x, [s for s in x.shape if s != 1])
    gone = positive_axes(operation.axis, x.type.rank)
    return c.reshape(x, [s for i, s in enumerate(x.shape) if i not in gone])


def lower_ravel(c: Context, operation: Any, x: Value) -> Value:
    return c.reshape(x, (x.type.elements,))


def lower_concatenate(c: Context, operation: Any, xs: Sequence[Any]) -> Value:
    parts = [tensor(c, x) for x in xs]
    return c.concat(parts, single_axis(operation.axis, parts[0].type.rank))


def lower_append(c: Context, operation: Any, x: Any, y: Any) -> Value:
    parts = [tensor(c, x), tensor(c, y)]
    if operation.axis is None:
        parts = [c.reshape(part, (part.type.elements,)) for part in parts]
    return c.concat(parts, operation.axis or 0)


def lower_stack(c: Context, operation: Any, xs: Sequence[Any]) -> Value:
    parts = [tensor(c, x) for x in xs]
    axis = operation.axis % (parts[0].type.rank + 1)
    return c.concat([c.reshape(p, (*p.shape[:axis], 1, *p.shape[axis:])) for p in parts], axis)


def joined(axis: int, least_rank: int) -> OperationLowering:
    """NumPy's hstack, vstack and dstack."""

    def lower(c: Context, operation: Any, xs: Sequence[Any]) -> Value:
        parts = [tensor(c, x) for x in xs]
        if any(part.type.rank < least_rank for part in parts):
            raise UnsupportedError(f"arrays of fewer than {least_rank} axes")
        return c.concat(parts, axis)

    return lower


def lower_split(c: Context, operation: Any, x: Value) -> list[Value]:
    axis, where = operation.axis % x.type.rank, operation.indices_or_sections
    size = x.shape[axis]
    if isinstance(where, (int, np.integer)):
        each = size // int(where)
        return [c.cut(x, axis, i * each, each) for i in range(int(where))]
    ends = [0, *(int(i) for i in where), size]
    return [c.cut(x, axis, a, b - a) for a, b in pairwise(ends)]


def lower_array_split(c: Context, operation: Any, x: Value) -> list[Value]:
    axis, parts = operation.axis % x.type.rank, operation.indices_or_sections
    if not isinstance(parts, (int, np.integer)):
        return lower_split(c, operation, x)
    pieces = np.array_split(np.arange(known(x.shape[axis], "array_split")), int(parts))
    return [c.cut(x, axis, int(piece[0]), len(piece)) for piece in pieces]


def lower_unstack(c: Context, operation: Any, x: Value) -> list[Value]:
    axis = operation.axis % x.type.rank
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    return [c.reshape(c.cut(x, axis, i, 1), shape) for i in range(known(x.shape[axis], "unstack"))]


def lower_pad(c: Context, operation: Any, x: Value, constant_values: Any = None) -> Value:
    amounts = np.broadcast_to(np.array(operation.pad_width), (x.type.rank, 2)).tolist()
    if operation.mode == "constant":
        return c.frame(x, [(int(a), int(b)) for a, b in amounts], float(constant_values or 0))
    if operation.mode not in ("reflect", "symmetric", "edge", "wrap"):
        raise UnsupportedError(f"padding mode {operation.mode!r}")
    for axis, amount in enumerate(amounts):
        if any(amount):
            places = np.pad(np.arange(known(x.shape[axis], f"padding {operation.mode!r}")), amount, operation.mode)
            x = c.take(x, axis, places.tolist())
    return x


def lower_flip(c: Context, operation: Any, x: Value) -> Value:
    for axis in range(x.type.rank) if operation.axis is None else positive_axes(operation.axis, x.type.rank):
        x = c.take(x, axis, range(known(x.shape[axis], "flip") - 1, -1, -1))
    return x


def lower_roll(c: Context, operation: Any, x: Value) -> Value:
    if operation.axis is None:
        flat = c.reshape(x, (x.type.elements,))
        return c.reshape(_rolled(c, flat, 0, int(operation.shift)), x.shape)
    axes, shifts = np.broadcast_arrays(operation.axis, operation.shift)
    for axis, shift in zip(axes.ravel(), shifts.ravel(), strict=True):
        x = _rolled(c, x, int(axis) % x.type.rank, int(shift))
    return x


def _rolled(c: Context, x: Value, axis: int, shift: int) -> Value:
    size = x.shape[axis]
    shift = shift % size if isinstance(size, int) else shift
    if shift == 0:
        return x
    first = size - shift if shift > 0 else -shift
    return c.concat([c.cut(x, axis, first, size - first), c.cut(x, axis, 0, first)], axis)


def lower_repeat(c: Context, operation: Any, x: Value) -> Value:
    if operation.axis is None:
        x, axis = c.reshape(x, (x.type.elements,)), 0
    else:
        axis = operation.axis % x.type.rank
    size = known(x.shape[axis], "repeat")
    return c.take(x, axis, np.repeat(np.arange(size), array_of(operation.repeats)).tolist())


def lower_tile(c: Context, operation: Any, x: Value) -> Value:
    repeats = [int(r) for r in np.atleast_1d(operation.repeats)]
    rank = max(len(repeats), x.type.rank)
    x = c.reshape(x, (1,) * (rank - x.type.rank) + x.shape)
    for axis, times in enumerate((1,) * (rank - len(repeats)) + tuple(repeats)):
        x = c.concat([x] * times, axis)
    return x


def lower_broadcast_to(c: Context, operation: Any, x: Value) -> Value:
    shape = tuple(operation.shape)
    x = c.reshape(x, (1,) * (len(shape) - x.type.rank) + x.shape)
    for axis, size in enumerate(shape):
        if x.shape[axis] == 1 and size not in (None, 1):
            x = c.take(x, axis, [0] * int(size))
    return x


def lower_take(c: Context, operation: Any, x: Any, indices: Any) -> Value:
    data = tensor(c, x)
    if operation.axis is None:
        data, axis = c.reshape(data, (data.type.elements,)), 0
    else:
        axis = operation.axis % data.type.rank
    before, after = data.shape[:axis], data.shape[axis + 1 :]
    if isinstance(indices, Value):
        places = _from_the_start(c, indices, data.shape[axis])
        picked = c.apply(Gather(axis), data, c.reshape(places, (indices.type.elements,)))
        return c.reshape(picked, (*before, *indices.shape, *after))
    array = array_of(indices)
    return c.reshape(c.take(data, axis, array.ravel().tolist()), (*before, *array.shape, *after))


def _from_the_start(c: Context, indices: Value, size: Size) -> Value:
    """Negative indices count from the end."""
    if not isinstance(size, int):
        return indices
    return c.elementwise(
        "where", c.elementwise("less", indices, 0.0), c.elementwise("add", indices, float(size)), indices
    )


def lower_take_along_axis(c: Context, operation: Any, x: Any, indices: Any) -> Value:
    data, places = tensor(c, x), tensor(c, indices)
    if operation.axis is None:
        data, places = (c.reshape(v, (v.type.elements,)) for v in (data, places))
    axis, last = (operation.axis or 0) % data.type.rank, data.type.rank - 1
    places = _from_the_start(c, places, data.shape[axis])
    return c.swap(c.apply(GatherElements(), c.swap(data, axis, last), c.swap(places, axis, last)), axis, last)


def lower_get_item(c: Context, operation: Any, x: Value, key: Any) -> Value:
    """Numbers, slices, lists of numbers along one axis, `...` and None."""
    keys = list(key) if isinstance(key, tuple) else [key]
    missing = x.type.rank - sum(k is not None and k is not Ellipsis for k in keys)
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[at : at + 1] = [slice(None)] * missing
    lists = [axis for axis, k in enumerate(k for k in keys if k is not None) if isinstance(k, (list, np.ndarray))]
    if len(lists) > 1 or any(np.ndim(k) > 1 for k in keys if isinstance(k, (list, np.ndarray))):
        raise UnsupportedError(f"index {key!r}; lists of numbers along one axis are supported")
    plain = [k for k in keys if k is not None]
    starts: list[Size] = []
    sizes: list[Size] = []
    for axis, k in enumerate(plain):
        if _is_list(k):
            x = c.take(x, axis, _places(k, x.shape[axis]))
        start, size = (0, x.shape[axis]) if _is_list(k) else _interval(k, x.shape[axis])
        starts.append(start)
        sizes.append(size)
    cut = x if tuple(sizes) == x.shape else c.apply(Slice(tuple(starts), tuple(sizes)), x)
    rest = iter(sizes)
    shape: list[Size] = []
    for k in keys:
        if k is None:
            shape.append(1)
            continue
        size = next(rest)
        if isinstance(k, slice) or _is_list(k):
            shape.append(size)
    return c.reshape(cut, shape)


def _is_list(key: Any) -> bool:
    return isinstance(key, (list, np.ndarray)) or (isinstance(key, slice) and key.step not in (None, 1))


def _places(key: Any, size: Size) -> list[int]:
    if isinstance(key, slice):
        return list(range(*key.indices(known(size, f"a slice with step {key.step}"))))
    array = np.asarray(key)
    return [int(i) for i in (np.flatnonzero(array) if array.dtype == bool else array)]


def _interval(key: Any, size: Size) -> tuple[Size, Size]:
    """(start, count) of a number or a slice along an axis of that size."""

    def place(position: Any, default: Size) -> Size:
        if position is None:
            return default
        place = size + int(position) if position < 0 else int(position)
        if isinstance(size, int) and isinstance(place, int):
            return min(max(place, 0), size)
        return place  # beyond the end of a symbolic axis is refused when the size is known

    if isinstance(key, slice):
        start = place(key.start, 0)
        return start, place(key.stop, size) - start
    if isinstance(key, (int, np.integer)):
        return (size + int(key) if key < 0 else int(key)), 1
    raise UnsupportedError(f"index {key!r}")


def lower_slice(c: Context, operation: Any, x: Value, starts: Any) -> Value:
    """keras.ops.slice: a length of −1 reaches to the end."""
    if isinstance(starts, Value) or any(isinstance(start, Value) for start in starts):
        raise UnsupportedError("a slice that starts where another layer says")
    for axis, (start, size) in enumerate(zip(starts, operation.shape, strict=True)):
        left = x.shape[axis] - int(start)
        x = c.cut(x, axis, int(start), left if size in (None, -1) else int(size))
    return x


def lower_rotate(c: Context, operation: Any, x: Value) -> Value:
    """By a quarter turn, `k` times."""
    first, second = (a % x.type.rank for a in operation.axes)
    for _ in range(operation.k % 4):
        x = c.swap(x, first, second)
        x = c.take(x, first, range(known(x.shape[first], "rot90") - 1, -1, -1))
    return x


def triangle(upper: bool) -> OperationLowering:
    """x with zeros below (`upper`) or above a diagonal of its last two axes."""

    def lower(c: Context, operation: Any, x: Value) -> Value:
        shape = tuple(number(size) for size in (known(s, "a triangle") for s in x.shape[-2:]))
        mask = (np.triu if upper else np.tril)(np.ones(shape), operation.k)
        return c.elementwise("where", c.literal(mask), x, 0.0)

    return lower


def lower_depth_to_space(c: Context, operation: Any, x: Value) -> Value:
    block, first = operation.block_size, operation.data_format == "channels_first"
    if first:
        n, channels, height, width = x.shape
        parts = c.reshape(x, (n, channels // block**2, block, block, height, width))
        moved = c.transpose(parts, (0, 1, 4, 2, 5, 3))
        return c.reshape(moved, (n, channels // block**2, height * block, width * block))
    n, height, width, channels = x.shape
    parts = c.reshape(x, (n, height, width, block, block, channels // block**2))
    moved = c.transpose(parts, (0, 1, 3, 2, 4, 5))
    return c.reshape(moved, (n, height * block, width * block, channels // block**2))


def lower_space_to_depth(c: Context, operation: Any, x: Value) -> Value:
    block, first = operation.block_size, operation.data_format == "channels_first"
    if first:
        n, channels, height, width = x.shape
        parts = c.reshape(x, (n, channels, height // block, block, width // block, block))
        moved = c.transpose(parts, (0, 1, 3, 5, 2, 4))
        return c.reshape(moved, (n, channels * block**2, height // block, width // block))
    n, height, width, channels = x.shape
    parts = c.reshape(x, (n, height // block, block, width // block, block, channels))
    moved = c.transpose(parts, (0, 1, 3, 2, 4, 5))
    return c.reshape(moved, (n, height // block, width // block, channels * block**2))


def lower_size(c: Context, operation: Any, x: Value) -> Value:
    return c.literal(np.array(number(product(x.shape)), np.float32))


OPERATIONS: dict[str, OperationLowering] = {
    "Append": lower_append,
    "ArraySplit": lower_array_split,
    "BroadcastTo": lower_broadcast_to,
    "Concatenate": lower_concatenate,
    "DepthToSpace": lower_depth_to_space,
    "Dstack": joined(2, 3),
    "ExpandDims": lower_expand_dims,
    "Flip": lower_flip,
    "GetItem": lower_get_item,
    "Hstack": joined(1, 2),
    "Moveaxis": lower_move_axis,
    "Pad": lower_pad,
    "Ravel": lower_ravel,
    "Repeat": lower_repeat,
    "Reshape": lower_reshape,
    "Roll": lower_roll,
    "Rot90": lower_rotate,
    "Slice": lower_slice,
    "SpaceToDepth": lower_space_to_depth,
    "Split": lower_split,
    "Squeeze": lower_squeeze,
    "Stack": lower_stack,
    "Swapaxes": lower_swap_axes,
    "Take": lower_take,
    "TakeAlongAxis": lower_take_along_axis,
    "Tile": lower_tile,
    "Transpose": lower_transpose,
    "Tril": triangle(upper=False),
    "Triu": triangle(upper=True),
    "Unstack": lower_unstack,
    "Vstack": joined(0, 2),
}
