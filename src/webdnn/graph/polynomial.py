"""Polynomials with integer coefficients, as maps from monomials to coefficients: 2·N·H + 3 is {("H", "N"): 2, (): 3}.

An atom (a variable) is whatever has a hash and a text; `graph/dim.py` says which there are. A monomial is a tuple of atoms in the order of their
texts; an atom that stands in it twice is squared, and () is the constant term. No coefficient is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

Atom: TypeAlias = Any
Monomial: TypeAlias = "tuple[Any, ...]"
Terms: TypeAlias = "Mapping[Monomial, int]"

MOST_FACTORS = 10  # of a monomial that `least_value` multiplies out: a product of n sums has 2ⁿ terms


def added(*parts: Terms) -> dict[Monomial, int]:
    """The sum of `parts`."""
    total: dict[Monomial, int] = {}
    for part in parts:
        for monomial, coefficient in part.items():
            total[monomial] = total.get(monomial, 0) + coefficient
    return {monomial: coefficient for monomial, coefficient in total.items() if coefficient}


def multiplied(left: Terms, right: Terms) -> dict[Monomial, int]:
    """The product of two polynomials."""
    total: dict[Monomial, int] = {}
    for a, factor in left.items():
        for b, other in right.items():
            monomial = tuple(sorted(a + b, key=str))
            total[monomial] = total.get(monomial, 0) + factor * other
    return {monomial: coefficient for monomial, coefficient in total.items() if coefficient}


def without(monomial: Monomial, factor: Monomial) -> Monomial | None:
    """monomial / factor, or None where that is no monomial."""
    rest = list(monomial)
    for atom in factor:
        if atom not in rest:
            return None
        rest.remove(atom)
    return tuple(rest)


def common_factor(terms: Iterable[tuple[Monomial, int]], may_cancel: Callable[[Atom], bool]) -> tuple[int, Monomial]:
    """The largest positive number, and the largest monomial of atoms that `may_cancel`, that divide every one of `terms`."""
    number, shared = 0, None
    for monomial, coefficient in terms:
        number = math.gcd(number, coefficient)
        if shared is None:
            shared = tuple(filter(may_cancel, monomial))
        else:
            left = list(monomial)
            kept = []
            for atom in shared:
                if atom in left:
                    left.remove(atom)
                    kept.append(atom)
            shared = tuple(kept)
    return max(number, 1), shared or ()


def over_factor(terms: Terms, number: int, monomial: Monomial) -> dict[Monomial, int]:
    """terms / (number·monomial), which divides every one of them."""
    result = {}
    for term, coefficient in terms.items():
        rest = without(term, monomial)
        if rest is None or coefficient % number:
            raise ValueError(f"{number}·{monomial} does not divide {coefficient}·{term}")
        result[rest] = coefficient // number
    return result


def divided(terms: Terms, divisor: Terms) -> tuple[dict[Monomial, int], dict[Monomial, int]]:
    """(quotient, rest) with terms = quotient·divisor + rest: long division by the divisor's leading term.

    A term that is a number times the leading monomial goes into the quotient as far as it can, so that a multiple of the divisor more or less
    changes the quotient and never the rest: (5·N + 1) over 2·N is 2 and N + 1.
    """
    lead = min(divisor, key=_division_order)
    factor = divisor[lead]
    quotient: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    pending = dict(terms)
    while pending:
        monomial = min(pending, key=_division_order)
        coefficient = pending[monomial]
        ratio = without(monomial, lead)
        whole = 0
        if ratio is not None and (ratio == () or coefficient % factor == 0):
            whole = coefficient // factor
        if ratio is not None and whole:
            quotient[ratio] = quotient.get(ratio, 0) + whole
            pending = added(pending, multiplied({ratio: -whole}, divisor))
        left = pending.pop(monomial, 0)
        if left:
            rest[monomial] = left
    return {m: c for m, c in quotient.items() if c}, rest


def least_value(terms: Terms, least_of: Callable[[Atom], int | None]) -> int | None:
    """A number that the polynomial never falls below, from the least values of its atoms; None where none is found.

    With N = 1 + n and n ≥ 0, N·H − N is h + n·h: no coefficient is negative, so the constant term, 0, is the least value.
    """
    shifted: dict[Monomial, int] = {}
    for monomial, coefficient in terms.items():
        if len(monomial) > MOST_FACTORS:
            return None
        part: dict[Monomial, int] = {(): coefficient}
        for atom in monomial:
            least = least_of(atom)
            if least is None:
                return None
            part = multiplied(part, {(atom,): 1, (): least} if least else {(atom,): 1})
        shifted = added(shifted, part)
    constant = shifted.pop((), 0)
    return constant if all(coefficient > 0 for coefficient in shifted.values()) else None


def _division_order(monomial: Monomial) -> tuple[int, tuple[str, ...]]:
    """Smaller for the monomial that comes first: of higher degree, then alphabetical. Multiplying both by a third keeps their order."""
    return -len(monomial), tuple(map(str, monomial))
