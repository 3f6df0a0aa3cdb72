"""Winograd's algorithm: its transforms, its choice, and its kernels whatever would be chosen."""

from __future__ import annotations

from fractions import Fraction
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
from webdnn.backend.webassembly.winograd_transforms import Axis, Tile
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
Pair = tuple[int, int]
VALID: Padding = ((0, 0), (0, 0))


def _same(taps: Pair) -> Padding:
    (top, left) = ((k - 1) // 2 for k in taps)
    return (top, top), (left, left)


def _layer(
    shape: tuple[Size, ...],
    columns: int,
    padding: Padding | None = None,
    residual: bool = False,
    groups: int = 1,
    taps: Pair = (3, 3),
) -> Any:
    padding = _same(taps) if padding is None else padding

    def build(random: Random) -> Graph:
        x = source("x", *shape)
        weights = random.constant(*taps, int(shape[-1]) // groups, columns, scale=0.1)  # type: ignore[arg-type]
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
    op = Conv2D(padding=_same((3, 3)), epilogue=Program(5, tuple(calls)), groups=3)
    weights = random.constant(3, 3, 8, 24, scale=0.1)
    result = apply(op, x, weights, random.constant(24), random.constant(1), image, line, origin=("layer",))
    return graph_of([x, image, line], [result])


def _dtypes(random: Random) -> Graph:
    """Truth and integers come in, truth goes out."""
    x, mask = source("x", 1, 6, 7, 24), source("mask", 1, 6, 7, 24, dtype="bool")
    counts = source("counts", 24, dtype="int32")
    calls = [Call("where", (1, 0, -0.5)), Call("clip", (2, -1.0, 1.0)), Call("to_float32", (4,)), Call("less", (3, 5))]
    op = Conv2D(padding=_same((3, 3)), epilogue=Program(3, tuple(calls)), groups=3)
    result = apply(op, x, random.constant(3, 3, 8, 24, scale=0.1), mask, counts, origin=("layer",))
    return graph_of([x, mask, counts], [result])


ANY_SIZE = symbol("N"), symbol("H"), symbol("W")
SIZES = {"N": 1, "H": 5, "W": 6}, {"N": 2, "H": 70, "W": 90}

# By taps.
CASES: dict[Pair, list[Case]] = {
    (3, 3): [
        Case("one tile", _layer((1, 4, 4, 8), 8)),
        Case("less than a tile", _layer((1, 1, 3, 4), 3)),
        Case("odd sizes", _layer((1, 13, 10, 12), 20)),
        Case("no padding", _layer((1, 15, 9, 8), 5, VALID)),
        Case("uneven padding", _layer((1, 8, 11, 8), 16, ((0, 1), (2, 0)))),
        Case("batch and residual", _layer((3, 9, 7, 16), 24, residual=True)),
        Case("groups, odd columns", _layer((1, 9, 7, 16), 26, groups=2)),
        Case("groups, batch and residual", _layer((3, 9, 7, 48), 72, residual=True, groups=3)),
        Case("groups to one pixel", _layer((1, 3, 3, 32), 64, VALID, residual=True, groups=4)),
        Case("groups of many tiles", _layer((1, 120, 116, 32), 32, groups=2)),
        Case("groups, operands of every kind", _operands),
        Case("groups, operands and result of other dtypes", _dtypes),
        Case("deep", _layer((1, 7, 7, 512), 64)),
        Case("many tiles", _layer((1, 120, 116, 32), 32)),
        Case("any size", _layer((*ANY_SIZE, 16), 8), SIZES),
    ],
    (1, 3): [
        Case("1x3, odd sizes", _layer((2, 9, 7, 12), 20, taps=(1, 3))),
        Case("1x3, deep", _layer((1, 8, 8, 384), 64, taps=(1, 3))),
    ],
    (3, 1): [
        Case("3x1, odd sizes", _layer((2, 9, 7, 12), 20, taps=(3, 1))),
        Case("3x1, deep", _layer((1, 8, 8, 384), 64, taps=(3, 1))),
    ],
    (1, 7): [
        Case("1x7, less than a tile", _layer((1, 3, 1, 4), 3, taps=(1, 7))),
        Case("1x7, deep", _layer((1, 17, 17, 192), 32, taps=(1, 7))),
        Case("1x7, no padding, residual", _layer((3, 4, 13, 8), 5, VALID, residual=True, taps=(1, 7))),
        Case("1x7, any size", _layer((*ANY_SIZE, 16), 8, taps=(1, 7)), SIZES),
    ],
    (7, 1): [
        Case("7x1, deep", _layer((1, 17, 17, 192), 32, taps=(7, 1))),
        Case("7x1, uneven padding", _layer((1, 11, 6, 8), 16, ((4, 1), (0, 0)), taps=(7, 1))),
        Case("7x1, groups", _layer((2, 10, 7, 32), 26, residual=True, groups=2, taps=(7, 1))),
    ],
    (5, 5): [
        Case("5x5, as in Inception", _layer((1, 35, 35, 48), 64, taps=(5, 5))),
        Case("5x5, no padding, residual", _layer((3, 9, 10, 8), 5, VALID, residual=True, taps=(5, 5))),
        Case("5x5, groups", _layer((1, 8, 7, 48), 72, groups=3, taps=(5, 5))),
        Case("5x5, any size", _layer((*ANY_SIZE, 16), 8, taps=(5, 5)), SIZES),
    ],
    (3, 5): [Case("3x5, uneven padding", _layer((1, 8, 11, 8), 16, ((0, 1), (3, 0)), taps=(3, 5)))],
    (7, 3): [Case("7x3, odd sizes", _layer((1, 13, 10, 24), 20, taps=(7, 3)))],
}


AXES = [Axis(m, taps) for taps, lengths in winograd.LENGTHS.items() for m in lengths]


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_transforms_give_the_convolution(axis: Axis) -> None:
    """Along one axis, in fractions: no rounding."""
    random = np.random.default_rng(0)
    inputs, weights = (random.integers(-99, 99, n) + Fraction() for n in (axis.points, axis.taps))
    a, g, b = (np.array(matrix) for matrix in (axis.output, axis.filter, axis.input))
    assert a.shape == (axis.m, axis.points)
    assert list(a @ ((g @ weights) * (b @ inputs))) == list(np.correlate(inputs, weights))


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_factors_are_exact(axis: Axis) -> None:
    """Those of the transforms that are computed in float32; the filters' are computed in float64."""
    for factor in {factor for matrix in (axis.input, axis.output) for row in matrix for factor in row}:
        assert Fraction(float(np.float32(float(factor)))) == factor


def _layer_error(axis: Axis, seed: int) -> float:
    """Of 192 channels, transformed along one axis; in float32, with sums in order."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(axis.points, 192, 32)).astype(np.float32)
    weights = random.normal(size=(axis.taps, 192, 16)).astype(np.float32)
    a, g, b = (np.array(matrix, np.float64) for matrix in (axis.output, axis.filter, axis.input))
    v = np.einsum("pi,ict->pct", b.astype(np.float32), inputs)
    u = np.einsum("pk,kco->pco", g, weights).astype(np.float32)
    products = np.zeros((axis.points, 32, 16), np.float32)
    for channel in range(192):
        products += v[:, channel, :, None] * u[:, channel, None, :]
    have = np.einsum("mp,pto->mto", a.astype(np.float32), products)
    windows = np.stack([inputs[i : i + axis.taps] for i in range(axis.m)]).astype(np.float64)
    return error(have, np.einsum("mkct,kco->mto", windows, weights))


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_errors_are_as_measured(axis: Axis) -> None:
    found = np.mean([_layer_error(axis, seed) for seed in range(4)])
    assert 0.5 <= found / winograd.ERRORS[axis.points] <= 1.5


@pytest.mark.parametrize(
    ("taps", "shape", "columns", "want"),
    [
        ((3, 3), (1, 224, 224, 64), 64, (4, 4)),
        ((3, 3), (1, 56, 56, 64), 64, (4, 4)),
        ((3, 3), (1, 14, 14, 256), 256, (4, 4)),
        ((3, 3), (1, 7, 7, 512), 512, (2, 2)),
        ((3, 3), (1, 224, 224, 3), 64, None),
        ((3, 3), (1, 1, 1, 512), 512, None),
        ((1, 7), (1, 17, 17, 192), 192, (1, 4)),
        ((7, 1), (1, 17, 17, 128), 192, (4, 1)),
        ((1, 3), (1, 8, 8, 384), 384, (1, 4)),
        ((3, 1), (1, 8, 8, 384), 384, (4, 1)),
        ((5, 5), (1, 35, 35, 48), 64, (3, 3)),
    ],
)
def test_choice(taps: Pair, shape: tuple[int, ...], columns: int, want: Pair | None) -> None:
    """Large layers of 3 × 3 taps F(4 × 4), those bound by their weights F(2 × 2), one pixel direct; and layers of InceptionV3."""
    tile = winograd.choose(Conv2D(padding=_same(taps)), (*taps, shape[-1], columns), (*shape[:3], columns))
    assert (tile and tile.lengths) == want


@pytest.mark.parametrize("taps", CASES, ids=str)
def test_tiles_of_small_errors(taps: Pair) -> None:
    found = winograd.tiles(taps)
    assert len(found) > 1
    for tile in found:
        assert winograd.error_of(tile) <= winograd.MOST_ERROR


def test_what_it_cannot_do_is_computed_directly() -> None:
    def choose(kernel: tuple[int, ...] = (3, 3, 64, 64), **fields: Any) -> Tile | None:
        return winograd.choose(Conv2D(padding=_same((3, 3)), **fields), kernel, (1, 56, 56, 64))

    assert choose() is not None
    assert choose(strides=(2, 2)) is None
    assert choose(dilation=(2, 2)) is None
    assert choose((3, 3, 8, 8), groups=8) is None
    assert choose((3, 3, 62, 64)) is None
    assert choose((1, 1, 64, 64)) is None
    assert choose((1, 9, 64, 64)) is None
    assert choose((2, 2, 64, 64)) is None
    assert choose((7, 7, 64, 64)) is None, "the errors of F(2 × 2, 7 × 7) are too large"


def test_groups_of_enough_channels() -> None:
    output = (1, 28, 28, 256)
    assert winograd.choose(Conv2D(padding=_same((3, 3)), groups=16), (3, 3, 16, 16), output) == Tile((4, 4), (3, 3))
    assert winograd.choose(Conv2D(padding=_same((3, 3)), groups=2), (3, 3, 128, 128), output) == Tile((4, 4), (3, 3))


def test_exact_turns_it_off() -> None:
    graph = Case("large", _layer((1, 56, 56, 64), 64)).graph
    for options, kernel in [({}, "winograd"), ({"exact": True}, "conv2d")]:
        plan = build_plan(graph, TARGET, WeightTable.of(graph), options)
        assert _kernel_names(plan) == {kernel}


def _kernel_names(plan: Plan) -> set[str]:
    return {plan.kernels[step.kernel].name for step in plan.steps if not isinstance(step, Loop)}


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


def _force(patch: pytest.MonkeyPatch, number: int) -> None:
    """Has all layers computed by the tile of this number, of those that their taps have, whatever would be chosen."""
    patch.setattr(winograd, "choose", lambda op, kernel, *_: winograd.tiles(kernel[:2])[number])


Forced = tuple[Path, dict[str, str], list[Case]]


@pytest.fixture(scope="module", params=range(3))
def forced(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Forced:
    cases = [case for taps, cases in CASES.items() for case in cases if len(winograd.tiles(taps)) > request.param]
    root = tmp_path_factory.mktemp("winograd")
    with pytest.MonkeyPatch.context() as patch:
        _force(patch, request.param)
        return root, write_cases(TARGET, cases, root), cases


@pytest.mark.browser
@pytest.mark.parametrize(
    "options",
    [
        {"variant": "simd"},
        pytest.param({"threads": 1}, marks=pytest.mark.exhaustive),
        {"threads": 2},
        pytest.param({"threads": 3}, marks=pytest.mark.exhaustive),
    ],
    ids=lambda options: " ".join(map(str, options.values())),
)
def test_kernels(page: Any, serve: Any, forced: Forced, options: dict[str, Any]) -> None:
    _answers(page, serve(), *forced, **options)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("taps", "number", "groups"),
    [
        ((3, 3), 1, 1),
        ((1, 7), 0, 2),
        *(pytest.param(*case, marks=pytest.mark.exhaustive) for case in [((3, 3), 0, 2), ((1, 7), 1, 1)]),
    ],
    ids=str,
)
def test_filters_may_arrive_in_any_pieces(
    page: Any, serve: Any, tmp_path: Path, taps: Pair, number: int, groups: int, monkeypatch: Any
) -> None:
    """Shards end between any two rows of the weights: within a tap, and between taps."""
    case = Case("pieces", _layer((1, 9, 9, 24 * groups), 40, groups=groups, taps=taps))
    _force(monkeypatch, number)
    monkeypatch.setattr(writer, "cut_shards", partial(cut_shards, limit=4096))
    plan = build_plan(case.graph, TARGET, WeightTable.of(case.graph))
    write_descriptor(tmp_path / "0", case.graph, {"webassembly": plan}, WeightTable.of(case.graph).arrays)
    assert len(list((tmp_path / "0").glob("weights.*"))) > 5
    _answers(page, serve(), tmp_path, {case.name: "0"}, [case])
