"""Layers that make classes of numbers, and vectors of classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from webdnn.frontend.keras.lowering import Context, Layer
from webdnn.frontend.keras.operation_dtypes import graph_dtype
from webdnn.frontend.keras.operation_order import count_below
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.reduction import Reduce


def encoded(context: Context, x: Value, mode: str, depth: int, weights: Value | None = None) -> Value:
    """Classes x as Keras's `output_mode` says: `int`, as they are; of `depth` numbers each, `one_hot` (a last axis of size 1 is left out), or, over
    axis 1, `multi_hot` (which there are) and `count` (how many of each, or the sum of their `weights`). A class beyond is in none."""
    e = context.elementwise
    if mode == "int":
        return context.cast(x, "int32")
    if mode == "one_hot" and x.type.rank > 1 and x.shape[-1] == 1:
        x = context.reshape(x, x.shape[:-1])
    classes = np.arange(depth, dtype=np.float32 if x.dtype == "float32" else np.int32)
    x = x if x.dtype in ("float32", "int32") else context.cast(x, "int32")
    found = e("equal", context.reshape(x, (*x.shape, 1)), context.literal(classes))
    axes = (1 if x.type.rank > 1 else 0,)
    if mode == "one_hot":
        return context.cast(found, "float32")
    if mode == "multi_hot":
        return context.cast(context.apply(Reduce("max", axes), found), "float32")
    if mode != "count":
        raise UnsupportedError(f"output_mode {mode!r}")
    counted = context.cast(found, "float32")
    if weights is not None:
        counted = e("mul", counted, context.reshape(context.cast(weights, "float32"), (*weights.shape, 1)))
    return context.apply(Reduce("sum", axes), counted)


def refuse_sparse(layer: Layer) -> None:
    """Raises UnsupportedError for a layer that gives sparse tensors."""
    if layer.sparse:
        raise UnsupportedError("sparse=True; a graph has dense tensors only, of the same numbers: use sparse=False")


def lower_category_encoding(
    layer: Layer, inputs: Sequence[Value], context: Context, count_weights: Value | None = None
) -> Value:
    refuse_sparse(layer)
    (x,) = inputs
    if count_weights is not None and layer.output_mode != "count":
        raise UnsupportedError(f"count_weights with output_mode={layer.output_mode!r}, which Keras refuses, too")
    if layer.output_mode == "multi_hot":
        x = context.cast(x, "int32")  # others find no class in a fraction
    y = encoded(context, x, layer.output_mode, int(layer.num_tokens), count_weights)
    return context.cast(y, graph_dtype(str(layer.dtype)))


def lower_discretization(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """The number of boundaries up to x; NaN counts as above all."""
    refuse_sparse(layer)
    (x,), boundaries, _ = inputs, layer.bin_boundaries, layer.dtype
    if boundaries is None:
        raise UnsupportedError("no bin_boundaries; give them, or call adapt() before the model is saved")
    bounds = np.asarray(boundaries, np.float32)
    below = count_below(context, x, context.constant(layer, "boundaries", lambda: bounds), "less_equal")
    bins = context.elementwise("where", context.elementwise("equal", x, x), below, float(bounds.size))
    y = encoded(context, bins, layer.output_mode, bounds.size + 1)
    return y if layer.output_mode == "int" else context.cast(y, graph_dtype(str(layer.dtype)))


LOWERINGS = {"CategoryEncoding": lower_category_encoding, "Discretization": lower_discretization}
