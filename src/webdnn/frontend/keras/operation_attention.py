"""Operations of keras.ops that attend, and those that compare predictions with targets."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from webdnn.frontend.keras.activation import log_softmax
from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.operation_elementwise import LARGEST, OperationLowering, operand, tensor
from webdnn.frontend.keras.operation_indices import known
from webdnn.frontend.keras.operation_products import EPSILON
from webdnn.frontend.keras.size_values import at_or_below
from webdnn.frontend.products import einsum
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.reduction import Reduce, Softmax

MASKED = -0.7 * LARGEST


def lower_attention(
    c: Context, operation: Any, query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, scale: Any = None
) -> Value:
    """query (B, T, N, H), key and value (B, S, K, H), where N is a multiple of K → (B, T, N, H). Bias and mask broadcast to (B, N, T, S).
    `flash_attention` is about speed only."""
    if operation.attn_logits_soft_cap is not None or operation.flash_attention not in (None, True, False):
        raise UnsupportedError("attn_logits_soft_cap, which Keras ignores on JAX")
    e = c.elementwise
    q, k, v = (tensor(c, x) for x in (query, key, value))
    heads, groups = known(q.shape[2], "attention"), known(k.shape[2], "attention")
    if heads != groups:
        repeated = np.repeat(np.arange(groups), heads // groups).tolist()
        k, v = c.take(k, 2, repeated), c.take(v, 2, repeated)
    factor = 1 / math.sqrt(known(q.shape[3], "attention")) if scale is None else operand(c, scale)
    logits = e("mul", einsum(c, "btnh,bsnh->bnts", q, k), factor)
    if bias is not None:
        logits = e("add", logits, operand(c, bias))
    if mask is not None:
        logits = e("where", tensor(c, mask), logits, MASKED)
    if operation.is_causal:
        rows, columns = logits.shape[2:]
        logits = e("where", at_or_below(c, rows, columns), logits, MASKED)
    return einsum(c, "bnts,bsnh->btnh", c.apply(Softmax(), logits), v)


def lower_binary_crossentropy(c: Context, operation: Any, target: Any, output: Any) -> Value:
    e = c.elementwise
    t, x = tensor(c, target), tensor(c, output)
    if operation.from_logits:
        yes, no = e("log_sigmoid", x), e("log_sigmoid", e("neg", x))
    else:
        x = e("clip", x, EPSILON, 1 - EPSILON)
        yes, no = e("log", x), e("log", e("sub", 1.0, x))
    return e("neg", e("add", e("mul", t, yes), e("mul", e("sub", 1.0, t), no)))


def crossentropy(target: Callable[[Context, Value, Value, int], Value]) -> OperationLowering:
    """−Σ target · log(output) along the axis of the classes."""

    def lower(c: Context, operation: Any, wanted: Any, output: Any) -> Value:
        e = c.elementwise
        x = tensor(c, output)
        axis = int(operation.axis) % x.type.rank
        if operation.from_logits:
            logarithm = log_softmax(c, x, axis)
        else:
            shares = e("div", x, c.apply(Reduce("sum", (axis,), True), x))
            logarithm = e("log", e("clip", shares, EPSILON, 1 - EPSILON))
        product = e("mul", target(c, tensor(c, wanted), x, axis), logarithm)
        return e("neg", c.apply(Reduce("sum", (axis,)), product))

    return lower


def of_class(c: Context, target: Value, x: Value, axis: int) -> Value:
    """The class by its number, along a last axis of size 1 or without it, as one hot."""
    if target.type.rank < x.type.rank:
        target = c.reshape(target, (*target.shape[:axis], 1, *target.shape[axis:]))
    classes = np.arange(known(x.shape[axis], "crossentropy")).reshape(-1, *(1,) * (x.type.rank - 1 - axis))
    return c.cast(c.elementwise("equal", target, c.literal(classes)), x.dtype)


def lower_psnr(c: Context, operation: Any, x: Any, y: Any) -> Value:
    """The ratio of the largest possible signal to the noise, in decibels."""
    square = c.elementwise("square", c.elementwise("sub", tensor(c, x), tensor(c, y)))
    noise = c.apply(Reduce("mean", tuple(range(square.type.rank))), square)
    decibels = c.elementwise("mul", c.elementwise("log", noise), 10 / math.log(10))
    return c.elementwise("sub", 20 * math.log10(operation.max_val), decibels)


OPERATIONS: dict[str, OperationLowering] = {
    "BinaryCrossentropy": lower_binary_crossentropy,
    "CategoricalCrossentropy": crossentropy(lambda c, target, x, axis: target),
    "DotProductAttention": lower_attention,
    "PSNR": lower_psnr,
    "SparseCategoricalCrossentropy": crossentropy(of_class),
}
