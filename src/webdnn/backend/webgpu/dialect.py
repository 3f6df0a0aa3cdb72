"""Elementwise programs in WGSL.

Every expression works on f32 and on vec4f alike; `{T}` is the type, `{0}`, `{1}`, `{2}` are the operands. WGSL lets implementations compute its
tanh, sin, cos, pow and log near 1 too inaccurately for us, so those come from functions of ours (kernels/functions.wgsl.jinja).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from webdnn.graph.program import Call, Operand, Program

FUNCTIONS: dict[str, str] = {
    # unary
    "neg": "-{0}",
    "abs": "abs({0})",
    "sign": "sign({0})",
    "floor": "floor({0})",
    "ceil": "ceil({0})",
    "round": "round({0})",
    "square": "{0} * {0}",
    "sqrt": "sqrt({0})",
    "rsqrt": "{T}(1) / sqrt({0})",
    "reciprocal": "{T}(1) / {0}",
    "exp": "exp({0})",
    "expm1": "exp_minus_one({0})",
    "log": "log({0})",
    "log1p": "log_one_plus({0})",
    "sin": "sine({0}, {T}(0))",
    "cos": "sine({0}, {T}(1))",
    "atan": "arc_tangent({0})",
    "tanh": "hyperbolic_tangent({0})",
    "erf": "error_function({0})",
    "relu": "max({0}, {T}(0))",
    "sigmoid": "sigmoid({0})",
    "silu": "{0} * sigmoid({0})",
    "softplus": "max({0}, {T}(0)) + log_one_plus(exp(-abs({0})))",
    "softsign": "{0} / ({T}(1) + abs({0}))",
    "gelu": "{0} * 0.5 * ({T}(1) + error_function({0} * 0.7071067811865476))",
    "hard_sigmoid": "clamp({0} / 6 + 0.5, {T}(0), {T}(1))",
    # binary
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "pow": "power({0}, {1})",
    "max": "max({0}, {1})",
    "min": "min({0}, {1})",
    "mod": "floor_modulo({0}, {1})",
    "equal": "select({T}(0), {T}(1), {0} == {1})",
    "not_equal": "select({T}(0), {T}(1), {0} != {1})",
    "less": "select({T}(0), {T}(1), {0} < {1})",
    "less_equal": "select({T}(0), {T}(1), {0} <= {1})",
    "greater": "select({T}(0), {T}(1), {0} > {1})",
    "greater_equal": "select({T}(0), {T}(1), {0} >= {1})",
    "leaky_relu": "select({1} * {0}, {0}, {0} >= {T}(0))",
    "elu": "select({1} * exp_minus_one(min({0}, {T}(0))), {0}, {0} > {T}(0))",
    # ternary
    "clip": "min(max({0}, {1}), {2})",
    "where": "select({2}, {1}, {0} != {T}(0))",
}

LONGEST_PRODUCT = 8
"""A power with a literal whole exponent up to this is a product."""


def literal(value: float) -> str:
    """A finite f32 literal; WGSL rejects values that f32 cannot hold."""
    limit = float(np.finfo(np.float32).max)
    return f"{float(np.float32(min(max(value, -limit), limit)))!r}f"


def render(program: Program, inputs: Sequence[str], type_: str) -> tuple[list[str], str]:
    """Statements of `program` on values of `type_` named `inputs`, and the expression of its result."""
    names = list(inputs)

    def text(operand: Operand) -> str:
        return f"{type_}({literal(operand)})" if isinstance(operand, float) else names[operand]

    statements = []
    for position, call in enumerate(program.calls):
        statements.append(f"let t{position} = {_expression(call, [text(o) for o in call.operands], type_)};")
        names.append(f"t{position}")
    return statements, names[-1]


def _expression(call: Call, operands: Sequence[str], type_: str) -> str:
    exponent = call.operands[1] if call.function == "pow" else None
    if isinstance(exponent, float) and exponent.is_integer() and 1 <= abs(exponent) <= LONGEST_PRODUCT:
        product = " * ".join([operands[0]] * int(abs(exponent)))
        return product if exponent > 0 else f"{type_}(1) / ({product})"
    if exponent == 0.5:
        return f"sqrt({operands[0]})"
    return FUNCTIONS[call.function].format(*operands, T=type_)
