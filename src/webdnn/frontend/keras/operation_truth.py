"""Operations of keras.ops that answer a question about each element, and those on bits."""

from __future__ import annotations

from typing import Any

from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.operation_dtypes import RANGES, Call
from webdnn.frontend.keras.operation_elementwise import LARGEST, OperationLowering, call, is_negative, operand, tensor
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.reduction import Reduce


def compared(function: str, limit: float) -> OperationLowering:
    return lambda c, _, x: c.elementwise(function, x, limit)


def of_size(function: str) -> OperationLowering:
    """Whether |x| is beyond every finite number (`greater`), or not (`less_equal`); a NaN is neither."""
    return lambda c, _, x: c.elementwise(function, c.elementwise("abs", x), LARGEST)


def close(c: Context, operation: Any, x: Any, y: Any, relative: Any, absolute: Any) -> Value:
    """|x − y| ≤ absolute + relative · |y|, or x = y: infinities are close to themselves only."""
    e = c.elementwise
    a, b = tensor(c, x), tensor(c, y)
    limit = e("add", e("mul", e("abs", b), operand(c, relative)), operand(c, absolute))
    near = e("mul", e("less_equal", e("abs", e("sub", a, b)), limit), e("less_equal", e("abs", b), LARGEST))
    found = e("max", near, e("equal", a, b))
    if operation.equal_nan:
        found = e("max", found, e("mul", e("not_equal", a, a), e("not_equal", b, b)))
    return found


def lower_close(c: Context, operation: Any, x: Any, y: Any, rtol: Any = 1e-5, atol: Any = 1e-8) -> Value:
    return close(c, operation, x, y, rtol, atol)


def lower_all_close(c: Context, operation: Any, x: Any, y: Any) -> Value:
    found = close(c, operation, x, y, operation.rtol, operation.atol)
    return c.apply(Reduce("min", tuple(range(found.type.rank))), found) if found.type.rank else found


def lower_is_in(c: Context, operation: Any, x: Any, among: Any) -> Value:
    """Whether each element is one of `among`. That these are unique (`assume_unique`) changes nothing."""
    if operation.assume_unique not in (True, False):
        raise UnsupportedError(f"assume_unique {operation.assume_unique!r}")
    a, b = tensor(c, x), tensor(c, among)
    spread = c.reshape(a, (*a.shape, 1))
    found = c.elementwise("equal", spread, c.reshape(b, (b.type.elements,)))
    found = c.apply(Reduce("max", (a.type.rank,)), found)
    return c.elementwise("equal", found, 0.0) if operation.invert else found


def lower_sign_bit(c: Context, _: Any, x: Value) -> Value:
    return is_negative(c, x)


def on_truth(function: str) -> OperationLowering:
    """What the operation on bits is for bool."""

    def lower(c: Call, operation: Any, *operands: Any) -> Value:
        if not c.of_truth:
            others = ", ".join(dtype for dtype in c.operands if dtype != "bool")
            raise UnsupportedError(f"bits of {others}; of bool it is supported")
        return call(function)(c, operation, *operands)  # type: ignore[return-value]

    return lower


def shifted(upwards: bool) -> OperationLowering:
    """x · 2ⁿ, or ⌊x / 2ⁿ⌋, of whole numbers."""

    def lower(c: Call, operation: Any, x: Any, places: Any) -> Value:
        if c.result not in RANGES or c.of_truth:
            raise UnsupportedError(f"bits of {c.result}")
        power = c.elementwise("round", c.elementwise("pow", 2.0, tensor(c, places)))
        if upwards:
            return c.elementwise("mul", operand(c, x), power)
        return c.elementwise("floor", c.elementwise("div", operand(c, x), power))

    return lower


OPERATIONS: dict[str, OperationLowering] = {
    "AllClose": lower_all_close,
    "BitwiseAnd": on_truth("logical_and"),
    "BitwiseInvert": on_truth("logical_not"),
    "BitwiseLeftShift": shifted(upwards=True),
    "BitwiseNot": on_truth("logical_not"),
    "BitwiseOr": on_truth("logical_or"),
    "BitwiseRightShift": shifted(upwards=False),
    "BitwiseXor": on_truth("logical_xor"),
    "IsIn": lower_is_in,
    "Isclose": lower_close,
    "Isfinite": of_size("less_equal"),
    "Isinf": of_size("greater"),
    "Isnan": lambda c, _, x: c.elementwise("not_equal", x, x),
    "Isneginf": compared("less", -LARGEST),
    "Isposinf": compared("greater", LARGEST),
    "Isreal": lambda c, _, x: c.elementwise("where", 1.0, 1.0, x),
    "LeftShift": shifted(upwards=True),
    "RightShift": shifted(upwards=False),
    "Signbit": lower_sign_bit,
}
