"""Activation functions, the layers that are one, and `activation=` of other layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from webdnn.frontend.keras.lowering import Context, Layer, array_of, positive_axes, single_axis
from webdnn.graph.dim import product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.indexing import top_k
from webdnn.graph.ops.reduction import CumulativeSum, Reduce, Softmax

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
MASKED = -1e9  # what Keras's Softmax makes of an input that its mask excludes


def relu(
    c: Context, x: Value, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Value:
    """x above `threshold`, at most `max_value`; negative_slope · (x − threshold) below."""
    e = c.elementwise
    if x.dtype != "float32" and not (negative_slope or threshold or max_value is not None):
        return e("relu", c.cast(x, "int32") if x.dtype == "bool" else x)
    x = c.cast(x, "float32")
    if threshold:
        above = e("where", e("greater", x, threshold), x, 0.0)
        result = above if max_value is None else e("clip", above, 0.0, max_value)
        if not negative_slope:
            return result
        return e("sub", result, e("mul", e("relu", e("sub", threshold, x)), negative_slope))
    if negative_slope:
        result = e("leaky_relu", x, negative_slope)
        return result if max_value is None else e("min", result, max_value)
    return e("relu", x) if max_value is None else e("clip", x, 0.0, max_value)


def elu(c: Context, x: Value, alpha: float = 1.0) -> Value:
    return c.elementwise("elu", x, alpha)


def selu(c: Context, x: Value) -> Value:
    return c.elementwise("mul", elu(c, x, SELU_ALPHA), SELU_SCALE)


def celu(c: Context, x: Value, alpha: float = 1.0) -> Value:
    e = c.elementwise
    return elu(c, x) if alpha == 1 else e("mul", e("elu", e("mul", x, 1 / alpha), 1.0), alpha)


def gelu(c: Context, x: Value, approximate: bool = False) -> Value:
    e = c.elementwise
    if not approximate:
        return e("gelu", x)
    inner = e("mul", e("add", x, e("mul", e("mul", e("square", x), x), 0.044715)), math.sqrt(2 / math.pi))
    return e("mul", e("mul", x, 0.5), e("add", e("tanh", inner), 1.0))


def leaky_relu(c: Context, x: Value, negative_slope: float = 0.2) -> Value:
    return c.elementwise("leaky_relu", x, negative_slope)


def hard_silu(c: Context, x: Value) -> Value:
    return c.elementwise("mul", x, c.elementwise("hard_sigmoid", x))


def hard_tanh(c: Context, x: Value) -> Value:
    return c.elementwise("clip", c.cast(x, "int32") if x.dtype == "bool" else x, -1.0, 1.0)


def mish(c: Context, x: Value) -> Value:
    return c.elementwise("mul", x, c.elementwise("tanh", c.elementwise("softplus", x)))


def log_sigmoid(c: Context, x: Value) -> Value:
    return c.elementwise("neg", c.elementwise("softplus", c.elementwise("neg", x)))


def tanh_shrink(c: Context, x: Value) -> Value:
    return c.elementwise("sub", x, c.elementwise("tanh", x))


def soft_shrink(c: Context, x: Value, threshold: float = 0.5) -> Value:
    e = c.elementwise
    beyond = e("greater", e("abs", x), threshold)  # NaN is not, so it becomes 0, as in Keras
    return e("where", beyond, e("sub", x, e("clip", x, -threshold, threshold)), 0.0)


def hard_shrink(c: Context, x: Value, threshold: float = 0.5) -> Value:
    e = c.elementwise
    return e("where", e("greater", e("abs", x), threshold), x, 0.0)


def threshold(c: Context, x: Value, threshold: float, default_value: float) -> Value:
    e = c.elementwise
    return e("where", e("greater", x, threshold), x, default_value)


def squareplus(c: Context, x: Value, b: float = 4) -> Value:
    e = c.elementwise
    return e("mul", e("add", x, e("sqrt", e("add", e("square", x), b))), 0.5)


def sparse_plus(c: Context, x: Value) -> Value:
    """0 below −1, (x + 1)² / 4 between, x above 1."""
    e = c.elementwise
    curve = e("mul", e("square", e("add", e("clip", x, -1.0, 1.0), 1.0)), 0.25)
    return e("add", curve, e("relu", e("sub", x, 1.0)))


def sparse_sigmoid(c: Context, x: Value) -> Value:
    e = c.elementwise
    return e("clip", e("mul", e("add", x, 1.0), 0.5), 0.0, 1.0)


def softmax(c: Context, x: Value, axis: Any = -1) -> Value:
    """Over one axis, or over several, or over all (None), as if they were one."""
    axes, rank = positive_axes(axis, x.type.rank), x.type.rank
    if len(axes) == 1:
        return c.swap(c.apply(Softmax(), c.swap(x, axes[0], rank - 1)), axes[0], rank - 1)
    order = [a for a in range(rank) if a not in axes] + list(axes)
    moved = c.transpose(x, order)
    joined = c.reshape(moved, (*moved.shape[: rank - len(axes)], product(moved.shape[rank - len(axes) :])))
    back = c.reshape(c.apply(Softmax(), joined), moved.shape)
    return c.transpose(back, [order.index(a) for a in range(rank)])


def log_softmax(c: Context, x: Value, axis: Any = -1) -> Value:
    e, axes = c.elementwise, positive_axes(axis, x.type.rank)
    shifted = e("sub", x, c.apply(Reduce("max", axes, True), x))
    return e("sub", shifted, e("log", c.apply(Reduce("sum", axes, True), e("exp", shifted))))


def glu(c: Context, x: Value, axis: Any = -1) -> Value:
    """The first half of the axis, times the sigmoid of the second."""
    where = single_axis(axis, x.type.rank)
    half = x.shape[where] // 2
    return c.elementwise("mul", c.cut(x, where, 0, half), c.elementwise("sigmoid", c.cut(x, where, half, half)))


def sparsemax(c: Context, x: Value, axis: Any = -1) -> Value:
    """max(x − τ, 0), with τ as Keras computes it: from the sum of the running sums of the elements in the support."""
    e, where, last = c.elementwise, single_axis(axis, x.type.rank), x.type.rank - 1
    size = x.shape[where]
    if not isinstance(size, int):
        raise UnsupportedError(f"sparsemax along the symbolic size {size}")
    rows = c.swap(x, where, last)
    ordered, _ = top_k(rows, size, c.origin)
    running = c.apply(CumulativeSum(last), ordered)
    limit = e("div", e("sub", running, 1.0), c.literal(np.arange(1, size + 1, dtype=np.float32)))
    support = e("greater", ordered, limit)
    total = c.apply(Reduce("sum", (last,), True), e("where", support, running, 0.0))
    tau = e("div", e("sub", total, 1.0), c.apply(Reduce("sum", (last,), True), c.cast(support, "float32")))
    return c.swap(e("relu", e("sub", rows, tau)), where, last)


def one_function(name: str) -> Callable[..., Value]:
    """The activation that is the graph's elementwise function `name`."""
    return lambda c, x: c.elementwise(name, x)


