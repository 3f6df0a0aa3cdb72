"""What is known of a symbolic size from the bounds of its placeholders, and what a placeholder must be for a size to be large enough.

The least value of a size is bounded from below by real arithmetic: `a // b` with b > 0 lies between `(a − b + 1) / b` and `a / b`, so that
`T - T // 2` is
known to be positive although each of its terms has no bound of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TypeAlias

from webdnn.graph.constraints import Constraint
from webdnn.graph.dim import Atom, Call, Dim, Monomial, Size, single_call
from webdnn.graph.errors import GraphError

Bounds: TypeAlias = "Mapping[str, tuple[int, int | None]]"
"""The least and the largest value of each placeholder; None where there is no largest. A placeholder that is missing is at least 1."""
Number: TypeAlias = "Fraction | float"  # a float is infinite

_TIGHTEST = 1 << 16  # The largest divisor that `tightened` looks at.


def always_reaches(least: int, size: Size, bounds: Bounds) -> bool:
    """Whether `least <= size` for all values within `bounds`, as far as that is known."""
    return least_value(size, bounds) > least - 1  # A size is a whole number.


def least_value(size: Size, bounds: Bounds) -> Number:
    """A number that `size` never falls below; −∞ where none is known."""
    total: Number = Fraction(0)
    for monomial, coefficient in _below(size, bounds).items():
        least, most = _product_interval(monomial, bounds)
        total = total + coefficient * (least if coefficient > 0 else most)
    return total


def most_value(size: Size, bounds: Bounds) -> Number:
    """A number that `size` never exceeds; ∞ where none is known."""
    return -least_value(-size, bounds)


def simplify_limits(limits: Sequence[Constraint], bounds: Bounds) -> tuple[Constraint, ...]:
    """Those of `limits`, which say `left <= right`, that `bounds` do not grant, solved for the placeholder where that is possible:
    `1 <= (T - 3) // 2 + 1` becomes `3 <= T`. Of several lower limits of one size the highest stays.

    Raises GraphError, naming the layers, for one that no values within `bounds` satisfy.
    """
    solved = [(least, size, c.reason) for c in limits for least, size in _solved(0, c.right - c.left)]
    simple = [(least, size, reason) for least, size, reason in solved if _is_symbol(size)]
    kept = _highest(simple, bounds)
    raised = tightened(bounds, kept)
    return (*kept, *_highest([limit for limit in solved if limit not in simple], raised))


def tightened(bounds: Bounds, constraints: Iterable[Constraint]) -> dict[str, tuple[int, int | None]]:
    """`bounds`, raised to the least values that satisfy each of `constraints` of the forms `number <= T` and `(T + number) % m == 0`."""
    result = dict(bounds)
    for constraint in constraints:
        for name in constraint.symbols:
            least, most = result.get(name, (1, None))
            result[name] = (_raised(least, constraint, name), most)
    return result


def _raised(least: int, constraint: Constraint, name: str) -> int:
    left, right = constraint.left, constraint.right
    if constraint.relation == "<=" and isinstance(left, int) and _is_symbol(right):
        return max(least, left)
    multiple = single_call(left, "%") if constraint.relation == "==" and right == 0 else None
    if multiple is None or not isinstance(multiple.right, int) or not 1 <= multiple.right <= _TIGHTEST:
        return least
    candidates = (least + step for step in range(multiple.right))
    fits = (value for value in candidates if constraint.symbols == {name} and constraint.holds({name: value}))
    return next(fits, least)


def _highest(limits: Iterable[tuple[int, Size, str]], bounds: Bounds) -> tuple[Constraint, ...]:
    found: dict[Size, Constraint] = {}
    order: dict[Size, int] = {}
    for least, size, reason in limits:
        if always_reaches(least, size, bounds):
            continue
        if most_value(size, bounds) < least:
            raise GraphError(
                f"'{reason}' needs {_text(_limit(least, size, reason))}, which {_shown(size, bounds)} forbids"
            )
        if size in found and order[size] == least:
            names = dict.fromkeys([*found[size].reason.split(", "), *reason.split(", ")])
            found[size] = replace(found[size], reason=", ".join(names))
        elif size not in found or order[size] < least:
            found[size], order[size] = _limit(least, size, reason), least
    return tuple(found.values())


def _limit(least: int, size: Size, reason: str) -> Constraint:
    """`least <= size`, with what is subtracted on the other side: `T <= 5` instead of `-5 <= -T`."""
    left: Size = max(least, 0)
    right: Size = max(-least, 0)
    for monomial, coefficient in size.terms if isinstance(size, Dim) else (((), size),):
        term = Dim({monomial: abs(coefficient)}) if monomial else abs(coefficient)
        left, right = (left, right + term) if coefficient > 0 else (left + term, right)
    return Constraint(left, right, reason, "<=")


def _text(constraint: Constraint) -> str:
    return f"{constraint.left} {constraint.relation} {constraint.right}"


def _shown(size: Size, bounds: Bounds) -> str:
    names = sorted(Constraint(size, 0, "").symbols)
    return " and ".join(f"{n} <= {bounds[n][1]}" for n in names if n in bounds and bounds[n][1] is not None) or str(
        size
    )


def _is_symbol(size: Size) -> bool:
    return isinstance(size, Dim) and len(size.terms) == 1 and size.terms[0][1] == 1 and _is_name(size.terms[0][0])


def _is_name(monomial: Monomial) -> bool:
    return len(monomial) == 1 and isinstance(monomial[0], str)


def _solved(least: int, size: Size) -> list[tuple[int, Size]]:
    """Pairs of which all must satisfy `least <= size` for the given pair to do so, in simpler form."""
    if not isinstance(size, Dim):
        return [(least, size)]
    constant = dict(size.terms).get((), 0)
    if constant:
        return _solved(least - constant, size - constant)
    common = math.gcd(*(coefficient for _, coefficient in size.terms))
    if common > 1:
        reduced = {monomial: coefficient // common for monomial, coefficient in size.terms}
        return _solved(-(-least // common), Dim(reduced))
    name = _common_name(size)
    if name is not None and least in (0, 1):  # A placeholder is positive, so N·x ≥ 1 where x ≥ 1, and only there.
        return _solved(least, _divided(size, name))
    quotient = single_call(size, "//")
    if quotient is not None and isinstance(quotient.right, int) and quotient.right > 0:
        return _solved(least * quotient.right, quotient.left)
    smaller = single_call(size, "min")
    if smaller is not None:
        return [*_solved(least, smaller.left), *_solved(least, smaller.right)]
    return [(least, size)]


def _common_name(size: Dim) -> str | None:
    """A placeholder by which every term of `size`, which has more than that, can be divided."""
    names = [{atom for atom in monomial if isinstance(atom, str)} for monomial, _ in size.terms]
    common = sorted(set.intersection(*names))
    return common[0] if common and not _is_symbol(size) and size.terms != (((common[0],), -1),) else None


def _divided(size: Dim, name: str) -> Size:
    result: Size = 0
    for monomial, coefficient in size.terms:
        rest = list(monomial)
        rest.remove(name)
        result = result + (Dim({tuple(rest): coefficient}) if rest else coefficient)
    return result


def _below(size: Size, bounds: Bounds) -> dict[Monomial, Number]:
    """A polynomial in placeholders alone that never exceeds `size`."""
    result: dict[Monomial, Number] = {}
    for monomial, coefficient in size.terms if isinstance(size, Dim) else (((), size),):
        for part, factor in _term_below(monomial, coefficient, bounds).items():
            result[part] = result.get(part, Fraction(0)) + factor
    return {monomial: factor for monomial, factor in result.items() if factor != 0}


def _term_below(monomial: Monomial, coefficient: int, bounds: Bounds) -> dict[Monomial, Number]:
    if all(isinstance(atom, str) for atom in monomial):
        return {monomial: Fraction(coefficient)}
    atom = monomial[0]
    divisor = atom.right if len(monomial) == 1 and isinstance(atom, Call) and atom.function == "//" else 0
    if isinstance(atom, Call) and isinstance(divisor, int) and divisor > 0:
        scale = Fraction(abs(coefficient), divisor)
        numerator = atom.left - (divisor - 1) if coefficient > 0 else -atom.left
        return {part: scale * factor for part, factor in _below(numerator, bounds).items()}
    least, most = _product_interval(monomial, bounds)
    return {(): coefficient * (least if coefficient > 0 else most)}


def _product_interval(monomial: Monomial, bounds: Bounds) -> tuple[Number, Number]:
    least: Number = Fraction(1)
    most: Number = Fraction(1)
    for atom in monomial:
        low, high = _interval(atom, bounds)
        ends = [_times(a, b) for a in (least, most) for b in (low, high)]
        least, most = min(ends), max(ends)
    return least, most


def _times(a: Number, b: Number) -> Number:
    return Fraction(0) if a == 0 or b == 0 else a * b  # Python's 0 · ∞ is not a number.


def _interval(atom: Atom, bounds: Bounds) -> tuple[Number, Number]:
    """The least and the largest value that `atom` may have."""
    if isinstance(atom, str):
        low, high = bounds.get(atom, (1, None))
        return Fraction(low), math.inf if high is None else Fraction(high)
    left = (least_value(atom.left, bounds), most_value(atom.left, bounds))
    right = (least_value(atom.right, bounds), most_value(atom.right, bounds))
    if atom.function == "min":
        return min(left[0], right[0]), min(left[1], right[1])
    if atom.function == "max":
        return max(left[0], right[0]), max(left[1], right[1])
    if right[0] <= 0:
        return -math.inf, math.inf  # the divisor may be negative
    if atom.function == "%":
        return Fraction(0), right[1] - 1
    if isinstance(atom.right, int) and atom.right > 0:
        return (left[0] - (atom.right - 1)) / atom.right, left[1] / atom.right
    # A quotient by a positive size lies between the numerator and 0, or −1 where it is negative.
    return min(left[0], Fraction(0)), max(left[1], Fraction(0))
