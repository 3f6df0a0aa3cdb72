"""Exports a Keras model to ONNX through TensorFlow, and checks the ONNX file against Keras.

usage: python export_onnx.py MODEL.h5 INPUT.npy MODEL.onnx, in the environment of requirements.txt

Writes MODEL.onnx, of static shape, and beside it MODEL.onnx.json: the error against Keras, and what the file weighs
without its weights.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import onnx
import onnxruntime

TOLERANCE = 1e-4


def export(model: keras.Model, shape: tuple[int, ...], file: Path) -> None:
    """Sizes are fixed: both runtimes are measured on a model whose shapes are known ahead of time."""
    signature = [keras.InputSpec(shape=shape, dtype="float32", name="input")]
    model.export(str(file), format="onnx", input_signature=signature, verbose=False)


def check(model: keras.Model, x: np.ndarray, file: Path) -> float:
    """max|y − ref| / max|ref| of onnxruntime against Keras; ends the program where the file is not the same model."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()
    if tuple(source.shape) != x.shape:
        sys.exit(f"{file}: the input is {source.shape}, wanted {list(x.shape)}")
    (answer,) = session.run(None, {source.name: x})
    reference = keras.ops.convert_to_numpy(model(x, training=False))
    error = float(np.abs(answer - reference).max() / np.abs(reference).max())
    if not error <= TOLERANCE:
        sys.exit(f"{file}: the error against Keras is {error:.1e}, more than {TOLERANCE:.0e}; the export is wrong")
    return error


def graph_gzip_bytes(file: Path) -> int:
    """What is left of the file, gzipped, when the initializers hold no data: the counterpart of a Descriptor's plan."""
    model = onnx.load(str(file))
    for tensor in model.graph.initializer:
        for name in ("raw_data", "float_data", "int32_data", "int64_data"):
            tensor.ClearField(name)
    return len(gzip.compress(model.SerializeToString(), mtime=0))


def main(source: str, inputs: str, target: str) -> None:
    model = keras.models.load_model(source, compile=False)
    x, file = np.load(inputs), Path(target)
    partial = file.with_name(f"partial-{file.name}")
    export(model, x.shape, partial)
    record = {
        "error": check(model, x, partial),
        "graph_gzip_bytes": graph_gzip_bytes(partial),
        "opset": onnx.load(str(partial), load_external_data=False).opset_import[0].version,
    }
    partial.replace(file)
    file.with_name(f"{file.name}.json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
