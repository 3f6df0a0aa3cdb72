"""Every op case on every backend, in a real browser, against the interpreter. One compile and one page serve all cases of a backend."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
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
    "webassembly relaxed-simd-threads 2": ("webassembly", {"variant": "relaxed-simd-threads", "threads": 2}),
    "webgpu": ("webgpu", {}),
    "webgl": ("webgl", {}),
}
# Other ways to share the same kernels among threads: all cases in the exhaustive tier; in the others, those with kernels that
# share in ways of their own, that loop, or that have odd sizes.
MORE_DEVICES = {
    "webassembly simd-threads 2": ("webassembly", {"variant": "simd-threads", "threads": 2}),
    "webassembly relaxed-simd-threads 1": ("webassembly", {"variant": "relaxed-simd-threads", "threads": 1}),
    "webassembly relaxed-simd-threads 3": ("webassembly", {"variant": "relaxed-simd-threads", "threads": 3}),
}
FAST = ("fallback", "webassembly relaxed-simd-threads 2")
"""Devices of the fast tier."""
SHARING = ("conv2d", "depthwise", "matmul", "pool", "reduce", "softmax", "epilogue", "repeat", "whole", "edge")
CHOSEN = [case for case in CASES if any(word in case.name for word in SHARING)]
REST = [case for case in CASES if case not in CHOSEN]


def parameters() -> list[Any]:
    """Of test_case: (device, cases that one page runs, one of them)."""

    chosen: list[tuple[str, Sequence[Case], list[Any]]] = [
        (device, CASES, [] if device in FAST else [pytest.mark.slow]) for device in DEVICES
    ]
    for device in MORE_DEVICES:
        chosen += [(device, CHOSEN, [pytest.mark.slow]), (device, REST, [pytest.mark.exhaustive])]
    return [
        pytest.param(device, cases, case, id=f"{device}-{case.name}", marks=marks)
        for device, cases, marks in chosen
        for case in cases
    ]


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
    """`answers(device, cases)`: all outputs of these cases, computed in one page."""
    known: dict[tuple[str, str], dict[str, list[Any] | PageError]] = {}

    def of(device: str, cases: Sequence[Case]) -> dict[str, list[Any] | PageError]:
        key = (device, cases[0].name)
        if key not in known:
            backend, options = (DEVICES | MORE_DEVICES)[device]
            root, folders = descriptors(backend)
            known[key] = run_cases(browser, serve_session, cases, root, folders, backend, **options)
        return known[key]

    return of


@pytest.mark.browser
@pytest.mark.parametrize(("device", "cases", "case"), parameters())
def test_case(answers: Any, device: str, cases: Sequence[Case], case: Case) -> None:
    check_answer(case, answers(device, cases)[case.name], device)
