"""Operations of keras.ops that move elements: shapes, joins, repetitions, orders of axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from webdnn.frontend.keras.lowering import Context, array_of, positive_axes, single_axis
from webdnn.frontend.keras.operation_dtypes import Call, cast, number_as
from webdnn.frontend.keras.operation_elementwise import OperationLowering, tensor
from webdnn.frontend.keras.operation_indices import broadcast, copied, known, reversed_along, whole
from webdnn.frontend.keras.reshape import fill_in
from webdnn.frontend.keras.size_values import at_or_below
from webdnn.graph.dim import Dim, Size
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value


def lower_reshape(c: Context, operation: Any, x: Value) -> Value:
    wanted = operation.newshape if isinstance(operation.newshape, (tuple, list)) else (operation.newshape,)
    return c.reshape(x, fill_in([-1 if s is None else whole(s) for s in wanted], x.type.elements))


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


def joined(axis: int, raised: Callable[[Sequence[Size]], Sequence[Size]]) -> OperationLowering:
    """NumPy's hstack, vstack and dstack: arrays of low rank get the shape `raised(shape)` first."""

    def lower(c: Context, operation: Any, xs: Sequence[Any]) -> Value:
        parts = [tensor(c, x) for x in xs]
        parts = [c.reshape(part, raised(part.shape)) for part in parts]
        return c.concat(parts, min(axis, parts[0].type.rank - 1))

    return lower


def a_line(shape: Sequence[Size]) -> Sequence[Size]:
    return shape or (1,)


def a_row(shape: Sequence[Size]) -> Sequence[Size]:
    return shape if len(shape) > 1 else (1, *a_line(shape))


def a_layer(shape: Sequence[Size]) -> Sequence[Size]:
    return shape if len(shape) > 2 else (*a_row(shape), 1)


def lower_split(c: Context, operation: Any, x: Value) -> list[Value]:
    return parts_of(c, x, operation.axis % x.type.rank, operation.indices_or_sections)


def split_along(axis: int, low: int) -> OperationLowering:
    """NumPy's vsplit, hsplit and dsplit: along `axis`, or along `low` if x has no more than that."""
    return lambda c, o, x: parts_of(c, x, axis if x.type.rank > axis else low, o.indices_or_sections)


def parts_of(c: Context, x: Value, axis: int, where: Any) -> list[Value]:
    """So many equal parts of x, or those between the given places."""
    size = x.shape[axis]
    if isinstance(where, (int, np.integer)):
        each = size // int(where)
        return [c.cut(x, axis, i * each, each) for i in range(int(where))]
    whole = known(size, "a split at places")
    ends = [0, *(slice(int(i)).indices(whole)[1] for i in where), whole]
    return [c.cut(x, axis, a, b - a) for a, b in pairwise(ends)]


def lower_array_split(c: Context, operation: Any, x: Value) -> list[Value]:
    axis, parts = operation.axis % x.type.rank, operation.indices_or_sections
    if not isinstance(parts, (int, np.integer)):
        return lower_split(c, operation, x)
    pieces = np.array_split(np.arange(known(x.shape[axis], "array_split")), int(parts))
    return [c.cut(x, axis, int(piece[0]), len(piece)) for piece in pieces]


def lower_unstack(c: Context, operation: Any, x: Value) -> list[Value]:
    axis = operation.axis % x.type.rank
    if operation.num not in (None, x.shape[axis]):
        raise UnsupportedError(f"num {operation.num} of {x.shape[axis]} parts")
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    return [c.reshape(c.cut(x, axis, i, 1), shape) for i in range(known(x.shape[axis], "unstack"))]


def lower_pad(c: Call, operation: Any, x: Value, constant_values: Any = None) -> Value:
    amounts = [(int(a), int(b)) for a, b in np.broadcast_to(np.array(operation.pad_width), (x.type.rank, 2)).tolist()]
    if operation.mode == "constant":
        if isinstance(constant_values, Value):
            raise UnsupportedError("padding with what another layer computes")
        value = number_as(0 if constant_values is None else constant_values, c.result)
        return c.frame(x, amounts, float(value))
    if operation.mode not in ("reflect", "symmetric", "edge", "wrap"):
        raise UnsupportedError(f"padding mode {operation.mode!r}")
    for axis, (before, after) in enumerate(amounts):
        x = mirrored(c, x, axis, before, after, operation.mode)
    return x


def mirrored(c: Context, x: Value, axis: int, before: int, after: int, mode: str) -> Value:
    """x continued along an axis by elements of its own, as numpy.pad does in the modes reflect, symmetric, edge and wrap. Along a
    symbolic axis, which must be longer than what is added, these are taken from a piece at either end."""
    if before == after == 0:
        return x
    size = x.shape[axis]
    if isinstance(size, int):
        return c.take(x, axis, np.pad(np.arange(size), (before, after), mode).tolist())  # type: ignore[call-overload]
    reach = max(before, after) + 1
    ends = c.cut(x, axis, 0, reach), c.cut(x, axis, size - reach, reach)
    both = np.concatenate([np.arange(reach), np.arange(reach) + reach])  # of a short axis that is made of both ends
    places = np.pad(both, (before, after), mode)  # type: ignore[call-overload]
    near = c.concat(ends, axis)
    first, last = (
        [c.take(near, axis, p.tolist())] if len(p) else [] for p in (places[:before], places[-after:][:after])
    )
    return c.concat([*first, x, *last], axis)


