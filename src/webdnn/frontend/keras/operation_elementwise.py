"""Operations of keras.ops on each element: arithmetic, comparisons, logic, activations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from webdnn.frontend.keras.activation import ACTIVATIONS, refuse_overflow
from webdnn.frontend.keras.lowering import Context, array_of
from webdnn.frontend.keras.operation_dtypes import BOOL, Call, graph_dtype
from webdnn.frontend.keras.reading import original
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value

OperationLowering: TypeAlias = Callable[..., "Value | Sequence[Value]"]
LARGEST = float(np.finfo(np.float32).max)


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


# What arithmetic is for truth; the size of a truth is itself.
OF_TRUTH = {"add": "logical_or", "mul": "logical_and", "max": "logical_or", "min": "logical_and"}
COMPARISONS_OF_NUMBERS = ("greater", "greater_equal", "less", "less_equal")


def call(function: str) -> OperationLowering:
    """The elementwise function of all arguments."""

    def lower(c: Call, operation: Any, *arguments: Any) -> Value:
        operands = [operand(c, x) for x in arguments]
        if c.of_truth and function in COMPARISONS_OF_NUMBERS:
            operands = [c.cast(x, "int32") if isinstance(x, Value) else x for x in operands]
        if c.result == BOOL and function == "abs":
            return tensor(c, arguments[0])
        return c.elementwise(OF_TRUTH.get(function, function) if c.result == BOOL else function, *operands)

    return lower


def arithmetic(function: str) -> OperationLowering:
    """An elementwise function that truth has not."""

    def lower(c: Call, operation: Any, *arguments: Any) -> Value | Sequence[Value]:
        if c.result == BOOL and function not in OF_TRUTH:
            raise UnsupportedError(
                f"{type(original(operation)).__name__} of bool, which Keras cannot compute either; cast to float32 first"
            )
        return call(function)(c, operation, *arguments)

    return lower


def activation(name: str, *attributes: str) -> OperationLowering:
    """The activation function `name` with parameters that the operation holds as attributes."""

    def lower(c: Call, operation: Any, x: Value) -> Value:
        refuse_overflow(name, c.operands[0])
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


def lower_clip(c: Call, operation: Any, x: Value) -> Value:
    """A limit that nothing exceeds is left out."""
    low, high = operand(c, operation.x_min), operand(c, operation.x_max)
    return c.elementwise("clip", x, low, high)


def lower_where(c: Call, _: Any, condition: Any, x: Any = None, y: Any = None) -> Value:
    if x is None or y is None:
        raise UnsupportedError("where with a condition only, whose result has no known size")
    return chosen(c, operand(c, condition), operand(c, x), operand(c, y))


def chosen(c: Call, condition: Value | float, x: Value | float, y: Value | float) -> Value:
    """`x` where the condition is true, else `y`, in the dtype of the result. Of two numbers, one becomes a constant, whose dtype tells what they
    are."""
    if not isinstance(x, Value) and not isinstance(y, Value):
        x = c.fill((), x, graph_dtype(c.result))
    return c.elementwise("where", condition, x, y)


def logaddexp(base: float) -> OperationLowering:
    """max + log(1 + base^−|x − y|), to that base; x and y that are equal may be infinite."""
    scale = math.log(base)

    def lower(c: Context, _: Any, x: Any, y: Any) -> Value:
        e = c.elementwise
        a, b = tensor(c, x), tensor(c, y)
        gap = e("where", e("equal", a, b), 0.0, e("abs", e("sub", a, b)))
        rest = e("log1p", e("exp", e("mul", gap, -scale)))
        return e("add", e("max", a, b), rest if scale == 1 else e("mul", rest, 1 / scale))

    return lower


def lower_divide_no_nan(c: Context, _: Any, x: Any, y: Any) -> Value:
    """x / y, and 0 where y is 0."""
    divisor = tensor(c, y)
    zero = c.elementwise("equal", divisor, 0.0)
    quotient = c.elementwise("div", operand(c, x), c.elementwise("where", zero, 1.0, divisor))
    return c.elementwise("where", zero, 0.0, quotient)


def lower_identity(c: Context, _: Any, x: Value) -> Value:
    return x


def lower_select(c: Call, _: Any, conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0) -> Value:
    """The first choice whose condition is true."""
    result = operand(c, default)
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = chosen(c, operand(c, condition), operand(c, choice), result)
    return result if isinstance(result, Value) else tensor(c, result)


def is_negative(c: Context, x: Value) -> Value:
    """Whether x or, for a zero, 1 / x is below 0."""
    e = c.elementwise
    return e("less", e("where", e("equal", x, 0.0), e("reciprocal", x), x), 0.0)


def lower_arctan2(c: Context, _: Any, y: Any, x: Any) -> Value:
    """The angle of the point (x, y): the arc tangent of the smaller coordinate over the larger, turned into its octant."""
    e = c.elementwise
    a, b = tensor(c, y), tensor(c, x)
    height, width = e("abs", a), e("abs", b)
    largest = e("max", height, width)
    ratio = e("div", e("min", height, width), e("where", e("equal", largest, 0.0), 1.0, largest))
    ratio = e("where", e("equal", height, width), e("sign", largest), ratio)  # infinite ones, too
    angle = e("atan", ratio)
    angle = e("where", e("greater", height, width), e("sub", math.pi / 2, angle), angle)
    angle = e("where", is_negative(c, b), e("sub", math.pi, angle), angle)
    return e("where", is_negative(c, a), e("neg", angle), angle)


def lower_cube_root(c: Context, _: Any, x: Value) -> Value:
    """sign(x) · |x|^⅓, with one step of Newton's method, since the exponent is rounded."""
    e = c.elementwise
    size = e("abs", x)
    root = e("pow", size, 1 / 3)
    better = e("sub", root, e("div", e("sub", root, e("div", size, e("square", root))), 3.0))
    end = e(
        "logical_or", e("equal", size, 0.0), e("greater", size, LARGEST)
    )  # where the step divides by zero or infinity
    return e("mul", e("sign", x), e("where", end, root, better))


