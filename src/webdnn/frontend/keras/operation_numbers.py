"""Operations of keras.ops from one dtype to another, and those that mean something else for whole numbers than for floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from webdnn.frontend.keras.lowering import Context, array_of
from webdnn.frontend.keras.operation_dtypes import BOOL, RANGES, Call, cast, graph_dtype, number_as
from webdnn.frontend.keras.operation_elementwise import OperationLowering, arithmetic, tensor
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.reduction import Reduce

POWERS = 6
"""Bits that JAX looks at of an exponent in a tensor. Of a Python number it looks at all."""


def lower_cast(c: Call, operation: Any, x: Value) -> Value:
    refuse_rounding(c, str(operation.dtype))
    return cast(c, x, str(operation.dtype), c.operands[0])


def refuse_rounding(c: Call, target: str) -> None:
    """A cast that code asks for rounds; a graph computes in float32. Those of a policy are another thing: such a layer runs in float32."""
    if target in ("float16", "bfloat16") and c.operands[0] != target:
        raise UnsupportedError(f"dtype {target}, to which it rounds; leave the cast out, or cast to float32")


def lower_saturate(c: Call, operation: Any, x: Value) -> Value:
    """A cast that never wraps."""
    target = str(operation.dtype)
    refuse_rounding(c, target)
    if target == BOOL:
        return cast(c, c.elementwise("max", x, 0.0), BOOL) if x.dtype != "bool" else x
    if target in RANGES and c.operands[0] in RANGES and c.operands[0] != BOOL:
        inside = c.elementwise("clip", c.cast(x, "int32"), *map(float, RANGES[target]))
        return c.cast(inside, graph_dtype(target))
    return cast(c, x, target, c.operands[0])


def lower_convert(c: Call, operation: Any, x: Value) -> Value:
    if operation.sparse or operation.ragged:
        raise UnsupportedError("a sparse or ragged tensor")
    return cast(c, x, c.result if operation.dtype is None else str(operation.dtype), c.operands[0])


def lower_round(c: Call, operation: Any, x: Value) -> Value:
    """Keras rounds whole numbers to tens and hundreds in float32."""
    factor = 10.0**operation.decimals
    if x.dtype == "bool":
        raise UnsupportedError("Round of bool, which Keras cannot compute either; cast to float32 first")
    if x.dtype != "float32" and factor >= 1:
        return x
    number = c.cast(x, "float32")
    if factor == 1:
        return c.elementwise("round", number)
    rounded = c.elementwise("div", c.elementwise("round", c.elementwise("mul", number, factor)), factor)
    return cast(c, rounded, c.result)


def lower_truncate(c: Context, _: Any, x: Value) -> Value:
    if x.dtype != "float32":
        return x
    return c.elementwise("mul", c.elementwise("sign", x), c.elementwise("floor", c.elementwise("abs", x)))


def lower_floor_divide(c: Call, operation: Any, x: Any, y: Any) -> Value | Sequence[Value]:
    return arithmetic("floor_div" if c.is_whole else "floor_divide")(c, operation, x, y)


def lower_power(c: Call, operation: Any, x: Any, exponent: Any) -> Value | Sequence[Value]:
    """Of whole numbers, the product of those of x, x², x⁴ … that the bits of the exponent name."""
    if not c.is_whole:
        return arithmetic("pow")(c, operation, x, exponent)
    e = c.elementwise
    base, places = (
        c.cast(tensor(c, np.asarray(v) if np.ndim(v) == 0 and not isinstance(v, Value) else v), "int32")
        for v in (x, exponent)
    )
    if c.result == BOOL or (not isinstance(exponent, Value) and np.any(array_of(exponent) < 0)):
        raise UnsupportedError(f"a power of {c.result} with such an exponent; cast to float32 first")
    found: Value | None = None
    bits = max(int(exponent).bit_length(), 1) if c.operands[-1] == "int" else POWERS
    for bit in range(bits):
        is_set = c.cast(e("bitwise_and", e("shift_right", places, float(bit)), 1.0), "bool")
        factor = e("where", is_set, base, 1.0)
        found = factor if found is None else e("mul", found, factor)
        base = e("square", base)
    return tensor(c, found)


def filled(value: float) -> OperationLowering:
    """The number `value` in the shape of x."""
    return lambda c, operation, x: full_like(c, operation, x, value)


def full_like(c: Call, operation: Any, x: Value, value: Any) -> Value:
    target = c.result if operation.dtype is None else str(operation.dtype)
    if not isinstance(value, Value) and np.ndim(value) == 0:
        return c.fill(x.shape, number_as(array_of(value).item(), target), graph_dtype(target))
    number = cast(c, tensor(c, value), target, c.operands[-1])
    return c.elementwise("where", c.fill(x.shape, 1, "bool"), number, number)


def lower_fmod(c: Context, _: Any, x: Any, y: Any) -> Value:
    """The remainder that has the sign of x."""
    e = c.elementwise
    a, b = tensor(c, x), tensor(c, y)
    if a.dtype != "float32":
        return e("trunc_mod", a, b)
    return e("mul", e("sign", a), e("mod", e("abs", a), e("abs", b)))


BYTES = {"int8": 1, "uint8": 1, "int32": 4}


def lower_view(c: Call, operation: Any, x: Value) -> Value:
    """The bytes of whole numbers as numbers of another dtype, the lowest byte first."""
    source, target = c.operands[0], c.operands[0] if operation.dtype is None else str(operation.dtype)
    if source == target:
        return x
    if source not in BYTES or target not in BYTES:
        raise UnsupportedError(f"the bits of {source} as {target}; {', '.join(BYTES)} are supported")
    if BYTES[source] == BYTES[target]:
        return c.cast(x, target)
    shifts = tensor(c, np.arange(0, 32, 8, dtype=np.int32))
    e, last = c.elementwise, x.type.rank - 1
    if BYTES[source] == 4:
        parts = e("shift_right", c.reshape(x, (*x.shape, 1)), shifts)
        return c.cast(c.reshape(parts, (*x.shape[:-1], x.shape[last] * 4)), target)
    parts = e("bitwise_and", c.cast(x, "int32"), 255.0)
    moved = e("shift_left", c.reshape(parts, (*x.shape[:-1], x.shape[last] // 4, 4)), shifts)
    return c.apply(Reduce("sum", (x.type.rank,)), moved)


OPERATIONS: dict[str, OperationLowering] = {
    "Cast": lower_cast,
    "ConvertToTensor": lower_convert,
    "EmptyLike": filled(0.0),
    "FloorDivide": lower_floor_divide,
    "Fmod": lower_fmod,
    "FullLike": full_like,
    "OnesLike": filled(1.0),
    "Power": lower_power,
    "Round": lower_round,
    "SaturateCast": lower_saturate,
    "Trunc": lower_truncate,
    "View": lower_view,
    "ZerosLike": filled(0.0),
}
