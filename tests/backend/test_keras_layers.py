"""Every Keras layer, activation and operation of `harness.keras_layers` on every backend, in a real browser, against Keras in float64. One
compile and one page serve all of them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from harness.descriptors import check_answer, run_cases, write_cases
from harness.keras_cases import ACTIVATION_CASES, LAYER_CASES, SUBCLASSED_CASES, KerasCase
from harness.page import PageError

CASES = [*LAYER_CASES, *ACTIVATION_CASES, *SUBCLASSED_CASES]
DEVICES = {
    "fallback": ("fallback", {}),
    "webassembly": ("webassembly", {"variant": "relaxed-simd"}),
    "webgpu": ("webgpu", {}),
    "webgl": ("webgl", {}),
}


@pytest.fixture(scope="session")
def answers(browser: Any, serve_session: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All outputs of all cases on a device, computed in one page."""
    known: dict[str, dict[str, list[Any] | PageError]] = {}

    def of(device: str) -> dict[str, list[Any] | PageError]:
        if device not in known:
            backend, options = DEVICES[device]
            target = importlib.import_module(f"webdnn.backend.{backend}").TARGET
            root: Path = tmp_path_factory.mktemp(backend)
            folders = write_cases(target, CASES, root)
            known[device] = run_cases(browser, serve_session, CASES, root, folders, backend, **options)
        return known[device]

    return of


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
@pytest.mark.parametrize("device", DEVICES)
def test_layer(answers: Any, device: str, case: KerasCase) -> None:
    check_answer(case, answers(device)[case.name], device)
