"""Sizes: equal expressions are one, and mean what Python's operators mean."""

from __future__ import annotations

import random

from webdnn.graph.dim import Size, evaluate, symbol

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
