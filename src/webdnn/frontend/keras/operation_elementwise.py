"""Operations of keras.ops on each element: arithmetic, comparisons, logic, activations. Truth and whole numbers are float32 in the graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from webdnn.frontend.keras.activation import ACTIVATIONS
from webdnn.frontend.keras.lowering import Context, array_of
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value

OperationLowering: TypeAlias = Callable[..., "Value | Sequence[Value]"]


def operand(context: Context, x: Any) -> Value | float:
    """A value as it is, a number as a literal, an array as a constant."""
    if isinstance(x, Value):
        return x
    return float(array_of(x)) if np.ndim(x) == 0 else tensor(context, x)


def tensor(context: Context, x: Any) -> Value:
    """A value as it is, anything else as a constant; a variable, which a layer called twice names twice, as one constant."""
    if isinstance(x, Value):
        return x
    if hasattr(x, "trainable"):  # a keras.Variable
        return context.constant(x, "value", lambda: array_of(x))
    return context.literal(array_of(x))


def call(function: str) -> OperationLowering:
    """The elementwise function of all arguments."""
    return lambda c, _, *arguments: c.elementwise(function, *(operand(c, x) for x in arguments))


def activation(name: str, *attributes: str) -> OperationLowering:
    """The activation function `name` with parameters that the operation holds as attributes."""

    def lower(c: Context, operation: Any, x: Value) -> Value:
        return ACTIVATIONS[name](c, x, **{a: getattr(operation, a) for a in attributes})

    return lower


def scaled(function: str, factor: float) -> OperationLowering:
    """factor · function(x)."""
    return lambda c, _, x: c.elementwise("mul", c.elementwise(function, x), factor)


def of_scaled(function: str, factor: float) -> OperationLowering:
    """function(factor · x)."""
    return lambda c, _, x: c.elementwise(function, c.elementwise("mul", x, factor))


def times(factor: float) -> OperationLowering:
    return lambda c, _, x: c.elementwise("mul", x, factor)


def lower_clip(c: Context, operation: Any, x: Value) -> Value:
    low, high = operand(c, operation.x_min), operand(c, operation.x_max)
    return c.elementwise("clip", x, low, high)


def truncate(c: Context, x: Value) -> Value:
    return c.elementwise("mul", c.elementwise("sign", x), c.elementwise("floor", c.elementwise("abs", x)))


def lower_cast(c: Context, operation: Any, x: Value) -> Value:
    """To whole numbers towards zero, to truth by what is not 0."""
    return cast(c, x, operation.dtype)


def cast(c: Context, x: Value, dtype: Any) -> Value:
    name = str(dtype)
    if name == "bool":
        return c.elementwise("not_equal", x, 0.0)
    if name in ("int8", "int16", "int32", "int64"):
        return truncate(c, x)
    if name in ("float32", "float64"):
        return x
    raise UnsupportedError(f"a cast to {name}")


def lower_convert(c: Context, operation: Any, x: Value) -> Value:
    return x if operation.dtype is None else cast(c, x, operation.dtype)


def lower_where(c: Context, _: Any, condition: Any, x: Any = None, y: Any = None) -> Value:
    if x is None or y is None:
        raise UnsupportedError("where with a condition only, whose result has no known size")
    return c.elementwise("where", operand(c, condition), operand(c, x), operand(c, y))


def lower_round(c: Context, operation: Any, x: Value) -> Value:
    factor = 10.0**operation.decimals
    if factor == 1:
        return c.elementwise("round", x)
    return c.elementwise("div", c.elementwise("round", c.elementwise("mul", x, factor)), factor)


def lower_logaddexp(c: Context, _: Any, x: Any, y: Any) -> Value:
    """max + log(1 + e^−|x − y|)"""
    e = c.elementwise
    a, b = operand(c, x), operand(c, y)
    return e("add", e("max", a, b), e("log1p", e("exp", e("neg", e("abs", e("sub", a, b))))))


def lower_divide_no_nan(c: Context, _: Any, x: Any, y: Any) -> Value:
    """x / y, and 0 where y is 0."""
    divisor = tensor(c, y)
    zero = c.elementwise("equal", divisor, 0.0)
    quotient = c.elementwise("div", operand(c, x), c.elementwise("where", zero, 1.0, divisor))
    return c.elementwise("where", zero, 0.0, quotient)


def full_like(c: Context, x: Value, value: Any) -> Value:
    return c.elementwise("where", 1.0, operand(c, value), x)


def lower_identity(c: Context, _: Any, x: Value, *rest: Any) -> Value:
    return x


def lower_select(c: Context, _: Any, conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0) -> Value:
    """The first choice whose condition is true."""
    result = operand(c, default)
    for condition, choice in zip(reversed(list(conditions)), reversed(list(choices)), strict=True):
        result = c.elementwise("where", operand(c, condition), operand(c, choice), result)
    return tensor(c, result)


FUNCTION_OF: dict[str, str] = {
    "Abs": "abs",
    "Absolute": "abs",
    "Add": "add",
    "Arccos": "acos",
    "Arccosh": "acosh",
    "Arcsin": "asin",
    "Arcsinh": "asinh",
    "Arctan": "atan",
    "Arctanh": "atanh",
    "Ceil": "ceil",
    "Cos": "cos",
    "Cosh": "cosh",
    "Divide": "div",
    "Equal": "equal",
    "Erf": "erf",
    "Exp": "exp",
    "Expm1": "expm1",
    "Fabs": "abs",
    "Floor": "floor",
    "FloorDivide": "floor_divide",
    "Fmax": "max",
    "Fmin": "min",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "Less": "less",
    "LessEqual": "less_equal",
    "Log": "log",
    "Log1p": "log1p",
    "LogicalAnd": "logical_and",
    "LogicalNot": "logical_not",
    "LogicalOr": "logical_or",
    "LogicalXor": "logical_xor",
    "Maximum": "max",
    "Minimum": "min",
    "Mod": "mod",
    "Multiply": "mul",
    "Negative": "neg",
    "NotEqual": "not_equal",
    "Power": "pow",
    "Reciprocal": "reciprocal",
    "Rsqrt": "rsqrt",
    "Sign": "sign",
    "Sin": "sin",
    "Sinh": "sinh",
    "Sqrt": "sqrt",
    "Square": "square",
    "Subtract": "sub",
    "Tan": "tan",
    "Tanh": "tanh",
    "TrueDivide": "div",
}

OPERATIONS: dict[str, OperationLowering] = {
    **{name: call(function) for name, function in FUNCTION_OF.items()},
    "Cast": lower_cast,
    "Celu": activation("celu", "alpha"),
    "Clip": lower_clip,
    "ConvertToTensor": lower_convert,
    "Copy": lower_identity,
    "Deg2rad": times(math.pi / 180),
    "DivideNoNan": lower_divide_no_nan,
    "Elu": activation("elu", "alpha"),
    "Exp2": of_scaled("exp", math.log(2)),
    "FullLike": lambda c, _, x, value: full_like(c, x, value),
    "Gelu": activation("gelu", "approximate"),
    "Glu": activation("glu", "axis"),
    "HardShrink": activation("hard_shrink", "threshold"),
    "HardSigmoid": activation("hard_sigmoid"),
    "HardSilu": activation("hard_silu"),
    "HardTanh": activation("hard_tanh"),
    "Identity": activation("linear"),
    "LeakyRelu": activation("leaky_relu", "negative_slope"),
    "Log10": scaled("log", 1 / math.log(10)),
    "Log2": scaled("log", 1 / math.log(2)),
    "LogSigmoid": activation("log_sigmoid"),
    "LogSoftmax": activation("log_softmax", "axis"),
    "Logaddexp": lower_logaddexp,
    "Mish": activation("mish"),
    "OnesLike": lambda c, _, x, *rest: full_like(c, x, 1.0),
    "Rad2deg": times(180 / math.pi),
    "ReLU": activation("relu", "negative_slope", "max_value", "threshold"),
    "Relu": activation("relu"),
    "Relu6": activation("relu6"),
    "Round": lower_round,
    "Select": lower_select,
    "Selu": activation("selu"),
    "Sigmoid": activation("sigmoid"),
    "Silu": activation("silu"),
    "SoftShrink": activation("soft_shrink", "threshold"),
    "Softmax": activation("softmax", "axis"),
    "Softplus": activation("softplus"),
    "Softsign": activation("softsign"),
    "SparsePlus": activation("sparse_plus"),
    "SparseSigmoid": activation("sparse_sigmoid"),
    "Sparsemax": activation("sparsemax", "axis"),
    "Squareplus": activation("squareplus", "b"),
    "StopGradient": lower_identity,
    "TanhShrink": activation("tanh_shrink"),
    "Threshold": activation("threshold", "threshold", "default_value"),
    "Trunc": lambda c, _, x: truncate(c, x),
    "Where": lower_where,
    "ZerosLike": lambda c, _, x, *rest: full_like(c, x, 0.0),
}
