"""What is converted from memory is converted from files as well: every layer and operation of the tables, through .keras and .h5.

All cases of a table read the same input, so that they are one model and one file. What the file gives is compared with what the model in memory
gives, which test_layers.py compares with Keras, case by case.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from harness.keras_layers import MERGES, TABLES
from harness.keras_together import FORMATS, check_files

Build = Callable[[Any], Any]

# What Keras cannot load again itself, and what it says.
NOT_RELOADED: dict[str, dict[str, str]] = {
    "image: random": {".keras": "could not be deserialized", ".h5": "cannot pickle"},
    "operation: adaptive windows": {
        ".keras": r"can only concatenate tuple \(not \"list\"\)",  # the sizes of a file are a list
        ".h5": "Unknown layer: 'Adaptive",
    },
}
# Arguments that a file writes in another form.
ARGUMENTS: dict[str, Build] = {
    "part": lambda x: x[:, -3:],
    "ellipsis": lambda x: x[..., :2],
    "new axis and step": lambda x: x[:, None, ::2],
    "number": lambda x: x[-1],
    "array in a list": lambda x: ops.concatenate([x, np.ones((2, 2, 3), "float32")], 1),
    "numbers of NumPy": lambda x: x * np.float32(2) + np.arange(3),
    "number of Python": lambda x: ops.where(x > 0, x, -1),
    "tuples": lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 0)), constant_values=np.float64(0.5)),
    "axes": lambda x: ops.softmax(layers.UnitNormalization(axis=(1, 2), name="arguments-axes")(x), axis=(1, 2)),
    "infinity": lambda x: ops.clip(x, -np.inf, 0.5),
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keras warns of every .h5 file that it writes."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You passed `rms_scaling:UserWarning")  # deprecated, but saved models may have it
@pytest.mark.parametrize("table", TABLES)
def test_b1_every_case_through_files(table: str, tmp_path: Path) -> None:
    cases, shape = TABLES[table]
    check_files({n: (b, (shape,)) for n, b in cases.items() if f"{table}: {n}" not in NOT_RELOADED}, tmp_path)


def test_b1_every_merging_layer_through_files(tmp_path: Path) -> None:
    check_files(MERGES, tmp_path)


def test_b1_arguments_come_back_from_files_as_they_were(tmp_path: Path) -> None:
    check_files({name: (build, ((5, 3),)) for name, build in ARGUMENTS.items()}, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("case", NOT_RELOADED)
def test_keras_cannot_reload_what_is_left_out(case: str, suffix: str, tmp_path: Path) -> None:
    table, _, name = case.partition(": ")
    cases, shape = TABLES[table]
    x = keras.Input(shape)
    model = keras.Model(x, cases[name](x))
    with pytest.raises((TypeError, ValueError), match=NOT_RELOADED[case][suffix]):  # noqa: PT012, one of them cannot be saved
        model.save(tmp_path / f"model{suffix}")
        keras.models.load_model(tmp_path / f"model{suffix}")
