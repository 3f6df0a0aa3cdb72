"""Exports a Keras model to another runtime's format, and checks the file against Keras.

usage: python export.py FORMAT MODEL.h5 INPUT.npy TARGET, in the environment of requirements.txt

Writes TARGET, of static shape, and beside it TARGET.json: the error against Keras (null where Python cannot run the
file), and what the file weighs, gzipped, without its weights: the counterpart of a Descriptor's plan.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch" if sys.argv[1:2] == ["onnx-torch"] else "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

# Format → the module that has write(model, shape, file), answer(file, x) and graph_gzip_bytes(file).
FORMATS = {
    "onnx": "export_onnx",
    "onnx-torch": "export_onnx",
    "tflite": "export_tflite",
    "tfjs": "export_tfjs",
}
TOLERANCE = 1e-4


def check(model: keras.Model, x: np.ndarray, answer: np.ndarray | None, file: Path) -> float | None:
    """max|y − ref| / max|ref| against Keras; ends the program where the file is not the same model."""
    if answer is None:
        return None
    reference = keras.ops.convert_to_numpy(model(x, training=False))
    error = float(np.abs(answer - reference).max() / np.abs(reference).max())
    if not error <= TOLERANCE:
        sys.exit(f"{file}: the error against Keras is {error:.1e}, more than {TOLERANCE:.0e}; the export is wrong")
    return error


def main(form: str, source: str, inputs: str, target: str) -> None:
    exporter = importlib.import_module(FORMATS[form])
    model = keras.models.load_model(source, compile=False)
    x, file = np.load(inputs), Path(target)
    exporter.write(model, x.shape, file)
    record = {"error": check(model, x, exporter.answer(file, x), file), "graph": exporter.graph_gzip_bytes(file)}
    file.with_name(f"{file.name}.json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
