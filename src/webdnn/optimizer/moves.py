"""Reshapes and transposes in a row, in one form.

Both only change the order of elements, so any row of them is

    y = Reshape(shape) · Transpose(order) · Reshape(sizes) · x

x is read, in the order of its memory, as an array whose axes are the *factors*; these change places; the result is read under the shape of y.
An axis may be several factors (a channel axis of C = G·K is G and K), and a factor several axes. A reshape alone only replaces `shape`. A
transpose moves axes, so each must consist of whole factors: those that more than one axis shares are cut in pieces. Where that does not go
(6 elements as (2, 3) and then as (3, 2) have no common pieces), the row is taken from there on.

Example: x (1, 2, 8, 8) is transposed by (0, 3, 1, 2), reshaped to (1, 8, 16) and transposed by (0, 2, 1). Its factors are 16 and 8, they
change places twice, so nothing moves: y is Reshape(1, 16, 8) of x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from webdnn.graph.dim import Size, divide_exactly, product
from webdnn.graph.graph import Op, Value, apply
from webdnn.graph.ops import Reshape, Transpose

T = TypeVar("T")
LONGEST = 16  # moves in a row that are looked at

Piece = tuple[int, int, Size]
"""(place of the factor, axis, size): what a factor and an axis have in common."""


@dataclass(frozen=True)
class Move:
    """See the module's docstring. `sizes` are the factors in the order of x's memory, `order` their numbers in the order of y's; none has size 1."""

    sizes: tuple[Size, ...]
    order: tuple[int, ...]
    shape: tuple[Size, ...]

    def reshaped(self, shape: Sequence[Size]) -> Move:
        return replace(self, shape=tuple(shape))

    def transposed(self, permutation: Sequence[int]) -> Move | None:
        """None where an axis is no product of factors or of their pieces."""
        fine = self.by_axis()
        if fine is None:
            return None
        move, axes = fine
        order = tuple(factor for axis in permutation for factor in axes[axis])
        return Move(move.sizes, order, tuple(self.shape[axis] for axis in permutation))

    def by_axis(self) -> tuple[Move, list[list[int]]] | None:
        """The same move with factors cut so fine that none belongs to two axes of y, and the factors of each axis; None where that does not go."""
        pieces = cut([self.sizes[factor] for factor in self.order], self.shape)
        if pieces is None:
            return None
        # Pieces come in y's order; in x's order they stand by their factor, and within it as they are.
        owners = [self.order[place] for place, _, _ in pieces]
        in_memory = sorted(range(len(pieces)), key=lambda i: owners[i])
        number = inverse(in_memory)
        axes: list[list[int]] = [[] for _ in self.shape]
        for i, (_, axis, _) in enumerate(pieces):
            axes[axis].append(number[i])
        return Move(tuple(pieces[i][2] for i in in_memory), tuple(number), self.shape), axes

    def merged(self) -> Move:
        """The same move with factors that stay neighbours joined: the fewest that describe it."""
        runs: list[list[int]] = []
        for factor in self.order:
            if runs and runs[-1][-1] + 1 == factor:
                runs[-1].append(factor)
            else:
                runs.append([factor])
        starts = sorted(run[0] for run in runs)
        sizes = {run[0]: product([self.sizes[factor] for factor in run]) for run in runs}
        return Move(tuple(sizes[s] for s in starts), tuple(starts.index(run[0]) for run in runs), self.shape)

    @property
    def is_reshape(self) -> bool:
        """True when no element moves in memory."""
        return self.order == tuple(range(len(self.order)))


def identity(shape: Sequence[Size]) -> Move:
    """The move that does nothing to a value of `shape`."""
    sizes = tuple(size for size in shape if size != 1)
    return Move(sizes, tuple(range(len(sizes))), tuple(shape))


def trace(value: Value) -> tuple[Value, Move]:
    """(x, move) with `value` = move(x), from as far back as `value` is made by reshapes and transposes."""
    row: list[Value] = []
    source = value
    while isinstance(source.op, Reshape | Transpose) and len(row) < LONGEST:
        row.append(source)
        source = source.node.inputs[0]
    move = identity(source.shape)
    for step in reversed(row):
        moved = move.transposed(step.op.permutation) if isinstance(step.op, Transpose) else move.reshaped(step.shape)
        if moved is None:  # A transpose of one value can always be described.
            source = step.node.inputs[0]
            moved = identity(source.shape).transposed(step.op.permutation)  # type: ignore[attr-defined]
        move = move if moved is None else moved
    return source, move


