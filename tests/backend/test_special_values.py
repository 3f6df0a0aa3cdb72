"""Infinities and NaN on every backend: as literals, and as elements that ops other than elementwise ones meet."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from harness.cases import Array, graph_of
from harness.page import RUNNER_PAGE, PageError, job, run_jobs
from harness.special_values import OUTPUTS, inputs
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.graph import Value
from webdnn.graph.interpreter import interpret

BACKENDS = ("webgpu", "webgl", "webassembly", "fallback")


@pytest.fixture(scope="module")
def answers(
    browser: Any, serve_session: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[Value, Array]]:
    """What a backend makes of all outputs, computed in one run."""
    outputs = [value for part in OUTPUTS.values() for value in part.values()]

    @cache
    def of(backend: str) -> dict[Value, Array]:
        graph, root = graph_of(list(inputs()), outputs), tmp_path_factory.mktemp("special")
        target, weights = importlib.import_module(f"webdnn.backend.{backend}").TARGET, WeightTable.of(graph)
        write_descriptor(root / "model", graph, {backend: build_plan(graph, target, weights)}, weights.arrays)
        page = browser.new_page()
        page.goto(serve_session({"/models/": root}).add("/runner.html", RUNNER_PAGE.read_bytes()))
        (answer,) = run_jobs(page, [job("/models/model", backend, [({}, list(inputs().values()))])])
        page.close()
        if isinstance(answer, PageError):
            raise answer
        return dict(zip(outputs, answer[0], strict=True))

    return of


def differences(row: str, have: dict[Value, Array]) -> list[str]:
    """Where answers are not the interpreter's: not NaN, infinite or near where it is."""
    values = inputs()
    wrong = []
    for name, value in OUTPUTS[row].items():
        with np.errstate(all="ignore"):
            (wanted,) = interpret(graph_of(list(values), [value]), list(values.values()))
            got = have[value]
            near = np.abs(got - wanted) <= 2e-6 + 1e-5 * np.abs(wanted)
        same = (got == wanted) | (np.isnan(got) & np.isnan(wanted)) | near
        if not same.all():
            place = tuple(int(i) for i in np.argwhere(~same)[0])
            wrong.append(f"{name}{list(place)}: {got[place]}, not {wanted[place]} ({np.sum(~same)} of {same.size})")
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_a5_literals_that_are_not_finite_mean_the_same_everywhere(answers: Any, backend: str) -> None:
    assert differences("A5", answers(backend)) == []


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_a8_nan_and_infinity_go_through_every_op_as_in_the_interpreter(answers: Any, backend: str) -> None:
    assert differences("A8", answers(backend)) == []
