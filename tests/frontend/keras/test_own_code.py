"""Models of layers that users write themselves, from memory and from both kinds of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from harness import keras_own_code
from harness.calibrate import randomize
from harness.keras_compare import errors
from harness.keras_models import noise
from harness.keras_own_code import Autoencoder, generator, nested
from harness.metric import error
from webdnn.frontend.keras import from_model, load
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.interpreter import interpret

CODE = keras_own_code.__file__
TOLERANCE = 3e-6


def test_an_autoencoder_that_samples_in_training(tmp_path: Path) -> None:
    model = Autoencoder(name="vae")
    inputs = noise([(2, 8, 8, 3)])
    model(inputs[0])
    randomize(model)
    model.save(tmp_path / "vae.keras")
    want = model(inputs[0], training=False)
    for graph in (from_model(model, "(N,8,8,3)"), load(tmp_path / "vae.keras", "(N,8,8,3)", custom_objects=[CODE])):
        found = interpret(graph.bind({"N": 2}), inputs)
        for have, name in zip(found, sorted(want), strict=True):
            assert error(have, np.asarray(want[name])) <= TOLERANCE


def test_a_sampling_layer_that_always_draws_is_refused_by_name() -> None:
    class Drawing(layers.Layer):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.seeds = keras.random.SeedGenerator(1)

        def call(self, x: Any) -> Any:
            return x + keras.random.normal((4,), seed=self.seeds)

    x = keras.Input((4,))
    with pytest.raises(UnsupportedError, match=r"'draws' \(Drawing\): .*it draws random numbers"):
        from_model(keras.Model(x, Drawing(name="draws")(x)))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_generator_with_its_own_layers_and_activation(suffix: str, tmp_path: Path) -> None:
    model = generator(32)
    randomize(model)
    model.save(tmp_path / f"model{suffix}")
    inputs = noise([(2, 8)])
    assert errors(load(tmp_path / f"model{suffix}", "(2,8)", custom_objects=[CODE]), model, inputs) <= TOLERANCE


@pytest.mark.exhaustive
def test_a_generator_of_large_pictures() -> None:
    model = generator(128)
    randomize(model)
    assert errors(from_model(model), model, noise([(1, 8)])) <= TOLERANCE


@pytest.mark.parametrize("suffix", ["", ".keras", ".h5"])
def test_layers_in_containers_inside_models(suffix: str, tmp_path: Path) -> None:
    model = nested()
    randomize(model)
    if suffix:
        model.save(tmp_path / f"model{suffix}")
    graph = load(tmp_path / f"model{suffix}", "(N,6)", custom_objects=[CODE]) if suffix else from_model(model, "(N,6)")
    assert errors(graph.bind({"N": 3}), model, noise([(3, 6)])) <= TOLERANCE


def test_a_function_of_keras() -> None:
    x = keras.Input((4,))
    function = keras.Function(x, ops.tanh(layers.Dense(3, name="dense")(x)), name="f")
    inputs = noise([(2, 4)])
    (have,) = interpret(from_model(function, (2, 4)), inputs)
    assert error(have, np.asarray(function(inputs[0]))) <= TOLERANCE
