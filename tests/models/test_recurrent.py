"""A long recurrent layer, on which errors could grow from step to step, on every backend."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cases import Case, Random
from harness.descriptors import run_cases, write_cases
from harness.metric import error
from harness.page import PageError
from optimizer.support import Builder
from optimizer.test_loops import lstm
from webdnn.graph.graph import Constant, Graph, Value, apply
from webdnn.optimizer import optimize

UNITS, LENGTH, CHANNELS = 256, 100, 64


class Weights(Builder):
    """Of normal numbers with the standard deviation `scale` / √inputs; frameworks begin with about 1."""

    def __init__(self, scale: float) -> None:
        super().__init__(3)
        self.scale = scale

    def weights(self, *shape: int) -> Value:
        inputs = shape[0] if len(shape) > 1 else 16
        return apply(Constant((self.random.normal(size=shape) * self.scale / inputs**0.5).astype(np.float32)))


def layer(scale: float) -> Case:
    def build(random: Random) -> Graph:
        b = Weights(scale)
        inputs = b.input(LENGTH, 1, CHANNELS), b.input(1, UNITS), b.input(1, UNITS)
        return optimize(b.graph(*lstm(b, inputs[0], inputs[1:], UNITS)))

    return Case(f"an LSTM with weights of {scale}", build)


CASES = [layer(scale) for scale in (1.0, 2.0)]
"""With 2.0 most gates are wide open or shut, and the layer forgets little of what it is told first."""


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("backend", ["webgpu", "webgl", "webassembly", "fallback"])
def test_an_lstm_of_a_hundred_steps(backend: str, browser: Any, serve_session: Any, tmp_path: Path) -> None:
    folders = write_cases(importlib.import_module(f"webdnn.backend.{backend}").TARGET, CASES, tmp_path)
    answers = run_cases(browser, serve_session, CASES, tmp_path, folders, backend)
    for case in CASES:
        answer = answers[case.name]
        if isinstance(answer, PageError):
            raise answer
        errors = [error(have, want) for have, want in zip(answer[0], case.expected(0), strict=True)]
        assert max(errors) <= 1e-5, f"{case.name}: {errors}"
        print(backend, case.name, [f"{e:.2g}" for e in errors])
