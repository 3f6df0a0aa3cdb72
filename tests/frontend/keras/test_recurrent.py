"""Recurrent layers, their cells and TimeDistributed, against Keras: from memory and both kinds of files, with sizes that are fixed or open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from harness import keras_recurrent
from harness.calibrate import randomize
from harness.keras_cases import building
from harness.keras_compare import errors, fixed, refused
from harness.keras_layers import Build, Sizes, keras_model
from harness.keras_models import noise
from harness.keras_recurrent import (
    CELLS,
    CHANNELS,
    CONVOLUTIONS,
    EVERYTHING,
    MASKED,
    SEQUENCE,
    STEPS,
    masked,
    sequence,
)
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model, load, recurrent
from webdnn.graph.interpreter import interpret

TOLERANCE = 3e-6
CASES: dict[str, tuple[Build, Sizes]] = {
    **{name: (build, SEQUENCE) for name, build in {**CELLS, **MASKED}.items()},
    **{f"convolution: {name}": case for name, case in CONVOLUTIONS.items()},
    **{f"steps: {name}": case for name, case in STEPS.items()},
}
FEW = (
    "masked: LSTM unrolled",
    "own cells",
    "masked: zeros, own cell",
    "convolution: 1D, dilation",
    "steps: of the batch",
    "steps: with masks",
)
IN_TIERS = [pytest.param(name, marks=[] if name in FEW else [pytest.mark.exhaustive]) for name in CASES]


def built(name: str) -> tuple[Any, list[np.ndarray]]:
    build, shape = CASES[name]
    with building(name):
        model = keras_model(build, shape)
    return model, [sequence(3)] if shape == SEQUENCE else noise([(2, *shape)])


@pytest.mark.parametrize("name", IN_TIERS)
def test_layers(name: str) -> None:
    """With a batch that is open: what is right for one of three examples is right for a fixed one."""
    model, inputs = built(name)
    graph = from_model(model, [parse_input_shape(f"(N,{','.join(map(str, inputs[0].shape[1:]))})")])
    assert errors(graph, model, inputs) <= TOLERANCE


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", CASES)
def test_layers_of_a_fixed_batch(name: str) -> None:
    model, inputs = built(name)
    assert errors(from_model(model, fixed(inputs)), model, inputs) <= TOLERANCE


FILES = (
    "LSTM of everything",
    "GRU of everything",
    "cells",
    "own cells",
    "both ways, other layers",
    "convolution: 2D, valid",
)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    "name", [pytest.param(x, marks=[] if x == "both ways, other layers" else [pytest.mark.exhaustive]) for x in FILES]
)
def test_files(name: str, suffix: str, tmp_path: Path) -> None:
    model, inputs = built(name)
    model.save(tmp_path / f"model{suffix}")
    own = [keras_recurrent.__file__] if "own" in name else []
    graph = load(tmp_path / f"model{suffix}", fixed(inputs), custom_objects=own)
    for have, want in zip(interpret(graph, inputs), interpret(from_model(model, fixed(inputs)), inputs), strict=True):
        assert np.array_equal(have, want)


def test_a_file_in_a_process_in_which_keras_has_not_looked_for_tensorflow(tmp_path: Path) -> None:
    """Keras looks once, when Bidirectional is made from a file: while old imports work, and a stand-in for TensorFlow could be found."""
    x = keras.Input((5, CHANNELS))
    keras.Model(x, layers.Bidirectional(layers.LSTM(3))(x)).save(tmp_path / "model.keras")
    code = "import sys; from webdnn.frontend.keras import load; load(sys.argv[1], ['(1,5,4)'])"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "model.keras"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_any_length() -> None:
    """One graph for all lengths and batches, forwards and backwards, with masks."""
    x = keras.Input((None, CHANNELS))
    y = layers.Bidirectional(layers.LSTM(3, **EVERYTHING))(layers.Masking()(x))
    model = keras.Model(x, [*y, layers.GRU(2, go_backwards=True)(y[0])])
    randomize(model)
    graph = from_model(model, [parse_input_shape("(N,T,4)")])
    for batch, length in ((1, 7), (3, 4)):
        inputs = [sequence(batch, length)]
        assert errors(graph, model, inputs) <= TOLERANCE


@pytest.mark.exhaustive
@pytest.mark.parametrize("batch", [1, 2])
def test_masks_of_pictures(batch: int) -> None:
    """JAX gives a mask's examples to the last axis of a picture but one, and fails where they are not as many; TensorFlow, like us, to examples."""
    shape = (4, 3, batch, 2)
    layer = layers.ConvLSTM2D(2, 2, padding="same", return_sequences=True)
    x, mask = keras.Input(shape), keras.Input((4,), dtype="bool")
    model = keras.Model([x, mask], layer(x, mask=mask))
    randomize(model)
    (frames,) = noise([(batch, *shape)])
    marks = np.array([[True, False, True, True], [False, True, False, True]])[:batch]
    (have,) = interpret(from_model(model, fixed([frames, marks])), [frames, marks])
    for number in range(batch):
        one = keras.Model(x, layer(x, mask=keras.ops.convert_to_tensor(marks[number : number + 1])))
        want = np.asarray(one(frames[number : number + 1])) if batch == 1 else None
        counted = _by_hand(layer, frames[number : number + 1], marks[number])
        assert np.allclose(have[number], counted, atol=1e-5)
        assert want is None or np.allclose(have, want, atol=1e-5)


def _by_hand(layer: Any, frames: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """The outputs for one example: steps that do not count repeat the state."""
    states = [np.asarray(s) for s in layer.get_initial_state(1)]
    found = []
    for t, counts in enumerate(marks):
        if counts:
            _, states = layer.cell(frames[:, t], states)
        found.append(np.asarray(states[0])[0])
    return np.stack(found)


def test_every_traced_layer_is_tested() -> None:
    made = [
        layer for build, _ in CASES.values() if isinstance(build, layers.Layer) for layer in build._flatten_layers()
    ]
    assert {type(layer).__name__ for layer in made} >= set(recurrent.TRACED)


def test_dropout_that_is_applied_is_refused() -> None:
    class Noisy(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.memory = layers.LSTM(3, dropout=0.5)

        def call(self, x: Any) -> Any:
            return self.memory(x, training=True)

    x = keras.Input(SEQUENCE)
    refused(keras.Model(x, Noisy()(x)), "random numbers")


def test_a_cell_that_loses_a_state_is_refused() -> None:
    class Losing(layers.Layer):
        state_size = (3, 3)
        output_size = 3

        def call(self, x: Any, states: Any) -> Any:
            return states[0] + x[:, :3], [states[0]]

        def get_initial_state(self, batch_size: Any = None) -> Any:
            return [keras.ops.zeros((batch_size, 3)), keras.ops.zeros((batch_size, 3))]

    x = keras.Input(SEQUENCE)
    refused(keras.Model(x, layers.RNN(Losing())(x)), "2 states and gives 1")


@pytest.mark.parametrize("name", ["masked: LSTM unrolled"])
def test_a_mask_matters(name: str) -> None:
    """Fails where masks are lost: the sequences of these tests have steps that do not count."""
    model, inputs = built(name)
    plain = keras_model(masked(CELLS["LSTM unrolled"]), SEQUENCE)
    plain.set_weights(model.get_weights())
    changed = [inputs[0] + 1e-6 * (inputs[0] == 0)]
    (have, *_), (other, *_) = (interpret(from_model(model, fixed(x)), x) for x in (inputs, changed))
    assert not np.allclose(have, other, atol=1e-3)
