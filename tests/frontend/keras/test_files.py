"""What is converted from memory is converted from files as well: every layer and operation of the tables, through .keras and .h5.

All cases of a table read the same input, so that they are one model and one file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from harness.calibrate import randomize
from harness.keras_compare import fixed, predict
from harness.keras_layers import MERGES, TABLES
from harness.keras_models import noise
from harness.metric import error
from webdnn.frontend.keras import load
from webdnn.graph.interpreter import interpret

TOLERANCE = 5e-6  # Keras itself computes in float32
FORMATS = (".keras", ".h5")
Build = Callable[[Any], Any]

# What Keras cannot load again itself, and what it says.
NOT_RELOADED: dict[tuple[str, str], str] = {
    ("image: random", ".keras"): "could not be deserialized",
    ("image: random", ".h5"): "cannot pickle",
    ("operation: windows", ".keras"): r"can only concatenate tuple \(not \"list\"\)",
    ("operation: windows", ".h5"): r"can only concatenate tuple \(not \"list\"\)",
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keras warns of every .h5 file that it writes."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def applied(name: str, build: Any, inputs: list[Any]) -> list[Any]:
    """The results of a layer, a copy named after its case, or of a function."""
    if isinstance(build, keras.Layer):
        build = type(build).from_config(
            {**build.get_config(), "name": name.replace(": ", "-").replace(" ", "_").replace("/", "_")}
        )
    return keras.tree.flatten(build(inputs[0] if len(inputs) == 1 else inputs))


def check_file(cases: dict[str, Build], shapes: list[tuple[int, ...]], file: Path) -> None:
    """All cases as one model, saved and converted, agree with Keras's answer from memory."""
    arrays = noise([(2, *shape) for shape in shapes], seed=0)
    inputs = [keras.Input(shape, batch_size=2) for shape in shapes]
    results = {name: applied(name, build, inputs) for name, build in cases.items()}
    model = keras.Model(inputs, keras.tree.flatten(list(results.values())))
    randomize(model)
    wanted = iter(predict(model, arrays))
    model.save(file)
    found = iter(interpret(load(file, fixed(arrays)), arrays))
    wrong = [
        f"{name}: {off:.1e}"
        for name, ys in results.items()
        for _ in ys
        if (off := error(next(found), np.asarray(next(wanted), np.float32))) > TOLERANCE
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("table", TABLES)
def test_b1_every_case_through_a_file(table: str, suffix: str, tmp_path: Path) -> None:
    cases, shape = TABLES[table]
    kept = {name: build for name, build in cases.items() if (f"{table}: {name}", suffix) not in NOT_RELOADED}
    check_file(kept, [shape], tmp_path / f"model{suffix}")


@pytest.mark.parametrize("suffix", FORMATS)
def test_b1_every_merging_layer_through_a_file(suffix: str, tmp_path: Path) -> None:
    """One file for all that take inputs of the same shapes."""
    for number, shapes in enumerate(dict.fromkeys(shapes for _, shapes in MERGES.values())):
        cases = {name: build for name, (build, own) in MERGES.items() if own == shapes}
        check_file(cases, list(shapes), tmp_path / f"model{number}{suffix}")


@pytest.mark.parametrize(("case", "suffix"), NOT_RELOADED)
def test_keras_cannot_reload_what_is_left_out(case: str, suffix: str, tmp_path: Path) -> None:
    table, _, name = case.partition(": ")
    cases, shape = TABLES[table]
    x = keras.Input(shape)
    model = keras.Model(x, cases[name](x))
    with pytest.raises((TypeError, ValueError), match=NOT_RELOADED[case, suffix]):  # noqa: PT012, one format fails to save
        model.save(tmp_path / f"model{suffix}")
        keras.models.load_model(tmp_path / f"model{suffix}")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    "build",
    [
        lambda x: x[:, -3:],
        lambda x: x[..., :2],
        lambda x: x[:, None, ::2],
        lambda x: x[-1],
        lambda x: ops.concatenate([x, np.ones((2, 2, 3), "float32")], 1),
        lambda x: x * np.float32(2) + np.arange(3),
        lambda x: ops.where(x > 0, x, -1),
        lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 0)), constant_values=np.float64(0.5)),
    ],
    ids=["part", "ellipsis", "new axis and step", "number", "nested array", "numbers of NumPy", "number", "tuples"],
)
def test_b1_arguments_come_back_as_they_were(build: Build, suffix: str, tmp_path: Path) -> None:
    check_file({"case": build}, [(5, 3)], tmp_path / f"model{suffix}")
