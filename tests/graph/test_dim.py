"""Sizes: equal expressions are one, and mean what Python's operators mean."""

from __future__ import annotations

import random

import pytest

from webdnn.graph.constraints import never_equal
from webdnn.graph.dim import Size, divide_exactly, evaluate, symbol
from webdnn.graph.errors import GraphError

H, W = symbol("H"), symbol("W")


def test_equal_quotients_are_equal() -> None:
    assert (2 * H) // 4 == H // 2
    assert (2 * H + 1) // 4 == H // 2
    assert ((H + 1) // 2 + 1) // 2 == (H + 3) // 4
    assert (H // 2) // 3 == H // 6
    assert (4 * H) // 4 == H
    assert (2 * H + 3) // 4 == (H + 1) // 2
    assert (H + 1) // 2 != H // 2


def test_random_expressions_mean_what_python_computes() -> None:
    draw = random.Random(0)
    for _ in range(500):
        size: Size = H
        text = "H"
        for _ in range(draw.randint(1, 5)):
            operator, number = draw.choice(["+", "*", "//", "%", "-"]), draw.randint(1, 6)
            size = eval(f"size {operator} number", {"size": size, "number": number})
            text = f"({text} {operator} {number})"
            if draw.random() < 0.2:
                size, text = size + W, f"({text} + W)"
        for height in (1, 2, 3, 7, 12, 31):
            sizes = {"H": height, "W": 5}
            assert evaluate(size, sizes) == eval(text, dict(sizes)), (text, size)


N, C = symbol("N"), symbol("C")
SMALL = (H + 1) // 2  # at least 1
UNSURE = H // 2  # 0 where H is 1

QUOTIENTS: dict[str, tuple[Size, Size]] = {
    "a number": ((512 * N) // N, 512),
    "numbers and a symbol": ((512 * N) // (32 * N), 16),
    "a sum": ((6 * N * H + 4 * N) // (2 * N), 3 * H + 2),
    "flattened": ((N * C * H * W) // N, C * H * W),
    "two symbols": ((N * C * H * W) // (N * C), H * W),
    "a power": ((N * N * H) // (N * N), H),
    "in further arithmetic": ((N * C * H * W) // (N * C) * C // W, H * C),
    "a quotient cancels": ((N * SMALL * C) // (N * SMALL), C),
    "by a sum": ((C * N + C) // (N + 1), C),
    "rounded up": ((H * N + N - 1) // N, H),
    "a rest that is smaller": ((5 * N * H + N - 1) // (N * H), 5 + (N - 1) // (N * H)),
    "smaller than the divisor": (N // (N + 1), 0),
    "just below zero": ((N * C - 1) // N, C - 1),
    "a negative divisor": ((6 * N * H) // (-2 * N), -3 * H),
    "a quotient of a quotient": ((H // N) // W, H // (N * W)),
    "the rest of a number": ((6 * N + 3) // (2 * N), 3 + 1 // N),
    "a rest in steps": ((4 * N * H + 2 * N + 1) // (8 * N), H // 2),
    "zero": (0 // N, 0),
    "no remainder": ((6 * N) % N, 0),
    "no remainder of a sum": ((6 * N * H + 4 * N) % (2 * N), 0),
    "remainder of a number": ((6 * N + N * H) % (4 * N), N * ((H + 2) % 4)),
    "remainder that is smaller": ((H * N + N - 1) % N, N - 1),
}


@pytest.mark.parametrize("name", QUOTIENTS)
def test_quotients_cancel(name: str) -> None:
    have, want = QUOTIENTS[name]
    assert have == want, have


def test_what_is_not_known_stays_a_quotient() -> None:
    """3 // N is 3, 1, 1, 0, …; a divisor that is 0 for some sizes is an error for those, whatever stands above it."""
    assert str((6 * N + 3) // N) == "3 // N + 6"
    assert str((N - H) // (N - H)) == "(-H + N) // (-H + N)"
    assert str((C * N * UNSURE) // (N * UNSURE)) == "(C*(H // 2)) // (H // 2)"
    with pytest.raises(GraphError, match=r"\(C\*\(H // 2\)\) // \(H // 2\) divides by zero where C is 2, H is 1"):
        evaluate((C * UNSURE) // UNSURE, {"C": 2, "H": 1})


def test_sizes_of_tensors_divide_exactly() -> None:
    assert divide_exactly(N * UNSURE * C * 6, 2 * UNSURE) == 3 * N * C
    assert divide_exactly(N * N - 1, N + 1) == N - 1
    assert divide_exactly(N * C, 2 * N) is None
    assert divide_exactly(12, 4) == 3
    assert divide_exactly(12, N) is None


def test_sizes_that_never_match() -> None:
    assert never_equal(N, 2 * N)
    assert never_equal(2 * H + 1, 4 * W)
    assert never_equal(N * H + 1, 1)
    assert never_equal(3, 4)
    for left, right in [(N, H), (N, 2 * H), (2 * N, N + 1), (H // 2, 0), (N - H, 0), (3, 3), (16 * H * W, 784)]:
        assert not never_equal(left, right)


def _random_polynomial(draw: random.Random, depth: int) -> tuple[Size, str]:
    """A size and the same expression as text, for Python to compute."""
    total: Size = 0
    text = "0"
    for _ in range(draw.randint(1, 3)):
        factor = draw.choice([1, 2, 3, 4, 6, -1, -2, -6])
        term: Size = factor
        part = f"{factor}"
        for _ in range(draw.randint(0, 3)):
            if depth and draw.random() < 0.2:
                atom, name = _random_quotient(draw, depth - 1)
            else:
                name = draw.choice("NCH")
                atom = symbol(name)
            term, part = term * atom, f"{part} * ({name})"
        total, text = total + term, f"{text} + {part}"
    return total, text


def _random_quotient(draw: random.Random, depth: int) -> tuple[Size, str]:
    left, above = _random_polynomial(draw, depth)
    right, below = _random_polynomial(draw, depth)
    if draw.random() < 0.5:  # with a common factor
        common, text = _random_polynomial(draw, 0)
        left, above = left * common, f"({above}) * ({text})"
        right, below = right * common, f"({below}) * ({text})"
    if right == 0:
        right, below = 2, "2"
    if draw.random() < 0.5:
        return left // right, f"({above}) // ({below})"
    return left % right, f"({above}) % ({below})"


def test_random_quotients_mean_what_python_computes() -> None:
    """Of terms that may be negative; for sizes that make no divisor 0."""
    draw = random.Random(1)
    folded = 0
    for _ in range(1500):
        size, text = _random_quotient(draw, 2)
        size, text = 2 * size + 1, f"2 * ({text}) + 1"
        code = compile(text, "size", "eval")
        folded += "//" not in str(size) and "%" not in str(size)
        for values in [{"N": 1, "C": 1, "H": 1}, *({n: draw.randint(1, 9) for n in "NCH"} for _ in range(5))]:
            try:
                want = eval(code, dict(values))
            except ZeroDivisionError:
                continue
            assert evaluate(size, values) == want, (text, str(size), values)
    assert 100 < folded < 1000
