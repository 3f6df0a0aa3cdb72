"""Layers that Keras computes with TensorFlow: vocabularies and hashes of whole numbers, against its answers, through files, without it."""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from harness.keras_compare import fixed, refused
from harness.keras_entries import entry
from harness.keras_files import write_archive, write_hdf5
from harness.tensorflow_answers import (
    COLUMNS,
    CROSSED_ONE_HOT,
    INVERTED,
    INVERTED_ANSWER,
    NUMBERS,
    OF_COLUMNS,
    OF_ROWS,
    ONE_HOT,
    ROWS,
    VOCABULARY,
)
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model, load
from webdnn.frontend.keras.stand_ins import classes
from webdnn.graph.cost import count_ops
from webdnn.graph.errors import UnsupportedError, WebDNNError
from webdnn.graph.interpreter import interpret

FORMATS = (".keras", ".h5")
IN_DEFAULT_TIER = ("hashed with two salts", "three crossed", "found, with a mask", "weighted")
needs_stand_ins = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is not None,
    reason="Keras's own layers are used where TensorFlow is installed",
)


def model_of(class_name: str, arguments: dict[str, Any], width: int, count: int = 1) -> Any:
    inputs = [keras.Input((width,), dtype="int32") for _ in range(count)]
    layer = classes()[class_name](**arguments)
    return keras.Model(inputs, layer(inputs[0] if count == 1 else inputs))


def answers(file: Path, inputs: Sequence[np.ndarray]) -> np.ndarray:
    (found,) = interpret(load(file, fixed(inputs)), inputs)
    return found


@needs_stand_ins
@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=() if case in IN_DEFAULT_TIER else pytest.mark.exhaustive)
        for case in (*OF_COLUMNS, *OF_ROWS)
    ],
)
def test_answers_of_tensorflow_from_files(case: str, suffix: str, tmp_path: Path) -> None:
    if case in OF_COLUMNS:
        class_name, arguments, count, wanted = OF_COLUMNS[case]
        inputs: tuple[np.ndarray, ...] = COLUMNS[:count]
    else:
        class_name, arguments, wanted = OF_ROWS[case]
        inputs = (ROWS,)
    config, file = entry(class_name, arguments, inputs[0].shape[1], len(inputs)), tmp_path / f"model{suffix}"
    if suffix == ".keras":
        write_archive(file, config, {}, "3.15.1")
    else:
        write_hdf5(file, config, {}, keras_version="3.15.1")
    assert np.array_equal(answers(file, inputs), np.reshape(wanted, (-1, 1)) if case in OF_COLUMNS else wanted)


@pytest.mark.parametrize("case", OF_COLUMNS)
def test_a_batch_of_any_size(case: str) -> None:
    class_name, arguments, count, wanted = OF_COLUMNS[case]
    graph = from_model(model_of(class_name, arguments, 1, count), [parse_input_shape("(N,1)")] * count)
    for size in (1, 9):
        (found,) = interpret(graph, [column[:size] for column in COLUMNS[:count]])
        assert found[:, 0].tolist() == wanted[:size]


@pytest.mark.parametrize("case", OF_ROWS)
def test_answers_of_tensorflow_from_memory(case: str) -> None:
    class_name, arguments, wanted = OF_ROWS[case]
    (found,) = interpret(from_model(model_of(class_name, arguments, ROWS.shape[1]), fixed([ROWS])), [ROWS])
    assert np.array_equal(found, wanted)


def test_inverted_and_encoded() -> None:
    inverted = {"vocabulary": [12, -36, 1138], "mask_token": 7, "oov_token": -5, "invert": True}
    for class_name, arguments, inputs, wanted in (
        ("IntegerLookup", inverted, [INVERTED], INVERTED_ANSWER),
        ("Hashing", {"num_bins": 5, "output_mode": "one_hot"}, [ROWS[:, :1]], ONE_HOT),
        ("HashedCrossing", {"num_bins": 6, "output_mode": "one_hot"}, [ROWS[:, :1], ROWS[:, 1:2]], CROSSED_ONE_HOT),
        ("Hashing", {"num_bins": 1}, [NUMBERS], np.zeros_like(NUMBERS)),
    ):
        model = model_of(class_name, arguments, inputs[0].shape[1], len(inputs))
        (found,) = interpret(from_model(model, fixed(inputs)), inputs)
        assert np.array_equal(found, wanted), class_name


def test_hashes_are_one_program() -> None:
    """Hundreds of functions of each element, of which a backend makes one kernel."""
    class_name, arguments, count, _ = OF_COLUMNS["hashed with salt"]
    graph = from_model(model_of(class_name, arguments, 1, count))
    assert count_ops(graph) == {"Elementwise": 1}


@needs_stand_ins
def test_a_vocabulary_that_adapt_found(tmp_path: Path) -> None:
    """It is a file of its own in the archive."""
    file = tmp_path / "model.keras"
    arguments = {"vocabulary": None, "num_oov_indices": 1, "mask_token": 7}
    write_archive(file, entry("IntegerLookup", arguments, 3), {}, "3.15.1")
    with pytest.raises(UnsupportedError, match=r"no vocabulary; .* adapt\(\)"):
        load(file)
    with zipfile.ZipFile(file, "a") as archive:
        lines = [7, -1, *VOCABULARY]
        archive.writestr("assets/layers/integer_lookup/vocabulary.txt", "\n".join(map(str, lines)))
    assert answers(file, [ROWS]).tolist() == [[2, 0, 1], [5, 5, 3], [4, 1, 1], [3, 0, 0]]


@needs_stand_ins
@pytest.mark.parametrize("text", ["12\nhundred", "9" * 30])
def test_a_vocabulary_of_something_else(text: str, tmp_path: Path) -> None:
    file = tmp_path / "model.keras"
    write_archive(file, entry("IntegerLookup", {}, 3), {}, "3.15.1")
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("assets/layers/integer_lookup/vocabulary.txt", text)
    with pytest.raises(WebDNNError, match="looked_up"):
        load(file)


def test_what_is_refused() -> None:
    x, truth, fraction = keras.Input((1,), dtype="int32"), keras.Input((1,), dtype="bool"), keras.Input((1,))
    layers = classes()
    refused(
        keras.Model(
            [x, truth, fraction],
            [
                layers["Hashing"](5)(truth),
                layers["HashedCrossing"](5)([x, fraction]),
                layers["Hashing"](2**31 - 1)(x),
                layers["Hashing"](5, output_mode="count", sparse=True)(x),
                layers["IntegerLookup"](vocabulary=[2**40])(x),
            ],
        ),
        "the words true and false",
        "two or more columns of whole numbers",
        "remainders by 2147483647",
        "sparse=True",
        "the token 1099511627776",
    )
