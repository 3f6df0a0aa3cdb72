"""Recurrent layers that keep their states, against Keras over several calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from harness import keras_recurrent
from harness.keras_cases import building
from harness.keras_compare import fixed, predict, refused
from harness.keras_recurrent import sequence
from harness.keras_stateful import BATCH, LENGTH, STATEFUL, reset, stateful_model
from harness.metric import error
from webdnn.frontend.keras import from_model, load
from webdnn.graph.graph import Graph
from webdnn.graph.interpreter import interpret_runs

TOLERANCE = 3e-6
RUNS = 3


def inputs_of(run: int) -> list[np.ndarray]:
    return [sequence(BATCH, LENGTH) * (0.3 + 0.1 * run)]


def check(graph: Graph, model: Any) -> None:
    reset(model)
    runs = [inputs_of(run) for run in range(RUNS)]
    wanted = [predict(model, inputs) for inputs in runs]
    reset(model)
    anew = predict(model, runs[-1])
    assert any(error(a, b) > 100 * TOLERANCE for a, b in zip(anew, wanted[-1], strict=True)), "states do not matter"
    for have, want in zip(interpret_runs(graph, runs), wanted, strict=True):
        for a, b in zip(have, want, strict=True):
            assert error(a, b) <= TOLERANCE


FEW = ("LSTM of everything", "a cell that begins with others than zeros", "both ways", "called twice", "in own code")
IN_TIERS = [pytest.param(name, marks=[] if name in FEW else [pytest.mark.exhaustive]) for name in STATEFUL]
FILES = [
    pytest.param("in a model"),
    *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("LSTM of everything", "both ways", "own cell")),
]


@pytest.mark.parametrize("name", IN_TIERS)
def test_from_memory(name: str) -> None:
    """A model that was called before begins anew."""
    with building(name):
        model = stateful_model(name)
    predict(model, inputs_of(7))
    graph = from_model(model, fixed(inputs_of(0)))
    assert graph.states
    if name == "given a state":  # what it keeps nobody reads
        return
    check(graph, model)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", FILES)
def test_files(name: str, suffix: str, tmp_path: Path) -> None:
    with building(name):
        model = stateful_model(name)
    model.save(tmp_path / f"model{suffix}")
    files = [keras_recurrent.__file__] if name == "own cell" else []
    check(load(tmp_path / f"model{suffix}", fixed(inputs_of(0)), custom_objects=files), model)


def test_in_a_loop_of_its_own_it_is_refused() -> None:
    x = keras.Input(batch_shape=(2, 3, 5, 4))
    y = layers.TimeDistributed(layers.GRU(3, stateful=True, name="memory"))(x)
    refused(keras.Model(x, y), r"\(TimeDistributed\): stateful=True of 'memory', a layer inside it")
