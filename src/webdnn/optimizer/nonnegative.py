"""Proof that a value is never below zero."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.graph.graph import Constant, Value
from webdnn.graph.ops import Concat, Elementwise, Pad, Pool2D, Reduce, Reshape, Resize2D, Slice, Softmax, Transpose
from webdnn.graph.ops.elementwise import WithEpilogue
from webdnn.graph.program import Call, Operand, Program
from webdnn.optimizer.match import is_floating

# Functions that are never negative, and those that are not where no operand is.
ALWAYS = ("abs", "exp", "hard_sigmoid", "relu", "rsqrt", "sigmoid", "softplus", "sqrt", "square")
KEEPING = (
    *(
        "add",
        "ceil",
        "clip",
        "div",
        "elu",
        "erf",
        "floor",
        "gelu",
        "leaky_relu",
        "max",
        "min",
        "mul",
        "pow",
        "reciprocal",
    ),
    *("sign", "silu", "softsign", "tanh"),
)

Needed = frozenset[int]  # inputs of a program that must not be negative


def is_nonnegative(value: Value) -> bool:
    """True when `value` holds no element below zero, whatever the inputs of the graph are; NaN aside. False when that cannot be shown."""
    if not is_floating(value):
        return False  # the absolute value of the least integer is negative
    seen = {value}
    pending = [value]
    while pending:
        needed = _needed_of(pending.pop())
        if needed is None:
            return False
        fresh = [v for v in dict.fromkeys(needed) if v not in seen]
        seen.update(fresh)
        pending += fresh
    return True


def _needed_of(value: Value) -> Sequence[Value] | None:
    """The inputs that must not be negative for `value` not to be; None when that is not enough."""
    inputs = value.node.inputs
    match value.op:
        case Constant(array):
            return () if bool((array >= 0).all()) else None
        case Softmax():
            return ()
        case Pad(_, padding):
            return inputs if padding >= 0 else None
        case Concat() | Pool2D() | Reduce() | Reshape() | Slice() | Transpose():
            return inputs
        case Resize2D(_, _, "nearest" | "bilinear"):  # weighted means; a cubic one overshoots
            return inputs
        case Elementwise(program):
            needed = _needed_by(program, inputs)
            return None if needed is None else [inputs[k] for k in sorted(needed)]
        case WithEpilogue() as op if op.program is not None:
            needed = _needed_by(
                op.program, (value, *inputs[op.main :])
            )  # the sum is no value; no operand can be `value`
            return None if needed is None or 0 in needed else [inputs[k + op.main - 1] for k in sorted(needed)]
    return None


def _needed_by(program: Program, inputs: Sequence[Value]) -> Needed | None:
    """The inputs that must not be negative for the result not to be; None when that is not enough."""
    known: list[Needed | None] = [frozenset((inputs.index(v),)) for v in inputs]
    for call in program.calls:
        known.append(_needed_by_call(call, known, inputs))
    return known[-1]


def _needed_by_call(call: Call, known: Sequence[Needed | None], inputs: Sequence[Value]) -> Needed | None:
    if call.function in ALWAYS:
        return frozenset()
    operands = [known[o] if isinstance(o, int) else frozenset() if o >= 0 else None for o in call.operands]
    if call.function == "mul":
        left, right = call.operands
        if _are_one(left, right, inputs):
            return frozenset()
    if call.function == "max":
        return _either(operands[0], operands[1])
    if call.function == "clip":  # min(max(x, low), high)
        return _both([_either(operands[0], operands[1]), operands[2]])
    return _both(operands) if call.function in KEEPING else None


def _are_one(left: Operand, right: Operand, inputs: Sequence[Value]) -> bool:
    """Whether both operands are the same step, or inputs that are the same value; a literal is no step of its number."""
    if isinstance(left, float) or isinstance(right, float):
        return False
    return left == right or (max(left, right) < len(inputs) and inputs[left] == inputs[right])


def _either(left: Needed | None, right: Needed | None) -> Needed | None:
    """One of two suffices: the one that asks for less."""
    if left is None or right is None:
        return right if left is None else left
    return min(left, right, key=len)


def _both(parts: Sequence[Needed | None]) -> Needed | None:
    found = [part for part in parts if part is not None]
    return frozenset().union(*found) if len(found) == len(parts) else None
