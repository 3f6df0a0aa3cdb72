"""What Keras's dtypes mean for operations, whose values the graph holds in float32: truth as 0 and 1, whole numbers exactly below 2²⁴.

A lowering writes real arithmetic. `settled` makes of its results what the declared dtype says: the sum of two truths is truth, the sum of two
uint8 wraps at 256, and what float32 cannot say is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from webdnn.frontend.keras.lowering import Context
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value

BOOL = "bool"
FLOATS = ("float32", "float64")
RANGES: dict[str, tuple[int, int]] = {
    "bool": (0, 1),
    "int8": (-(2**7), 2**7 - 1),
    "uint8": (0, 2**8 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**31), 2**31 - 1),  # Keras on JAX computes in int32
}
NARROW = ("int8", "uint8", "int16", "uint16")
NUMBERS = ("float32", *RANGES)
"""The dtypes that operations may compute with."""


@dataclass(frozen=True)
class Call(Context):
    """The context of one call of an operation. Keras declares `operands`, the dtypes of all its arguments in order, and `result`, that of its
    (first) result. A Python number among the arguments is "bool", "int" or "float": it takes on the dtype of the others."""

    operands: tuple[str, ...] = field(default=(), kw_only=True)
    result: str = field(default="float32", kw_only=True)

    @classmethod
    def within(cls, context: Context, operands: Sequence[str], result: str) -> Call:
        shared = {f.name: getattr(context, f.name) for f in fields(Context)}
        return cls(**shared, operands=tuple(operands), result=result)

    @property
    def of_truth(self) -> bool:
        return bool(self.operands) and all(dtype == BOOL for dtype in self.operands)


def dtype_of(argument: Any) -> str | None:
    """The dtype of an argument that holds numbers: a symbolic tensor, a variable, an array, a Python number."""
    if isinstance(argument, (bool, int, float)):
        return type(argument).__name__
    dtype = getattr(argument, "dtype", None)
    return None if dtype is None else str(dtype)


def cast(c: Context, x: Value, source: str, target: str) -> Value:
    """Numbers of `source` as `target`, as Keras on JAX converts them: fractions are cut off, floats beyond the range become its end and NaN 0, whole
    numbers wrap, and truth is what is not 0."""
    if target == source or source == BOOL or target in FLOATS:
        return x
    if target == BOOL:
        return c.elementwise("not_equal", x, 0.0)
    if target not in RANGES:
        raise UnsupportedError(f"a cast to {target}; {', '.join((*RANGES, *FLOATS))} are supported")
    low, high = RANGES[target]
    if source not in RANGES:
        number = c.elementwise("where", c.elementwise("equal", x, x), x, 0.0)
        return c.elementwise("clip", truncate(c, number), low, high)
    first, last = RANGES[source]
    return x if low <= first and last <= high else wrapped(c, x, target)


def truncate(c: Context, x: Value) -> Value:
    return c.elementwise("mul", c.elementwise("sign", x), c.elementwise("floor", c.elementwise("abs", x)))


def wrapped(c: Context, x: Value, dtype: str) -> Value:
    """Whole numbers modulo 2ⁿ, in the range of a dtype of n bits. Exact: a division by a power of two loses nothing."""
    low, high = RANGES[dtype]
    turn = float(high - low + 1)
    turns = c.elementwise("floor", c.elementwise("mul", c.elementwise("sub", x, low), 1 / turn))
    return c.elementwise("sub", x, c.elementwise("mul", turns, turn))


def number_as(value: Any, dtype: str) -> float:
    """A constant number as `dtype` holds it."""
    if dtype == BOOL:
        return float(bool(value))
    return float(np.trunc(value)) if dtype in RANGES else float(value)


def settled(c: Call, name: str, value: Value, dtype: str, moves: bool) -> Value:
    """The result `value` of the operation `name` as a number of the declared `dtype`. `moves`: it does nothing but move elements."""
    if moves or name in CONVERTED:
        return value
    if dtype == BOOL:
        if name in UNDEFINED_FOR_TRUTH:
            raise UnsupportedError(f"{name} of bool, which Keras cannot compute either; cast to float32 first")
        return value if name in TRUTH else c.elementwise("not_equal", value, 0.0)
    if dtype in NARROW and name not in (*WITHIN, *TRUTH):
        if name not in WRAPPED or (name in PRODUCTS and dtype not in ("int8", "uint8")):
            raise UnsupportedError(
                f"{name} in {dtype}, whose overflow float32 cannot tell; cast to float32 or int32 first"
            )
        return wrapped(c, value, dtype)
    if dtype in RANGES and name == "Power":
        return c.elementwise("round", value)
    return value


# Operations that give their own dtype.
CONVERTED = (
    "Cast",
    "ConvertToTensor",
    "Copy",
    "Full",
    "FullLike",
    "OnesLike",
    "SaturateCast",
    "StopGradient",
    "ZerosLike",
)
# Operations that give 0 and 1.
TRUTH = (
    *("All", "AllClose", "Any", "Equal", "Greater", "GreaterEqual", "InTopK", "IsIn", "Isclose", "Isfinite", "Isinf"),
    *("Isnan", "Isneginf", "Isposinf", "Isreal", "Less", "LessEqual", "LogicalAnd", "LogicalNot", "LogicalOr"),
    *("LogicalXor", "NotEqual", "OneHot", "MultiHot", "Signbit"),
)
UNDEFINED_FOR_TRUTH = ("Negative", "Round", "Sign", "Subtract")
# Operations on whole numbers whose results lie in the range of their operands.
WITHIN = (
    *("Amax", "Amin", "Clip", "FloorDivide", "Max", "Maximum", "Min", "Minimum", "Mod", "Relu", "Select", "Sign"),
    *("Sort", "TopK", "Trunc", "Where"),
)
PRODUCTS = ("Multiply", "Square")  # beyond 2²⁴ already with factors of 16 bits
WRAPPED = ("Abs", "Absolute", "Add", "Negative", "Subtract", *PRODUCTS)
