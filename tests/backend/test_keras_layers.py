"""Every Keras layer, activation and operation of `harness.keras_layers`, and random configurations of the layers that have many, in a real
browser.

What a layer becomes is compared with Keras in tests/frontend/keras; a backend has to give what the interpreter makes of the same graph. The
fallback backend computes every case. The others compile kernels: in the default tier they compute those cases that show them what neither the op
cases nor an earlier layer does, in the exhaustive tier all.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest

from harness.batches import Answers, Batches
from harness.cases import CASES as OP_CASES
from harness.cover import new_to_backends
from harness.descriptors import check_answer
from harness.edge_cases import EDGE_CASES
from harness.keras_cases import (
    ACTIVATION_CASES,
    FUNCTION_CASES,
    LAYER_CASES,
    MEANING_CASES,
    SUBCLASSED_CASES,
    KerasCase,
)
from harness.keras_strategies import FAMILIES, examples
from harness.selection import Selected

DEVICES = {
    "fallback": ("fallback", {}),
    "webassembly": ("webassembly", {"variant": "relaxed-simd"}),
    "webgpu": ("webgpu", {}),
    "webgl": ("webgl", {}),
}


def random_cases(count: int) -> list[KerasCase]:
    """`count` of each family, the same in every run."""
    return [drawn.case() for strategy in FAMILIES.values() for drawn in examples(strategy, count)]


# Of models whose calls give more than one tensor, those that give backends what no other case does.
NEW_TO_BACKENDS = (
    "Maximum with a row",
    "Concatenate",
    "Dot",
    "constant",
    "computed",
    "floats",
    "a row of nothing",
    "handed on",
    "softmax of all",
)
MEANING = [case for case in MEANING_CASES if case.name.endswith(NEW_TO_BACKENDS)]
# By tests/frontend/keras/test_layers.py and test_functions.py.
COMPARED_WITH_KERAS = [*LAYER_CASES, *ACTIVATION_CASES, *FUNCTION_CASES, *SUBCLASSED_CASES]
CASES = [*LAYER_CASES, *FUNCTION_CASES, *ACTIVATION_CASES, *MEANING, *SUBCLASSED_CASES, *random_cases(8)]


@pytest.fixture(scope="session")
def compute(browser: Any, serve_session: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Answers]:
    """All outputs of cases on a device, computed in one page."""

    def on(device: str, cases: Sequence[KerasCase]) -> Answers:
        backend, options = DEVICES[device]
        target = importlib.import_module(f"webdnn.backend.{backend}").TARGET
        return Batches(target, cases, tmp_path_factory.mktemp(backend)).run(browser, serve_session, **options)

    return on


@pytest.fixture(scope="session")
def answers(compute: Callable[..., Answers], selected: Selected) -> Callable[[str], Answers]:
    """Those of the cases that this run tests one by one, each device once."""
    return cache(lambda device: compute(device, selected(__name__, "case", device=device)))


def check_all(cases: Sequence[KerasCase], found: Answers, device: str) -> None:
    wrong = []
    for case in cases:
        try:
            check_answer(case, found[case.name], device, case.interpreted)
        except AssertionError as error:
            wrong.append(f"{case.name}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
@pytest.mark.parametrize(
    "device",
    [pytest.param(name, marks=pytest.mark.slow if name == "fallback" else pytest.mark.exhaustive) for name in DEVICES],
)
def test_layer(answers: Callable[[str], Answers], device: str, case: KerasCase) -> None:
    compared_elsewhere = case in COMPARED_WITH_KERAS
    check_answer(case, answers(device)[case.name], device, case.interpreted if compared_elsewhere else None)


@pytest.fixture(scope="session")
def new_cases() -> list[KerasCase]:
    return new_to_backends(CASES, [*OP_CASES, *EDGE_CASES])


@pytest.mark.slow
@pytest.mark.parametrize("device", [name for name in DEVICES if name != "fallback"])
def test_what_is_new_to_backends(compute: Callable[..., Answers], new_cases: list[KerasCase], device: str) -> None:
    check_all(new_cases, compute(device, new_cases), device)


@pytest.mark.exhaustive
@pytest.mark.parametrize("device", DEVICES)
def test_many_random_layers(compute: Callable[..., Answers], device: str) -> None:
    cases = random_cases(50)
    check_all(cases, compute(device, cases), device)
