"""Elementwise functions in GLSL, on four elements at once. Names that end in _ are those of kernels/functions.glsl.jinja."""

from __future__ import annotations

import math
import re

import numpy as np

from webdnn.backend.literals import as_float32, bounds_are_numbers, whole_power, with_literal_last
from webdnn.graph.program import Call, Operand, Program

FUNCTIONS: dict[str, str] = {
    # unary
    "neg": "-{0}",
    "abs": "abs({0})",
    "sign": "keep_nan_({0}, sign({0}))",
    "floor": "floor({0})",
    "ceil": "ceil({0})",
    "round": "roundEven({0})",
    "square": "{0} * {0}",
    "sqrt": "sqrt({0})",
    "rsqrt": "1.0 / sqrt({0})",
    "reciprocal": "1.0 / {0}",
    "exp": "exponential_({0})",
    "expm1": "exp_minus_one_({0})",
    "log": "logarithm_({0})",
    "log1p": "log_one_plus_({0})",
    "sin": "sine_({0}, 0)",
    "cos": "sine_({0}, 1)",
    "atan": "arc_tangent_({0})",
    "tanh": "hyperbolic_tangent_({0})",
    "erf": "error_function_({0})",
    "relu": "rectify_({0})",
    "sigmoid": "sigmoid_({0})",
    "silu": "{0} * sigmoid_({0})",
    "softplus": "softplus_({0})",
    "softsign": "softsign_({0})",
    "gelu": "gelu_({0})",
    "hard_sigmoid": "keep_nan_({0}, clamp(({0} + 3.0) / 6.0, 0.0, 1.0))",
    # binary
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "divide_({0}, {1})",
    "pow": "power_({0}, {1})",
    "max": "maximum_({0}, {1})",
    "min": "minimum_({0}, {1})",
    "mod": "floor_modulo_({0}, {1})",
    "equal": "equal_({0}, {1})",
    "not_equal": "1.0 - equal_({0}, {1})",
    "less": "less_({0}, {1})",
    "less_equal": "less_equal_({0}, {1})",
    "greater": "less_({1}, {0})",
    "greater_equal": "less_equal_({1}, {0})",
    "leaky_relu": "mix({1} * {0}, {0}, greaterThanEqual({0}, vec4(0.0)))",
    "elu": "mix({1} * exp_minus_one_({0}), {0}, greaterThan({0}, vec4(0.0)))",
    # ternary
    "clip": "minimum_(maximum_({0}, {1}), {2})",
    "where": "mix({2}, {1}, is_true_({0}))",
}

WITH_CONSTANTS: dict[str, str] = {
    "max": "keep_nan_({0}, max({0}, {1}))",
    "min": "keep_nan_({0}, min({0}, {1}))",
    "clip": "keep_nan_({0}, min(max({0}, {1}), {2}))",
}
"""The same when all operands but the first are literals, and none of them NaN."""

LARGEST_DIVISOR = 2.0**125
"""A literal divisor up to this needs no scaling: see `divide_`."""


def literal(value: float) -> str:
    """A float. GLSL has no literals for infinity and NaN, and drivers reject those that float32 cannot hold."""
    number = as_float32(value)
    return repr(number) if math.isfinite(number) else f"uintBitsToFloat({np.float32(number).view(np.uint32)}u)"


def program_lines(program: Program | None) -> list[str]:
    """Statements that compute `program` from x0, x1, … and store the last value; without a program, x0."""
    if program is None:
        return ["result = x0;"]

    def text(operand: Operand) -> str:
        if isinstance(operand, float):
            return f"vec4({literal(operand)})"
        return f"x{operand}" if operand < program.inputs else f"t{operand - program.inputs}"

    lines = [
        f"vec4 t{position} = {_expression(call).format(*map(text, call.operands))};"
        for position, call in enumerate(map(with_literal_last, program.calls))
    ]
    return [*lines, f"result = t{len(program.calls) - 1};"]


def functions_used(program: Program | None) -> list[str]:
    """Names of the functions of kernels/functions.glsl.jinja that `program` calls."""
    calls = program.calls if program else ()
    return sorted({name for c in calls for name in re.findall(r"\w+_(?=\()", _expression(with_literal_last(c)))})


def _expression(call: Call) -> str:
    power = whole_power(call)
    if power is not None:
        return " * ".join(["{0}"] * power)
    divisor = call.operands[1] if call.function == "div" else None
    if isinstance(divisor, float) and abs(divisor) <= LARGEST_DIVISOR:
        return "{0} / {1}"
    if isinstance(divisor, float) and np.isinf(as_float32(divisor)):
        return "over_infinity_({0})"
    table = WITH_CONSTANTS if call.function in WITH_CONSTANTS and bounds_are_numbers(call) else FUNCTIONS
    return table[call.function]
