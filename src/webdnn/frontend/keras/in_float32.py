"""Models that compute in float16, bfloat16 or float64, or with quantised weights, as models that compute in float32.

A layer's dtype policy says in which dtype its inputs and weights are before it computes. While a model is converted, every such layer has the policy
float32 and weights in float32, so that whatever looks at it, a lowering or code of its own, sees an ordinary layer.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from webdnn.frontend.keras.dequantized import dequantized
from webdnn.frontend.keras.restoring import own_variables
from webdnn.graph.errors import ModelWarning, UnsupportedError

OTHER_FLOATS = ("float16", "bfloat16", "float64")


@contextmanager
def in_float32(model: Any) -> Iterator[None]:
    """All layers of `model` compute in float32 in the block, and as before after it. Warns (ModelWarning) of how many compute in another dtype, or
    on quantised inputs. Raises UnsupportedError for layers whose quantised weights cannot be read."""
    layers = list(_layers(model))
    other = [layer for layer in layers if layer.dtype_policy.compute_dtype in OTHER_FLOATS]
    quantised = [layer for layer in layers if layer.dtype_policy.quantization_mode is not None]
    _tell(model, other, quantised)
    kept: list[tuple[Any, dict[str, Any]]] = []
    try:
        for layer in layers:
            if layer in other or layer in quantised:
                kept.append((layer, dict(vars(layer))))
                _change(layer)
        for variable in {
            id(v): v for layer in layers for v in own_variables(layer) if v.dtype in OTHER_FLOATS
        }.values():
            kept.append((variable, dict(vars(variable))))
            _widen(variable)
        yield
    finally:
        for changed, attributes in kept:
            vars(changed).clear()
            vars(changed).update(attributes)


def _layers(model: Any) -> Iterator[Any]:
    """The layers of a model and of models and layers inside it, and those that a keras.Function calls."""
    if hasattr(model, "_flatten_layers"):
        yield from model._flatten_layers()
    else:
        for operation in model.operations:
            if hasattr(operation, "_flatten_layers"):
                yield from operation._flatten_layers()


def _change(layer: Any) -> None:
    """The policy float32, and weights that are no longer quantised. Keras notices none of it: it would quantise them again, or forget them."""
    import keras

    if layer.dtype_policy.quantization_mode is not None and layer.built:
        try:
            weights = dequantized(layer)
        except UnsupportedError as error:
            raise UnsupportedError(f"layer {layer.name!r} ({type(layer).__name__}): {error}") from error
        for name, values in weights.items():
            vars(layer)[name] = keras.Variable(values, dtype="float32", trainable=False, name=name.strip("_"))
    vars(layer)["_dtype_policy"] = keras.DTypePolicy("float32")


def _widen(variable: Any) -> None:
    """The same numbers in float32, which holds each of float16 and bfloat16."""
    vars(variable)["_value"] = variable._convert_to_tensor(variable._value, dtype="float32")
    vars(variable)["_dtype"] = "float32"


def _tell(model: Any, other: list[Any], quantised: list[Any]) -> None:
    name = getattr(model, "name", "model")
    if other:
        dtypes = ", ".join(sorted({layer.dtype_policy.compute_dtype for layer in other}))
        warnings.warn(
            f"model {name!r} computes in {dtypes} in {_count(other)}, and in float32 in the page: answers differ by what {dtypes} rounds",
            ModelWarning,
            stacklevel=4,
        )
    rounding = [layer for layer in quantised if rounds_inputs(layer)]
    if rounding:
        warnings.warn(
            f"model {name!r} quantises the inputs of {_count(rounding)} while it runs, and the page does not: its answers are nearer to those of "
            "the model before it was quantised",
            ModelWarning,
            stacklevel=4,
        )


def rounds_inputs(layer: Any) -> bool:
    """Whether Keras rounds what a quantised layer multiplies with its weights."""
    if layer.quantization_mode == "float8":
        return True
    is_lookup = hasattr(layer, "_embeddings") and type(layer).__name__ == "Embedding"
    return not is_lookup and getattr(layer, "inputs_quantizer", None) is not None


def _count(layers: list[Any]) -> str:
    return "1 layer" if len(layers) == 1 else f"{len(layers)} layers"
