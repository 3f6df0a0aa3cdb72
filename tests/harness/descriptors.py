"""Descriptors of many op cases with one compile: their plans share one kernel table, so that a compiled module serves them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.cases import Case
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.target import Target
from webdnn.descriptor.schema import Item, Loop, Plan
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.errors import UnsupportedError


def write_cases(
    target: Target, cases: Sequence[Case], root: Path, options: Mapping[str, object] | None = None
) -> dict[str, str]:
    """Writes each case to `root/<number>`; returns the folder of each case by name. All kernels are compiled once."""
    uncompiled = replace(target, finish=lambda plan, options: None)
    plans: list[Plan] = []
    tables: list[WeightTable] = []
    for case in cases:
        tables.append(WeightTable.of(case.graph))
        try:
            plans.append(build_plan(case.graph, uncompiled, tables[-1]))
        except UnsupportedError as error:
            raise UnsupportedError(f"case {case.name!r}: {error}") from error
    shared = Plan(target.name)
    index: dict[str, int] = {}
    for plan in plans:
        _share_kernels(plan, shared, index)
    target.finish(shared, options or {})
    folders = {}
    for number, (case, plan, table) in enumerate(zip(cases, plans, tables, strict=True)):
        plan.kernels, plan.files = shared.kernels, shared.files
        plan.memory_maximum = shared.memory_maximum
        folders[case.name] = str(number)
        write_descriptor(root / str(number), case.graph, {target.name: plan}, table.arrays)
    return folders


def _share_kernels(plan: Plan, shared: Plan, index: dict[str, int]) -> None:
    """Renumbers the kernels of `plan` to the shared table."""
    numbers: list[int] = []
    for kernel in plan.kernels:
        numbers.append(index.setdefault(repr(kernel), len(shared.kernels)))
        if numbers[-1] == len(shared.kernels):
            shared.kernels.append(kernel)
    plan.steps = [_renumber(item, numbers) for item in plan.steps]
    plan.setup = [replace(setup, kernel=numbers[setup.kernel]) for setup in plan.setup]


def _renumber(item: Item, numbers: Sequence[int]) -> Any:
    if isinstance(item, Loop):
        return Loop(item.repeat, tuple(_renumber(i, numbers) for i in item.body))
    return replace(item, kernel=numbers[item.kernel])
