"""Algebra of single calls whose operands are literals: x·1 = x, (x + a) + b = x + (a + b), relu(relu(x)) = relu(x)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from webdnn.graph.functions import FUNCTIONS, JUMPS
from webdnn.graph.program import Call, Operand
from webdnn.graph.types import FLOATS

LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float32).tiny)

# Functions f with f(x, literal) = x. Only add and mul may have the literal on the left: 1/x and 0 − x are no identities.
NEUTRAL = {"add": 0.0, "sub": 0.0, "mul": 1.0, "div": 1.0, "pow": 1.0}
IDEMPOTENT = ("relu", "abs", "floor", "ceil", "sign")
MERGEABLE = ("add", "mul")


def simplify(call: Call, steps: Sequence[Call], dtype: Callable[[Operand], str | None]) -> Call | Operand:
    """`call` in its simplest form; `steps[i]` defines its operand i ≥ 0 (negative operands are inputs).

    `dtype` tells that of an operand, None for a literal. Sums and products of literals are joined for floats alone: integers wrap around.
    """
    operands = call.operands
    function = FUNCTIONS[call.function]
    if call.function == "to_" + (dtype(operands[0]) or ""):
        return operands[0]
    if all(isinstance(o, float) for o in operands):
        if function.infer(call.function, [None] * function.arity)[1] != "float32":
            return call
        folded = fold(call.function, *(float(o) for o in operands))
        return call if folded is None else folded
    if call.function in MERGEABLE and isinstance(operands[0], float):
        operands = (operands[1], operands[0])
        call = Call(call.function, operands)
    first, *rest = operands
    if rest and isinstance(rest[0], float) and NEUTRAL.get(call.function) == rest[0]:
        return first
    floating = dtype(first) in (None, *FLOATS)
    if call.function == "sub" and isinstance(rest[0], float) and floating:
        call = Call("add", (first, -rest[0]))
    inner = steps[first] if isinstance(first, int) and first >= 0 else None
    return call if inner is None else _simplify_pair(call, inner, first, floating)


def fold(function: str, *literals: float) -> float | None:
    """`function` of literals, in float64, infinity where float32 cannot hold it; None when it is denormal in float32. What jumps sees literals
    as the page does, rounded to float32."""
    with np.errstate(all="ignore"):
        operands = [np.array([np.float32(v) if function in JUMPS else v], np.float64) for v in literals]
        result = float(np.asarray(FUNCTIONS[function].numpy(*operands)).item())
    if abs(result) > LARGEST:
        return math.copysign(math.inf, result)
    underflow = abs(result) < SMALLEST and (
        result != 0 or (function in ("mul", "div", "exp", "pow") and 0.0 not in literals)
    )
    return None if underflow else result


def _simplify_pair(call: Call, inner: Call, first: Operand, floating: bool) -> Call | Operand:
    """`call` whose first operand is `inner`, a float if `floating`."""
    if call.function == inner.function and call == Call(inner.function, (first, *inner.operands[1:])):
        literal = all(isinstance(o, float) for o in inner.operands[1:])
        if call.function in IDEMPOTENT or (call.function == "clip" and literal):
            return first
    if call.function == inner.function == "neg":
        return inner.operands[0]
    if (
        call.function == "relu"
        and inner.function == "clip"
        and isinstance(inner.operands[1], float)
        and isinstance(inner.operands[2], float)
    ):
        return first if inner.operands[1] >= 0 and inner.operands[2] >= 0 else call
    if call.function == inner.function and call.function in MERGEABLE and floating:
        outer_literal, inner_literal = call.operands[1], inner.operands[1]
        if isinstance(outer_literal, float) and isinstance(inner_literal, float):
            merged = fold(call.function, inner_literal, outer_literal)
            if merged is not None and math.isfinite(merged):  # x · 1e30 · 1e30 is not x · ∞
                neutral = NEUTRAL[call.function] == merged
                return inner.operands[0] if neutral else Call(call.function, (inner.operands[0], merged))
    return call
