"""Layers that prepare inputs: against Keras, through files, with symbolic sizes, and what is refused."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
import pytest
from keras import layers

from harness.keras_cases import KerasCase, check_graphs
from harness.keras_compare import fixed, predict, refused
from harness.keras_models import noise
from harness.keras_preprocessing import IN_DEFAULT_TIER, PICTURE, PREPROCESSING, preprocessing_cases
from harness.keras_together import Together
from harness.metric import error
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model
from webdnn.graph.interpreter import interpret

TOLERANCE = 3e-6  # Keras itself computes in float32


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keras warns of every .h5 file that it writes."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(
    "names", [IN_DEFAULT_TIER, pytest.param(tuple(PREPROCESSING), marks=pytest.mark.exhaustive)], ids=["some", "all"]
)
def test_layers_from_memory_and_files(names: Sequence[str], tmp_path: Path) -> None:
    together = Together(preprocessing_cases(names))
    together.check_with_keras(TOLERANCE)
    together.check_files(tmp_path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", PREPROCESSING)
def test_layer_in_float64(name: str) -> None:
    build, shape = PREPROCESSING[name]
    check_graphs(KerasCase(f"preprocessing: {name}", build, (shape,)))


@pytest.mark.parametrize(
    ("layer", "open_shape", "text", "shapes"),
    [
        (layers.STFTSpectrogram("log", 12, 5, 16, padding="same"), (None, 2), "(N,T,2)", ((2, 60, 2), (1, 33, 2))),
        (layers.MelSpectrogram(64, 20, 50, sampling_rate=8000, num_mel_bins=12), (None,), "(N,T)", ((2, 300), (1, 77))),
        (layers.Discretization([-0.5, 0.3], output_mode="count"), (None,), "(N,T)", ((2, 9), (3, 4))),
        (layers.CategoryEncoding(3, output_mode="count"), (None,), "(N,T)", ((2, 9), (3, 4))),
        (layers.AutoContrast(), (None, None, 3), "(N,H,W,3)", ((2, 5, 6, 3), (1, 9, 4, 3))),
        (layers.ContrastLimitedAdaptiveHistogramEqualization(), (16, 24, 3), "(N,16,24,3)", ((2, 16, 24, 3),)),
    ],
    ids=["stft", "mel", "discretization", "classes", "contrast", "local contrast"],
)
def test_symbolic_sizes(layer: Any, open_shape: Any, text: str, shapes: Any) -> None:
    """They give what fixed ones do, which other tests compare with Keras."""
    x = keras.Input(open_shape)
    model = keras.Model(x, layer(x))
    graph = from_model(model, [parse_input_shape(text)])
    for shape in shapes:
        inputs = noise([shape])
        (found,), (wanted,) = interpret(graph, inputs), interpret(from_model(model, fixed(inputs)), inputs)
        assert error(found, wanted) <= 1e-6


def test_what_is_not_adapted_or_sparse_is_refused() -> None:
    x = keras.Input((6,))
    sparse = layers.CategoryEncoding(4)
    sparse.sparse = True
    refused(
        keras.Model(x, [keras.ops.cast(layers.Discretization(num_bins=4)(x), "float32"), sparse(x)]),
        r"no bin_boundaries; give them, or call adapt\(\)",
        "sparse=True; .* use sparse=False",
    )


def test_a_rescaling_of_channels_where_channels_come_first() -> None:
    """Keras turns the factors to the channels by a setting of its own, which is not the layer's."""
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        x = keras.Input((3, 4, 5))
        model = keras.Model(x, layers.Rescaling([1, 2, 3], 0.5)(x))
        inputs = noise([(2, 3, 4, 5)])
        (found,) = interpret(from_model(model, fixed(inputs)), inputs)
        assert error(found, predict(model, inputs)[0]) <= TOLERANCE
    finally:
        keras.config.set_image_data_format(before)


def test_local_contrast_of_pixels_differs_by_one_level_at_most() -> None:
    """Keras cuts fractions off: where the exact brightness is a whole number, its rounding errors decide."""
    x = keras.Input(PICTURE, batch_size=2, dtype="uint8")
    model = keras.Model(x, layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(1, 3))(x))
    pixels = np.random.default_rng(0).integers(0, 256, (2, *PICTURE)).astype(np.uint8)
    (found,) = interpret(from_model(model), [pixels])
    difference = np.abs(found.astype(int) - np.asarray(jax.jit(model)(pixels)))
    assert found.dtype == np.uint8
    assert difference.max() <= 1
    assert np.mean(difference) < 0.1
