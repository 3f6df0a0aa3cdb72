"""Operations of keras.ops on each element that take more than a few functions, or a loop."""

from __future__ import annotations

from typing import Any

from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.operation_dtypes import RANGES, Call
from webdnn.frontend.keras.operation_elementwise import OperationLowering, tensor
from webdnn.frontend.keras.operation_indices import broadcast_together
from webdnn.frontend.loops import Values, loop
from webdnn.frontend.special_functions import bessel, complementary_error, inverse_error, next_number
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value

DIVISIONS = 46
"""Euclid's algorithm divides no two numbers of 32 bits more often: neighbours in Fibonacci's sequence, which has 46 of them
below 2³¹, take longest."""


def divisor(c: Call, x: Value, y: Value) -> Value:
    """The largest number that divides both; that of 0 and 0 is 0."""
    if c.result not in RANGES:
        raise UnsupportedError(f"a common divisor of {c.result}; cast to int32 first")
    e = c.elementwise

    def step(states: Values, _: Values, __: Values) -> tuple[Values, Values]:
        a, b = states
        is_done = e("equal", b, 0.0)
        return [e("where", is_done, a, b), e("where", is_done, 0.0, e("mod", a, b))], []

    a, b = broadcast_together(c, [e("abs", x), e("abs", y)])
    # States are in memory, where a number has an axis.
    lines = [c.reshape(v, v.shape or (1,)) for v in (a, b)]
    (found, _), _ = loop(c, DIVISIONS, lines, [], [], step)
    return c.reshape(found, a.shape)


def lower_divisor(c: Call, _: Any, x: Any, y: Any) -> Value:
    return divisor(c, tensor(c, x), tensor(c, y))


def lower_multiple(c: Call, _: Any, x: Any, y: Any) -> Value:
    """The least common multiple: |x| · (|y| / divisor), 0 where one of them is 0."""
    e = c.elementwise
    a, b = tensor(c, x), tensor(c, y)
    common = divisor(c, a, b)
    rest = e("floor_div", e("abs", b), e("where", e("equal", common, 0.0), 1.0, common))
    return e("mul", e("abs", a), rest)


def lower_next(c: Context, _: Any, x: Any, towards: Any) -> Value:
    return next_number(c, tensor(c, x), tensor(c, towards))


OPERATIONS: dict[str, OperationLowering] = {
    "Erfc": lambda c, _, x: complementary_error(c, x),
    "Erfinv": lambda c, _, x: inverse_error(c, x),
    "Gcd": lower_divisor,
    "I0": lambda c, _, x: bessel(c, x),
    "Lcm": lower_multiple,
    "Nextafter": lower_next,
}
