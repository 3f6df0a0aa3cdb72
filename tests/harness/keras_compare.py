"""Compares a graph, run by the interpreter, with Keras's own prediction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from harness.metric import error
from webdnn.frontend.input_shape import InputShape
from webdnn.frontend.keras import from_model
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Graph
from webdnn.graph.interpreter import interpret

Array = np.ndarray


def predict(model: Any, inputs: Sequence[Array]) -> list[Array]:
    """All outputs of a Keras model, in order."""
    import keras

    outputs = model(inputs[0] if len(inputs) == 1 else list(inputs), training=False)
    return [np.asarray(keras.ops.convert_to_numpy(y)) for y in keras.tree.flatten(outputs)]


def errors(graph: Graph, model: Any, inputs: Sequence[Array]) -> float:
    """The largest error over all outputs, computed in float32 and in float64."""
    wanted = predict(model, inputs)
    found = [error(y, want) for y, want in zip(interpret(graph, inputs), wanted, strict=True)]
    exact = interpret(graph, inputs, dtype="float64")
    return max(found + [error(y, want) for y, want in zip(exact, wanted, strict=True)])


def fixed(inputs: Sequence[Array]) -> list[InputShape]:
    """Input shapes without placeholders that fit `inputs`."""
    return [InputShape(None, x.shape) for x in inputs]


def compare(model: Any, inputs: Sequence[Array], tolerance: float) -> Graph:
    """The graph of `model` for these inputs' shapes; fails when it does not agree with Keras."""
    graph = from_model(model, fixed(inputs))
    worst = errors(graph, model, inputs)
    assert worst <= tolerance, f"{model.name}: error {worst:.2e}"
    return graph


def refused(model: Any, *patterns: str) -> None:
    """Fails unless the model is refused for these reasons."""
    with pytest.raises(UnsupportedError) as caught:
        from_model(model)
    for pattern in patterns:
        assert re.search(pattern, str(caught.value)), f"{pattern!r} is not in {caught.value}"
