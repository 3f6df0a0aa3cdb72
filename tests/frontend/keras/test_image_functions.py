"""Functions of keras.ops.image, and those of keras.ops.nn about pixels: every public one is compared with Keras, or refused with its reason."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from harness.keras_cases import KerasCase, check_graphs
from harness.keras_compare import errors, predict, refused
from harness.keras_image_functions import ENDS, FIRST_CASES, IMAGE_CASES, IMAGE_FUNCTIONS, SHAPE, STARTS, TURNED
from harness.keras_models import noise
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


def together(cases: Mapping[str, Any]) -> Together:
    return Together({name: (build, (SHAPE,)) for name, build in cases.items()})


def test_every_public_function_is_in_the_table() -> None:
    public = {name for name in dir(ops.image) if not name.startswith("_")}
    assert public == set(IMAGE_FUNCTIONS)


def test_one_case_of_each_function() -> None:
    together(FIRST_CASES).check_with_keras(TOLERANCE)


def test_functions_from_files(tmp_path: Path) -> None:
    together(IMAGE_CASES).check_files(tmp_path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", IMAGE_CASES)
def test_function_in_float64(name: str) -> None:
    check_graphs(KerasCase(f"image: {name}", IMAGE_CASES[name], (SHAPE,)))


@pytest.mark.parametrize("name", [name for name, cases in IMAGE_FUNCTIONS.items() if isinstance(cases, str)])
def test_what_is_refused_says_why(name: str) -> None:
    x = keras.Input(SHAPE)
    refused(keras.Model(x, getattr(ops.image, name)(x)), str(IMAGE_FUNCTIONS[name]))


def test_whole_pictures_resized_to_means_differ_by_one_level_at_most() -> None:
    """Where a mean lies just between two whole numbers, rounding errors of Keras decide."""
    x = keras.Input(SHAPE, batch_size=2, dtype="uint8")
    model = keras.Model(x, ops.image.resize(x, (4, 13)))
    picture = np.random.default_rng(0).integers(0, 256, (2, *SHAPE)).astype(np.uint8)
    (found,) = interpret(from_model(model), [picture])
    difference = np.abs(found.astype(int) - predict(model, [picture])[0])
    assert found.dtype == np.uint8
    assert difference.max() <= 1
    assert np.mean(difference) < 0.1


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_transformed_pictures_of_any_size(mode: str) -> None:
    """Batch, height and width are open; the eight numbers come from another layer."""
    x, numbers = keras.Input((None, None, 3)), keras.Input((8,))
    model = keras.Model([x, numbers], ops.image.affine_transform(x, numbers, fill_mode=mode, fill_value=0.5))
    graph = from_model(model, [parse_input_shape("(N,H,W,3)"), parse_input_shape("(N,8)")])
    for shape in ((2, 7, 9, 3), (1, 12, 5, 3)):
        assert errors(graph, model, [*noise([shape]), TURNED[: shape[0]]]) <= TOLERANCE


def test_one_perspective_for_a_batch_of_any_size() -> None:
    """Keras on JAX wants as many transformations as pictures; others take one for all, as we do."""
    x = keras.Input(SHAPE)
    model = keras.Model(x, ops.image.perspective_transform(x, STARTS[:1], STARTS[1:]))
    single = keras.Model(x, ops.image.perspective_transform(x, STARTS, STARTS[::-1]))
    pictures = noise([(2, *SHAPE)])[0]
    (found,) = interpret(from_model(model, [parse_input_shape("(N,7,9,3)")]), [pictures])
    wanted = predict(single, [pictures])[0]
    assert error(found[:1], wanted[:1]) <= TOLERANCE


def test_windows_that_end_before_the_picture_does() -> None:
    """Keras on JAX forgets the rest, which its own declared shape has, and PyTorch's zeros."""
    x = keras.Input((24, 6), batch_size=2)
    model = keras.Model(x, ops.fold(x, (5, 7), 2, stride=2))
    inputs = noise([(2, 24, 6)])
    (found,) = interpret(from_model(model), inputs)
    wanted = np.pad(predict(model, inputs)[0], [(0, 0), (0, 0), (0, 1), (0, 1)])
    assert found.shape == model.output_shape
    assert error(found, wanted) <= TOLERANCE


def test_factors_that_are_computed_are_refused() -> None:
    x, factors = keras.Input(SHAPE, batch_size=2), keras.Input((2,), batch_size=1)
    scaled = ops.image.scale_and_translate(x, (2, 7, 9, 3), factors[0], np.zeros(2, "float32"), (1, 2), "linear")
    refused(keras.Model([x, factors], scaled), "scale that another layer")


def test_points_that_are_computed() -> None:
    x, points = (keras.Input(shape, batch_size=2) for shape in (SHAPE, (4, 2)))
    model = keras.Model([x, points], ops.image.perspective_transform(x, points, ENDS[::-1]))
    graph = from_model(model, [parse_input_shape("(2,7,9,3)"), parse_input_shape("(2,4,2)")])
    # Places depend on the last digits of a solution of equations, in Keras as here.
    assert errors(graph, model, [*noise([(2, *SHAPE)]), STARTS[::-1]]) <= 3e-5
