"""Layer and RMS normalization that arrive written out."""

from __future__ import annotations

from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import Elementwise, Normalize, Reduce
from webdnn.graph.program import Call, Program, single
from webdnn.optimizer.match import scalar
from webdnn.optimizer.rewrite import Context, merge_origins

SQUARES = (single("square", None), single("pow", None, 2.0), Program(1, (Call("mul", (0, 0)),)))
SQUARE_ROOT, RECIPROCAL_ROOT = single("sqrt", None), single("rsqrt", None)


def recognize_normalize(value: Value, context: Context) -> Value | None:
    """`d / √(mean(d²) + ε)` along the last axis is a normalization: of x if d is `x − mean(x)`, else of d by its root mean square.

    Hazards: the mean must be taken along the last axis alone and keep it; the very d that is squared must be divided; ε must be a number.
    """
    found = _quotient(value)
    if found is None:
        return None
    divided, root = found
    variance = _without_epsilon(root)
    if variance is None:
        return None
    squared = _mean_of_rows(variance[0])
    if squared is None or _square(squared) != divided or divided.type != value.type:
        return None
    x = _centred(divided)
    origin = merge_origins(squared.node, value.node)
    return apply(Normalize(variance[1], x is not None), divided if x is None else x, origin=origin)


def _program(value: Value) -> Program | None:
    return value.op.program if isinstance(value.op, Elementwise) else None


def _quotient(value: Value) -> tuple[Value, Value] | None:
    """(d, s) when `value` is d / √s, or d · 1/√s in either order."""
    program, inputs = _program(value), value.node.inputs
    if program == single("div", None, None):
        return (inputs[0], inputs[1].node.inputs[0]) if _program(inputs[1]) == SQUARE_ROOT else None
    if program != single("mul", None, None):
        return None
    for factor, other in (inputs, inputs[::-1]):
        if _program(other) == RECIPROCAL_ROOT:
            return factor, other.node.inputs[0]
    return None


def _without_epsilon(value: Value) -> tuple[Value, float] | None:
    """(v, ε) when `value` is v + ε."""
    program, inputs = _program(value), value.node.inputs
    if program is None or [call.function for call in program.calls] != ["add"]:
        return None
    numbers = [operand for operand in program.calls[0].operands if isinstance(operand, float)]
    if numbers:
        return inputs[0], numbers[0]
    for variance, other in (inputs, inputs[::-1]) if len(inputs) == 2 else ():
        number = scalar(other)
        if number is not None:
            return variance, number
    return None


def _mean_of_rows(value: Value) -> Value | None:
    """What `value` is the mean of, along the last axis, which stays with size 1."""
    op = value.op
    x = value.node.inputs[0] if isinstance(op, Reduce) else None
    if not isinstance(op, Reduce) or x is None:
        return None
    return x if (op.kind, op.axes, op.keepdims) == ("mean", (x.type.rank - 1,), True) else None


def _square(value: Value) -> Value | None:
    """d when `value` is d²."""
    if _program(value) == single("mul", None, None):
        left, right = value.node.inputs
        return left if left == right else None
    return value.node.inputs[0] if _program(value) in SQUARES else None


def _centred(value: Value) -> Value | None:
    """x when `value` is x − mean(x)."""
    if _program(value) != single("sub", None, None):
        return None
    x, mean = value.node.inputs
    return x if _mean_of_rows(mean) == x else None
