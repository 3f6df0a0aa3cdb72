"""Every op case on every backend, in a real browser, against the interpreter. One compile and one page serve all cases of a backend."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from harness.cases import CASES as COMMON_CASES
from harness.cases import Case
from harness.descriptors import check_answer, run_cases, write_cases
from harness.edge_cases import EDGE_CASES
from harness.page import PageError

CASES = [*COMMON_CASES, *EDGE_CASES]

# Backend, and what is forced on it.
DEVICES = {
    "fallback": ("fallback", {}),
    "webassembly simd": ("webassembly", {"variant": "simd"}),
    "webassembly relaxed-simd": ("webassembly", {"variant": "relaxed-simd"}),
    "webassembly simd-threads 2": ("webassembly", {"variant": "simd-threads", "threads": 2}),
    "webassembly relaxed-simd-threads 1": ("webassembly", {"variant": "relaxed-simd-threads", "threads": 1}),
    "webassembly relaxed-simd-threads 2": ("webassembly", {"variant": "relaxed-simd-threads", "threads": 2}),
    "webassembly relaxed-simd-threads 3": ("webassembly", {"variant": "relaxed-simd-threads", "threads": 3}),
    "webgpu": ("webgpu", {}),
    "webgl": ("webgl", {}),
}


@pytest.fixture(scope="session")
def descriptors(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Descriptors of all cases for a backend, written once."""
    known: dict[str, tuple[Path, dict[str, str]]] = {}

    def of(backend: str) -> tuple[Path, dict[str, str]]:
        if backend not in known:
            target = importlib.import_module(f"webdnn.backend.{backend}").TARGET
            root = tmp_path_factory.mktemp(backend)
            known[backend] = (root, write_cases(target, CASES, root))
        return known[backend]

    return of


@pytest.fixture(scope="session")
def answers(descriptors: Any, browser: Any, serve_session: Any) -> Any:
    """All outputs of all cases on a device, computed in one page."""
    known: dict[str, dict[str, list[Any] | PageError]] = {}

    def of(device: str) -> dict[str, list[Any] | PageError]:
        if device not in known:
            backend, options = DEVICES[device]
            root, folders = descriptors(backend)
            known[device] = run_cases(browser, serve_session, CASES, root, folders, backend, **options)
        return known[device]

    return of


@pytest.mark.browser
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
@pytest.mark.parametrize("device", DEVICES)
def test_case(answers: Any, device: str, case: Case) -> None:
    check_answer(case, answers(device)[case.name], device)