# By the name of the function in keras.activations; parameters after the context and the value have Keras's names and defaults.
ACTIVATIONS: dict[str, Callable[..., Value]] = {
    "celu": celu,
    "elu": elu,
    "exponential": one_function("exp"),
    "gelu": gelu,
    "glu": glu,
    "hard_shrink": hard_shrink,
    "hard_sigmoid": one_function("hard_sigmoid"),
    "hard_silu": hard_silu,
    "hard_swish": hard_silu,
    "hard_tanh": hard_tanh,
    "leaky_relu": leaky_relu,
    "linear": lambda c, x: x,
    "log_sigmoid": log_sigmoid,
    "log_softmax": log_softmax,
    "mish": mish,
    "relu": relu,
    "relu6": lambda c, x: c.elementwise("clip", x, 0.0, 6.0),
    "selu": selu,
    "sigmoid": one_function("sigmoid"),
    "silu": one_function("silu"),
    "soft_shrink": soft_shrink,
    "softmax": softmax,
    "softplus": one_function("softplus"),
    "softsign": one_function("softsign"),
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": sparse_sigmoid,
    "sparsemax": sparsemax,
    "squareplus": squareplus,
    "swish": one_function("silu"),
    "tanh": one_function("tanh"),
    "tanh_shrink": tanh_shrink,
    "threshold": threshold,
}


# In which Keras subtracts or adds in the dtype of the input.
OVERFLOWING = ("log_sigmoid", "log_softmax", "softmax", "softsign", "squareplus")


def refuse_overflow(name: str, dtype: str) -> None:
    """Raises UnsupportedError for whole numbers of 8 bits where Keras overflows."""
    if name in OVERFLOWING and dtype in ("int8", "uint8"):
        raise UnsupportedError(f"{name} of {dtype}, in which Keras overflows; cast to float32 first")


def known_activation(activation: Any) -> Callable[..., Value] | None:
    """The lowering of a function of keras.activations. It is told by what it is: others of the same name may have other defaults (keras.ops.gelu)."""
    import keras

    name = getattr(activation, "__name__", "")
    return ACTIVATIONS.get(name) if getattr(keras.activations, name, None) is activation else None


def activate(activation: Any, x: Value, context: Context) -> Value:
    """`activation` as a layer holds it: None, a function of keras.activations, a layer, or any function that computes with keras.ops."""
    if activation is None:
        return x
    lower = known_activation(activation)
    if lower is not None:
        refuse_overflow(activation.__name__, x.dtype)
        keeps = lower in (relu, ACTIVATIONS["linear"], ACTIVATIONS["hard_tanh"])
        return lower(context, x if keeps else context.cast(x, "float32"))
    if hasattr(activation, "dtype_policy"):
        return context.lower_layer(activation, [x], context.inside(activation.name))
    name = getattr(activation, "__name__", type(activation).__name__)
    try:
        return context.lower_layer(activation, [x], context)
    except UnsupportedError as error:
        raise UnsupportedError(f"activation {name!r}: {error}") from error


def lower_activation(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return activate(layer.activation, inputs[0], context)


def lower_relu(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return relu(context, inputs[0], float(layer.negative_slope), layer.max_value, float(layer.threshold))


def lower_leaky_relu(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return leaky_relu(context, inputs[0], float(layer.negative_slope))


def lower_elu(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return elu(context, inputs[0], float(layer.alpha))


def lower_prelu(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    e = context.elementwise
    slope = context.constant(layer, "alpha", lambda: array_of(layer.alpha))
    return e("add", e("relu", inputs[0]), e("mul", e("min", inputs[0], 0.0), slope))


def lower_softmax(layer: Layer, inputs: Sequence[Value], context: Context, mask: Value | None = None) -> Value:
    """Where the mask is false, 0, or at most ½, the result is 0 and the input counts as −10⁹."""
    (x,), e = inputs, context.elementwise
    if mask is None:
        return softmax(context, x, layer.axis)
    kept = mask if mask.dtype == "bool" else e("greater", context.cast(mask, "float32"), 0.5)
    return e("where", kept, softmax(context, e("where", kept, x, MASKED), layer.axis), 0.0)


LOWERINGS = {
    "Activation": lower_activation,
    "ELU": lower_elu,
    "LeakyReLU": lower_leaky_relu,
    "PReLU": lower_prelu,
    "ReLU": lower_relu,
    "Softmax": lower_softmax,
}