def lower_hypot(c: Context, _: Any, x: Any, y: Any) -> Value:
    """√(x² + y²), without squares that are too large; of an infinity it is infinite, whatever the other is."""
    e = c.elementwise
    a, b = (e("abs", tensor(c, v)) for v in (x, y))
    largest, smallest = e("max", a, b), e("min", a, b)
    safe = e("where", e("equal", largest, 0.0), 1.0, largest)
    length = e("mul", largest, e("sqrt", e("add", e("square", e("div", smallest, safe)), 1.0)))
    is_infinite = e("logical_or", e("greater", a, LARGEST), e("greater", b, LARGEST))
    return e("where", is_infinite, math.inf, length)


def lower_heaviside(c: Context, _: Any, x: Any, at_zero: Any) -> Value:
    """0 below zero, `at_zero` there, 1 above; NaN stays."""
    e = c.elementwise
    a = tensor(c, x)
    step = e("where", e("equal", a, 0.0), operand(c, at_zero), c.cast(e("greater", a, 0.0), "float32"))
    return e("where", e("equal", a, a), step, a)


def lower_ldexp(c: Context, _: Any, x: Any, exponent: Any) -> Value:
    return c.elementwise("mul", operand(c, x), c.elementwise("pow", 2.0, tensor(c, exponent)))


def lower_sinc(c: Context, _: Any, x: Value) -> Value:
    """sin(πx) / πx"""
    e = c.elementwise
    angle = e("mul", x, math.pi)
    zero = e("equal", x, 0.0)
    return e("where", zero, 1.0, e("div", e("sin", angle), e("where", zero, 1.0, angle)))


