"""Elementwise functions in GLSL, on four elements at once. Names that end in _ are those of kernels/functions.glsl.jinja."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.backend.literals import as_float32, bounds_are_numbers, whole_power, with_literal_last
from webdnn.graph.program import Operand, Program, TypedCall
from webdnn.graph.types import storage_of


@dataclass(frozen=True)
class Cells:
    """The GLSL types of a storage class: four cells, one cell, a texture of them; and 0."""

    storage: str
    vector: str
    scalar: str
    sampler: str
    zero: str


CELLS = {
    "float": Cells("float", "vec4", "float", "sampler2DArray", "0.0"),
    "int": Cells("int", "ivec4", "int", "isampler2DArray", "0"),
}


def cells_of(dtype: str) -> Cells:
    """The cells in which elements of `dtype` lie."""
    return CELLS[storage_of(dtype)]


FLOATS: dict[str, str] = {
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
    "leaky_relu": "mix({1} * {0}, {0}, greaterThanEqual({0}, vec4(0.0)))",
    "elu": "mix({1} * exp_minus_one_({0}), {0}, greaterThan({0}, vec4(0.0)))",
    # truth
    "equal": "equal_({0}, {1})",
    "not_equal": "1 - equal_({0}, {1})",
    "less": "less_({0}, {1})",
    "less_equal": "less_equal_({0}, {1})",
    "greater": "less_({1}, {0})",
    "greater_equal": "less_equal_({1}, {0})",
    # ternary
    "clip": "minimum_(maximum_({0}, {1}), {2})",
    "where": "mix({2}, {1}, bvec4({0}))",
    # casts
    "to_float32": "{0}",
    "to_int32": "truncate_({0})",
    "to_uint8": "clamp(truncate_({0}), 0, 255)",
    "to_int8": "clamp(truncate_({0}), -128, 127)",
    "to_bool": "ivec4(is_true_({0}))",
}
"""Functions of floats, by what their operands are: results may be integers."""

INTEGERS: dict[str, str] = {
    # unary
    "neg": "-{0}",
    "abs": "max({0}, -{0})",
    "sign": "sign({0})",
    "square": "{0} * {0}",
    "relu": "max({0}, 0)",
    "bitwise_not": "~{0}",
    # binary
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "max": "max({0}, {1})",
    "min": "min({0}, {1})",
    "mod": "floor_remainder_({0}, {1})",
    "floor_div": "floor_quotient_({0}, {1})",
    "trunc_div": "quotient_({0}, {1})",
    "trunc_mod": "remainder_({0}, {1})",
    "shift_left": "shift_left_({0}, {1})",
    "shift_right": "shift_right_({0}, {1})",
    "bitwise_and": "{0} & {1}",
    "bitwise_or": "{0} | {1}",
    "bitwise_xor": "{0} ^ {1}",
    # truth
    "equal": "ivec4(equal({0}, {1}))",
    "not_equal": "ivec4(notEqual({0}, {1}))",
    "less": "ivec4(lessThan({0}, {1}))",
    "less_equal": "ivec4(lessThanEqual({0}, {1}))",
    "greater": "ivec4(greaterThan({0}, {1}))",
    "greater_equal": "ivec4(greaterThanEqual({0}, {1}))",
    "logical_not": "1 - {0}",
    "logical_and": "{0} & {1}",
    "logical_or": "{0} | {1}",
    "logical_xor": "{0} ^ {1}",
    # ternary
    "clip": "min(max({0}, {1}), {2})",
    "where": "choose_({2}, {1}, {0})",
    # casts; a small result is cut to its bits, as that of any function
    "to_float32": "vec4({0})",
    "to_int32": "{0}",
    "to_uint8": "{0}",
    "to_int8": "{0}",
    "to_bool": "ivec4(notEqual({0}, ivec4(0)))",
}
"""Functions of integers and truth, which is 0 or 1. In GLSL, integers of 32 bits wrap around in sums and products."""

WITH_CONSTANTS: dict[str, str] = {
    "max": "keep_nan_({0}, max({0}, {1}))",
    "min": "keep_nan_({0}, min({0}, {1}))",
    "clip": "keep_nan_({0}, min(max({0}, {1}), {2}))",
}
"""Functions of floats, when all operands but the first are literals, and none of them NaN."""

CUTS = {"uint8": "(%s) & 255", "int8": "(%s) << 24 >> 24"}

LARGEST_DIVISOR = 2.0**125
"""A literal divisor up to this needs no scaling: see `divide_`."""
SMALLEST_INTEGER = -(2**31)


def literal(value: float, dtype: str = "float32") -> str:
    """A number of `dtype`. GLSL has no literals for infinity and NaN, and drivers reject those that float32 cannot hold."""
    if dtype != "float32":
        # Without its sign, the smallest integer is no integer.
        return str(int(value)) if value > SMALLEST_INTEGER else f"{SMALLEST_INTEGER + 1} - 1"
    number = as_float32(value)
    return repr(number) if math.isfinite(number) else f"uintBitsToFloat({np.float32(number).view(np.uint32)}u)"


def cut(expression: str, dtype: str) -> str:
    """An integer expression of 32 bits, cut to the bits of `dtype` where that has fewer."""
    return CUTS[dtype] % expression if dtype in CUTS else expression


def program_lines(program: Program | None, dtypes: Sequence[str]) -> list[str]:
    """Statements that compute `program` from x0, x1, … of these dtypes and store the last value; without a program, x0."""
    if program is None:
        return ["result = x0;"]
    inputs = program.inputs

    def text(operand: Operand, dtype: str) -> str:
        if isinstance(operand, float):
            return f"{cells_of(dtype).vector}({literal(operand, dtype)})"
        return f"x{operand}" if operand < inputs else f"t{operand - inputs}"

    lines = []
    for position, call in enumerate(map(with_literal_last, program.typed(dtypes))):
        operands = map(text, call.operands, call.taken)
        lines.append(f"{cells_of(call.dtype).vector} t{position} = {_expression(call).format(*operands)};")
    return [*lines, f"result = t{len(lines) - 1};"]


def functions_used(program: Program | None, dtypes: Sequence[str]) -> list[str]:
    """Names of the functions of kernels/functions.glsl.jinja that `program` calls on inputs of these dtypes."""
    calls = program.typed(dtypes) if program else ()
    return sorted({name for c in calls for name in re.findall(r"\w+_(?=\()", _expression(with_literal_last(c)))})


def _expression(call: TypedCall) -> str:
    if call.taken[-1] == "float32":
        text = _expression_of_floats(call)
    else:
        text = INTEGERS[call.function]
    return cut(text, call.dtype) if call.wraps else text


def _expression_of_floats(call: TypedCall) -> str:
    power = whole_power(call)
    if power is not None:
        return " * ".join(["{0}"] * power)
    divisor = call.operands[1] if call.function == "div" else None
    if isinstance(divisor, float) and abs(divisor) <= LARGEST_DIVISOR:
        return "{0} / {1}"
    if isinstance(divisor, float) and np.isinf(as_float32(divisor)):
        return "over_infinity_({0})"
    table = WITH_CONSTANTS if call.function in WITH_CONSTANTS and bounds_are_numbers(call) else FLOATS
    return table[call.function]