def lower_flip(c: Context, operation: Any, x: Value) -> Value:
    return reversed_along(
        c, x, range(x.type.rank) if operation.axis is None else positive_axes(operation.axis, x.type.rank)
    )


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
    """Every element along an axis several times; so often as all, or each as its own number says."""
    if operation.axis is None:
        x, axis = c.reshape(x, (x.type.elements,)), 0
    else:
        axis = operation.axis % x.type.rank
    times = operation.repeats
    if np.size(times) == 1:
        return repeated(c, x, axis, times if isinstance(times, Dim) else int(np.ravel(array_of(times))[0]), each=True)
    return c.take(x, axis, np.repeat(np.arange(known(x.shape[axis], "repeat")), array_of(times)).tolist())


def repeated(c: Context, x: Value, axis: int, times: Size, each: bool) -> Value:
    """x so many times along an axis: each element at once, or the whole again and again."""
    before, size, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    if times == 1:
        return x
    if not each and isinstance(times, int):
        return c.concat([x] * times, axis)
    if each and isinstance(times, int) and isinstance(size, int):
        return c.take(x, axis, np.repeat(np.arange(size), times).tolist())
    inner = c.reshape(x, (*before, size, 1, *after) if each else (*before, 1, size, *after))
    copies = copied(c, inner, axis + 1 if each else axis, times)
    return c.reshape(copies, (*before, size * times, *after))


def lower_tile(c: Context, operation: Any, x: Value) -> Value:
    given = (
        operation.repeats if isinstance(operation.repeats, (tuple, list)) else np.atleast_1d(operation.repeats).tolist()
    )
    repeats: list[Size] = [whole(r) for r in given]
    rank = max(len(repeats), x.type.rank)
    x = c.reshape(x, (1,) * (rank - x.type.rank) + x.shape)
    for axis, times in enumerate([1] * (rank - len(repeats)) + repeats):
        x = repeated(c, x, axis, times, each=False)
    return x


def lower_broadcast_to(c: Context, operation: Any, x: Value) -> Value:
    return broadcast(c, x, operation.shape)


def lower_full(c: Call, operation: Any, value: Any) -> Value:
    target = c.result if operation.dtype is None else str(operation.dtype)
    return broadcast(c, cast(c, tensor(c, value), target, c.operands[0]), operation.shape)


def lower_mesh(c: Context, operation: Any, *xs: Any) -> list[Value]:
    """Each coordinate, repeated along the axes of the others; "xy" exchanges the first two axes."""
    lines = [tensor(c, x) for x in xs]
    lines = [c.reshape(line, (line.type.elements,)) for line in lines]
    sizes = [line.shape[0] for line in lines]
    meshes = [
        broadcast(c, c.reshape(line, [s if i == axis else 1 for i, s in enumerate(sizes)]), sizes)
        for axis, line in enumerate(lines)
    ]
    return [c.swap(mesh, 0, 1) for mesh in meshes] if operation.indexing == "xy" and len(lines) > 1 else meshes


def lower_rotate(c: Context, operation: Any, x: Value) -> Value:
    """By a quarter turn, `k` times."""
    first, second = (a % x.type.rank for a in operation.axes)
    for _ in range(operation.k % 4):
        x = reversed_along(c, c.swap(x, first, second), [first])
    return x


def triangle(upper: bool) -> OperationLowering:
    """x with zeros below (`upper`) or above a diagonal of its last two axes."""

    def lower(c: Context, operation: Any, x: Value) -> Value:
        rows, columns = x.shape[-2:]
        below = at_or_below(c, rows, columns, int(operation.k) - upper)
        return c.elementwise("where", below, 0.0, x) if upper else c.elementwise("where", below, x, 0.0)

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


OPERATIONS: dict[str, OperationLowering] = {
    "Append": lower_append,
    "ArraySplit": lower_array_split,
    "BroadcastTo": lower_broadcast_to,
    "Concatenate": lower_concatenate,
    "DepthToSpace": lower_depth_to_space,
    "Dsplit": split_along(2, 2),
    "Dstack": joined(2, a_layer),
    "ExpandDims": lower_expand_dims,
    "Flip": lower_flip,
    "Fliplr": lambda c, _, x: reversed_along(c, x, [1]),
    "Flipud": lambda c, _, x: reversed_along(c, x, [0]),
    "Full": lower_full,
    "Hsplit": split_along(1, 0),
    "Hstack": joined(1, a_line),
    "Meshgrid": lower_mesh,
    "Moveaxis": lower_move_axis,
    "Pad": lower_pad,
    "Ravel": lower_ravel,
    "Repeat": lower_repeat,
    "Reshape": lower_reshape,
    "Roll": lower_roll,
    "Rot90": lower_rotate,
    "SpaceToDepth": lower_space_to_depth,
    "Split": lower_split,
    "Squeeze": lower_squeeze,
    "Stack": lower_stack,
    "Swapaxes": lower_swap_axes,
    "Tile": lower_tile,
    "Transpose": lower_transpose,
    "Tril": triangle(upper=False),
    "Triu": triangle(upper=True),
    "Unstack": lower_unstack,
    "Vsplit": split_along(0, 0),
    "Vstack": joined(0, a_row),
}
