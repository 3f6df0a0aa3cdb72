"""Elementwise functions in GLSL, on four elements at once."""

from __future__ import annotations

import re

from webdnn.graph.program import Operand, Program

FUNCTIONS: dict[str, str] = {
    # unary
    "neg": "-{0}",
    "abs": "abs({0})",
    "sign": "sign({0})",
    "floor": "floor({0})",
    "ceil": "ceil({0})",
    "round": "roundEven({0})",
    "square": "{0} * {0}",
    "sqrt": "sqrt({0})",
    "rsqrt": "inversesqrt({0})",
    "reciprocal": "1.0 / {0}",
    "exp": "exp({0})",
    "expm1": "expm1_({0})",
    "log": "log({0})",
    "log1p": "log1p_({0})",
    "sin": "sine_({0}, 0.0)",
    "cos": "sine_({0}, 1.0)",
    "atan": "atan_({0})",
    "tanh": "tanh_({0})",
    "erf": "erf_({0})",
    "relu": "max({0}, 0.0)",
    "sigmoid": "sigmoid_({0})",
    "silu": "{0} * sigmoid_({0})",
    "softplus": "softplus_({0})",
    "softsign": "{0} / (1.0 + abs({0}))",
    "gelu": "0.5 * {0} * (1.0 + erf_({0} * 0.707106781))",
    "hard_sigmoid": "clamp({0} / 6.0 + 0.5, 0.0, 1.0)",
    # binary
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "pow": "pow_({0}, {1})",
    "max": "max({0}, {1})",
    "min": "min({0}, {1})",
    "mod": "mod_({0}, {1})",
    "equal": "vec4(equal({0}, {1}))",
    "not_equal": "vec4(notEqual({0}, {1}))",
    "less": "vec4(lessThan({0}, {1}))",
    "less_equal": "vec4(lessThanEqual({0}, {1}))",
    "greater": "vec4(greaterThan({0}, {1}))",
    "greater_equal": "vec4(greaterThanEqual({0}, {1}))",
    "leaky_relu": "mix({1} * {0}, {0}, greaterThanEqual({0}, vec4(0.0)))",
    "elu": "mix({1} * expm1_(min({0}, 0.0)), {0}, greaterThan({0}, vec4(0.0)))",
    # ternary
    "clip": "min(max({0}, {1}), {2})",
    "where": "mix({2}, {1}, notEqual({0}, vec4(0.0)))",
}

LARGEST = 3.4028234e38  # of float32: a larger literal would not compile everywhere


def program_lines(program: Program | None) -> list[str]:
    """Statements that compute `program` from x0, x1, … and store the last value; without a program, x0."""
    if program is None:
        return ["result = x0;"]

    def text(operand: Operand) -> str:
        if isinstance(operand, float):
            return f"vec4({max(-LARGEST, min(LARGEST, operand))!r})"
        return f"x{operand}" if operand < program.inputs else f"t{operand - program.inputs}"

    lines = [
        f"vec4 t{position} = {FUNCTIONS[call.function].format(*map(text, call.operands))};"
        for position, call in enumerate(program.calls)
    ]
    return [*lines, f"result = t{len(program.calls) - 1};"]


def functions_used(program: Program | None) -> list[str]:
    """Names of the functions of kernels/functions.glsl.jinja that `program` calls."""
    calls = program.calls if program else ()
    return sorted({name for call in calls for name in re.findall(r"\w+_(?=\()", FUNCTIONS[call.function])})
