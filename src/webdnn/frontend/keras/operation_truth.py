"""Operations of keras.ops that answer a question about each element, and those on bits."""

from __future__ import annotations

from typing import Any

from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.operation_dtypes import BOOL
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
    is_finite = e("less_equal", e("abs", b), LARGEST)
    near = e("logical_and", e("less_equal", e("abs", e("sub", a, b)), limit), is_finite)
    found = e("logical_or", near, e("equal", a, b))
    if operation.equal_nan:
        found = e("logical_or", found, e("logical_and", e("not_equal", a, a), e("not_equal", b, b)))
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
    return c.elementwise("logical_not", found) if operation.invert else found


def lower_sign_bit(c: Context, _: Any, x: Value) -> Value:
    return is_negative(c, x) if x.dtype == "float32" else c.elementwise("less", c.cast(x, "int32"), 0.0)


def on_bits(function: str, of_truth: str) -> OperationLowering:
    """The bitwise function of whole numbers; of bool it is a logical one."""
    return lambda c, o, *operands: call(of_truth if c.result == BOOL else function)(c, o, *operands)


OPERATIONS: dict[str, OperationLowering] = {
    "AllClose": lower_all_close,
    "BitwiseAnd": on_bits("bitwise_and", "logical_and"),
    "BitwiseInvert": on_bits("bitwise_not", "logical_not"),
    "BitwiseLeftShift": call("shift_left"),
    "BitwiseNot": on_bits("bitwise_not", "logical_not"),
    "BitwiseOr": on_bits("bitwise_or", "logical_or"),
    "BitwiseRightShift": call("shift_right"),
    "BitwiseXor": on_bits("bitwise_xor", "logical_xor"),
    "IsIn": lower_is_in,
    "Isclose": lower_close,
    "Isfinite": of_size("less_equal"),
    "Isinf": of_size("greater"),
    "Isnan": lambda c, _, x: c.elementwise("not_equal", x, x),
    "Isneginf": compared("less", -LARGEST),
    "Isposinf": compared("greater", LARGEST),
    "Isreal": lambda c, _, x: c.fill(x.shape, 1, "bool"),
    "LeftShift": call("shift_left"),
    "RightShift": call("shift_right"),
    "Signbit": lower_sign_bit,
}
