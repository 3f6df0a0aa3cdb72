"""Symbolic sizes.

A `Size` is an `int` or a `Dim`: a polynomial with integer coefficients over atoms, where an atom is a named placeholder (`N`) or a call
`a // b`, `a % b`, `min(a, b)`, `max(a, b)` of sizes. Division and modulo floor, as in Python. Dims are normalised on construction, so equal
expressions are equal objects by `==` and `hash`. Placeholders are positive, so a quotient cancels what is positive: (N·C·H) // (N·C) is H.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import floordiv, mod
from typing import TypeAlias

from webdnn.graph import polynomial
from webdnn.graph.errors import GraphError

Size: TypeAlias = "int | Dim"
JSONExpression: TypeAlias = "int | str | list[object]"

_CALLS: dict[str, Callable[[int, int], int]] = {"//": floordiv, "%": mod, "min": min, "max": max}


@dataclass(frozen=True)
class Call:
    """`function(left, right)` where the result cannot be written as a polynomial."""

    function: str
    left: Size
    right: Size

    def __str__(self) -> str:
        if self.function in ("min", "max"):
            return f"{self.function}({self.left}, {self.right})"
        return f"{_bracket(self.left)} {self.function} {_bracket(self.right)}"


Atom: TypeAlias = "str | Call"
Monomial: TypeAlias = "tuple[Atom, ...]"  # a product; a repeated atom is a power; () is the constant term


class Dim:
    """An integer expression with at least one placeholder. Build with `symbol` and ordinary operators, never directly."""

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms: tuple[tuple[Monomial, int], ...] = tuple(sorted(terms.items(), key=lambda t: _monomial_key(t[0])))

    @cached_property
    def _hash(self) -> int:
        return hash(self.terms)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self.terms == other.terms

    def __add__(self, other: Size) -> Size:
        return _from_terms(polynomial.added(dict(self.terms), dict(_terms(other))))

    def __mul__(self, other: Size) -> Size:
        return _from_terms(polynomial.multiplied(dict(self.terms), dict(_terms(other))))

    def __neg__(self) -> Size:
        return self * -1

    def __sub__(self, other: Size) -> Size:
        return self + -other

    def __rsub__(self, other: int) -> Size:
        return -self + other

    __radd__ = __add__
    __rmul__ = __mul__

    def __floordiv__(self, other: Size) -> Size:
        return _floor_divide(self, other)

    def __rfloordiv__(self, other: int) -> Size:
        return _floor_divide(other, self)

    def __mod__(self, other: Size) -> Size:
        return _modulo(self, other)

    def __rmod__(self, other: int) -> Size:
        return _modulo(other, self)

    @cached_property
    def _text(self) -> str:
        parts = [_term_text(monomial, coefficient) for monomial, coefficient in self.terms]
        return " + ".join(parts).replace("+ -", "- ")

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__


def symbol(name: str) -> Dim:
    """The placeholder `name`: an identifier."""
    if not name.isidentifier():
        raise GraphError(f"placeholder {name!r} is not a name; use letters, digits and _, as in 'N' or 'height'")
    return Dim({(name,): 1})


def minimum(left: Size, right: Size) -> Size:
    """min(left, right); decided now where the difference is a constant."""
    return _extremum("min", left, right)


def maximum(left: Size, right: Size) -> Size:
    """max(left, right); decided now where the difference is a constant."""
    return _extremum("max", left, right)


def product(sizes: tuple[Size, ...] | list[Size]) -> Size:
    """The product of sizes; 1 for none."""
    result: Size = 1
    for size in sizes:
        result = size * result
    return result


def ceil_divide(left: Size, right: Size) -> Size:
    """⌈left / right⌉ for a positive right."""
    return (left + (right - 1)) // right


def evaluate(size: Size, symbols: Mapping[str, int]) -> int:
    """The number that `size` is when every placeholder has its value. Raises GraphError for one that has none."""
    if isinstance(size, int):
        return size
    total = 0
    for monomial, coefficient in size.terms:
        value = coefficient
        for atom in monomial:
            value *= _evaluate_atom(atom, symbols)
        total += value
    return total


def number(size: Size) -> int:
    """`size` in a graph whose placeholders are bound. Raises GraphError where one is left."""
    if isinstance(size, int):
        return size
    raise GraphError(f"{size} is not a number yet; bind the placeholders first")


def symbols_of(size: Size) -> set[str]:
    """Names of all placeholders in `size`."""
    if isinstance(size, int):
        return set()
    names: set[str] = set()
    for monomial, _ in size.terms:
        for atom in monomial:
            names |= {atom} if isinstance(atom, str) else symbols_of(atom.left) | symbols_of(atom.right)
    return names


def to_json(size: Size) -> JSONExpression:
    """`size` in the expression grammar of docs/descriptor.md."""
    if isinstance(size, int):
        return int(size)
    total: JSONExpression | None = None
    for monomial, coefficient in size.terms:
        factors: list[JSONExpression] = [_atom_json(atom) for atom in monomial]
        if coefficient != 1 or not factors:
            factors.append(coefficient)
        term = factors[0]
        for factor in factors[1:]:
            term = ["*", term, factor]
        total = term if total is None else ["+", total, term]
    return 0 if total is None else total


def _atom_json(atom: Atom) -> JSONExpression:
    return atom if isinstance(atom, str) else [atom.function, to_json(atom.left), to_json(atom.right)]


def _evaluate_atom(atom: Atom, symbols: Mapping[str, int]) -> int:
    if isinstance(atom, str):
        if atom not in symbols:
            raise GraphError(f"placeholder {atom} has no value; known: {', '.join(sorted(symbols)) or 'none'}")
        return symbols[atom]
    left, right = evaluate(atom.left, symbols), evaluate(atom.right, symbols)
    if right == 0 and atom.function in ("//", "%"):
        raise GraphError(f"{atom} divides by zero where {', '.join(f'{k} is {v}' for k, v in symbols.items())}")
    return _CALLS[atom.function](left, right)


def _terms(size: Size) -> tuple[tuple[Monomial, int], ...]:
    return size.terms if isinstance(size, Dim) else (((), size),)


def _polynomial(size: Size) -> dict[Monomial, int]:
    return {monomial: coefficient for monomial, coefficient in _terms(size) if coefficient}


def _from_terms(terms: Mapping[Monomial, int]) -> Size:
    kept = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient != 0}
    if all(monomial == () for monomial in kept):
        return kept.get((), 0)
    return Dim(kept)


def least(size: Size) -> int | None:
    """A number that `size` never falls below, whatever the placeholders are; None where none is found."""
    return polynomial.least_value(_polynomial(size), _least_of_atom)


def divide_exactly(left: Size, right: Size) -> Size | None:
    """left / right where `right`, which is not 0, divides `left` whatever the placeholders are; else None.

    For sizes of tensors: those are at least 1, also where the expression alone does not tell: H // 2 of a pooled picture.
    """
    if left == right:
        return 1
    left, right, _ = _cancelled(left, right, lambda atom: True)
    quotient, rest = polynomial.divided(_polynomial(left), _polynomial(right))
    return None if rest else _from_terms(quotient)


def without_common_factors(left: Size, right: Size) -> tuple[Size, Size]:
    """The two divided by the largest positive factor that every term of both has; they are equal exactly where `left` and `right` are."""
    return _cancelled(left, right, _is_positive)[:2]


def _floor_divide(left: Size, right: Size) -> Size:
    """left // right. Exact for every value of the placeholders: a divisor that may be 0 stays where it is.

    a // −b = −a // b · (g·a) // (g·b) = a // b for g > 0 · (q·b + r) // b = q + r // b.
    """
    if right == 0:
        raise GraphError(f"{left} // 0: division by zero in a shape")
    sign = _sign(right)
    if sign < 0:
        left, right = -left, -right
    if isinstance(right, Dim):
        left, right, _ = _cancelled(left, right, _is_positive)
    if sign == 0:
        return Dim({(Call("//", left, right),): 1})
    quotient, rest = _split(left, right)
    return quotient + _quotient_of_rest(rest, right)


def _quotient_of_rest(rest: Size, right: Size) -> Size:
    """rest // right for a positive divisor, of which no multiple can be taken from `rest`."""
    if isinstance(rest, int) and isinstance(right, int):
        return rest // right
    near = None if isinstance(right, int) else _whole_quotient(rest, right)
    if near is not None:
        return near
    for factor in _factors(rest, right):
        # a // (g·b) = (a // g) // b, where a // g leaves no rest that would have to be written down.
        inner, left = rest // factor, divide_exactly(right, factor)
        if left is not None and _calls(inner) <= _calls(rest):
            return inner // left
    # (a // b + k) // c = (a + b·k) // (b·c)
    constant = dict(_terms(rest)).get((), 0)
    call = single_call(rest - constant, "//")
    if call is not None and _sign(call.right) > 0:
        return (call.left + call.right * constant) // (call.right * right)
    return Dim({(Call("//", rest, right),): 1})


