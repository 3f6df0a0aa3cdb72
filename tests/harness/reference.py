"""Keras's own answer in float64, computed in a process of its own: JAX decides about 64 bits when it starts.

usage: python reference.py MODEL INPUTS.npz OUTPUTS.npz
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def keras_float64(model: Path, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Outputs of the model in `model` (a .keras or .h5 file) for `inputs`, in float64."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(source, *inputs)
        environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1"}
        command = [sys.executable, __file__, str(model), str(source), str(target)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"the float64 reference failed:\n{done.stderr[-3000:]}")
        with np.load(target) as arrays:
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


def main(model_path: str, source: str, target: str) -> None:
    import keras

    model = keras.models.load_model(model_path, compile=False)
    exact = type(model).from_config(_in_float64(model.get_config()))
    exact.set_weights(model.get_weights())
    for layer in exact._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # what it computes with is not the weights that were just set
    with np.load(source) as arrays:
        inputs = [arrays[name].astype(np.float64) for name in arrays.files]
    outputs = keras.tree.flatten(exact(inputs[0] if len(inputs) == 1 else inputs, training=False))
    arrays_out = [np.asarray(y) for y in outputs]
    if any(y.dtype != np.float64 for y in arrays_out):
        raise TypeError(f"the reference is {arrays_out[0].dtype}, not float64")
    np.savez(target, *arrays_out)


if __name__ == "__main__":
    main(*sys.argv[1:])
