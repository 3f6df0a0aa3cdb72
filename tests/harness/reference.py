"""Keras's own answer in float64, computed in a process of its own: JAX decides about 64 bits when it starts.

usage: python reference.py MODEL FOLDER, where the inputs of run 0 are FOLDER/in-0.npz, and its outputs will be FOLDER/out-0.npz
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from webdnn.frontend.keras.loading import without_initializers


def keras_float64(model: Path, runs: Sequence[Sequence[np.ndarray]]) -> list[list[np.ndarray]]:
    """Outputs of the model in `model` (a .keras or .h5 file) for the inputs of each run, in float64."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, inputs in enumerate(runs):
            np.savez(folder / f"in-{number}.npz", *inputs)
        environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1"}
        command = [sys.executable, __file__, str(model), name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"the float64 reference failed:\n{done.stderr[-3000:]}")
        return [_read(folder / f"out-{number}.npz") for number in range(len(runs))]


def _read(file: Path) -> list[np.ndarray]:
    with np.load(file) as arrays:
        return [arrays[name] for name in arrays.files]


def _in_float64(config: object) -> object:
    """A model's configuration with every float32 policy replaced."""
    if isinstance(config, dict):
        return {k: _in_float64(v) for k, v in config.items()}
    if isinstance(config, list):
        return [_in_float64(v) for v in config]
    if isinstance(config, tuple):
        return tuple(_in_float64(v) for v in config)
    return "float64" if config == "float32" else config


def _promote_to_float64() -> None:
    """Keras takes the wider of float64 and float32 to be float32, in normalisations for example, because JAX usually has no float64."""
    from keras.src.backend.common import dtypes

    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def main(model_path: str, folder: str) -> None:
    import keras

    _promote_to_float64()
    with without_initializers(keras):
        model = keras.models.load_model(model_path, compile=False)
        keras.config.set_floatx("float64")  # of numbers in a model's operations
        exact = type(model).from_config(_in_float64(model.get_config()))
    exact.set_weights(model.get_weights())
    for layer in exact._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # what it computes with is not the weights that were just set
    for file in Path(folder).glob("in-*.npz"):
        inputs = [array.astype(np.float64) for array in _read(file)]
        outputs = keras.tree.flatten(exact(inputs[0] if len(inputs) == 1 else inputs, training=False))
        arrays = [np.asarray(y) for y in outputs]
        if any(y.dtype != np.float64 for y in arrays):
            raise TypeError(f"the reference is {arrays[0].dtype}, not float64")
        np.savez(file.with_name(file.name.replace("in-", "out-")), *arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