def _whole_quotient(rest: Size, right: Dim) -> int | None:
    """The quotient where it is known to be 0 (0 ≤ rest < right) or −1 (−right ≤ rest < 0). Never by a number: no symbol has a largest value."""
    if _at_least(rest, 0) and _at_least(right - rest, 1):
        return 0
    return -1 if _at_least(-rest, 1) and _at_least(rest + right, 0) else None


def _factors(rest: Size, right: Size) -> list[Size]:
    """Proper factors of `right` that most terms of `rest` have too."""
    number, monomial = polynomial.common_factor(_terms(right), _is_positive)
    common = math.gcd(number, *(c for term, c in _terms(rest) if term))
    atoms: list[Size] = [Dim({(atom,): 1}) for atom in dict.fromkeys(monomial)]
    return [factor for factor in (common, *atoms) if factor not in (1, right)]


def _modulo(left: Size, right: Size) -> Size:
    """left % right, as exact: a % −b = −(−a % b) · (g·a) % (g·b) = g·(a % b) for g > 0 · (q·b + r) % b = r % b."""
    if right == 0:
        raise GraphError(f"{left} % 0: division by zero in a shape")
    sign = _sign(right)
    if sign < 0:
        return -_modulo(-left, -right)
    if sign == 0:
        return Dim({(Call("%", left, right),): 1})
    factor: Size = 1
    if isinstance(right, Dim):
        left, right, factor = _cancelled(left, right, _is_positive)
    _, rest = _split(left, right)
    if isinstance(rest, int) and isinstance(right, int):
        return factor * (rest % right)
    near = None if isinstance(right, int) else _whole_quotient(rest, right)
    return factor * (Dim({(Call("%", rest, right),): 1}) if near is None else rest - near * right)


