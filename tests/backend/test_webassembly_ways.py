"""The page tells the ways through a kernel apart by some of its arguments; where these stand is said in webassembly/ways.ts, and by the lowerings."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cases import Random, graph_of, source
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.webassembly import TARGET
from webdnn.descriptor.schema import Step
from webdnn.graph.graph import Op, apply
from webdnn.graph.ops import Conv2D, Conv2DTranspose, Pool2D

ROOT = Path(__file__).resolve().parents[2]
WAYS = (ROOT / "webdnn_js/src/webassembly/ways.ts").read_text(encoding="utf-8")
WINDOWS = {
    name: slice(int(first), int(end)) for name, first, end in re.findall(r"^  (\w+): \[(\d+), (\d+)\],$", WAYS, re.M)
}

CONVOLUTION = {"strides": (2, 1), "dilation": (1, 2)}


@pytest.mark.parametrize(
    ("kernel", "op", "want"),
    [
        ("conv2d", Conv2D(padding=((4, 0), (6, 0)), **CONVOLUTION), (4, 6, 3, 5, 2, 1, 1, 2)),
        ("conv2d", Conv2D(padding=((4, 0), (6, 0)), groups=2, **CONVOLUTION), (4, 6, 3, 5, 2, 1, 1, 2)),
        ("conv2d_transpose", Conv2DTranspose(crop=((1, 0), (2, 0)), **CONVOLUTION), (1, 2, 3, 5, 2, 1, 1, 2)),
        ("pool2d", Pool2D("average", (3, 4), (2, 5), ((1, 0), (2, 0)), count_padding=True), (1, 2, 3, 4, 2, 5, 1)),
    ],
)
def test_windows_stand_where_the_page_looks(kernel: str, op: Op, want: tuple[int, ...]) -> None:
    x = source("x", 1, 20, 24, 32)
    groups = op.groups if isinstance(op, Conv2D) else 1
    weights = [] if isinstance(op, Pool2D) else [Random("ways").constant(3, 5, 32 // groups, 16)]
    graph = graph_of([x], [apply(op, x, *weights, origin=("layer",))])
    target = replace(TARGET, finish=lambda plan, target, options: None)
    plan = build_plan(graph, target, WeightTable.of(graph), {"exact": True})
    (step,) = [s for s in plan.steps if isinstance(s, Step) and plan.kernels[s.kernel].name == kernel]
    assert step.args[WINDOWS[kernel]] == want


def test_few_channels_are_as_many_as_in_the_kernels() -> None:
    header = (ROOT / "src/webdnn/backend/webassembly/kernels/gemm.h.jinja").read_text(encoding="utf-8")
    (few,) = re.findall(r"#define FEW_CHANNELS (\d+)", header)
    assert f"const FEW_CHANNELS = {few};" in WAYS
