"""The matrices of Winograd's algorithm, in exact fractions, and the form in which kernel templates write them out.

A convolution along one axis is a product of polynomials: one has the inputs as coefficients, the other the weights. The algorithm evaluates
both at some points, multiplies the values point by point, and finds the product's coefficients from these; only the multiplications meet every
pair of an input channel and an output channel. The point ∞ stands for the highest coefficient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import TypeAlias

POINTS: dict[int, tuple[str, ...]] = {
    1: (),
    4: ("1",),
    6: ("5/8", "3/2"),
    7: ("3/8", "7/8", "3/2"),
    8: ("1/2", "1", "2"),
    9: ("3/8", "5/8", "5/4", "2"),
    10: ("1/2", "7/8", "5/4", "9/4"),
}
"""For each number of points that a transform may have, those that are positive. Their negatives and ∞ are points as well, and so is 0 where the
number is even: 6 points are 0, 5/8, −5/8, 3/2, −3/2 and ∞. They were found by a search for small rounding errors (ERRORS in winograd.py): the
usual choice for 6 points, with 1 and 2 in place of 5/8 and 3/2, has four times the error. All factors of Aᵀ and Bᵀ are exact in float32."""

Matrix: TypeAlias = "list[list[Fraction]]"
Terms: TypeAlias = "list[tuple[float, int]]"
"""A row of a matrix as templates write it out: the factors that are not zero, each with its column."""


@dataclass(frozen=True)
class Axis:
    """F(m, taps): along one axis, m outputs y = Aᵀ [(G g) ⊙ (Bᵀ d)] from `taps` weights g and m + taps − 1 inputs d.

    There are as many points as inputs. Each point has a row of G and of Bᵀ and a column of Aᵀ, in this order: 0 (where the number of points is
    even), then each positive point p followed by −p, then ∞.
    """

    m: int
    taps: int

    @property
    def points(self) -> int:
        return self.m + self.taps - 1

    @property
    def zero(self) -> int:
        """How many points are 0: one or none."""
        return 1 - self.points % 2

    @property
    def finite(self) -> list[Fraction]:
        pairs = [sign * Fraction(p) for p in POINTS[self.points] for sign in (1, -1)]
        return [Fraction(0), *pairs] if self.zero else pairs

    @property
    def input(self) -> Matrix:
        """Bᵀ. The row of a finite point p holds the coefficients of ∏ (x − q) over the other finite points q; that of ∞, of ∏ (x − q) over all."""
        last = _polynomial(self.finite)
        return self._by_points(lambda p: [*_polynomial(q for q in self.finite if q != p), Fraction(0)], last)

    @property
    def filter(self) -> Matrix:
        """G. The row of a finite point p is (1, p, p², …) / ∏ (p − q) over the other finite points q; that of ∞ takes the last tap."""
        last = [Fraction(tap == self.taps - 1) for tap in range(self.taps)]

        def row(p: Fraction) -> list[Fraction]:
            divisor = prod((p - q for q in self.finite if q != p), start=Fraction(1))
            return [p**tap / divisor for tap in range(self.taps)]

        return self._by_points(row, last)

    @property
    def output(self) -> Matrix:
        """Aᵀ. Row k holds p^k for each finite point p; only the last row takes ∞."""
        return [[*(p**k for p in self.finite), Fraction(k == self.m - 1)] for k in range(self.m)]

    @property
    def names(self) -> str:
        """The points, for comments in kernels."""
        return ", ".join([*(["0"] if self.zero else []), *(f"±{p}" for p in POINTS[self.points]), "∞"])

    @property
    def input_terms(self) -> list[Terms]:
        return [_terms(row) for row in self.input]

    @property
    def filter_terms(self) -> list[Terms]:
        return [_terms(row) for row in self.filter]

    @property
    def output_terms(self) -> list[Terms]:
        """Aᵀ where the values at p and −p have been replaced by their sum and their difference.

        p^k and (−p)^k are equal for an even k and opposite for an odd one, so an even row takes only the sum, which stands in the place of p,
        and an odd row only the difference, in the place of −p.
        """
        last = self.points - 1
        rows = []
        for k, row in enumerate(self.output):
            folded = [Fraction(0)] * self.points
            for place in (*range(self.zero), last):
                folded[place] = row[place]
            for place in range(self.zero, last, 2):
                folded[place + k % 2] = row[place]
            rows.append(_terms(folded))
        return rows

    def _by_points(self, row: Callable[[Fraction], list[Fraction]], last: list[Fraction]) -> Matrix:
        """The matrix whose finite points p have the rows `row(p)` and whose ∞ has the row `last`.

        The row of −p is that of p with the signs of the odd columns changed, so that a kernel makes both from the same two sums. Where 0 is
        no point, the row of −p should have all signs changed instead of half of them, in Bᵀ and in G alike; their product is right all the same.
        """
        rows = [row(Fraction(0))] if self.zero else []
        for p in map(Fraction, POINTS[self.points]):
            rows += [row(p), [-c if place % 2 else c for place, c in enumerate(row(p))]]
        return [*rows, last]


def _polynomial(roots: Iterable[Fraction]) -> list[Fraction]:
    """Coefficients of ∏ (x − root), the one of x⁰ first."""
    coefficients = [Fraction(1)]
    for root in roots:
        pairs = zip([Fraction(0), *coefficients], [*coefficients, Fraction(0)], strict=True)
        coefficients = [above - root * same for above, same in pairs]
    return coefficients


def _terms(row: Iterable[Fraction]) -> Terms:
    return [(float(factor), column) for column, factor in enumerate(row) if factor]


@dataclass(frozen=True)
class Tile:
    """F(mh × mw, kh × kw): tiles of `lengths` (mh, mw) outputs of a convolution of `taps` (kh, kw)."""

    lengths: tuple[int, int]
    taps: tuple[int, int]

    @property
    def rows(self) -> Axis:
        """The transform from row to row."""
        return Axis(self.lengths[0], self.taps[0])

    @property
    def columns(self) -> Axis:
        """The transform within a row."""
        return Axis(self.lengths[1], self.taps[1])

    @property
    def points(self) -> int:
        return self.rows.points * self.columns.points

    @property
    def name(self) -> str:
        """Part of the names of its C functions."""
        return "{}x{}_{}x{}".format(*self.lengths, *self.taps)


@dataclass(frozen=True)
class Transforms:
    """What winograd.h.jinja writes out: tiles, and an axis for each different transform of inputs (Bᵀ) and of outputs (Aᵀ)."""

    tiles: tuple[Tile, ...]
    inputs: tuple[Axis, ...]
    outputs: tuple[Axis, ...]

    @staticmethod
    def of(tiles: Iterable[Tile]) -> Transforms:
        """Those that `tiles` need, each once and in a fixed order."""
        ordered = sorted(set(tiles), key=lambda tile: tile.name)
        axes = [axis for tile in ordered for axis in (tile.rows, tile.columns)]
        # Bᵀ depends on the points only.
        inputs = {axis.points: axis for axis in axes}
        outputs = {(axis.m, axis.points): axis for axis in axes}
        return Transforms(
            tuple(ordered), tuple(inputs[key] for key in sorted(inputs)), tuple(outputs[key] for key in sorted(outputs))
        )
