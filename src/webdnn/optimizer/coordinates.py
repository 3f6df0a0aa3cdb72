"""The axes on which an op behind a move can be computed before it.

The move cuts the memory of x into factors (`optimizer/moves.py`), each a part of one axis of x and of one axis of the move's result. An op on the
result is the same op on x, read under the shape of the factors: axis a of the op becomes the factors of a. Where the op treats all factors of an axis
of x alike, they are joined, so that x is read under its own shape, and nothing stands between the op and what made x.

Example: x (N, H, W, C) is transposed to (N, C, H, W) and reshaped to (N, G, K·H·W). The factors are N, H, W, G, K. A relu is computed on
(N, H, W, C); a mean over the last axis on (N, H, W, G, K), over H, W and K.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webdnn.graph.dim import Size, product
from webdnn.optimizer.moves import Move, cut


@dataclass(frozen=True)
class Coordinates:
    """Factors, in the order of memory, and the axes (slots) into which they are joined."""

    sizes: tuple[Size, ...]
    owners: tuple[int, ...]
    """For each factor the axis of the result that it is part of."""
    order: tuple[int, ...]
    """The factors in the order of the result."""
    slots: tuple[tuple[int, ...], ...]
    """The factors of each axis on which the op is computed; none for an axis of size 1."""
    shape: tuple[Size, ...]
    """Of the move's result."""

    def slots_of(self, axis: int) -> list[int]:
        """The slots in which factors of `axis` of the result stand."""
        return [i for i, slot in enumerate(self.slots) if any(self.owners[factor] == axis for factor in slot)]

    def in_result_order(self, shape: Sequence[Size]) -> tuple[Size, ...]:
        """`shape`, which has the result's axes, by factors: one for each factor of an axis that is broadcast, its own size for one that is whole."""
        count = {axis: self.owners.count(axis) for axis in self.owners}
        sizes = []
        for factor in self.order:
            axis = self.owners[factor]
            sizes.append(shape[axis] if count[axis] == 1 or shape[axis] == 1 else self.sizes[factor])
        return tuple(sizes)

    def joined(self, sizes: Sequence[Size]) -> tuple[Size, ...]:
        """Sizes of factors, in the order of memory, as sizes of slots."""
        return tuple(product([sizes[factor] for factor in slot]) for slot in self.slots)


def coordinates_of(
    source: tuple[Size, ...], move: Move, shapes: Sequence[tuple[Size, ...]], whole: Sequence[int], apart: Sequence[int]
) -> Coordinates | str:
    """Coordinates for an op on `move` of a value of shape `source`, or why there are none.

    `shapes` are those of the operands, of which some are broadcast; axes in `whole` must stay one axis each, axes in `apart` must not be joined with
    others that are not.
    """
    fine = move.by_axis()
    pieces = None if fine is None else cut(fine[0].sizes, source)
    if fine is None or pieces is None:
        return f"reads it as {_text(move.shape)}, which has no factors in common with {_text(source)}"
    # Cut once more, by the axes of x: the pieces stand in the order of memory.
    owner = {factor: axis for axis, factors in enumerate(fine[1]) for factor in factors}
    groups = [[i for i, piece in enumerate(pieces) if piece[0] == factor] for factor in range(len(fine[0].sizes))]
    factors = [_Factor(size, owner[factor], {axis}) for factor, axis, size in pieces]
    order = [factors[i] for factor in fine[0].order for i in groups[factor]]
    for axis in whole:
        if not any(factor.owner == axis for factor in factors):
            _add_one(axis, factors, order, source)
        elif not _join(axis, factors, order):
            return f"looks along axis {axis}, which is made of axes of {_text(source)} that are not neighbours there"
    mismatch = _mismatch(move.shape, shapes, whole)
    if mismatch:
        return mismatch
    sizes, owners = tuple(f.size for f in factors), tuple(f.owner for f in factors)
    slots = _slots(len(source), factors, shapes, whole, apart)
    return Coordinates(sizes, owners, tuple(factors.index(f) for f in order), slots, move.shape)


@dataclass(eq=False)
class _Factor:
    size: Size
    owner: int
    sources: set[int]
    """The axes of x of which it is a part; none for a factor of size 1 that x has no axis for."""


def _join(axis: int, factors: list[_Factor], order: list[_Factor]) -> bool:
    """Makes one factor of those of `axis`; False where they do not stand side by side in both orders."""
    own = [factor for factor in order if factor.owner == axis]
    start = factors.index(own[0])
    if factors[start : start + len(own)] != own:
        return False
    joined = _Factor(product([f.size for f in own]), axis, set().union(*(f.sources for f in own)))
    factors[start : start + len(own)] = [joined]
    place = order.index(own[0])
    order[place : place + len(own)] = [joined]
    return True


def _add_one(axis: int, factors: list[_Factor], order: list[_Factor], source: tuple[Size, ...]) -> None:
    """A factor for an axis of size 1, along which the op looks: an axis of size 1 of x where there is one, else behind all others."""
    taken = {a for factor in factors for a in factor.sources}
    free = [a for a, size in enumerate(source) if size == 1 and a not in taken]
    one = _Factor(1, axis, set(free[:1]))
    after = [i for i, factor in enumerate(factors) if free and min(factor.sources, default=len(source)) > free[0]]
    factors.insert(min(after, default=len(factors)), one)
    order.insert(min((i for i, factor in enumerate(order) if factor.owner > axis), default=len(order)), one)


def _text(shape: tuple[Size, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


def _mismatch(shape: tuple[Size, ...], shapes: Sequence[tuple[Size, ...]], whole: Sequence[int]) -> str:
    for other in shapes:
        for axis, (size, have) in enumerate(zip(shape, other, strict=True)):
            if have not in (1, size) and axis not in whole:
                return f"has operands of sizes {size} and {have} on axis {axis}"
    return ""


def _slots(
    rank: int, factors: list[_Factor], shapes: Sequence[tuple[Size, ...]], whole: Sequence[int], apart: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """The axes of x, where the op treats all factors of each of them alike; else the factors."""

    def role(factor: _Factor) -> object:
        axis = factor.owner
        broadcast = tuple(shape[axis] == 1 for shape in shapes)
        return broadcast, axis in apart, axis if axis in whole else None

    by_source = [tuple(i for i, f in enumerate(factors) if axis in f.sources) for axis in range(rank)]
    alike = all(len({role(factors[i]) for i in slot}) <= 1 for slot in by_source)
    if alike and all(len(factor.sources) == 1 for factor in factors):
        return tuple(by_source)
    return tuple((i,) for i in range(len(factors)))