def _split(size: Size, divisor: Size) -> tuple[Size, Size]:
    """(q, r) with size = q·divisor + r, where r keeps what `divisor`, which is positive, does not divide.

    By a sum of terms only where that leaves fewer of them: H·N over N + 1 stays, instead of becoming H with the rest −H.
    """
    terms = _polynomial(size)
    quotient, rest = polynomial.divided(terms, _polynomial(divisor))
    if len(_terms(divisor)) > 1 and len(rest) >= len(terms):
        return 0, size
    return _from_terms(quotient), _from_terms(rest)


def _cancelled(left: Size, right: Size, may_cancel: Callable[[Atom], bool]) -> tuple[Size, Size, Size]:
    """(a, b, g) with left = g·a and right = g·b, where g > 0 is the largest number times atoms that divides every term of both."""
    terms = [*_polynomial(left).items(), *_polynomial(right).items()]
    number, monomial = polynomial.common_factor(terms, may_cancel)
    a, b = (_from_terms(polynomial.over_factor(_polynomial(size), number, monomial)) for size in (left, right))
    return a, b, _from_terms({monomial: number})


def _sign(size: Size) -> int:
    """1 for a size that is always positive, −1 for one that is always negative, 0 where neither is known."""
    return 1 if _at_least(size, 1) else -1 if _at_least(-size, 1) else 0


def _at_least(size: Size, number: int) -> bool:
    low = size if isinstance(size, int) else least(size)
    return low is not None and low >= number


def _is_positive(atom: Atom) -> bool:
    low = _least_of_atom(atom)
    return low is not None and low > 0


@lru_cache(maxsize=4096)
def _least_of_atom(atom: Atom) -> int | None:
    if isinstance(atom, str):
        return 1
    left, right = least(atom.left), least(atom.right)
    if atom.function in ("min", "max"):
        known = [low for low in (left, right) if low is not None]
        if atom.function == "max":
            return max(known, default=None)
        return min(known) if len(known) == 2 else None
    if right is None or right < 1:
        return None
    if atom.function == "%":
        return 0
    if isinstance(atom.right, int):
        return None if left is None else left // atom.right
    return 1 if _at_least(atom.left - atom.right, 0) else 0 if left is not None and left >= 0 else None


def _calls(size: Size) -> set[Atom]:
    """The calls that are factors of terms of `size`."""
    return {atom for monomial, _ in _terms(size) for atom in monomial if isinstance(atom, Call)}


def single_call(size: Size, function: str) -> Call | None:
    """The call when `size` is one of `function` and nothing else."""
    (monomial, coefficient), *more = _terms(size)
    if more or coefficient != 1 or len(monomial) != 1:
        return None
    (atom,) = monomial
    return atom if isinstance(atom, Call) and atom.function == function else None


def _extremum(function: str, left: Size, right: Size) -> Size:
    difference = left - right
    if isinstance(difference, int):
        return left if (difference <= 0) == (function == "min") else right
    return Dim({(Call(function, left, right),): 1})


def _monomial_key(monomial: Monomial) -> tuple[int, str]:
    return (-len(monomial), "*".join(map(str, monomial)))


def _term_text(monomial: Monomial, coefficient: int) -> str:
    if not monomial:
        return str(coefficient)
    factors = [_bracket_atom(atom, len(monomial) > 1 or abs(coefficient) != 1) for atom in monomial]
    text = "*".join(factors)
    return text if coefficient == 1 else f"-{text}" if coefficient == -1 else f"{coefficient}*{text}"


def _bracket_atom(atom: Atom, needed: bool) -> str:
    text = str(atom)
    return f"({text})" if needed and isinstance(atom, Call) and atom.function in ("//", "%") else text


def _bracket(size: Size) -> str:
    text = str(size)
    return text if text.isalnum() else f"({text})"
