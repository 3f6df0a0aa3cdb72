"""Elementwise programs in WGSL.

Every expression works on one element and on vectors of four alike; `{0}`, `{1}`, `{2}` are the operands. A float is a `Value`, a whole number of
any dtype an `Integer`, a truth a `Condition`: aliases of kernels/functions.wgsl.jinja, as f32 or vec4f, i32 or vec4i, bool or vec4<bool>.

WGSL lets implementations compute its functions of floats too inaccurately for us, and take for granted that nothing is NaN or infinite; so most
come from functions of ours. Its integers wrap around. It refuses whatever a compiler can see to be wrong, such as a division by a literal 0 or
an overflow between literals: functions of ours do not see what they get, and a call of literals alone gets them from a function.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.backend.literals import as_float32, bounds_are_numbers, whole_power, with_literal_last
from webdnn.graph.program import Program, TypedCall

FLOATS: dict[str, str] = {
    # unary
    "neg": "-{0}",
    "abs": "abs({0})",
    "sign": "keep_nan({0}, sign({0}))",
    "floor": "floor({0})",
    "ceil": "ceil({0})",
    "round": "round({0})",
    "square": "{0} * {0}",
    "sqrt": "sqrt({0})",
    "rsqrt": "Value(1) / sqrt({0})",
    "reciprocal": "Value(1) / {0}",
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
    "hard_sigmoid": "keep_nan({0}, clamp(({0} + 3) / 6, Value(0), Value(1)))",
    # binary
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "divide({0}, {1})",
    "pow": "power({0}, {1})",
    "max": "maximum({0}, {1})",
    "min": "minimum({0}, {1})",
    "mod": "floor_modulo({0}, {1})",
    "equal": "({0} == {1}) & !has_nan({0}, {1})",
    "not_equal": "({0} != {1}) | has_nan({0}, {1})",
    "less": "({0} < {1}) & !has_nan({0}, {1})",
    "less_equal": "({0} <= {1}) & !has_nan({0}, {1})",
    "greater": "({0} > {1}) & !has_nan({0}, {1})",
    "greater_equal": "({0} >= {1}) & !has_nan({0}, {1})",
    "leaky_relu": "select({1} * {0}, {0}, {0} >= Value(0))",
    "elu": "select({1} * exp_minus_one({0}), {0}, {0} > Value(0))",
    # ternary
    "clip": "minimum(maximum({0}, {1}), {2})",
    "where": "select({2}, {1}, {0})",
    # casts
    "to_float32": "{0}",
    "to_int32": "whole({0})",
    "to_uint8": "whole_within({0}, Value(0), Value(255))",
    "to_int8": "whole_within({0}, Value(-128), Value(127))",
    "to_bool": "is_true({0})",
}

INTEGERS: dict[str, str] = {
    # unary
    "neg": "-{0}",
    "abs": "abs({0})",
    "sign": "clamp({0}, Integer(-1), Integer(1))",
    "square": "{0} * {0}",
    "relu": "max({0}, Integer(0))",
    "bitwise_not": "~{0}",
    # binary
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "max": "max({0}, {1})",
    "min": "min({0}, {1})",
    "mod": "floor_remainder({0}, {1})",
    "floor_div": "floor_quotient({0}, {1})",
    "trunc_div": "whole_quotient({0}, {1})",
    "trunc_mod": "whole_remainder({0}, {1})",
    "shift_left": "shift_left({0}, {1})",
    "shift_right": "shift_right({0}, {1})",
    "bitwise_and": "{0} & {1}",
    "bitwise_or": "{0} | {1}",
    "bitwise_xor": "{0} ^ {1}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    # ternary
    "clip": "min(max({0}, {1}), {2})",
    "where": "select({2}, {1}, {0})",
    # casts
    "to_float32": "Value({0})",
    "to_int32": "{0}",
    "to_uint8": "{0}",
    "to_int8": "{0}",
    "to_bool": "{0} != Integer(0)",
}
"""Of int32, and of uint8 and int8 in 32 bits: what leaves the range of these is cut afterwards (`cut`)."""

TRUTHS: dict[str, str] = {
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "logical_not": "!{0}",
    "logical_and": "{0} & {1}",
    "logical_or": "{0} | {1}",
    "logical_xor": "{0} != {1}",
    "where": "select({2}, {1}, {0})",
    "to_float32": "Value({0})",
    "to_int32": "Integer({0})",
    "to_uint8": "Integer({0})",
    "to_int8": "Integer({0})",
    "to_bool": "{0}",
}

FUNCTIONS: dict[str, dict[str, str]] = {
    "float32": FLOATS,
    "int32": INTEGERS,
    "uint8": INTEGERS,
    "int8": INTEGERS,
    "bool": TRUTHS,
}
"""By the dtype of the operands, which for `where` is that of the last two."""

TYPES = {"float32": "Value", "int32": "Integer", "uint8": "Integer", "int8": "Integer", "bool": "Condition"}
"""What a value of each dtype is inside of a program."""

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
    return f"from_bits({np.float32(as_float32(value)).view(np.uint32)}u)"


def typed_literal(value: float, dtype: str, *, alone: bool) -> str:
    """A literal of `dtype`. `alone`: where all operands of its function are literals."""
    if dtype == "float32":
        return f"Value({runtime_literal(value) if alone else literal(value)})"
    if dtype == "bool":
        return f"Condition({'true' if value else 'false'})"
    return f"Integer(number({int(value)}))" if alone else f"Integer({int(value)})"


def bits(value: float, dtype: str) -> int:
    """The cell that holds `value`, as an int32."""
    return int(np.float32(as_float32(value)).view(np.int32)) if dtype == "float32" else int(value)


def cut(expression: str, dtype: str, integer: str = "Integer", unsigned: str = "Bits") -> str:
    """`expression`, an `integer` that may have left the range of `dtype`, wrapped around into it."""
    if dtype == "uint8":
        return f"({expression}) & {integer}(255)"
    if dtype == "int8":
        return f"(({expression}) << {unsigned}(24)) >> {unsigned}(24)"
    return expression


@dataclass(frozen=True)
class Body:
    """A program as the templates need it. Its inputs are v0, v1 …"""

    types: tuple[str, ...]
    """Of the inputs: Value, Integer or Condition."""
    statements: tuple[str, ...]
    results: tuple[str, ...]
    """Expressions, each of what a cell holds: Value or Integer."""
    type: str
    """That of the first result."""

    @property
    def result(self) -> str:
        """The only result of most programs."""
        return self.results[0]

    @property
    def used(self) -> str:
        """What calls functions of kernels/functions.wgsl.jinja."""
        return " ".join((*self.statements, *self.results))


def render(program: Program | None, dtypes: Sequence[str], results: Sequence[int] = (-1,)) -> Body:
    """`program` on inputs of `dtypes`, of which the calls `results` are wanted; without a program, its input."""
    names, known = [f"v{k}" for k in range(len(dtypes))], list(dtypes)
    types = tuple(TYPES[dtype] for dtype in dtypes)
    statements: list[str] = []
    for call in map(with_literal_last, program.typed(dtypes) if program else ()):
        statements.append(f"let t{len(statements)} = {_expression(call, names)};")
        names.append(f"t{len(statements) - 1}")
        known.append(call.dtype)
    # The last one is that of the last call, or where there is none, the input.
    wanted = [call if call < 0 else len(dtypes) + call for call in results]
    cells = tuple(f"Integer({names[k]})" if known[k] == "bool" else names[k] for k in wanted)
    return Body(types, tuple(statements), cells, "Value" if known[wanted[0]] == "float32" else "Integer")


def _expression(call: TypedCall, names: Sequence[str]) -> str:
    alone = all(isinstance(o, float) for o in call.operands)
    operands = [
        typed_literal(o, dtype, alone=alone) if isinstance(o, float) else names[o]
        for o, dtype in zip(call.operands, call.taken, strict=True)
    ]
    if call.taken[-1] == "float32":
        return _of_floats(call, operands)
    expression = FUNCTIONS[call.taken[-1]][call.function].format(*operands)
    return cut(expression, call.dtype) if call.wraps else expression


def _of_floats(call: TypedCall, operands: Sequence[str]) -> str:
    power = whole_power(call)
    if power is not None:
        return " * ".join([operands[0]] * power)
    divisor = call.operands[1] if call.function == "div" else None
    if isinstance(divisor, float) and abs(divisor) <= LARGEST_DIVISOR:
        return f"{operands[0]} / {operands[1]}"
    if isinstance(divisor, float) and np.isinf(as_float32(divisor)):
        return f"over_infinity({operands[0]})"
    table = WITH_CONSTANTS if call.function in WITH_CONSTANTS and bounds_are_numbers(call) else FLOATS
    return table[call.function].format(*operands)
