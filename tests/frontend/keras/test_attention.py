"""Layers that attend, which are traced through Keras's own code: against Keras, from memory and from both kinds of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from harness.calibrate import randomize
from harness.keras_attention import ATTENTION
from harness.keras_cases import building
from harness.keras_compare import errors, fixed, refused
from harness.keras_layers import keras_model
from harness.keras_models import noise
from webdnn.frontend.keras import from_model, load, recurrent
from webdnn.frontend.keras.support import LAYERS, TRACED
from webdnn.graph.interpreter import interpret

TOLERANCE = 3e-6


def built(name: str) -> tuple[Any, list[np.ndarray]]:
    build, shapes = ATTENTION[name]
    with building(name):
        model = keras_model(build, *shapes)
    return model, noise([(2, *shape) for shape in shapes])


@pytest.mark.parametrize("name", ATTENTION)
def test_attention(name: str) -> None:
    model, inputs = built(name)
    assert errors(from_model(model, fixed(inputs)), model, inputs) <= TOLERANCE


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", ["heads of other sizes", "groups, causal", "one head", "additive"])
def test_attention_of_files(name: str, suffix: str, tmp_path: Path) -> None:
    model, inputs = built(name)
    model.save(tmp_path / f"model{suffix}")
    graph = load(tmp_path / f"model{suffix}", fixed(inputs))
    for have, want in zip(interpret(graph, inputs), interpret(from_model(model, fixed(inputs)), inputs), strict=True):
        assert np.array_equal(have, want)


def test_a_traced_layer_has_no_lowering() -> None:
    """Its code is what is converted; a lowering beside it would never run."""
    assert not TRACED & set(LAYERS)


def test_every_traced_layer_is_tested() -> None:
    tested = {type(layer).__name__ for name in ATTENTION for layer in built(name)[0].layers}
    assert tested >= TRACED - {"GroupQueryAttention", *recurrent.TRACED}  # the name of GroupedQueryAttention in files


def test_what_a_traced_layer_cannot_do_is_refused() -> None:
    """The parts of a layer of Keras say by their paths what is wrong."""
    x = keras.Input((4, 6))
    layer = layers.MultiHeadAttention(2, 3, name="attend")
    model = keras.Model(x, layer(x, x))
    layer.query_dense.quantize("int8")
    refused(model, r"'attend/query' \(EinsumDense\): quantization 'int8'")


def test_inside_time_distributed() -> None:
    class OfItself(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.attend = layers.MultiHeadAttention(2, 3)

        def build(self, shape: Any) -> None:
            self.attend.build(shape, shape)

        def call(self, x: Any) -> Any:
            return self.attend(x, x)

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    x = keras.Input((3, 4, 6))
    model = keras.Model(x, layers.TimeDistributed(OfItself())(x))
    randomize(model)
    inputs = noise([(2, 3, 4, 6)])
    assert errors(from_model(model, fixed(inputs)), model, inputs) <= TOLERANCE
