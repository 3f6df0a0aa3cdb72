"""Elementwise programs in C, on vectors of four floats (kernels/simd.h.jinja and math.h.jinja)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from webdnn.backend.literals import as_float32

# One expression per entry of webdnn.graph.program.FUNCTIONS.
FUNCTIONS: dict[str, str] = {
    "neg": "-{0}",
    "abs": "absolute({0})",
    "sign": "vector_sign({0})",
    "floor": "__builtin_elementwise_floor({0})",
    "ceil": "__builtin_elementwise_ceil({0})",
    "round": "nearest({0})",
    "square": "{0} * {0}",
    "sqrt": "__builtin_elementwise_sqrt({0})",
    "rsqrt": "1.0f / __builtin_elementwise_sqrt({0})",
    "reciprocal": "1.0f / {0}",
    "exp": "vector_exp({0})",
    "expm1": "vector_expm1({0})",
    "log": "vector_log({0})",
    "log1p": "vector_log1p({0})",
    "sin": "vector_sin_of({0}, 0)",
    "cos": "vector_sin_of({0}, 1)",
    "atan": "vector_atan({0})",
    "tanh": "vector_tanh({0})",
    "erf": "vector_erf({0})",
    "relu": "at_least({0}, splat(0))",
    "sigmoid": "vector_sigmoid({0})",
    "silu": "vector_silu({0})",
    "softplus": "at_least({0}, splat(0)) + vector_log1p(vector_exp(-absolute({0})))",
    "softsign": "{0} / (1.0f + absolute({0}))",
    "gelu": "{0} * 0.5f * (1.0f + vector_erf({0} * 0.70710678118654752f))",
    "hard_sigmoid": "at_most(at_least(({0} + 3.0f) / 6.0f, splat(0)), splat(1))",
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "pow": "vector_pow({0}, {1})",
    "max": "maximum({0}, {1})",
    "min": "minimum({0}, {1})",
    "mod": "vector_mod({0}, {1})",
    "equal": "choose({0} == {1}, splat(1), splat(0))",
    "not_equal": "choose({0} != {1}, splat(1), splat(0))",
    "less": "choose({0} < {1}, splat(1), splat(0))",
    "less_equal": "choose({0} <= {1}, splat(1), splat(0))",
    "greater": "choose({0} > {1}, splat(1), splat(0))",
    "greater_equal": "choose({0} >= {1}, splat(1), splat(0))",
    "leaky_relu": "choose({0} >= 0.0f, {0}, {1} * {0})",
    "elu": "choose({0} > 0.0f, {0}, {1} * vector_expm1(at_most({0}, splat(0))))",
    "clip": "minimum(maximum({0}, {1}), {2})",
    "where": "choose({0} != 0.0f, {1}, {2})",
}

# The same when all operands but the first are constants, and none of them NaN.
WITH_CONSTANTS: dict[str, str] = {
    "max": "at_least({0}, {1})",
    "min": "at_most({0}, {1})",
    "clip": "at_most(at_least({0}, {1}), {2})",
}


def literal(value: float | str) -> str:
    """A float32 constant, exact. A literal of a program is text where it is not finite."""
    number = as_float32(float(value))
    if math.isnan(number):
        return '__builtin_nanf("")'
    if math.isinf(number):
        return "__builtin_inff()" if number > 0 else "-__builtin_inff()"
    return f"{number.hex()}f"


def render_program(name: str, inputs: int, calls: Sequence[Sequence[Any]]) -> str:
    """A C function of `inputs` vectors; `calls` as `Program.to_json` gives them."""

    def operand(value: Any) -> str:
        if isinstance(value, dict):
            return f"splat({literal(value['value'])})"
        return f"x{value}" if value < inputs else f"t{value - inputs}"

    def expression(function: str, operands: Sequence[Any]) -> str:
        if function in ("max", "min") and isinstance(operands[0], dict):
            operands = operands[::-1]
        constant = all(isinstance(value, dict) and not math.isnan(float(value["value"])) for value in operands[1:])
        table = WITH_CONSTANTS if constant and function in WITH_CONSTANTS else FUNCTIONS
        return table[function].format(*map(operand, operands))

    lines = [
        f"  const f32x4 t{position} = {expression(function, operands)};"
        for position, (function, *operands) in enumerate(calls)
    ]
    parameters = ", ".join(f"f32x4 x{i}" for i in range(inputs))
    return "\n".join([f"static inline f32x4 {name}({parameters}) {{", *lines, f"  return t{len(calls) - 1};", "}"])
