"""Descriptors of many op cases with few compiles: the plans of a batch share one kernel table, so that a compiled module serves them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from harness.metric import error
from harness.page import RUNNER_PAGE, Array, PageError, job, run_jobs
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.target import Target
from webdnn.descriptor.schema import Item, Kernel, Loop, Plan
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Graph
from webdnn.graph.types import dtype_of

BATCH = 24
"""Cases that share a module. Each page loads, and each plan lists, the kernels of its whole batch: fewer compiles, but longer loads."""


class Case(Protocol):
    """A graph and the runs to make of it, such as `harness.cases.Case`."""

    @property
    def name(self) -> str: ...

    @property
    def graph(self) -> Graph: ...

    @property
    def runs(self) -> Sequence[Mapping[str, int]]: ...

    @property
    def tolerance(self) -> float: ...

    def inputs(self, run: int) -> list[Array]: ...

    def expected(self, run: int) -> list[Array]: ...


def write_cases(
    target: Target, cases: Sequence[Case], root: Path, options: Mapping[str, object] | None = None
) -> dict[str, str]:
    """Writes each case to `root/<number>`; returns the folder of each case by name. Kernels are compiled once for BATCH cases."""
    folders: dict[str, str] = {}
    for start in range(0, len(cases), BATCH):
        numbered = {str(start + number): case for number, case in enumerate(cases[start : start + BATCH])}
        _write_batch(target, numbered, root, options or {})
        folders |= {case.name: number for number, case in numbered.items()}
    return folders


def _write_batch(target: Target, cases: Mapping[str, Case], root: Path, options: Mapping[str, object]) -> None:
    """Writes `cases`, by the names of their folders."""
    uncompiled = replace(target, finish=lambda plan, target, options: None)
    shared = Plan(target.name)
    index: dict[Kernel, int] = {}
    written: list[tuple[str, Graph, Plan, WeightTable]] = []
    for folder, case in cases.items():
        table = WeightTable.of(case.graph)
        try:
            plan = build_plan(case.graph, uncompiled, table)
        except UnsupportedError as error:
            raise UnsupportedError(f"case {case.name!r}: {error}") from error
        _share_kernels(plan, shared, index)
        written.append((folder, case.graph, plan, table))
    target.finish(shared, target, options)
    for folder, graph, plan, table in written:
        plan.kernels, plan.files = shared.kernels, shared.files
        plan.memory_maximum = shared.memory_maximum
        write_descriptor(root / folder, graph, {target.name: plan}, table.arrays)


def run_cases(
    browser: Any,
    serve: Any,
    cases: Sequence[Case],
    root: Path,
    folders: Mapping[str, str],
    backend: str,
    **options: Any,
) -> dict[str, list[list[Array]] | PageError]:
    """The outputs of every run of every case that `write_cases` wrote to `root`, or its error, by name; computed in one page."""
    server = serve({"/cases/": root})
    page = browser.new_page()
    uncaught: list[str] = []
    page.on("pageerror", lambda error: uncaught.append(str(error)))
    page.goto(server.add("/runner.html", RUNNER_PAGE.read_bytes()))
    jobs = [
        job(f"/cases/{folders[c.name]}", backend, [(c.runs[r], c.inputs(r)) for r in range(len(c.runs))], **options)
        for c in cases
    ]
    answers = dict(zip((c.name for c in cases), run_jobs(page, jobs), strict=True))
    page.close()
    assert not uncaught, f"uncaught in the page: {uncaught}"
    return answers


def check_answer(
    case: Case,
    answer: list[list[Array]] | PageError,
    where: str,
    expected: Callable[[int], list[Array]] | None = None,
) -> None:
    """Raises when the outputs of a case's runs are not those of `expected`, which are the case's own if it is left out."""
    if isinstance(answer, PageError):
        raise answer
    for run in range(len(case.runs)):
        for have, want in zip(answer[run], (expected or case.expected)(run), strict=True):
            assert (have.shape, dtype_of(have)) == (want.shape, dtype_of(want))
            place = f"{where}: {case.name} {case.runs[run]}"
            if want.dtype.kind == "f":
                assert error(have, want) <= case.tolerance, place
            else:
                np.testing.assert_array_equal(have, want, place)


def _share_kernels(plan: Plan, shared: Plan, index: dict[Kernel, int]) -> None:
    """Renumbers the kernels of `plan` to the shared table."""
    numbers: list[int] = []
    for kernel in plan.kernels:
        numbers.append(index.setdefault(kernel, len(shared.kernels)))
        if numbers[-1] == len(shared.kernels):
            shared.kernels.append(kernel)
    plan.steps = [_renumber(item, numbers) for item in plan.steps]
    plan.setup = [replace(setup, kernel=numbers[setup.kernel]) for setup in plan.setup]


def _renumber(item: Item, numbers: Sequence[int]) -> Any:
    if isinstance(item, Loop):
        return Loop(item.repeat, tuple(_renumber(i, numbers) for i in item.body))
    return replace(item, kernel=numbers[item.kernel])
