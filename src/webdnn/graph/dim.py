"""Symbolic sizes.

A `Size` is an `int` or a `Dim`: a polynomial with integer coefficients over atoms, where an atom is a named placeholder (`N`) or a call
`a // b`, `a % b`, `min(a, b)`, `max(a, b)` of sizes. Division and modulo floor, as in Python. Dims are normalised on construction, so equal
expressions are equal objects by `==` and `hash`. Placeholders are positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from webdnn.graph.errors import GraphError

Size: TypeAlias = "int | Dim"
JSONExpression: TypeAlias = "int | str | list[object]"

_CALLS: dict[str, Callable[[int, int], int]] = {
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "min": min,
    "max": max,
}


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
        terms = dict(self.terms)
        for monomial, coefficient in _terms(other):
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _from_terms(terms)

    def __mul__(self, other: Size) -> Size:
        terms: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in _terms(other):
                monomial = tuple(sorted(left + right, key=str))
                terms[monomial] = terms.get(monomial, 0) + a * b
        return _from_terms(terms)

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

    def __str__(self) -> str:
        parts = [_term_text(monomial, coefficient) for monomial, coefficient in self.terms]
        return " + ".join(parts).replace("+ -", "- ")

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


def ceil_divide(left: Size, right: int) -> Size:
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
    return _CALLS[atom.function](evaluate(atom.left, symbols), evaluate(atom.right, symbols))


def _terms(size: Size) -> tuple[tuple[Monomial, int], ...]:
    return size.terms if isinstance(size, Dim) else (((), size),)


def _from_terms(terms: Mapping[Monomial, int]) -> Size:
    kept = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient != 0}
    if all(monomial == () for monomial in kept):
        return kept.get((), 0)
    return Dim(kept)


def _split(size: Size, divisor: int) -> tuple[Size, Size]:
    """(q, r) with size = q·divisor + r, where r keeps what `divisor` does not divide."""
    quotient: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, coefficient in _terms(size):
        # The constant goes into the quotient as far as it can, so that (N + 5) // 2 and (N + 1) // 2 + 2 are one expression.
        whole, left = divmod(coefficient, divisor) if monomial == () or coefficient % divisor == 0 else (0, coefficient)
        quotient[monomial] = whole
        rest[monomial] = left
    return _from_terms(quotient), _from_terms(rest)


def _floor_divide(left: Size, right: Size) -> Size:
    if not isinstance(right, int):
        return 1 if left == right else Dim({(Call("//", left, right),): 1})
    if right == 0:
        raise GraphError(f"{left} // 0: division by zero in a shape")
    quotient, rest = _split(left, right)
    if isinstance(rest, int):
        return quotient + rest // right
    if right > 0:
        # (g·a + k) // (g·b) = (a + k // g) // b
        constant = dict(rest.terms).get((), 0)
        common = math.gcd(right, *(c for monomial, c in rest.terms if monomial))
        if common > 1:
            whole, _ = _split(rest - constant, common)
            return quotient + _floor_divide(whole + constant // common, right // common)
        # (a // b + k) // c = (a + b·k) // (b·c)
        inner = single_call(rest - constant, "//")
        if inner is not None and isinstance(inner.right, int) and inner.right > 0:
            return quotient + (inner.left + inner.right * constant) // (inner.right * right)
    return quotient + Dim({(Call("//", rest, right),): 1})


def _modulo(left: Size, right: Size) -> Size:
    if not isinstance(right, int):
        return 0 if left == right else Dim({(Call("%", left, right),): 1})
    if right == 0:
        raise GraphError(f"{left} % 0: division by zero in a shape")
    _, rest = _split(left, right)
    return rest % right if isinstance(rest, int) else Dim({(Call("%", rest, right),): 1})


def single_call(size: Size, function: str) -> Call | None:
    """The call when `size` is one of `function` and nothing else."""
    if isinstance(size, Dim) and len(size.terms) == 1:
        monomial, coefficient = size.terms[0]
        if (
            coefficient == 1
            and len(monomial) == 1
            and isinstance(monomial[0], Call)
            and monomial[0].function == function
        ):
            return monomial[0]
    return None


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
