"""How far softmax and elementwise functions may be off on each target: what docs/operators.md states and tests/backend/test_precision.py measures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf


@dataclass(frozen=True)
class Bound:
    """The largest error of a result, in ulp: float32's spacing at the right result, which is 2⁻¹⁴⁹ where that is subnormal."""

    ulp: float
    low: float = -inf
    """It holds for arguments from `low` on."""
    under_low: float = 0
    """For smaller arguments the error is at most this, absolutely."""
    of_argument: bool = False
    """In the spacing at the argument, not at the result."""
    remark: str = ""


FLUSHED = 2.0**-122
"""GPUs may take subnormal numbers for 0, also in the middle of a computation: there, errors up to this do not count."""

_FLAT_ROWS = "in rows of 1000 random numbers; and as many more as x lies below the largest, since x − max is rounded"

# What is not in a table is exact, or rounded once by an instruction (add, sqrt, floor, max, …).
WEBASSEMBLY: dict[str, Bound] = {
    "exp": Bound(1.0),
    "expm1": Bound(2.0),
    "log": Bound(1.0),
    "log1p": Bound(1.5),
    "pow": Bound(0.51, remark="computed in float64"),
    "mod": Bound(0.51, remark="the remainder is exact"),
    "sin": Bound(2.0),
    "cos": Bound(1.9),
    "atan": Bound(3.0),
    "tanh": Bound(1.5),
    "erf": Bound(1.35),
    "sigmoid": Bound(2.5, low=-88, under_low=5e-39, remark="for x ≥ −88; smaller x may give 0, at most 5·10⁻³⁹ off"),
    "silu": Bound(2.75, low=-88, under_low=4e-37, remark="for x ≥ −88; smaller x may give 0, at most 4·10⁻³⁷ off"),
    "gelu": Bound(1.8, of_argument=True, remark="in ulp of x: results near 0 for x < 0 have fewer digits"),
    "softplus": Bound(2.0),
    "softsign": Bound(1.5),
    "hard_sigmoid": Bound(1.25),
    "elu": Bound(1.0, remark="with alpha 1"),
    "rsqrt": Bound(1.5),
    "softmax": Bound(8.0, remark=_FLAT_ROWS),
}
GPU: dict[str, Bound] = {
    "exp": Bound(1.25),
    "expm1": Bound(2.0),
    "log": Bound(1.0),
    "log1p": Bound(3.0),
    "pow": Bound(
        1.5, remark="a literal exponent n from 1 to 8 is a product of n factors, each of which may add half an ulp"
    ),
    "mod": Bound(0.51, remark="the remainder is exact"),
    "sin": Bound(2.5),
    "cos": Bound(2.5),
    "atan": Bound(3.0),
    "tanh": Bound(1.25),
    "erf": Bound(1.25),
    "sigmoid": Bound(2.5),
    "silu": Bound(3.0, low=-87, under_low=1.1e-36, remark="for x ≥ −87; smaller x may give 0, at most 1.1·10⁻³⁶ off"),
    "gelu": Bound(7.5),
    "softplus": Bound(3.5),
    "softsign": Bound(2.0),
    "hard_sigmoid": Bound(1.5),
    "elu": Bound(1.5, remark="with alpha 1"),
    "rsqrt": Bound(1.5),
    "softmax": Bound(4.0, remark=_FLAT_ROWS),
}
FALLBACK: dict[str, Bound] = {
    name: Bound(0.51, remark=bound.remark if name == "elu" else "") for name, bound in GPU.items() if name != "softmax"
}

BOUNDS: dict[str, dict[str, Bound]] = {
    "webgpu": GPU | {"softmax": replace(GPU["softmax"], ulp=3.5)},
    "webgl": GPU,
    "webassembly": WEBASSEMBLY,
    "fallback": FALLBACK,
}
"""By target. The functions of webgpu and webgl are the same, in two languages; those of fallback are computed in float64 and rounded once."""

FLUSHES = frozenset({"webgpu", "webgl"})
