"""Keras's own answers in float64."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from webdnn.frontend.keras.loading import without_initializers


def keras_float64(file: Path, runs: Sequence[Sequence[np.ndarray]]) -> list[list[np.ndarray]]:
    """Outputs of the model in `file` (.keras or .h5) for the inputs of each run, in float64."""
    import keras

    with without_initializers(keras):
        model = keras.models.load_model(file, compile=False)
    with keras_in_float64():
        with without_initializers(keras):
            exact = type(model).from_config(in_float64(model.get_config()))
        answers = [answer(exact, model.get_weights(), inputs) for inputs in runs]
    narrow = {y.dtype for outputs in answers for y in outputs} - {np.dtype(np.float64)}
    if narrow:
        raise TypeError(f"the reference is {narrow}, not float64")
    return answers


@contextmanager
def keras_in_float64() -> Iterator[None]:
    """Models that are made here, and what is computed here, have float64 where they would have float32. Keras must run on JAX."""
    import jax
    import keras
    from keras.src.backend.common import dtypes

    before = keras.config.floatx(), keras.config.dtype_policy()
    # Keras takes float64 for float32 where an op joins types, as in `tanh`: what JAX does when 64 bits are off.
    narrowed = dtypes.BIT64_TO_BIT32_DTYPE.pop("float64")
    try:
        with jax.enable_x64(True):
            keras.config.set_floatx("float64")
            keras.config.set_dtype_policy("float64")
            yield
    finally:
        dtypes.BIT64_TO_BIT32_DTYPE["float64"] = narrowed
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


def in_float64(config: Any) -> Any:
    """A model's configuration with every float32 policy replaced."""
    if isinstance(config, dict):
        return {k: in_float64(v) for k, v in config.items()}
    if isinstance(config, list):
        return [in_float64(v) for v in config]
    if isinstance(config, tuple):
        return tuple(in_float64(v) for v in config)
    return "float64" if config == "float32" else config


def answer(model: Any, weights: Sequence[np.ndarray], inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What a model of float64 gives with these weights. To be called in `keras_in_float64`."""
    import keras

    outputs = model(_given(model, weights, inputs), training=False)
    return [np.asarray(y) for y in keras.tree.flatten(outputs)]


# Of XLA. A small model is computed once, so that compiling it takes nearly all of the time.
COMPILED_QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def answer_of_small(model: Any, weights: Sequence[np.ndarray], inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """`answer` in a third of the time: JAX compiles the model as a whole, where `answer` has it compile every operation by itself."""
    import jax
    import keras

    given = _given(model, weights, inputs)
    trained = [variable.value for variable in model.trainable_variables]
    others = [variable.value for variable in model.non_trainable_variables]

    def compute(trained: Any, others: Any, given: Any) -> Any:
        return model.stateless_call(trained, others, given, training=False)[0]

    outputs = jax.jit(compute, compiler_options=COMPILED_QUICKLY)(trained, others, given)
    return [np.asarray(y) for y in keras.tree.flatten(outputs)]


def _given(model: Any, weights: Sequence[np.ndarray], inputs: Sequence[np.ndarray]) -> Any:
    """Sets the weights; the inputs in float64, in the structure in which the model takes them."""
    import keras

    model.set_weights(weights)
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # what it computes with is not the weights that were just set
    wide = [x.astype(np.float64) for x in inputs]
    structure = getattr(model, "_inputs_struct", None)  # a functional model's: one tensor, a list, a dictionary …
    if structure is not None:
        return keras.tree.pack_sequence_as(structure, wide)
    return wide[0] if len(wide) == 1 else wide
