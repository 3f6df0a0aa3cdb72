"""Recurrent models, trained and drawn at random, on every backend in a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from harness.calibrate import randomize
from harness.keras_compare import predict
from harness.keras_models import noise
from harness.metric import error
from harness.workshop import convert

Array = np.ndarray
pytestmark = [pytest.mark.slow, pytest.mark.browser]
ROOT = os.environ.get("WEBDNN_TEST_MODELS")
FOLDER = Path(ROOT or ".") / "keras"
trained = pytest.mark.skipif(ROOT is None, reason="WEBDNN_TEST_MODELS does not name the folder of trained models")
TOLERANCE = 1e-5
LAYER = Path(__file__).parent / "attention_weighted_average.py"
BACKENDS = [
    pytest.param(name, marks=[pytest.mark.exhaustive] if name in ("webgpu", "webgl") else [])  # minutes on SwiftShader
    for name in ("webassembly", "fallback", "webgpu", "webgl")
]
TRAINED = [BACKENDS[0], *(pytest.param(*rest.values, marks=[pytest.mark.exhaustive]) for rest in BACKENDS[1:])]


@trained
@pytest.mark.parametrize("backend", TRAINED)
def test_a_writer_of_text(run_in_page: Any, backend: str, tmp_path: Path) -> None:
    """An embedding, two LSTMs and a layer of the user's, in a file of tf.keras."""
    folder = FOLDER / "textgenrnn_char_lstm"
    convert(
        folder / "textgenrnn.h5", tmp_path / "text", ["(N,40)"], "--custom_objects", str(LAYER), "--backend", backend
    )
    with np.load(folder / "textgenrnn_ref.npz") as arrays:
        x, want = arrays["x0"].astype(np.float32), arrays["y"]
    answers = run_in_page(tmp_path / "text", backend, [({"N": 1}, [x]), ({"N": 2}, [np.concatenate([x, x])])])
    for ((y,)), examples in zip(answers, (1, 2), strict=True):
        assert error(y, np.concatenate([want] * examples)) <= TOLERANCE


@trained
@pytest.mark.parametrize("backend", TRAINED)
def test_digits_row_by_row(workshop: Any, run_in_page: Any, backend: str, tmp_path: Path) -> None:
    """A bidirectional GRU and an LSTM."""
    file = FOLDER / "mnist5k_selftrained/mnist_gru_lstm.keras"
    convert(file, tmp_path / "digits", ["(N,28,28,1)"], "--backend", backend)
    with np.load(FOLDER / "mnist5k_selftrained/val500.npz") as arrays:
        count = 30 if backend in ("webgpu", "webgl") else 500
        x, labels = arrays["x"][:count], arrays["y"][:count]
    ((y,), (few,)) = run_in_page(tmp_path / "digits", backend, [({"N": len(x)}, [x]), ({"N": 3}, [x[:3]])])
    ((want,),) = workshop.answers(file, [[x]])
    assert count < 500 or round(float((y.argmax(1) == labels).mean()), 3) == 0.956
    assert max(error(y, want), error(few, want[:3])) <= TOLERANCE


def classifier() -> Any:
    """Sentences of any length, which end with zeros."""
    x = keras.Input((None,), dtype="int32", name="words")
    y = layers.Embedding(30, 12, mask_zero=True)(x)
    y = layers.Bidirectional(layers.LSTM(16, return_sequences=True))(y)
    y = layers.Bidirectional(layers.GRU(10), merge_mode="sum")(y)
    return keras.Model(x, layers.Dense(3, activation="softmax")(y))


def words(batch: int, length: int) -> Array:
    x = np.random.default_rng(length).integers(1, 30, (batch, length)).astype(np.int32)
    for number in range(batch):
        x[number, length - number * length // 3 :] = 0
    return x


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Array], list[Array]]:
    """The classifier's file, sentences of 7, 80 and 400 words, and Keras's answers."""
    model, file = classifier(), tmp_path_factory.mktemp("sentences") / "model.keras"
    randomize(model)
    model.save(file)
    inputs = [words(batch, length) for batch, length in ((2, 7), (1, 80), (3, 400), (2, 7))]
    return file, inputs, [predict(model, [x])[0] for x in inputs]


@pytest.mark.parametrize("backend", BACKENDS)
def test_sentences_of_any_length(sentences: Any, run_in_page: Any, backend: str, tmp_path: Path) -> None:
    """One Descriptor for all of them."""
    file, inputs, wanted = sentences
    convert(file, tmp_path / "sentences", ["(N,T)"], "--backend", backend)
    runs = [({"N": x.shape[0], "T": x.shape[1]}, [x]) for x in inputs]
    for want, (have,) in zip(wanted, run_in_page(tmp_path / "sentences", backend, runs), strict=True):
        assert error(have, want) <= TOLERANCE


def next_frame() -> Any:
    x = keras.Input((4, 10, 9, 2))
    y = layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True)(x)
    y = layers.BatchNormalization()(y)
    y = layers.ConvLSTM2D(3, (5, 3), padding="same", activation="relu")(y)
    return keras.Model(x, layers.Conv2D(2, 3, padding="same", activation="sigmoid")(y))


def everything() -> Any:
    """What is rare: cells upon each other, zeros for masked steps, steps that a layer sees one by one."""
    x = keras.Input((6, 4))
    masked = layers.Masking()(x)
    cells = layers.RNN(
        [layers.GRUCell(3, reset_after=False), layers.LSTMCell(4)], return_sequences=True, return_state=True
    )
    y, *states = cells(masked)
    step = keras.Input((4,))
    centred = layers.TimeDistributed(keras.Model(step, step - keras.ops.mean(step, axis=0, keepdims=True)))(y)
    both = layers.Bidirectional(layers.SimpleRNN(3, return_sequences=True), merge_mode=None)(masked)
    return keras.Model(x, [centred, *keras.tree.flatten(states), *both])


DEFAULT = ((next_frame, "webassembly"), (everything, "fallback"))
SHAPES = {next_frame: (4, 10, 9, 2), everything: (6, 4)}
DRAWN = [
    pytest.param(build, *name.values, marks=[] if (build, *name.values) in DEFAULT else [pytest.mark.exhaustive])
    for build in SHAPES
    for name in BACKENDS
]


@pytest.mark.parametrize(("build", "backend"), DRAWN)
def test_drawn_at_random(run_in_page: Any, build: Callable[[], Any], backend: str, tmp_path: Path) -> None:
    shape = SHAPES[build]
    model = build()
    randomize(model)
    model.save(tmp_path / "model.keras")
    name = f"{build.__name__}-{backend}"
    sizes = ",".join(map(str, shape))
    convert(tmp_path / "model.keras", tmp_path / name, [f"(N,{sizes})"], "--backend", backend)
    inputs = noise([(1, *shape), (3, *shape)])
    for x in inputs:
        x[-1, 2:4] = 0
    answers = run_in_page(tmp_path / name, backend, [({"N": len(x)}, [x]) for x in inputs])
    for x, answer in zip(inputs, answers, strict=True):
        errors = [error(have, want) for have, want in zip(answer, predict(model, [x]), strict=True)]
        assert max(errors) <= TOLERANCE, errors
