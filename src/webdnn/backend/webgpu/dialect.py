"""Elementwise programs in WGSL.

Every expression works on f32 and on vec4f alike; `{T}` is the type, `{0}`, `{1}`, `{2}` are the operands. WGSL lets implementations compute its
functions too inaccurately for us, and take for granted that nothing is NaN or infinite; so most come from functions of ours
(kernels/functions.wgsl.jinja).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from webdnn.backend.literals import as_float32, bounds_are_numbers, whole_power, with_literal_last
from webdnn.graph.program import Call, Program

FUNCTIONS: dict[str, str] = {
    # unary
    "neg": "-{0}",
    "abs": "abs({0})",
    "sign": "keep_nan({0}, sign({0}))",
    "floor": "floor({0})",
    "ceil": "ceil({0})",
    "round": "round({0})",
    "square": "{0} * {0}",
    "sqrt": "sqrt({0})",
    "rsqrt": "{T}(1) / sqrt({0})",
    "reciprocal": "{T}(1) / {0}",
    "exp": "exponential({0})",
    "expm1": "exp_minus_one({0})",
    "log": "logarithm({0})",
    "log1p": "log_one_plus({0})",
    "sin": "sine({0}, 0)",
    "cos": "sine({0}, 1)",
    "atan": "arc_tangent({0})",
    "tanh": "hyperbolic_tangent({0})",
    "erf": "error_function({0})",
    "relu": "rectify({0})",
    "sigmoid": "sigmoid({0})",
    "silu": "{0} * sigmoid({0})",
    "softplus": "softplus({0})",
    "softsign": "softsign({0})",
    "gelu": "gelu({0})",
    "hard_sigmoid": "keep_nan({0}, clamp(({0} + 3) / 6, {T}(0), {T}(1)))",
    # binary
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "divide({0}, {1})",
    "pow": "power({0}, {1})",
    "max": "maximum({0}, {1})",
    "min": "minimum({0}, {1})",
    "mod": "floor_modulo({0}, {1})",
    "equal": "select({T}(0), {T}(1), ({0} == {1}) & !has_nan({0}, {1}))",
    "not_equal": "select({T}(1), {T}(0), ({0} == {1}) & !has_nan({0}, {1}))",
    "less": "select({T}(0), {T}(1), ({0} < {1}) & !has_nan({0}, {1}))",
    "less_equal": "select({T}(0), {T}(1), ({0} <= {1}) & !has_nan({0}, {1}))",
    "greater": "select({T}(0), {T}(1), ({0} > {1}) & !has_nan({0}, {1}))",
    "greater_equal": "select({T}(0), {T}(1), ({0} >= {1}) & !has_nan({0}, {1}))",
    "leaky_relu": "select({1} * {0}, {0}, {0} >= {T}(0))",
    "elu": "select({1} * exp_minus_one({0}), {0}, {0} > {T}(0))",
    # ternary
    "clip": "minimum(maximum({0}, {1}), {2})",
    "where": "select({2}, {1}, is_true({0}))",
}

WITH_CONSTANTS: dict[str, str] = {
    "max": "keep_nan({0}, max({0}, {1}))",
    "min": "keep_nan({0}, min({0}, {1}))",
    "clip": "keep_nan({0}, min(max({0}, {1}), {2}))",
}
"""The same when all operands but the first are literals, and none of them NaN."""

LARGEST_DIVISOR = 2.0**125
"""A literal divisor up to this needs no scaling: see `divide`."""


def literal(value: float) -> str:
    """An f32. WGSL has no literals for infinity and NaN, and rejects those that f32 cannot hold."""
    number = as_float32(value)
    return f"{number!r}f" if np.isfinite(number) else runtime_literal(number)


def runtime_literal(value: float) -> str:
    """An f32 that is no constant to the compiler, which rejects constant expressions that overflow."""
    return f"from_bits({np.float32(value).view(np.uint32)}u)"


def render(program: Program, inputs: Sequence[str], type_: str) -> tuple[list[str], str]:
    """Statements of `program` on values of `type_` named `inputs`, and the expression of its result."""
    names = list(inputs)
    statements = []
    for position, call in enumerate(map(with_literal_last, program.calls)):
        show = runtime_literal if all(isinstance(o, float) for o in call.operands) else literal
        operands = [f"{type_}({show(o)})" if isinstance(o, float) else names[o] for o in call.operands]
        statements.append(f"let t{position} = {_expression(call, operands, type_)};")
        names.append(f"t{position}")
    return statements, names[-1]


def _expression(call: Call, operands: Sequence[str], type_: str) -> str:
    power = whole_power(call)
    if power is not None:
        return " * ".join([operands[0]] * power)
    divisor = call.operands[1] if call.function == "div" else None
    if isinstance(divisor, float) and abs(divisor) <= LARGEST_DIVISOR:
        return f"{operands[0]} / {operands[1]}"
    if isinstance(divisor, float) and np.isinf(as_float32(divisor)):
        return f"over_infinity({operands[0]})"
    table = WITH_CONSTANTS if call.function in WITH_CONSTANTS and bounds_are_numbers(call) else FUNCTIONS
    return table[call.function].format(*operands, T=type_)
