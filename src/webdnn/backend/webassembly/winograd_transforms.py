"""Winograd's transforms, in exact fractions: chosen by points, and as what kernels/winograd.h.jinja and pack_winograd.c.jinja print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

POINTS: dict[int, tuple[str, ...]] = {
    1: (),
    4: ("1",),
    6: ("5/8", "3/2"),
    7: ("3/8", "7/8", "3/2"),
    8: ("1/2", "1", "2"),
    9: ("3/8", "5/8", "5/4", "2"),
    10: ("1/2", "7/8", "5/4", "9/4"),
}
"""By their number, the points of a transform that are positive. The others: their negatives, ∞, and 0 if the number is even. A search among
such fractions found those of small errors (ERRORS in winograd.py): with 6 points, 1 and 2, which are usual, have four times the error. All
factors of Aᵀ and Bᵀ are exact in float32."""

Matrix = list[list[Fraction]]


@dataclass(frozen=True)
class Axis:
    """F(m, taps): m outputs y = Aᵀ [(G g) ⊙ (Bᵀ d)] of the weights g along one axis, from as many inputs d as there are points.

    Rows of G and Bᵀ, and columns of Aᵀ, are points: 0, if their number is even, then p and −p in turn, and last ∞.
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
        """Bᵀ: the row of p is the polynomial ∏ (x − q) over the other finite points q; that of ∞ is the one over all."""
        last = _polynomial(self.finite)
        return self._by_points(lambda p: [*_polynomial(q for q in self.finite if q != p), Fraction(0)], last)

    @property
    def filter(self) -> Matrix:
        """G: the row of p is (1, p, p², …) / ∏ (p − q) over the other finite points q; that of ∞ takes the last tap."""
        last = [Fraction(tap == self.taps - 1) for tap in range(self.taps)]

        def row(p: Fraction) -> list[Fraction]:
            divisor = prod((p - q for q in self.finite if q != p), start=Fraction(1))
            return [p**tap / divisor for tap in range(self.taps)]

        return self._by_points(row, last)

    @property
    def output(self) -> Matrix:
        """Aᵀ: row k is p^k for each point p; ∞ counts in the last row."""
        return [[*(p**k for p in self.finite), Fraction(k == self.m - 1)] for k in range(self.m)]

    def _by_points(self, row: Callable[[Fraction], list[Fraction]], last: list[Fraction]) -> Matrix:
        """The row of −p is that of p with the sign of every other place changed, so that both come from the same two sums. Without a point 0
        this is the negative of what it should be, in Bᵀ and in G, and their product right again."""
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


def axes(lengths: Sequence[int], taps: Sequence[int]) -> tuple[Axis, Axis]:
    """F(mh × mw, kh × kw), along the rows' axis and along the columns'."""
    rows, columns = (Axis(m, k) for m, k in zip(lengths, taps, strict=True))
    return rows, columns


Terms = list[tuple[float, int]]
"""A row of a matrix as templates print it: factors that are not zero, each with its place."""


def _terms(row: Iterable[Fraction]) -> Terms:
    return [(float(factor), place) for place, factor in enumerate(row) if factor]


def _output_terms(axis: Axis) -> list[Terms]:
    """Aᵀ for the sums and differences of p and −p, which stand in their places: an even power has only the sum, an odd one the difference."""
    last = axis.points - 1
    pairs = range(axis.zero, last, 2)
    rows = []
    for k, row in enumerate(axis.output):
        folded = [Fraction(0)] * axis.points
        for place in (*range(axis.zero), last):
            folded[place] = row[place]
        for place in pairs:
            folded[place + k % 2] = row[place]
        rows.append(_terms(folded))
    return rows


def axis_fields(axis: Axis) -> dict[str, Any]:
    """What templates print of one axis."""
    names = [*(["0"] if axis.zero else []), *(f"±{p}" for p in POINTS[axis.points]), "∞"]
    return {
        "m": axis.m,
        "taps": axis.taps,
        "points": axis.points,
        "zero": axis.zero,
        "names": ", ".join(names),
        "input": [_terms(row) for row in axis.input],
        "filter": [_terms(row) for row in axis.filter],
        "output": _output_terms(axis),
    }


def kernel_fields(kernel: Mapping[str, Any]) -> dict[str, Any]:
    """What templates print of a kernel with the fields `m` and `taps`."""
    rows, columns = axes(kernel["m"], kernel["taps"])
    name = f"{rows.m}x{columns.m}_{rows.taps}x{columns.taps}"
    return {"name": name, "rows": axis_fields(rows), "columns": axis_fields(columns)}


def header_fields(kernels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What winograd.h.jinja prints: the tiles of all kernels, and the transforms that these need, each once."""
    every = {fields["name"]: fields for kernel in kernels if "m" in kernel for fields in [kernel_fields(kernel)]}
    tiles = [every[name] for name in sorted(every)]
    lines = [tile[axis] for tile in tiles for axis in ("rows", "columns")]
    inputs = {line["points"]: line for line in lines}
    outputs = {(line["m"], line["points"]): line for line in lines}
    return {
        "tiles": tiles,
        "inputs": [inputs[key] for key in sorted(inputs)],
        "outputs": [outputs[key] for key in sorted(outputs)],
    }
