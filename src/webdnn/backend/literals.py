"""What targets ask of the literals of an elementwise program."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypeVar

import numpy as np

from webdnn.graph.program import Call, TypedCall

AnyCall = TypeVar("AnyCall", Call, TypedCall)

LONGEST_PRODUCT = 8
"""A power whose exponent is a literal whole number from 1 up to this is a product: hardly less accurate, and much faster."""


def as_float32(value: float) -> float:
    """The float32 next to `value`; infinity where that is beyond float32's range."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def whole_power(call: Call | TypedCall) -> int | None:
    """n when `call` is the n-th power of its first operand, as a product of n ≤ LONGEST_PRODUCT factors."""
    exponent = call.operands[1] if call.function == "pow" else None
    if isinstance(exponent, float) and exponent.is_integer() and 1 <= exponent <= LONGEST_PRODUCT:
        return int(exponent)
    return None


def bounds_are_numbers(call: Call | TypedCall) -> bool:
    """Whether all operands but the first are literals and none of them NaN: then only the first can bring a NaN."""
    return all(isinstance(o, float) and not math.isnan(o) for o in call.operands[1:])


def with_literal_last(call: AnyCall) -> AnyCall:
    """`call`, where of a maximum or minimum the literal is the second operand."""
    is_extremum = call.function in ("max", "min")
    return replace(call, operands=call.operands[::-1]) if is_extremum and isinstance(call.operands[0], float) else call
