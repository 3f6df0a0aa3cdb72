"""Every Keras layer, activation and operation of `harness.keras_layers`, and random configurations of the layers that have many, on every
backend, in a real browser, against Keras in float64. One compile and one page serve all of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.descriptors import check_answer, run_cases, write_cases
from harness.keras_cases import ACTIVATION_CASES, LAYER_CASES, MEANING_CASES, SUBCLASSED_CASES, KerasCase
from harness.keras_strategies import FAMILIES, examples
from harness.page import PageError

DEVICES = {
    "fallback": ("fallback", {}),
    "webassembly": ("webassembly", {"variant": "relaxed-simd"}),
    "webgpu": ("webgpu", {}),
    "webgl": ("webgl", {}),
}
Answers = dict[str, list[Any] | PageError]


def random_cases(count: int) -> list[KerasCase]:
    """`count` of each family, the same in every run."""
    return [drawn.case() for strategy in FAMILIES.values() for drawn in examples(strategy, count)]


CASES = [*LAYER_CASES, *ACTIVATION_CASES, *MEANING_CASES, *SUBCLASSED_CASES, *random_cases(8)]


@pytest.fixture(scope="session")
def compute(browser: Any, serve_session: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Answers]:
    """All outputs of cases on a device, computed in one page."""

    def on(device: str, cases: Sequence[KerasCase]) -> Answers:
        backend, options = DEVICES[device]
        target = importlib.import_module(f"webdnn.backend.{backend}").TARGET
        root: Path = tmp_path_factory.mktemp(backend)
        folders = write_cases(target, cases, root)
        return run_cases(browser, serve_session, cases, root, folders, backend, **options)

    return on


@pytest.fixture(scope="session")
def answers(compute: Callable[..., Answers]) -> Callable[[str], Answers]:
    """Those of `CASES`, each device once."""
    known: dict[str, Answers] = {}

    def on(device: str) -> Answers:
        if device not in known:
            known[device] = compute(device, CASES)
        return known[device]

    return on


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
@pytest.mark.parametrize("device", DEVICES)
def test_layer(answers: Callable[[str], Answers], device: str, case: KerasCase) -> None:
    check_answer(case, answers(device)[case.name], device)


@pytest.mark.exhaustive
@pytest.mark.parametrize("device", DEVICES)
def test_many_random_layers(compute: Callable[..., Answers], device: str) -> None:
    cases = random_cases(50)
    found = compute(device, cases)
    wrong = []
    for case in cases:
        try:
            check_answer(case, found[case.name], device)
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, "\n".join(wrong)
