"""Keras → SavedModel → TensorFlow Lite, without quantization."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.tools import flatbuffer_utils


def write(model: keras.Model, shape: tuple[int, ...], file: Path) -> None:
    """Sizes are fixed: every runtime is measured on a model whose shapes are known ahead of time."""
    signature = [keras.InputSpec(shape=shape, dtype="float32", name="input")]
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, format="tf_saved_model", input_signature=signature, verbose=False)
        file.write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def answer(file: Path, x: np.ndarray) -> np.ndarray:
    interpreter = tf.lite.Interpreter(str(file))
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    if tuple(source["shape"]) != x.shape:
        raise ValueError(f"{file}: the input is {list(source['shape'])}, wanted {list(x.shape)}")
    interpreter.set_tensor(source["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(target["index"])


def graph_gzip_bytes(file: Path) -> int:
    """The buffers hold no data."""
    model = flatbuffer_utils.read_model(str(file))
    for buffer in model.buffers:
        buffer.data = None
    return len(gzip.compress(bytes(flatbuffer_utils.convert_object_to_bytearray(model)), mtime=0))
