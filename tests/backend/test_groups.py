"""Grouped convolutions: one step on every backend, however many groups there are, and weights that arrive in pieces."""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.cases import Case, bias_relu, weighted
from harness.descriptors import check_answer, run_cases
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.webassembly import TARGET as WEBASSEMBLY
from webdnn.cli.backends import available
from webdnn.descriptor import writer
from webdnn.descriptor.schema import Loop, Plan, Step
from webdnn.descriptor.weights import cut_shards
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.ops import Conv2D

PADDING = ((1, 1), (1, 1))


def _layer(channels: int, columns: int, groups: int, kernel: int = 3, size: int = 14) -> Case:
    op = Conv2D(padding=PADDING if kernel == 3 else ((0, 0), (0, 0)), epilogue=bias_relu(), groups=groups)
    name = f"{channels}->{columns} of {groups} groups"
    return Case(name, weighted((1, size, size, channels), (kernel, kernel, channels // groups, columns), op, 0.2))


def _plan(backend: str, case: Case) -> Plan:
    target = replace(
        importlib.import_module(f"webdnn.backend.{backend}").TARGET, finish=lambda plan, target, options: None
    )
    return build_plan(case.graph, target, WeightTable.of(case.graph))


@pytest.mark.parametrize("backend", available())
@pytest.mark.parametrize(
    "case",
    [_layer(128, 128, 32), _layer(256, 256, 32), _layer(48, 64, 2), _layer(9, 12, 3), _layer(64, 128, 4, kernel=1)],
    ids=lambda case: case.name,
)
def test_one_step(backend: str, case: Case) -> None:
    """On webgpu, one for each kind of device where those differ; one whose depth is split has a second step that adds the parts."""
    for item in _plan(backend, case).steps:
        (step, *more) = item.body if isinstance(item, Loop) else [item]
        assert isinstance(step, Step)
        assert step.origin == ("op",)
        split = len(step.dispatch or ()) == 3 and step.dispatch[2] != 1
        assert len(more) == (backend == "webgpu" and isinstance(item, Loop) and split)


@pytest.mark.parametrize(
    ("channels", "columns", "groups", "shape"),
    [
        (128, 128, 32, (16, 9 * 8, 8)),  # two groups of four columns fill a panel
        (256, 256, 32, (32, 9 * 8, 8)),
        (16, 48, 2, (6, 9 * 8, 8)),
        (16, 24, 2, (4, 9 * 8, 8)),  # twelve columns take two panels of each group
        (10, 15, 5, (5, 9 * 2, 8)),  # five groups of three have no two to a panel
        (9, 6, 3, (1, 9 * 9, 8)),  # one panel for all
    ],
)
def test_small_groups_share_a_panel(channels: int, columns: int, groups: int, shape: tuple[int, ...]) -> None:
    (setup,) = _plan("webassembly", _layer(channels, columns, groups)).setup
    assert setup.output.shape == shape


PIECES = [_layer(16, 64, 2), _layer(64, 48, 16), _layer(24, 60, 6)]


@pytest.mark.browser
@pytest.mark.parametrize("threads", [1, 2])
def test_weights_may_arrive_in_any_pieces(
    browser: Any, serve_session: Any, tmp_path: Path, threads: int, monkeypatch: Any
) -> None:
    """Shards end between any two rows of the weights: within a tap, and between taps."""
    monkeypatch.setattr(writer, "cut_shards", partial(cut_shards, limit=2048))
    for number, case in enumerate(PIECES):
        table = WeightTable.of(case.graph)
        plan = build_plan(case.graph, WEBASSEMBLY, table)
        write_descriptor(tmp_path / str(number), case.graph, {"webassembly": plan}, table.arrays)
        assert len(list((tmp_path / str(number)).glob("weights.*"))) > 2
    folders = {case.name: str(number) for number, case in enumerate(PIECES)}
    answers = run_cases(browser, serve_session, PIECES, tmp_path, folders, "webassembly", threads=threads)
    for case in PIECES:
        check_answer(case, answers[case.name], f"webassembly, {threads} threads")
