"""Loops with scalar and bool states, early ends and choices, on every backend: all functions of harness.keras_control in one model."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from harness.keras_compare import fixed, predict
from harness.keras_control import CONTROL, SHAPE, Code
from runtime.conftest import open_site
from runtime.support import BACKENDS, Model, ask, assert_close, lists, value, write_model
from webdnn.frontend.keras import from_model
from webdnn.optimizer import optimize


def inputs_of(shift: float) -> np.ndarray:
    return (np.random.default_rng(2).normal(size=(2, *SHAPE)) * 0.3 + shift).astype("float32")


@pytest.fixture(scope="module")
def model() -> Any:
    x = keras.Input(batch_shape=(2, *SHAPE), name="x")
    outputs = [Code(function)(x) for function in CONTROL.values()]
    return keras.Model(x, keras.tree.flatten(outputs), name="control")


@pytest.fixture(scope="module")
def control(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Model:
    graph = optimize(from_model(model, fixed([inputs_of(0.0)])))
    return write_model(graph, tmp_path_factory.mktemp("control") / "control")


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend(browser: Any, serve_models: Any, model: Any, control: Model, backend: str) -> None:
    server = serve_models()
    server.mount("/control/", control.folder)
    body = """
      const runner = await WebDNN.load('/control', {backendOrder: backend});
      const answers = [];
      for (const one of inputs) answers.push(await runOnce(runner, one));
      runner.dispose();
      return answers;"""
    arrays = [[inputs_of(shift)] for shift in (-0.2, 0.4)]
    with open_site(browser, server.url("/page.html")) as page:
        answers = value(ask(page, body, backend=backend, inputs=[lists(x) for x in arrays]))
    for answer, inputs in zip(answers, arrays, strict=True):
        assert_close(answer, [np.asarray(y, np.float64) for y in predict(model, inputs)], backend)
