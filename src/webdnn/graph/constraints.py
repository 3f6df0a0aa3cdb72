"""What placeholders must satisfy, in a form that people read: `H % 16 == 0` for the five comparisons of a U-Net that need it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from webdnn.graph.dim import Dim, Monomial, Size, evaluate, least, single_call, symbols_of, without_common_factors


@dataclass(frozen=True)
class Constraint:
    """`left == right` (or `<=`) must hold before the model may run; `reason` names the layers that need it."""

    left: Size
    right: Size
    reason: str
    relation: str = "=="

    def __str__(self) -> str:
        return f"{self.left} {self.relation} {self.right} ({self.reason})"

    @property
    def symbols(self) -> set[str]:
        """The placeholders that it speaks of."""
        return symbols_of(self.left) | symbols_of(self.right)

    def holds(self, values: Mapping[str, int]) -> bool:
        left, right = evaluate(self.left, values), evaluate(self.right, values)
        return left == right if self.relation == "==" else left <= right


@dataclass(frozen=True)
class Multiple:
    """`size % divisor == 0`. The size has no common factor with the divisor, and starts with a positive term."""

    size: Dim
    divisor: int
    reasons: tuple[str, ...]


def never_equal(left: Size, right: Size) -> bool:
    """True when no values of the placeholders make the two equal, as far as that is known: N and 2·N, or 2·H and 7."""
    difference = left - right
    if isinstance(difference, int):
        return difference != 0
    constant = dict(difference.terms).get((), 0)
    if constant % math.gcd(*(c for monomial, c in difference.terms if monomial)):
        return True
    return any((low := least(signed)) is not None and low > 0 for signed in (difference, -difference))


def simplify_constraints(constraints: Sequence[Constraint]) -> tuple[Constraint, ...]:
    """Constraints that hold for exactly the same placeholder values, fewer and simpler; each keeps the reasons of all that it stands for.

    `X == m·(X // m)`, also with the quotient rounded up, is `X % m == 0`. Where `E % c == 0` is known, `(E // c) % m == 0` is
    `E % (c·m) == 0`; so the levels of an encoder become one condition on the size of the picture.
    """
    known: list[Multiple] = []
    pending = _merge_equal(constraints)
    while True:
        left = [c for c in pending if not _learn(c, known)]
        if len(left) == len(pending):
            break
        pending = left
    order = list(dict.fromkeys(name for c in constraints for name in c.reason.split(", ")))
    multiples = [
        Constraint(fact.size % fact.divisor, 0, ", ".join(sorted(_names(fact.reasons), key=order.index)))
        for fact in known
    ]
    return (*multiples, *_merge_equal(_in_lowest_terms(_shown_as_multiple(c)) for c in left))


def _learn(constraint: Constraint, known: list[Multiple]) -> bool:
    """Moves what `constraint` says into `known`; False when it is no divisibility, or one that nothing is known about yet."""
    found = _as_multiple(constraint)
    if found is None:
        return False
    size, divisor = found
    quotient = single_call(size, "//")
    if quotient is not None:
        numerator, by = quotient.left, quotient.right
        if not isinstance(by, int) or by < 1 or not isinstance(numerator, Dim):
            return False
        fact = next((f for f in known if f.divisor % by == 0 and isinstance(numerator - f.size, int)), None)
        if fact is None:
            return False
        # numerator = f.size + rest with f.size a multiple of `by`, so numerator // by = f.size / by + rest // by.
        rest = numerator - fact.size
        size = fact.size + by * (rest // by if isinstance(rest, int) else 0)
        divisor *= by
    return _add(size, divisor, constraint.reason, known)


def _add(size: Size, divisor: int, reason: str, known: list[Multiple]) -> bool:
    """Adds `size % divisor == 0` to `known`, into a fact about the same size where there is one. False when it never holds."""
    reduced = _reduced(size, divisor)
    if reduced is None:
        return False
    size, divisor = reduced
    if divisor == 1:
        return True
    if not isinstance(size, Dim):
        return False
    for i, fact in enumerate(known):
        difference = size - fact.size
        if not isinstance(difference, int):
            continue
        reasons = (*fact.reasons, reason)
        if difference == 0:
            known[i] = Multiple(size, math.lcm(fact.divisor, divisor), reasons)
        elif fact.divisor % divisor == 0 and difference % divisor == 0:
            known[i] = replace(fact, reasons=reasons)
        elif divisor % fact.divisor == 0 and difference % fact.divisor == 0:
            known[i] = Multiple(size, divisor, reasons)
        else:
            continue
        return True
    known.append(Multiple(size, divisor, (reason,)))
    return True


def _reduced(size: Size, divisor: int) -> tuple[Size, int] | None:
    """(s, d) with `s % d == 0` exactly where `size % divisor == 0`, every coefficient of s smaller than d; None when it never holds."""
    terms: dict[Monomial, int] = (
        {m: c % divisor for m, c in size.terms} if isinstance(size, Dim) else {(): size % divisor}
    )
    constant = terms.pop((), 0)
    common = math.gcd(divisor, *terms.values())
    if constant % common:
        return None
    divisor //= common
    result: Size = constant // common % divisor
    for monomial, coefficient in terms.items():
        result = result + Dim({monomial: 1}) * (coefficient // common % divisor)
    return result, divisor


def _as_multiple(constraint: Constraint) -> tuple[Size, int] | None:
    """(X, m) when `constraint` says X % m == 0."""
    if constraint.relation != "==":
        return None
    difference = constraint.left - constraint.right
    for signed in (difference, -difference):
        for monomial, coefficient in signed.terms if isinstance(signed, Dim) else ():
            if coefficient >= -1 or len(monomial) != 1 or isinstance(monomial[0], str) or monomial[0].function != "//":
                continue
            whole = signed - coefficient * Dim({monomial: 1})
            for constant in (0, -coefficient - 1):  # rounded down, rounded up
                if whole - -coefficient * ((whole + constant) // -coefficient) == signed:
                    return whole, -coefficient
    return None


def _shown_as_multiple(constraint: Constraint) -> Constraint:
    found = _as_multiple(constraint)
    remainder = None if found is None else found[0] % found[1]
    return Constraint(remainder, 0, constraint.reason) if isinstance(remainder, Dim) else constraint


def _in_lowest_terms(constraint: Constraint) -> Constraint:
    """`16·N·H·W == 784·N` as `H·W == 49`: both sides divided by what they have in common, placeholders being positive."""
    if constraint.relation != "==":
        return constraint
    left, right = without_common_factors(constraint.left, constraint.right)
    return replace(constraint, left=left, right=right)


def _merge_equal(constraints: Iterable[Constraint]) -> list[Constraint]:
    """Each condition once, with the reasons of all its repeats."""
    reasons: dict[tuple[Size, Size, str], list[str]] = {}
    for c in constraints:
        reasons.setdefault((c.left, c.right, c.relation), []).append(c.reason)
    return [
        Constraint(left, right, ", ".join(_names(why)), relation) for (left, right, relation), why in reasons.items()
    ]


def _names(reasons: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for reason in reasons for name in reason.split(", ")))
