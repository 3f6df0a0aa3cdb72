"""Models that begin with what prepares their inputs, and one that ends with boxes: from sound, pixels and columns of a table, on every backend."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from harness.calibrate import randomize
from harness.cases import Symbols
from harness.descriptors import run_cases, write_cases
from harness.keras_compare import fixed
from harness.metric import error
from harness.page import PageError
from harness.reference import answer_of_small, keras_in_float64
from webdnn.frontend.keras import from_model
from webdnn.frontend.keras.stand_ins import classes
from webdnn.graph.graph import Graph
from webdnn.graph.interpreter import interpret
from webdnn.optimizer import optimize

Array = np.ndarray
TOLERANCE = 1e-5
ANCHORS = np.array([[10, 14], [23, 27], [37, 58]], np.float32)


@dataclass(frozen=True)
class Prepared:
    """A model with inputs; the answers are Keras's in float64, or, of layers that Keras computes with TensorFlow, the interpreter's."""

    name: str
    build: Callable[[], Any]
    given: tuple[Array, ...]
    by_keras: bool = True
    tolerance: float = TOLERANCE
    runs: tuple[Symbols, ...] = field(default=({},), init=False)

    @cached_property
    def source(self) -> tuple[Graph, list[Array]]:
        model = self.build()
        randomize(model)
        return optimize(from_model(model, fixed(self.given))), model.get_weights()

    @property
    def graph(self) -> Graph:
        return self.source[0]

    def inputs(self, run: int) -> list[Array]:
        return list(self.given)

    def expected(self, run: int) -> list[Array]:
        if not self.by_keras:
            return interpret(self.graph, self.given, dtype="float64")
        return self._answer

    @cached_property
    def _answer(self) -> list[Array]:
        weights = self.source[1]
        with keras_in_float64():
            return answer_of_small(self.build(), weights, self.given)


def keywords() -> Any:
    """A second of sound → twelve words."""
    x = keras.Input((16_000,), batch_size=1)
    y = layers.MelSpectrogram(512, 160, 400, sampling_rate=16_000, num_mel_bins=40, max_freq=7600)(x)
    y = layers.Rescaling(1 / 40, 0.5)(y)[..., None]
    for filters in (8, 16, 24):
        y = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(y)
        y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.GlobalAveragePooling2D()(y)
    return keras.Model(x, layers.Dense(12, activation="softmax")(y), name="keywords")


def decoded(y: Any) -> Any:
    """Corners, and how sure: of three boxes in each of 8 × 8 cells."""
    y = ops.reshape(y, (-1, 8, 8, 3, 9))
    columns, rows = ops.meshgrid(ops.arange(8, dtype="float32"), ops.arange(8, dtype="float32"))
    middle = (ops.sigmoid(y[..., :2]) + ops.stack([columns, rows], -1)[None, :, :, None]) / 8
    size = ops.exp(y[..., 2:4]) * ANCHORS / 64
    boxes = ops.concatenate([middle - size / 2, middle + size / 2, ops.sigmoid(y[..., 4:])], -1)
    return ops.reshape(boxes, (-1, 192, 9))


def detector() -> Any:
    x = keras.Input((64, 64, 3), batch_size=1)
    y = x
    for filters in (8, 16, 24):
        y = layers.Conv2D(filters, 3, strides=2, padding="same", activation="leaky_relu")(y)
    y = layers.Lambda(decoded)(layers.Conv2D(27, 1)(y))
    return keras.Model(x, y, name="detector")


def pixels() -> Any:
    """Bytes as a picture's file has them."""
    x = keras.Input((40, 30, 3), batch_size=1, dtype="uint8")
    y = layers.Resizing(24, 24, interpolation="nearest")(x)
    y = layers.Conv2D(8, 3, activation="relu")(layers.Rescaling(1 / 127.5, -1)(y))
    return keras.Model(x, layers.Dense(5)(layers.GlobalAveragePooling2D()(y)), name="pixels")


def table() -> Any:
    age, income = (keras.Input((1,), batch_size=4, name=name) for name in ("age", "income"))
    job, region = (keras.Input((1,), batch_size=4, name=name, dtype="int32") for name in ("job", "region"))
    looked_up = classes()["IntegerLookup"](vocabulary=[1105, 1203, 4711, -3], num_oov_indices=2, oov_method="farmhash")
    columns = [
        layers.Normalization(mean=41.5, variance=170.0)(age),
        layers.Discretization([1200, 2500, 4100.5], output_mode="one_hot")(income),
        ops.cast(layers.CategoryEncoding(6, output_mode="one_hot")(looked_up(job)), "float32"),
        layers.CategoryEncoding(5, output_mode="one_hot")(region),
        classes()["HashedCrossing"](32, output_mode="one_hot")((job, region)),
        classes()["Hashing"](16, salt=[7, 11], output_mode="one_hot")(job),
    ]
    y = layers.Dense(16, activation="relu")(layers.Concatenate()(columns))
    return keras.Model([age, income, job, region], layers.Dense(1, activation="sigmoid")(y), name="table")


def sound() -> Array:
    """Two tones that fade, and some noise."""
    time, random = np.arange(16_000) / 16_000, np.random.default_rng(0)
    tones = 0.5 * np.sin(2 * np.pi * 440 * time) * np.exp(-3 * time) + 0.2 * np.sin(2 * np.pi * 2900 * time**2)
    return (tones + 0.01 * random.normal(size=16_000)).astype(np.float32)[None]


def column(*numbers: float) -> Array:
    return np.array(numbers)[:, None].astype(np.float32 if any(isinstance(n, float) for n in numbers) else np.int32)


PICTURE = np.random.default_rng(1).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
BYTES = np.random.default_rng(2).integers(0, 256, (1, 40, 30, 3)).astype(np.uint8)
COLUMNS = (
    column(23.0, 35.5, 61.0, 48.25),
    column(900.0, 2500.0, 3333.3, 9000.0),
    column(1203, -3, 4711, 2147483647),
    column(0, 4, 2, 3),
)
CASES = [
    Prepared("keywords", keywords, (sound(),)),
    Prepared("detector", detector, (PICTURE,)),
    Prepared("pixels", pixels, (BYTES,)),
    Prepared("table", table, COLUMNS, by_keras=False),
]


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize(
    "backend",
    ["webassembly", *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("webgpu", "webgl", "fallback"))],
)
def test_prepared_inputs(backend: str, browser: Any, serve_session: Any, tmp_path: Path, record_property: Any) -> None:
    folders = write_cases(importlib.import_module(f"webdnn.backend.{backend}").TARGET, CASES, tmp_path)
    answers = run_cases(browser, serve_session, CASES, tmp_path, folders, backend)
    for case in CASES:
        answer = answers[case.name]
        if isinstance(answer, PageError):
            raise answer
        errors = [error(have, want) for have, want in zip(answer[0], case.expected(0), strict=True)]
        record_property(case.name, f"error {max(errors):.2e}")
        print(backend, case.name, f"{max(errors):.2e}")
        assert max(errors) <= TOLERANCE, f"{case.name}: {errors}"