def lower_nan_to_num(c: Context, operation: Any, x: Value) -> Value:
    e = c.elementwise
    if x.dtype != "float32":
        _ = operation.nan, operation.posinf, operation.neginf  # whole numbers are none of these
        return x
    high = LARGEST if operation.posinf is None else operand(c, operation.posinf)
    low = -LARGEST if operation.neginf is None else operand(c, operation.neginf)
    y = e("where", e("greater", x, LARGEST), high, e("where", e("less", x, -LARGEST), low, x))
    return e("where", e("equal", x, x), y, operand(c, operation.nan))


def lower_angle(c: Context, _: Any, x: Value) -> Value:
    """Of a real number: 0, or π where its sign is negative."""
    e = c.elementwise
    return e("where", e("equal", x, x), e("where", is_negative(c, x), math.pi, 0.0), x)


def of_numbers(function: str) -> OperationLowering:
    """`max` or `min` of two, of which a NaN does not count."""

    def lower(c: Call, operation: Any, x: Any, y: Any) -> Value:
        found = call(function)(c, operation, x, y)
        a, b = tensor(c, x), tensor(c, y)
        if a.dtype != "float32":
            return found  # type: ignore[return-value]
        e = c.elementwise
        return e("where", e("equal", a, a), e("where", e("equal", b, b), found, a), b)  # type: ignore[arg-type]

    return lower


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
    "Multiply": "mul",
    "NotEqual": "not_equal",
    "Reciprocal": "reciprocal",
    "Rsqrt": "rsqrt",
    "Sin": "sin",
    "Sinh": "sinh",
    "Sqrt": "sqrt",
    "Square": "square",
    "Tan": "tan",
    "Tanh": "tanh",
    "TrueDivide": "div",
}

ARITHMETIC: dict[str, str] = {"Mod": "mod", "Negative": "neg", "Sign": "sign", "Subtract": "sub"}

OPERATIONS: dict[str, OperationLowering] = {
    **{name: call(function) for name, function in FUNCTION_OF.items()},
    **{name: arithmetic(function) for name, function in ARITHMETIC.items()},
    "Angle": lower_angle,
    "Arctan2": lower_arctan2,
    "Cbrt": lower_cube_root,
    "Celu": activation("celu", "alpha"),
    "Clip": lower_clip,
    "Conj": lower_identity,
    "Conjugate": lower_identity,
    "Copy": lower_identity,
    "Deg2rad": times(math.pi / 180),
    "DivideNoNan": lower_divide_no_nan,
    "Elu": activation("elu", "alpha"),
    "Exp2": of_scaled("exp", math.log(2)),
    "Fmax": of_numbers("max"),
    "Fmin": of_numbers("min"),
    "Gelu": activation("gelu", "approximate"),
    "Glu": activation("glu", "axis"),
    "HardShrink": activation("hard_shrink", "threshold"),
    "HardSigmoid": activation("hard_sigmoid"),
    "HardSilu": activation("hard_silu"),
    "HardTanh": activation("hard_tanh"),
    "Heaviside": lower_heaviside,
    "Hypot": lower_hypot,
    "Identity": activation("linear"),
    "Imag": lambda c, _, x: c.fill(x.shape, 0, x.dtype),
    "Ldexp": lower_ldexp,
    "LeakyRelu": activation("leaky_relu", "negative_slope"),
    "Log10": scaled("log", 1 / math.log(10)),
    "Log2": scaled("log", 1 / math.log(2)),
    "LogSigmoid": activation("log_sigmoid"),
    "LogSoftmax": activation("log_softmax", "axis"),
    "Logaddexp": logaddexp(math.e),
    "Logaddexp2": logaddexp(2.0),
    "Mish": activation("mish"),
    "NanToNum": lower_nan_to_num,
    "Rad2deg": times(180 / math.pi),
    "ReLU": activation("relu", "negative_slope", "max_value", "threshold"),
    "Real": lower_identity,
    "Relu": activation("relu"),
    "Relu6": activation("relu6"),
    "Select": lower_select,
    "Selu": activation("selu"),
    "Sigmoid": activation("sigmoid"),
    "Silu": activation("silu"),
    "Sinc": lower_sinc,
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
    "Where": lower_where,
}
