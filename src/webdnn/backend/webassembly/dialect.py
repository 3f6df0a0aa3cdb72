"""Elementwise programs in C, on vectors of four floats or integers (kernels/simd.h.jinja, math.h.jinja and integers.h.jinja)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from webdnn.backend.literals import as_float32, bounds_are_numbers, with_literal_last
from webdnn.graph.program import Call, Operand, Program, TypedCall
from webdnn.graph.types import storage_of

VECTORS = {"float": "f32x4", "int": "i32x4"}
"""By storage class, which is also the C type of an element."""

COMPARISONS: dict[str, str] = {
    "equal": "({0} == {1}) & 1",
    "not_equal": "({0} != {1}) & 1",
    "less": "({0} < {1}) & 1",
    "less_equal": "({0} <= {1}) & 1",
    "greater": "({0} > {1}) & 1",
    "greater_equal": "({0} >= {1}) & 1",
    "to_bool": "({0} != 0) & 1",
}

FLOATS: dict[str, str] = {
    **COMPARISONS,
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
    "leaky_relu": "choose({0} >= 0.0f, {0}, {1} * {0})",
    "elu": "choose({0} > 0.0f, {0}, {1} * vector_expm1(at_most({0}, splat(0))))",
    "clip": "minimum(maximum({0}, {1}), {2})",
    "where": "choose({0} != 0, {1}, {2})",
    "to_float32": "{0}",
    "to_int32": "to_int({0})",
    "to_uint8": "min_ints(max_ints(to_int({0}), splat_int(0)), splat_int(255))",
    "to_int8": "min_ints(max_ints(to_int({0}), splat_int(-128)), splat_int(127))",
}
"""One expression for each function (webdnn.graph.functions) of floats."""

INTEGERS: dict[str, str] = {
    **COMPARISONS,
    "neg": "subtract_ints(splat_int(0), {0})",
    "abs": "choose_int({0} < 0, subtract_ints(splat_int(0), {0}), {0})",
    "sign": "(({0} > 0) & 1) | ({0} < 0)",
    "square": "multiply_ints({0}, {0})",
    "relu": "max_ints({0}, splat_int(0))",
    "add": "add_ints({0}, {1})",
    "sub": "subtract_ints({0}, {1})",
    "mul": "multiply_ints({0}, {1})",
    "max": "max_ints({0}, {1})",
    "min": "min_ints({0}, {1})",
    "mod": "floor_mod({0}, {1})",
    "floor_div": "floor_div({0}, {1})",
    "trunc_div": "trunc_div({0}, {1})",
    "trunc_mod": "trunc_mod({0}, {1})",
    "shift_left": "shift_left({0}, {1})",
    "shift_right": "shift_right({0}, {1})",
    "bitwise_and": "{0} & {1}",
    "bitwise_or": "{0} | {1}",
    "bitwise_xor": "{0} ^ {1}",
    "bitwise_not": "~{0}",
    "logical_not": "{0} ^ 1",
    "logical_and": "{0} & {1}",
    "logical_or": "{0} | {1}",
    "logical_xor": "{0} ^ {1}",
    "clip": "min_ints(max_ints({0}, {1}), {2})",
    "where": "choose_int({0} != 0, {1}, {2})",
    "to_float32": "__builtin_convertvector({0}, f32x4)",
    "to_int32": "{0}",
    "to_uint8": "{0}",
    "to_int8": "{0}",
}
"""One expression for each function of integers or bools, computed in 32 bits; what is too large for a smaller dtype is cut off afterwards."""

WITH_CONSTANTS: dict[str, str] = {
    "max": "at_least({0}, {1})",
    "min": "at_most({0}, {1})",
    "clip": "at_most(at_least({0}, {1}), {2})",
}
"""Functions of floats whose operands but the first are constants, and none of them NaN."""


def literal(value: float, dtype: str) -> str:
    """A constant of `dtype` in C, exact."""
    if dtype != "float32":
        # −2³¹ is the negative of a number that C has no int for.
        return "(-2147483647 - 1)" if value == -(2**31) else str(int(value))
    number = as_float32(value)
    if math.isnan(number):
        return '__builtin_nanf("")'
    if math.isinf(number):
        return "__builtin_inff()" if number > 0 else "-__builtin_inff()"
    return f"{number.hex()}f"


def render_program(name: str, program: Program, dtypes: Sequence[str], results: Sequence[int] = ()) -> str:
    """A C function that computes `program` on vectors of `dtypes`, and gives the result of its last call; or a struct `<name>_results`
    of those of the calls `results`, with the members r0, r1 and so on."""

    def operand(value: Operand, dtype: str) -> str:
        if isinstance(value, float):
            return f"{'splat' if dtype == 'float32' else 'splat_int'}({literal(value, dtype)})"
        return f"x{value}" if value < program.inputs else f"t{value - program.inputs}"

    def expression(call: Call, typed: TypedCall) -> str:
        if storage_of(typed.taken[-1]) == "float":
            call = with_literal_last(call)
            is_bounded = call.function in WITH_CONSTANTS and bounds_are_numbers(call)
            text = (WITH_CONSTANTS if is_bounded else FLOATS)[call.function]
            return text.format(*map(operand, call.operands, typed.taken))
        text = INTEGERS[call.function].format(*map(operand, call.operands, typed.taken))
        return f"cut_{typed.dtype}({text})" if typed.wraps else text

    calls = program.typed(dtypes)
    lines = [
        f"  const {VECTORS[storage_of(typed.dtype)]} t{position} = {expression(call, typed)};"
        for position, (call, typed) in enumerate(zip(program.calls, calls, strict=True))
    ]
    parameters = ", ".join(f"{VECTORS[storage_of(dtype)]} x{i}" for i, dtype in enumerate(dtypes))
    result = f"{name}_results" if results else VECTORS[storage_of(calls[-1].dtype)]
    answer = f"({result}){{{', '.join(f't{call}' for call in results)}}}" if results else f"t{len(calls) - 1}"
    function = [f"static inline {result} {name}({parameters}) {{", *lines, f"  return {answer};", "}"]
    members = "".join(f" {VECTORS[storage_of(calls[call].dtype)]} r{k};" for k, call in enumerate(results))
    return "\n".join([*([f"typedef struct {{{members} }} {result};"] if results else []), *function])
