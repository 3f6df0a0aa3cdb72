"""Operations of keras.ops that make numbers in a range, or say what a tensor's shape is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.operation_dtypes import RANGES, Call, cast
from webdnn.frontend.keras.operation_elementwise import OperationLowering, tensor
from webdnn.frontend.keras.operation_indices import at_run_time
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value


def between(c: Context, first: Value, last: Value, count: int, endpoint: bool) -> Value:
    """`count` numbers from `first` to `last`, or almost, along a new first axis. The shares are computed in float32, as Keras does, so that numbers
    which meet the ends of these parts exactly do so here, too."""
    rank = max(first.type.rank, last.type.rank)
    steps = np.float32(max(count - bool(endpoint), 1))
    shares = (np.arange(count, dtype=np.float32) / steps).reshape(-1, *(1,) * rank)
    e = c.elementwise
    return e("add", e("mul", first, c.literal(np.float32(1) - shares)), e("mul", last, c.literal(shares)))


def of_floats(compute: Callable[[Context, Any, Value, Value], Value]) -> OperationLowering:
    """`ranges` of powers. As whole numbers they would be cut, and 99.99999 or 100 may stand where Keras has 100.00001."""

    def lower(c: Call, operation: Any, start: Any, stop: Any) -> Any:
        target = c.result if operation.dtype is None else str(operation.dtype)
        if target in RANGES:
            raise UnsupportedError(f"powers as {target}; leave the dtype out, and cast what ops.round gives")
        return ranges(compute)(c, operation, start, stop)

    return lower


def ranges(compute: Callable[[Context, Any, Value, Value], Value]) -> OperationLowering:
    """An operation whose numbers are `compute(c, operation, start, stop)` (count, …), in the dtype and along the axis that it names."""

    def lower(c: Call, operation: Any, start: Any, stop: Any) -> Value:
        line = compute(c, operation, tensor(c, start), tensor(c, stop))
        target = c.result if operation.dtype is None else str(operation.dtype)
        if target in RANGES:
            line = cast(c, c.elementwise("floor", line), target)
        axis = operation.axis % line.type.rank
        return c.transpose(line, [*range(1, axis + 1), 0, *range(axis + 1, line.type.rank)])

    return lower


def line(c: Context, operation: Any, first: Value, last: Value) -> Value:
    return between(c, first, last, int(operation.num), bool(operation.endpoint))


def lower_line(c: Call, operation: Any, start: Any, stop: Any) -> Any:
    if operation.retstep:
        raise UnsupportedError("retstep, whose step Keras does not give in a model")
    return ranges(line)(c, operation, start, stop)


def powers(c: Context, operation: Any, first: Value, last: Value) -> Value:
    """base ** start … base ** stop."""
    return c.elementwise("pow", tensor(c, np.float32(operation.base)), line(c, operation, first, last))


def geometric(c: Context, operation: Any, first: Value, last: Value) -> Value:
    """Each number the same multiple of the one before: a line of logarithms, with the sign of `start`. NaN where the ends have not one sign."""
    e = c.elementwise
    sign = e("sign", first)
    logarithms = (e("log", e("div", x, sign)) for x in (first, last))
    return e("mul", sign, e("exp", line(c, operation, *logarithms)))


def lower_array(c: Call, operation: Any, x: Value) -> Value:
    return cast(c, x, c.result if operation.dtype is None else str(operation.dtype), c.operands[0])


def lower_size(c: Context, _: Any, x: Value) -> Value:
    """The number of elements."""
    total = tensor(c, np.int32(1))
    for size in x.shape:
        total = c.elementwise("mul", total, at_run_time(c, size))
    return total


OPERATIONS: dict[str, OperationLowering] = {
    "Array": lower_array,
    "Geomspace": of_floats(geometric),
    "Linspace": lower_line,
    "Logspace": of_floats(powers),
    "Ndim": lambda c, _, x: c.fill((), x.type.rank, "int32"),
    "Size": lower_size,
}
