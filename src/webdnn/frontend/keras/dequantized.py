"""The weights of layers that Keras quantised, as the numbers that they stand for.

Keras keeps whole numbers q in place of weights, and how many of them make 1, the scale: W = q / scale for each column, or, where a column is cut into
groups with a scale and a zero of their own, W = (q − zero) · scale. Numbers of four bits lie two in a byte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from webdnn.frontend.keras.lowering import Array, array_of
from webdnn.graph.errors import UnsupportedError


def dequantized(layer: Any) -> dict[str, Array]:
    """The weights of a quantised layer in float32, by the names of the attributes in which Keras keeps those of a layer that is not. Raises
    UnsupportedError for a quantisation that is not known."""
    mode = layer.quantization_mode
    if hasattr(layer, "_embeddings"):
        makers = _EMBEDDINGS
    elif hasattr(layer, "kernel_scale") or hasattr(layer, "_kernel"):
        makers = _KERNELS
    else:
        raise UnsupportedError(f"{type(layer).__name__} with quantization {mode!r} is not supported")
    if mode not in makers:
        raise UnsupportedError(f"quantization {mode!r} is not supported")
    return {name: values.astype(np.float32) for name, values in makers[mode](layer).items()}


def _int8_kernel(layer: Any) -> dict[str, Array]:
    return {"_kernel": _number(layer._kernel) / _scale_of_kernel(layer)}


def _scale_of_kernel(layer: Any) -> Array:
    """The scale of each column, with the axes of the kernel; that of an EinsumDense is kept with the axes of its output."""
    scale = layer.kernel_scale
    return array_of(layer._adjust_scale_for_dequant(scale) if hasattr(layer, "equation") else scale)


def _int4_kernel(layer: Any) -> dict[str, Array]:
    """Of an EinsumDense, the numbers lie as a matrix."""
    is_einsum = hasattr(layer, "equation")
    columns = layer._int4_unpacked_column_size if is_einsum else layer._orig_output_dim
    whole = _unpacked(layer._kernel, columns, -1)
    scale = array_of(layer.kernel_scale)
    if hasattr(layer, "kernel_zero"):
        kernel = _ungrouped(whole, scale, layer.kernel_zero, layer.g_idx, 0)
    else:
        kernel = whole / scale
    return {"_kernel": kernel.reshape(layer.original_kernel_shape) if is_einsum else kernel}


def _float8_kernel(layer: Any) -> dict[str, Array]:
    """The kernel is in float32; what Keras multiplies with is the nearest number of eight bits."""
    import ml_dtypes

    kernel, scale = array_of(layer._kernel), array_of(layer.kernel_scale)
    limit = float(ml_dtypes.finfo(ml_dtypes.float8_e4m3fn).max)
    return {
        "_kernel": np.clip(kernel / scale, -limit, limit).astype(ml_dtypes.float8_e4m3fn).astype(np.float32) * scale
    }


def _grouped_kernel(layer: Any) -> dict[str, Array]:
    """Of GPTQ and AWQ: the transposed kernel, in groups of rows. Before they are calibrated, the kernel is there as it was."""
    if getattr(layer, "_kernel", None) is not None:
        return {"_kernel": array_of(layer._kernel)}
    from keras.src.quantizers.gptq_core import get_weight_bits_for_layer

    mode = layer.quantization_mode
    is_einsum = hasattr(layer, "equation")
    columns = getattr(layer, f"{mode}_unpacked_column_size") if is_einsum else layer.units
    is_packed = mode == "awq" or get_weight_bits_for_layer(layer, None) == 4
    whole = _unpacked(layer.quantized_kernel, columns, 0, "uint8") if is_packed else _number(layer.quantized_kernel)
    kernel = _ungrouped(whole, array_of(layer.kernel_scale), layer.kernel_zero, layer.g_idx, -1).T
    if mode == "awq":
        kernel = kernel / array_of(layer.awq_scales)[:, None]
    return {"_kernel": kernel.reshape(layer.original_kernel_shape) if is_einsum else kernel}


def _int8_embeddings(layer: Any) -> dict[str, Array]:
    found = {"_embeddings": _number(layer._embeddings) / array_of(layer.embeddings_scale)[:, None]}
    if hasattr(layer, "reverse_embeddings"):
        found["reverse_embeddings"] = _number(layer.reverse_embeddings) / array_of(layer.reverse_embeddings_scale)
    return found


def _int4_embeddings(layer: Any) -> dict[str, Array]:
    whole, scale = _unpacked(layer._embeddings, layer.output_dim, -1), array_of(layer.embeddings_scale)
    is_grouped = hasattr(layer, "embeddings_zero")
    table = _ungrouped(whole, scale, layer.embeddings_zero, layer.g_idx, -1) if is_grouped else whole / scale[:, None]
    found = {"_embeddings": table}
    if hasattr(layer, "reverse_embeddings"):
        whole = _unpacked(layer.reverse_embeddings, layer.output_dim, 0)
        scale = array_of(layer.reverse_embeddings_scale)
        found["reverse_embeddings"] = (
            _ungrouped(whole, scale, layer.reverse_embeddings_zero, layer.g_idx, 0) if is_grouped else whole / scale
        )
    return found


def _number(variable: Any) -> Array:
    return array_of(variable).astype(np.float32)


def _unpacked(packed: Any, count: int, axis: int, dtype: str = "int8") -> Array:
    """`count` numbers along an axis, of which two lie in a byte."""
    import keras

    return _number(keras.quantizers.unpack_int4(keras.ops.convert_to_tensor(packed), count, axis=axis, dtype=dtype))


def _ungrouped(whole: Array, scale: Array, zero: Any, groups: Any, axis: int) -> Array:
    """(q − zero) · scale, where `groups` tells the group of each place along an axis."""
    places = array_of(groups).astype(np.int32)
    return (whole - np.take(_number(zero), places, axis)) * np.take(scale, places, axis)


_KERNELS: dict[str, Callable[[Any], dict[str, Array]]] = {
    "int8": _int8_kernel,
    "int4": _int4_kernel,
    "float8": _float8_kernel,
    "gptq": _grouped_kernel,
    "awq": _grouped_kernel,
}
_EMBEDDINGS: dict[str, Callable[[Any], dict[str, Array]]] = {
    "int8": _int8_embeddings,
    "int4": _int4_embeddings,
}
