"""`training=True` in the calls of layers: what the model's predict() makes of it, with a warning, or a refusal."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from harness.calibrate import randomize
from harness.keras_compare import errors, fixed, refused
from harness.keras_models import noise
from webdnn.cli.convert_keras import main as convert_keras
from webdnn.frontend.keras import from_model, load
from webdnn.graph.errors import ModelWarning
from webdnn.graph.interpreter import interpret

TOLERANCE = 3e-6


class Overruling(layers.Layer):
    """Calls a layer in training mode whatever it is called in."""

    def __init__(self, inner: Any, **options: Any) -> None:
        super().__init__(**options)
        self.inner = inner

    def call(self, x: Any) -> Any:
        return self.inner(x, training=True)

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


class Tripled(layers.Layer):
    def call(self, x: Any, training: bool | None = None) -> Any:
        return x * 3 if training else x


def normalized() -> Any:
    x = keras.Input((5,))
    return keras.Model(x, layers.Dropout(0.5)(layers.BatchNormalization(name="inner")(x)))


def sequence() -> Any:
    return keras.Sequential([keras.Input((5,)), layers.BatchNormalization(), layers.Dropout(0.5)])


TRAINED: dict[str, Callable[[], tuple[Any, tuple[int, ...]]]] = {
    "layer": lambda: (layers.BatchNormalization(), (5,)),
    "Dropout": lambda: (layers.Dropout(0.5), (5,)),
    "model": lambda: (normalized(), (5,)),
    "Sequential": lambda: (sequence(), (5,)),
    "TimeDistributed": lambda: (layers.TimeDistributed(sequence()), (3, 5)),
    "subclassed": lambda: (Tripled(), (5,)),
}


@pytest.mark.parametrize("kind", TRAINED)
def test_a9_training_is_what_predict_makes_of_it(kind: str, tmp_path: Path) -> None:
    """From memory and from a file; the warning names the layer."""
    layer, shape = TRAINED[kind]()
    x = keras.Input(shape)
    model = keras.Model(x, layers.Activation("tanh")(layer(x, training=True)), name="trained")
    randomize(model)
    inputs = noise([(2, *shape)])
    model.save(tmp_path / "model.keras")
    warning = rf"'trained': training=True in the calls of '{layer.name}' has no effect, as in the model's predict"
    with pytest.warns(ModelWarning, match=warning):
        graph = from_model(model, fixed(inputs))
    (found,) = interpret(graph, inputs)
    assert np.abs(found - model.predict(inputs[0], verbose=0)).max() <= TOLERANCE
    if kind != "subclassed":
        with pytest.warns(ModelWarning, match=warning):
            assert np.array_equal(interpret(load(tmp_path / "model.keras", fixed(inputs)), inputs)[0], found)


def test_a9_deep_inside() -> None:
    """The path of the layer; a model that a subclassed layer holds is called with training=False, too."""

    class Holder(layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="holder")
            x = keras.Input((5,))
            self.inner = keras.Model(x, layers.BatchNormalization(name="norm")(x, training=True), name="inner")

        def call(self, x: Any) -> Any:
            return self.inner(x)

    x = keras.Input((5,))
    model = keras.Model(x, Holder()(x))
    inputs = noise([(2, 5)])
    with pytest.warns(ModelWarning, match="'holder/inner/norm'"):
        graph = from_model(model, fixed(inputs))
    assert np.abs(interpret(graph, inputs)[0] - model.predict(inputs[0], verbose=0)).max() <= TOLERANCE


def test_a9_layers_that_are_the_same_in_training_give_no_warning() -> None:
    x = keras.Input((4, 4, 3))
    flipped = layers.RandomFlip()(x)  # whose `training` is True by default, and which Keras records so
    model = keras.Model(x, layers.Dense(2)(flipped, training=True))
    inputs = noise([(2, 4, 4, 3)])
    assert errors(from_model(model, fixed(inputs)), model, inputs) <= TOLERANCE


@pytest.mark.parametrize(
    "make", [layers.BatchNormalization, normalized, sequence], ids=["layer", "model", "Sequential"]
)
def test_a9_training_of_the_users_code_is_refused(make: Callable[[], Any]) -> None:
    """predict() runs that code, and it computes in training mode."""
    x = keras.Input((5,))
    inner = make()
    refused(keras.Model(x, Overruling(inner)(x)), rf"{inner.name}' \(\w+\): called with training=True by code")


def test_a9_training_of_subclassed_layers_in_the_users_code_has_effect() -> None:
    x = keras.Input((5,))
    model = keras.Model(x, Overruling(Tripled())(x))
    inputs = noise([(2, 5)])
    (found,) = interpret(from_model(model, fixed(inputs)), inputs)
    assert np.array_equal(found, inputs[0] * 3)
    assert np.array_equal(found, model.predict(inputs[0], verbose=0))


def test_a9_training_of_the_users_code_reaches_what_it_calls() -> None:
    """Also where a call has other keywords, of which Keras keeps a copy without the flag that it adds."""

    class Holder(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = layers.BatchNormalization(name="norm")

        def call(self, x: Any, training: bool | None = None) -> Any:
            return self.inner(x, mask=None)

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    x = keras.Input((5,))
    refused(keras.Model(x, Overruling(Holder())(x)), r"norm' \(BatchNormalization\): called with training=True by code")


def test_a9_command_shows_the_warning(tmp_path: Path, capsys: Any) -> None:
    x = keras.Input((5,))
    keras.Model(x, layers.Dropout(0.5, name="noisy")(x, training=True)).save(tmp_path / "model.keras")
    command = [str(tmp_path / "model.keras"), "--out", str(tmp_path / "out"), "--backend", "fallback", "--quiet"]
    assert convert_keras(command) == 0
    assert re.search(r"warning: .*training=True in the calls of 'noisy' has no effect", capsys.readouterr().err)
