"""Keras → ONNX by Keras's own export: tf2onnx on its TensorFlow backend, torch.onnx on its torch backend."""

from __future__ import annotations

import gzip
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime


def write(model: keras.Model, shape: tuple[int, ...], file: Path) -> None:
    """Sizes are fixed: every runtime is measured on a model whose shapes are known ahead of time."""
    signature = [keras.InputSpec(shape=shape, dtype="float32", name="input")]
    model.export(str(file), format="onnx", input_signature=signature, verbose=False)
    weights = file.with_name(f"{file.name}.data")
    if weights.exists():  # torch writes them beside the graph; pages load one file
        whole = onnx.load(str(file))
        weights.unlink()
        onnx.save(whole, str(file))
    _drop_unread_inputs(file)


def _drop_unread_inputs(file: Path) -> None:
    """tf2onnx folds the constants of a Normalization layer, and still lists them as inputs of the graph."""
    model = onnx.load(str(file))
    read = {name for node in model.graph.node for name in node.input}
    for source in [source for source in model.graph.input if source.name not in read]:
        model.graph.input.remove(source)
    onnx.save(model, str(file))


def answer(file: Path, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()
    if tuple(source.shape) != x.shape:
        raise ValueError(f"{file}: the input is {source.shape}, wanted {list(x.shape)}")
    (result,) = session.run(None, {source.name: x})
    return result


def graph_gzip_bytes(file: Path) -> int:
    """The initializers hold no data."""
    model = onnx.load(str(file))
    for tensor in model.graph.initializer:
        for name in ("raw_data", "float_data", "int32_data", "int64_data"):
            tensor.ClearField(name)
    return len(gzip.compress(model.SerializeToString(), mtime=0))
