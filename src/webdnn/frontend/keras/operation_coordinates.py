"""Operations of keras.ops.image that read a picture at coordinates, given or computed: between its elements, and outside of it.

As on JAX: what lies beyond a picture is decided for each neighbour of a place, not for the place itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product as combinations
from typing import Any, TypeAlias

import numpy as np

from webdnn.frontend.keras.lowering import Array, Context
from webdnn.frontend.keras.operation_elementwise import OperationLowering, tensor
from webdnn.frontend.keras.operation_images import over_pictures
from webdnn.frontend.keras.operation_indices import at_run_time
from webdnn.frontend.linear_algebra import solve
from webdnn.graph.dim import Size, product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.indexing import Gather
from webdnn.graph.ops.shape import Iota

Operand: TypeAlias = "Value | float"
ORDERS = {"nearest": 0, "bilinear": 1}


@dataclass(frozen=True)
class Neighbour:
    """An element beside a coordinate, along one axis: its index, whether there is one of that index (None: surely), and its share."""

    index: Value
    exists: Value | None
    weight: Operand


def sampled(c: Context, x: Value, coordinates: Sequence[Value], order: int, mode: str, fill: float) -> Value:
    """x (N, *sizes, C) at `coordinates`, one tensor for each of the sizes, which broadcast to (N, …, C) → (N, …, C).

    `order` 0 takes the nearest element, 1 interpolates; `mode` says what is beyond x, with `constant` the number `fill`. Places that are the same
    for all pictures, or for all channels, have 1 in place of N or C, and cost accordingly less.
    """
    if mode not in FIXERS:
        raise UnsupportedError(f"fill_mode {mode!r}; {', '.join(FIXERS)} are supported")
    if order not in (0, 1):
        raise UnsupportedError(f"order {order}; 0 and 1 are supported")
    fill = float(np.asarray(fill).astype(x.dtype))
    axes = [neighbours(c, v, size, order, mode) for v, size in zip(coordinates, x.shape[1:-1], strict=True)]
    lines = Lines(c, x, coordinates)
    total: Value | None = None
    for corner in combinations(*axes):
        found = lines.at([neighbour.index for neighbour in corner])
        for neighbour in corner:
            found = found if neighbour.exists is None else c.elementwise("where", neighbour.exists, found, fill)
        if order == 0:
            return found
        for neighbour in corner:
            found = c.elementwise("mul", neighbour.weight, c.cast(found, "float32"))
        total = found if total is None else c.elementwise("add", total, found)
    if total is None:
        raise UnsupportedError("coordinates of no axes")
    return c.cast(rounded(c, total) if x.dtype not in ("float32", "bool") else total, x.dtype)


class Lines:
    """x (N, *sizes, C) as what one index can choose: pixels of C channels or, where `coordinates` differ from channel to channel, single elements;
    of one picture or, where they differ between pictures, of all."""

    def __init__(self, c: Context, x: Value, coordinates: Sequence[Value]) -> None:
        self.c, self.x = c, x
        self.by_picture = any(v.shape[0] != 1 for v in coordinates)
        self.by_channel = any(v.shape[-1] != 1 for v in coordinates)
        self.width: Size = 1 if self.by_channel else x.shape[-1]

    def at(self, indices: Sequence[Value]) -> Value:
        """The elements at `indices`, a tensor for each axis."""
        c, (n, *sizes, channels) = self.c, self.x.shape
        place: Value | None = None
        for index, size in zip(indices, sizes, strict=True):
            place = index if place is None else self._step(place, size, index)
        if place is None:
            raise UnsupportedError("coordinates of no axes")
        if self.by_picture:
            first = c.apply(Iota(n))
            ones = (1,) * (place.type.rank - 1)
            start = c.elementwise("mul", c.reshape(first, (n, *ones)), at_run_time(c, product(sizes)))
            place = c.elementwise("add", start, place)
        if self.by_channel:
            place = self._step(place, channels, c.apply(Iota(channels)))
        rows = c.reshape(self.x, (1 if self.by_picture else n, self._rows(n), self.width))
        found = c.apply(Gather(1), rows, c.reshape(place, (place.type.elements,)))
        last = place.shape[-1] if self.by_channel else self.width
        return c.reshape(found, (place.shape[0] if self.by_picture else n, *place.shape[1:-1], last))

    def _step(self, place: Value, size: Size, index: Value) -> Value:
        return self.c.elementwise("add", self.c.elementwise("mul", place, at_run_time(self.c, size)), index)

    def _rows(self, n: Size) -> Size:
        count = product(self.x.shape[1:-1]) * (self.x.shape[-1] if self.by_channel else 1)
        return n * count if self.by_picture else count


def neighbours(c: Context, coordinate: Value, size: Size, order: int, mode: str) -> list[Neighbour]:
    """What an axis of that size has beside a coordinate: one element, or the two between which it lies."""
    e = c.elementwise
    found: list[tuple[Value, Operand]]
    if order == 0:
        index = coordinate if coordinate.dtype == "int32" else rounded(c, c.cast(coordinate, "float32"))
        found = [(c.cast(index, "int32"), 1.0)]
    else:
        place = c.cast(coordinate, "float32")
        low = e("floor", place)
        upper, index = e("sub", place, low), c.cast(low, "int32")
        found = [(index, e("sub", 1.0, upper)), (e("add", index, 1.0), upper)]
    count = at_run_time(c, size)
    outside = mode == "constant"
    return [
        Neighbour(
            FIXERS[mode](c, index, count),
            e("logical_and", e("greater_equal", index, 0.0), e("less", index, count)) if outside else None,
            weight,
        )
        for index, weight in found
    ]


def rounded(c: Context, x: Value) -> Value:
    """The nearest whole number, away from zero at halves. The graph's `round` goes to the even neighbour, and floor(|x| + ½) is wrong where that
    sum is not exact."""
    e = c.elementwise
    size = e("abs", x)
    low = e("floor", size)
    up = e("greater_equal", e("sub", size, low), 0.5)
    return e("mul", e("sign", x), e("where", up, e("add", low, 1.0), low))


def clipped(c: Context, index: Value, count: Operand) -> Value:
    return c.elementwise(
        "clip", index, 0.0, c.elementwise("sub", count, 1.0) if isinstance(count, Value) else count - 1
    )


def wrapped(c: Context, index: Value, count: Operand) -> Value:
    return c.elementwise("mod", index, count)


def mirrored(c: Context, index: Value, count: Operand) -> Value:
    """The elements there and back, without those at the ends twice."""
    return _triangle(c, index, c.elementwise("sub", count, 1.0) if isinstance(count, Value) else count - 1)


def reflected(c: Context, index: Value, count: Operand) -> Value:
    """The elements there and back, those at the ends twice."""
    e = c.elementwise
    odd = e("add", e("mul", index, 2.0), 1.0)
    wave = _triangle(c, odd, e("mul", count, 2.0) if isinstance(count, Value) else count * 2)
    return e("floor_div", e("sub", wave, 1.0), 2.0)


def _triangle(c: Context, index: Value, reach: Operand) -> Value:
    """From 0 up to `reach` and down again, with a period of twice that."""
    e = c.elementwise
    period = e("mul", reach, 2.0) if isinstance(reach, Value) else reach * 2
    if period == 0:
        return e("mul", index, 0.0)  # one element
    return e("abs", e("sub", e("mod", e("add", index, reach), period), reach))


Fixer: TypeAlias = "Callable[[Context, Value, Operand], Value]"
FIXERS: dict[str, Fixer] = {
    "constant": lambda c, index, count: index,
    "nearest": clipped,
    "wrap": wrapped,
    "mirror": mirrored,
    "reflect": reflected,
}
"""What stands for an index beyond the axis; the op moves the index that is left to the nearest end."""


def lower_map_coordinates(c: Context, operation: Any, x: Any, coordinates: Any) -> Value:
    """x of any rank, coordinates (rank, …) → (…)."""
    data, places = tensor(c, x), tensor(c, coordinates)
    shape = places.shape[1:]
    lines = [c.reshape(c.cut(places, 0, axis, 1), (1, product(shape), 1)) for axis in range(data.type.rank)]
    order, mode = int(operation.order), operation.fill_mode
    found = sampled(c, c.reshape(data, (1, *data.shape, 1)), lines, order, mode, operation.fill_value)
    return c.reshape(found, shape)


def grid(c: Context, size: Size, after: int) -> Value:
    """0, 1, 2 … along an axis with so many axes after it."""
    line = c.literal(np.arange(size, dtype=np.float32)) if isinstance(size, int) else c.apply(Iota(size))
    return c.reshape(c.cast(line, "float32"), (size, *(1,) * after))


def total(c: Context, *terms: tuple[Operand, Operand]) -> Value:
    """The sum of products."""
    products = [c.elementwise("mul", left, right) for left, right in terms]
    return reduce(lambda a, b: c.elementwise("add", a, b), products)


def order_of(operation: Any) -> int:
    """The order of a method of interpolation."""
    if operation.interpolation not in ORDERS:
        raise UnsupportedError(f"interpolation {operation.interpolation!r}; {', '.join(ORDERS)} are supported")
    return ORDERS[operation.interpolation]


def lower_affine(c: Context, operation: Any, x: Value, transform: Any) -> Value:
    """The place in the picture of each place in the result is a product of `transform`, eight numbers for each picture or for all, and the place
    (row, column, channel): where a number for the channel is not 0, the picture is sheared from channel to channel."""
    numbers = tensor(c, transform)
    count = numbers.shape[0] if numbers.type.rank == 2 else 1
    numbers = c.reshape(numbers, (count, 8))
    shears = isinstance(transform, Value) or bool(np.any(transform[..., 6:]))

    def number(at: int) -> Value:
        return c.reshape(c.cut(numbers, 1, at, 1), (count, 1, 1, 1))

    def place(c: Context, o: Any, image: Value) -> Value:
        row, column, channel = (grid(c, size, 2 - axis) for axis, size in enumerate(image.shape[1:]))
        places = []
        for by_row, by_column, by_channel, start in ((4, 3, 6, 5), (1, 0, 7, 2)):
            shear = [(number(by_channel), channel)] if shears else []
            places.append(total(c, (number(by_row), row), (number(by_column), column), *shear, (number(start), 1.0)))
        return sampled(c, image, places, order_of(o), o.fill_mode, o.fill_value)

    return over_pictures(place)(c, operation, x)


def homographies(c: Context, starts: Any, ends: Any) -> Value:
    """(pictures, 8): the numbers h for which (h₀x + h₁y + h₂, h₃x + h₄y + h₅) / (h₆x + h₇y + 1) is a start point for each end point (x, y)."""
    if not isinstance(starts, Value) and not isinstance(ends, Value):
        return c.literal(known_homographies(starts, ends))
    matrix, target = equations(c, *coordinates(c, starts), *coordinates(c, ends))
    return c.reshape(solve(c, matrix, target), (target.shape[0], 8))


def known_homographies(starts: Any, ends: Any) -> Array:
    """Those of constant points, solved for in float32, as Keras does: a place depends on the last digits of these numbers."""
    start, end = (np.asarray(points, np.float32).reshape(-1, 4, 2) for points in (starts, ends))
    (u, v), (x, y) = np.moveaxis(start, -1, 0), np.moveaxis(end, -1, 0)
    zero, one = np.zeros_like(x), np.ones_like(x)
    rows = [np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1)]
    rows += [np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1)]
    target = np.concatenate([u, v], -1)[..., None]
    return np.asarray(np.linalg.solve(np.concatenate(rows, 1), target)[..., 0])


def coordinates(c: Context, points: Any) -> tuple[Value, Value]:
    """The first and the second coordinates, each (pictures, 4, 1), of (4, 2) or (pictures, 4, 2)."""
    values = tensor(c, points)
    values = values if values.type.rank == 3 else c.reshape(values, (1, *values.shape))
    return c.cut(values, 2, 0, 1), c.cut(values, 2, 1, 1)


def equations(c: Context, u: Value, v: Value, x: Value, y: Value) -> tuple[Value, Value]:
    """(pictures, 8, 8) and (pictures, 8, 1): two equations for each of four points."""
    e = c.elementwise
    zero, one = e("mul", x, 0.0), e("add", e("mul", x, 0.0), 1.0)
    rows = [
        c.concat([*left, *(e("neg", e("mul", start, end)) for end in (x, y))], 2)
        for left, start in (((x, y, one, zero, zero, zero), u), ((zero, zero, zero, x, y, one), v))
    ]
    return c.concat(rows, 1), c.concat([u, v], 1)


def lower_perspective(c: Context, operation: Any, x: Value, starts: Any, ends: Any) -> Value:
    numbers = homographies(c, starts, ends)

    def number(at: int) -> Value:
        return c.reshape(c.cut(numbers, 1, at, 1), (numbers.shape[0], 1, 1, 1))

    def place(c: Context, o: Any, image: Value) -> Value:
        row, column = (grid(c, size, 2 - axis) for axis, size in enumerate(image.shape[1:3]))
        below = c.elementwise("add", total(c, (number(6), column), (number(7), row)), 1.0)
        lines = [total(c, (number(at), column), (number(at + 1), row), (number(at + 2), 1.0)) for at in (3, 0)]
        places = [c.elementwise("div", line, below) for line in lines]
        return sampled(c, image, places, order_of(o), "constant", o.fill_value)

    return over_pictures(place)(c, operation, x)


OPERATIONS: dict[str, OperationLowering] = {
    "AffineTransform": lower_affine,
    "MapCoordinates": lower_map_coordinates,
    "PerspectiveTransform": lower_perspective,
}
