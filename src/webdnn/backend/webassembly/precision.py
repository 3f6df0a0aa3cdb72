"""How far softmax and the functions of dialect.py may be off: what docs/operators.md states and tests/backend/test_precision.py measures."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Bound:
    """The largest error of a result, in ulp: float32's spacing at the right result, which is 2⁻¹⁴⁹ where that is subnormal."""

    ulp: float
    low: float = -inf
    high: float = inf
    """It holds for arguments from `low` to `high`."""
    under_low: float = 0
    """For smaller arguments the error is at most this, absolutely."""
    of_argument: bool = False
    """In the spacing at the argument, not at the result."""
    remark: str = ""


_TURNS = "for |x| ≤ 10⁶; beyond, errors grow with x, and from 10¹⁵ on answers mean nothing"

# What is not here is exact or rounded once, by an instruction (add, sqrt, floor, max, …) or, for mod, in float64.
BOUNDS: dict[str, Bound] = {
    "exp": Bound(1.0),
    "expm1": Bound(2.0),
    "log": Bound(1.0),
    "log1p": Bound(1.5),
    "pow": Bound(0.51, remark="computed in float64"),
    "sin": Bound(2.0, -1e6, 1e6, remark=_TURNS),
    "cos": Bound(2.0, -1e6, 1e6, remark=_TURNS),
    "atan": Bound(3.0),
    "tanh": Bound(1.5),
    "erf": Bound(1.5),
    "sigmoid": Bound(2.5, low=-88, under_low=5e-39, remark="for x ≥ −88; smaller x may give 0, at most 5·10⁻³⁹ off"),
    "silu": Bound(3.0, low=-88, under_low=4e-37, remark="for x ≥ −88; smaller x may give 0, at most 4·10⁻³⁷ off"),
    "gelu": Bound(2.0, of_argument=True, remark="in ulp of x: results near 0 for x < 0 have fewer digits"),
    "softplus": Bound(2.0),
    "softsign": Bound(1.5),
    "hard_sigmoid": Bound(1.25),
    "elu": Bound(1.0, remark="with alpha 1"),
    "rsqrt": Bound(1.5),
    "softmax": Bound(
        8.0,
        remark="in rows of 1000 random numbers; and as many more as x lies below the largest, since x − max is rounded",
    ),
}
