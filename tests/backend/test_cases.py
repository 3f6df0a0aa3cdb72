"""Every op case on every backend, in a real browser, against the interpreter. One compile and one page serve all cases of a backend."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from harness.batches import Answers, Batches
from harness.cases import CASES as COMMON_CASES
from harness.cases import Case
from harness.cover import new_to_backends
from harness.descriptors import check_answer
from harness.dtype_cases import DTYPE_CASES
from harness.edge_cases import EDGE_CASES
from harness.kernel_cases import KERNEL_CASES
from harness.selection import Selected
from webdnn.graph.graph import Graph
from webdnn.graph.ops import OPS, Repeat

CASES = [*COMMON_CASES, *DTYPE_CASES, *EDGE_CASES, *KERNEL_CASES]

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
ALL_DEVICES = DEVICES | MORE_DEVICES
ON_SWIFTSHADER = ("webgpu", "webgl")
"""Devices with what has a feature of its own (harness.cover) in the default tier, and the rest in the exhaustive one: loading a case takes them
several times as long."""
SHARING = ("conv2d", "depthwise", "matmul", "pool", "reduce", "softmax", "epilogue", "repeat", "whole", "edge")
CHOSEN = [case for case in CASES if any(word in case.name for word in SHARING)]
REST = [case for case in CASES if case not in CHOSEN]


def names_of_ops(graph: Graph) -> set[str]:
    bodies = (node.op.body for node in graph.nodes() if isinstance(node.op, Repeat))
    return {node.op.name for node in graph.nodes()}.union(*map(names_of_ops, bodies))


def one_for_each_op(cases: Sequence[Case]) -> list[Case]:
    """The first cases that together have all ops of all."""
    seen: set[str] = set()
    chosen = []
    for case in cases:
        names = names_of_ops(case.graph)
        if not names <= seen:
            chosen.append(case)
            seen |= names
    return chosen


def parameters() -> list[Any]:
    """Of test_case: (device, case)."""
    few = one_for_each_op(CASES)
    new = [case for case in new_to_backends(CASES, few) if case not in few]
    rest = [case for case in CASES if case not in few and case not in new]
    chosen: list[tuple[str, Sequence[Case], list[Any]]] = []
    for device in DEVICES:
        chosen += [
            (device, few, [pytest.mark.fast] if device == "fallback" else []),
            (device, new, []),
            (device, rest, [pytest.mark.exhaustive] if device in ON_SWIFTSHADER else []),
        ]
    for device in MORE_DEVICES:
        chosen += [(device, CHOSEN, []), (device, REST, [pytest.mark.exhaustive])]
    return [
        pytest.param(device, case, id=f"{device}-{case.name}", marks=marks)
        for device, cases, marks in chosen
        for case in cases
    ]


@pytest.fixture(scope="session")
def answers(browser: Any, serve_session: Any, tmp_path_factory: pytest.TempPathFactory, selected: Selected) -> Any:
    """`answers(device)`: the outputs of all cases that this run tests there, computed in one page. Each backend compiles once what any of its
    devices needs."""
    compiled: dict[str, Batches] = {}

    @cache
    def of(device: str) -> Answers:
        backend, options = ALL_DEVICES[device]
        if backend not in compiled:
            needed = [case for other in ALL_DEVICES if ALL_DEVICES[other][0] == backend for case in wanted(other)]
            target = importlib.import_module(f"webdnn.backend.{backend}").TARGET
            compiled[backend] = Batches(target, needed, tmp_path_factory.mktemp(backend))
        return compiled[backend].run(browser, serve_session, {case.name for case in wanted(device)}, **options)

    def wanted(device: str) -> list[Case]:
        return selected(__name__, "case", device=device)

    return of


def test_some_case_has_each_op() -> None:
    assert set().union(*(names_of_ops(case.graph) for case in one_for_each_op(CASES))) >= {op.__name__ for op in OPS}


@pytest.mark.browser
@pytest.mark.parametrize(("device", "case"), parameters())
def test_case(answers: Any, device: str, case: Case) -> None:
    check_answer(case, answers(device)[case.name], device)
