"""Keras → SavedModel → TensorFlow.js graph model, by its own converter (requirements-tfjs.txt)."""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import keras
import numpy as np


def _converter() -> ModuleType:
    """Two imports of the converter serve other sources than ours, and would need JAX and TensorFlow Decision Forests,
    which fits no current TensorFlow."""
    forests, jax = ModuleType("tensorflow_decision_forests"), ModuleType("tensorflowjs.converters.jax_conversion")
    jax.convert_jax = None
    sys.modules |= {module.__name__: module for module in (forests, jax)}
    from tensorflowjs.converters import tf_saved_model_conversion_v2

    return tf_saved_model_conversion_v2


# Their third input is a bias.
FUSED = ("_FusedConv2D", "FusedDepthwiseConv2dNative", "_FusedMatMul")


def write(model: keras.Model, shape: tuple[int, ...], file: Path) -> None:
    """`file` is the model.json; shards of weights come beside it. Sizes are fixed, as for the others."""
    signature = [keras.InputSpec(shape=shape, dtype="float32", name="input")]
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, format="tf_saved_model", input_signature=signature, verbose=False)
        _converter().convert_tf_saved_model(folder, str(file.parent))
    _flatten_biases(file)


def _flatten_biases(file: Path) -> None:
    """The converter leaves the bias of one channel as (1, 1, 1, 1), which the runtime's fused convolution refuses: it wants (1,)."""
    model = json.loads(file.read_text())
    nodes = model["modelTopology"]["node"]
    biases = {node["input"][2] for node in nodes if node["op"] in FUSED}
    for weight in (weight for group in model["weightsManifest"] for weight in group["weights"]):
        if weight["name"] in biases and weight["shape"][:-1] == [1, 1, 1]:
            weight["shape"] = weight["shape"][-1:]
    file.write_text(json.dumps(model))


def answer(file: Path, x: np.ndarray) -> None:
    """Only TensorFlow.js runs these files: the error is seen in the page."""


def graph_gzip_bytes(file: Path) -> int:
    """The weights are files of their own."""
    return len(gzip.compress(file.read_bytes(), mtime=0))
