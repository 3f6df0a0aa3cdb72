"""Winograd's algorithm: its transforms, its choice, and its kernels whatever would be chosen."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cases import Case, Random, bias_relu, graph_of, source
from harness.descriptors import write_cases
from harness.metric import error
from harness.page import RUNNER_PAGE, PageError, job, run_jobs
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.webassembly import TARGET, winograd
from webdnn.descriptor import writer
from webdnn.descriptor.schema import Loop, Plan
from webdnn.descriptor.weights import cut_shards
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.dim import Size, symbol
from webdnn.graph.graph import Graph, Value, apply
from webdnn.graph.ops import Conv2D
from webdnn.graph.program import Call, Program

LAYER_TOLERANCE = 2e-5
Padding = tuple[tuple[int, int], tuple[int, int]]
SAME: Padding = ((1, 1), (1, 1))


def _layer(
    shape: tuple[Size, ...], columns: int, padding: Padding = SAME, residual: bool = False, groups: int = 1
) -> Any:
    def build(random: Random) -> Graph:
        x = source("x", *shape)
        weights = random.constant(3, 3, int(shape[-1]) // groups, columns, scale=0.1)  # type: ignore[arg-type]
        inputs: list[Value] = [x, weights, random.constant(columns)]
        op = Conv2D(padding=padding, epilogue=bias_relu(1 if residual else 0), groups=groups)
        if residual:
            inputs.append(apply(Conv2D(padding=padding, groups=groups), x, weights, origin=("first",)))
        return graph_of([x], [apply(op, *inputs, origin=("layer",))])

    return build


def _operands(random: Random) -> Graph:
    """A value a column, one in all, and two that broadcast otherwise."""
    x, image, line = source("x", 1, 6, 7, 24), source("image", 1, 6, 1, 24), source("line", 1, 6, 7, 1)
    calls = [Call("mul", (0, 1)), Call("add", (5, 2)), Call("sub", (6, 3)), Call("mul", (7, 4))]
    op = Conv2D(padding=SAME, epilogue=Program(5, tuple(calls)), groups=3)
    weights = random.constant(3, 3, 8, 24, scale=0.1)
    result = apply(op, x, weights, random.constant(24), random.constant(1), image, line, origin=("layer",))
    return graph_of([x, image, line], [result])


CASES = [
    Case("one tile", _layer((1, 4, 4, 8), 8)),
    Case("less than a tile", _layer((1, 1, 3, 4), 3)),
    Case("odd sizes", _layer((1, 13, 10, 12), 20)),
    Case("no padding", _layer((1, 15, 9, 8), 5, ((0, 0), (0, 0)))),
    Case("uneven padding", _layer((1, 8, 11, 8), 16, ((0, 1), (2, 0)))),
    Case("batch and residual", _layer((3, 9, 7, 16), 24, residual=True)),
    Case("groups, odd columns", _layer((1, 9, 7, 16), 26, groups=2)),
    Case("groups, batch and residual", _layer((3, 9, 7, 48), 72, residual=True, groups=3)),
    Case("groups to one pixel", _layer((1, 3, 3, 32), 64, ((0, 0), (0, 0)), residual=True, groups=4)),
    Case("groups of many tiles", _layer((1, 120, 116, 32), 32, groups=2)),
    Case("groups, operands of every kind", _operands),
    Case("deep", _layer((1, 7, 7, 512), 64)),
    Case("many tiles", _layer((1, 120, 116, 32), 32)),
    Case(
        "any size",
        _layer((symbol("N"), symbol("H"), symbol("W"), 16), 8),
        ({"N": 1, "H": 5, "W": 6}, {"N": 2, "H": 70, "W": 90}),
    ),
]


@pytest.mark.parametrize("m", [2, 4])
def test_transforms_give_the_convolution(m: int) -> None:
    """In exact arithmetic, along one axis: the transforms that the kernels compute, on unit vectors."""
    points = (
        [0.0, winograd.POINT_A, -winograd.POINT_A, winograd.POINT_B, -winograd.POINT_B] if m == 4 else [0.0, 1.0, -1.0]
    )
    every = np.poly1d([1.0])
    for p in points:
        every *= np.poly1d([1.0, -p])
    rows = [np.poly([q for q in points if q != p])[::-1] for p in points]
    b = np.array([*(np.append(row, 0) for row in rows), every.coeffs[::-1]])
    a = np.array([[p**k for p in points] + [float(k == m - 1)] for k in range(m)])
    g = winograd.filter_transform(m)
    d, w = np.random.default_rng(0).normal(size=(2, m + 2))
    np.testing.assert_allclose(a @ ((g @ w[:3]) * (b @ d)), np.correlate(d, w[:3]), rtol=1e-12)


@pytest.mark.parametrize(
    ("layer", "want"),
    [
        (((1, 224, 224, 64), 64), 4),
        (((1, 56, 56, 64), 64), 4),
        (((1, 14, 14, 256), 256), 4),
        (((1, 7, 7, 512), 512), 2),
        (((1, 224, 224, 3), 64), 0),
        (((1, 1, 1, 512), 512), 0),
    ],
)
def test_choice(layer: tuple[tuple[int, ...], int], want: int) -> None:
    """Large layers F(4 × 4), those bound by their weights F(2 × 2), one pixel direct."""
    shape, columns = layer
    assert winograd.choose(Conv2D(padding=SAME), (3, 3, shape[-1], columns), (*shape[:3], columns)) == want


def test_what_it_cannot_do_is_computed_directly() -> None:
    kernel, output = (3, 3, 64, 64), (1, 56, 56, 64)
    assert winograd.choose(Conv2D(padding=SAME, strides=(2, 2)), kernel, output) == 0
    assert winograd.choose(Conv2D(padding=SAME, dilation=(2, 2)), kernel, output) == 0
    assert winograd.choose(Conv2D(padding=SAME, groups=8), (3, 3, 8, 8), output) == 0
    assert winograd.choose(Conv2D(padding=SAME), (3, 1, 64, 64), output) == 0
    assert winograd.choose(Conv2D(padding=SAME), (3, 3, 62, 64), output) == 0


def test_groups_of_enough_channels() -> None:
    output = (1, 28, 28, 256)
    assert winograd.choose(Conv2D(padding=SAME, groups=16), (3, 3, 16, 16), output) == 4
    assert winograd.choose(Conv2D(padding=SAME, groups=2), (3, 3, 128, 128), output) == 4


def test_exact_turns_it_off() -> None:
    graph = Case("large", _layer((1, 56, 56, 64), 64)).graph
    for options, kernel in [({}, "winograd"), ({"exact": True}, "conv2d")]:
        plan = build_plan(graph, TARGET, WeightTable.of(graph), options)
        assert _kernel_names(plan) == {kernel}


def _kernel_names(plan: Plan) -> set[str]:
    return {plan.kernels[step.kernel]["name"] for step in plan.steps if not isinstance(step, Loop)}


def _answers(page: Any, server: Any, root: Path, folders: dict[str, str], cases: list[Case], **options: Any) -> None:
    server.mount("/cases/", root)
    page.goto(server.add("/runner.html", RUNNER_PAGE.read_bytes()))
    jobs = [
        job(
            f"/cases/{folders[c.name]}",
            "webassembly",
            [(c.runs[r], c.inputs(r)) for r in range(len(c.runs))],
            **options,
        )
        for c in cases
    ]
    for case, answer in zip(cases, run_jobs(page, jobs), strict=True):
        if isinstance(answer, PageError):
            raise answer
        for run in range(len(case.runs)):
            found = error(answer[run][0], case.expected(run)[0])
            assert found <= LAYER_TOLERANCE, f"{case.name} {case.runs[run]}: {found:.1e}"


@pytest.fixture(scope="module", params=[2, 4])
def forced(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """All cases by F(m × m), whatever would be chosen."""
    root = tmp_path_factory.mktemp("winograd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "choose", lambda *_: request.param)
        return root, write_cases(TARGET, CASES, root)


@pytest.mark.browser
@pytest.mark.parametrize(
    "options",
    [
        {"variant": "simd"},
        pytest.param({"threads": 1}, marks=pytest.mark.slow),
        {"threads": 2},
        pytest.param({"threads": 3}, marks=pytest.mark.slow),
    ],
    ids=lambda options: " ".join(map(str, options.values())),
)
def test_kernels(page: Any, serve: Any, forced: tuple[Path, dict[str, str]], options: dict[str, Any]) -> None:
    _answers(page, serve(), *forced, CASES, **options)


@pytest.mark.browser
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("m", [2, 4])
def test_filters_may_arrive_in_any_pieces(
    page: Any, serve: Any, tmp_path: Path, m: int, groups: int, monkeypatch: Any
) -> None:
    """Shards end between any two rows of the weights: within a tap, and between taps."""
    case = Case("pieces", _layer((1, 9, 9, 24 * groups), 40, groups=groups))
    monkeypatch.setattr(winograd, "choose", lambda *_: m)
    monkeypatch.setattr(writer, "cut_shards", partial(cut_shards, limit=4096))
    plan = build_plan(case.graph, TARGET, WeightTable.of(case.graph))
    write_descriptor(tmp_path / "0", case.graph, {"webassembly": plan}, WeightTable.of(case.graph).arrays)
    assert len(list((tmp_path / "0").glob("weights.*"))) > 5
    _answers(page, serve(), tmp_path, {case.name: "0"}, [case])
