"""Symbolic sizes keep their value under normalisation and in JSON, whatever they are built of."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Mapping

import pytest

from webdnn.graph.dim import JSONExpression, Size, ceil_divide, evaluate, maximum, minimum, symbol, to_json
from webdnn.graph.errors import GraphError

NAMES = ("N", "H", "W")
DIVISORS = (1, 2, 3, 4, 8, -2, -3)
Meaning = Callable[[Mapping[str, int]], int]
PLAIN: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "min": min,
    "max": max,
}
SYMBOLIC = {**PLAIN, "min": minimum, "max": maximum}


def _expression(source: random.Random, depth: int) -> tuple[Size, Meaning]:
    """A random size, and what it means."""
    if depth == 0 or source.random() < 0.2:
        number, name = source.randint(-6, 9), source.choice(NAMES)
        return (symbol(name), lambda v: v[name]) if source.random() < 0.6 else (number, lambda _: number)
    name = source.choice(list(PLAIN))
    left, left_meaning = _expression(source, depth - 1)
    right, right_meaning = _expression(source, depth - 1)
    if name in ("//", "%") and (isinstance(right, int) or source.random() < 0.6):
        divisor = source.choice(DIVISORS)
        right, right_meaning = divisor, lambda _: divisor
    return SYMBOLIC[name](left, right), lambda v: PLAIN[name](left_meaning(v), right_meaning(v))  # type: ignore[operator]


def _json_value(expression: JSONExpression, values: Mapping[str, int]) -> int:
    if isinstance(expression, int):
        return expression
    if isinstance(expression, str):
        return values[expression]
    name, left, right = expression
    return PLAIN[str(name)](_json_value(left, values), _json_value(right, values))  # type: ignore[arg-type]


@pytest.mark.parametrize("block", range(4))
def test_normalisation_keeps_the_value(block: int) -> None:
    for seed in range(block * 500, block * 500 + 500):
        source = random.Random(seed)
        size, meaning = _expression(source, 4)
        for _ in range(4):
            values = {name: source.randint(1, 20) for name in NAMES}
            try:
                want = meaning(values)
            except ZeroDivisionError:
                continue
            assert evaluate(size, values) == want, f"seed {seed}: {size} for {values}"
            assert _json_value(to_json(size), values) == want, f"seed {seed}: {to_json(size)} for {values}"


def test_equal_expressions_are_equal() -> None:
    n, h = symbol("N"), symbol("H")
    assert (n + 1) * (n - 1) == n * n - 1
    assert ceil_divide(n + 4, 2) == ceil_divide(n, 2) + 2
    assert (h // 2) // 3 == h // 6
    assert (4 * n + 8 * h) % 4 == 0
    assert maximum(n + 1, n) == n + 1
    assert n - n == 0
    assert n != h


def test_division_by_zero_is_an_error() -> None:
    for divide in (operator.floordiv, operator.mod):
        with pytest.raises(GraphError, match="division by zero"):
            divide(symbol("N"), 0)
