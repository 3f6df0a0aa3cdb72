"""Infinities and NaN from Keras through the converter: as arguments of operations, and in arrays of numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from harness.page import RUNNER_PAGE, PageError, job, run_jobs
from webdnn.cli.convert_keras import main as convert_keras
from webdnn.frontend.keras import from_model
from webdnn.graph.interpreter import interpret
from webdnn.optimizer import optimize

MASK = np.tril(np.ones((4, 4), bool))
ARRAY = np.array([[0, -np.inf, np.inf, 1]] * 4, np.float32)

CASES: dict[str, Callable[[Any], Any]] = {
    "pad": lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1)), constant_values=-np.inf),
    "where": lambda x: ops.where(MASK, x, -np.inf),
    "clip": lambda x: ops.clip(x, 0, np.inf),
    "maximum": lambda x: ops.maximum(x, -np.inf) * np.inf,
    "array": lambda x: ops.maximum(x, ARRAY),
    "softmax of a masked row": lambda x: ops.softmax(ops.where(MASK, x, float("-inf"))),
    "beyond float32": lambda x: ops.clip(x, -1e300, 1e300),
}


def model_of(function: Callable[[Any], Any]) -> Any:
    x = keras.Input((4, 4), batch_size=1)
    return keras.Model(x, function(x))


@pytest.mark.parametrize("name", CASES)
def test_a5_infinities_of_keras_operations(name: str) -> None:
    x = np.random.default_rng(0).normal(size=(1, 4, 4)).astype(np.float32)
    x[0, 1, 2], x[0, 3, 0] = np.nan, np.inf
    model = model_of(CASES[name])
    for graph in (from_model(model), optimize(from_model(model))):
        (have,) = interpret(graph, [x])
        with np.errstate(over="ignore"):
            wanted = np.asarray(model(x))
        np.testing.assert_allclose(have, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a5_a_masked_padded_model_on_every_backend(tmp_path: Path, page: Any, serve: Any) -> None:
    """Through a file, the command line and a page."""

    def build(x: Any) -> Any:
        padded = ops.pad(ops.where(MASK, x, -np.inf), ((0, 0), (1, 0), (0, 1)), constant_values=-np.inf)
        return ops.maximum(ops.softmax(x + ops.where(MASK, 0.0, -np.inf)), ops.clip(x, -np.inf, 2)), padded

    model = model_of(build)
    model.save(tmp_path / "model.keras")
    assert convert_keras([str(tmp_path / "model.keras"), "--out", str(tmp_path / "out")]) == 0
    x = np.random.default_rng(0).normal(size=(1, 4, 4)).astype(np.float32)
    page.goto(serve({"/models/": tmp_path}).add("/runner.html", RUNNER_PAGE.read_bytes()))
    backends = ("webgpu", "webgl", "webassembly", "fallback")
    answers = run_jobs(page, [job("/models/out", backend, [({}, [x])]) for backend in backends])
    for backend, answer in zip(backends, answers, strict=True):
        assert not isinstance(answer, PageError), answer
        for have, want in zip(answer[0], model(x), strict=True):
            np.testing.assert_allclose(have, np.asarray(want), rtol=1e-5, atol=1e-6, err_msg=backend)