def steps(move: Move, shape: tuple[Size, ...]) -> tuple[Reshape | Transpose, ...]:
    """The fewest ops that do `move` to a value of `shape`, the transpose as late as possible. The same for equal moves."""
    small = move.merged()
    if small.is_reshape:
        return () if shape == small.shape else (Reshape(small.shape),)
    direct = as_transpose(small, shape)
    if direct is not None:
        return (direct,)
    before = _cut_whole(small.sizes, shape)
    after = _cut_whole([small.sizes[factor] for factor in small.order], small.shape)
    if after is not None:
        # y's axes in x's order; those of size 1 follow the one before them.
        order = _with_ones([(small.order[place], axis) for place, axis, _ in after], len(small.shape))
        first = Reshape(permuted(small.shape, order))
        return (first, Transpose(tuple(inverse(order))))
    if before is not None:
        places = inverse(small.order)
        order = _with_ones([(places[factor], axis) for factor, axis, _ in before], len(shape))
        return (Transpose(tuple(order)), Reshape(small.shape))
    return (Reshape(small.sizes), Transpose(small.order), Reshape(small.shape))


def as_transpose(move: Move, shape: tuple[Size, ...]) -> Transpose | None:
    """The transpose when `move` is one of a value of `shape` and nothing else; axes of size 1 keep their order."""
    pieces = _cut_whole(move.sizes, shape)
    if pieces is None:
        return None
    places = inverse(move.order)
    axes = iter([axis for _, axis in sorted((places[factor], axis) for factor, axis, _ in pieces)])
    ones = iter([axis for axis, size in enumerate(shape) if size == 1])
    permutation = tuple(next(ones if size == 1 else axes, -1) for size in move.shape)
    if -1 in permutation or len(permutation) != len(shape):
        return None
    return Transpose(permutation) if permuted(shape, permutation) == move.shape else None


def applied(value: Value, ops: Sequence[Op], origin: tuple[str, ...]) -> Value:
    """`ops` one after another."""
    for op in ops:
        value = apply(op, value, origin=origin)
    return value


def cut(factors: Sequence[Size], axes: Sequence[Size]) -> list[Piece] | None:
    """Two ways to write the same number of elements as a product, cut into common pieces; None where they have none. Sizes of 1 are left out."""
    pieces: list[Piece] = []
    place, axis = -1, -1
    factor: Size = 1
    size: Size = 1
    while True:
        while factor == 1 and place + 1 < len(factors):
            place += 1
            factor = factors[place]
        while size == 1 and axis + 1 < len(axes):
            axis += 1
            size = axes[axis]
        if factor == 1 or size == 1:
            return pieces if factor == size else None
        more, fewer = divide_exactly(factor, size), divide_exactly(size, factor)
        if more is not None:
            pieces.append((place, axis, size))
            factor, size = more, 1
        elif fewer is not None:
            pieces.append((place, axis, factor))
            factor, size = 1, fewer
        else:
            return None


def permuted(items: Sequence[T], permutation: Sequence[int]) -> tuple[T, ...]:
    return tuple(items[i] for i in permutation)


def inverse(permutation: Sequence[int]) -> list[int]:
    result = [0] * len(permutation)
    for place, item in enumerate(permutation):
        result[item] = place
    return result


def _cut_whole(factors: Sequence[Size], axes: Sequence[Size]) -> list[Piece] | None:
    """The pieces where no axis is cut."""
    pieces = cut(factors, axes)
    return pieces if pieces is not None and len({axis for _, axis, _ in pieces}) == len(pieces) else None


def _with_ones(placed: list[tuple[int, int]], rank: int) -> list[int]:
    """Axes sorted by (place, axis); one that has no place, being of size 1, follows the axis before it."""
    place = {axis: place for place, axis in placed}
    keys: list[tuple[int, int]] = []
    for axis in range(rank):
        keys.append((place.get(axis, keys[-1][0] if keys else -1), axis))
    return [axis for _, axis in sorted(keys)]
