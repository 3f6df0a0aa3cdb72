"""The errors that webdnn.backend.webassembly.precision states, measured in the page: none is larger, and none is stated much larger than it is."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cases import graph_of, source
from harness.page import RUNNER_PAGE, PageError, job, run_jobs
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.webassembly import TARGET
from webdnn.backend.webassembly.precision import BOUNDS
from webdnn.backend.webassembly.toolchain import INSTRUCTION_SETS
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.graph import Graph, apply
from webdnn.graph.ops import Elementwise, Softmax
from webdnn.graph.program import FUNCTIONS, single

SLACK = 1.5
"""A bound may be this many times what is measured."""

LN2, PI = np.log(2), np.pi
# Where a reduction of the argument, a polynomial or a branch of kernels/math.h.jinja begins or ends, and where results leave float32's range.
BOUNDARIES = np.concatenate(
    [
        (np.arange(-152, 130) + 0.5) * LN2,
        np.arange(1, 2000) * PI / 4,
        np.arange(1597, 636_000, 1597) * PI / 2,
        np.sqrt(0.5) * 2.0 ** np.arange(-126, 128, 8),
        [2**0.5 - 1, 2**0.5 + 1, 0.5, 0.625, 0.927734375, 0.927734375 * 2**0.5, 1, 2, 3, 4, 4 * 2**0.5, 6, 9, 17],
        [30, 87, 88, 88.3762626647949, 88.722839, 89, 103.972, 104, 1e6, 2**20 * PI / 2, 2**23, 2**24, 2**31, 2**126],
    ]
)


def _sample(random: np.random.Generator) -> np.ndarray:
    """Numbers of every exponent and both signs, more of them where functions are curved; the neighbours of all boundaries; zeros, infinities."""
    exponents = np.concatenate([np.repeat(np.arange(255), 256), np.repeat(np.arange(127 - 14, 127 + 7), 12_000)])
    mantissas = random.integers(0, 1 << 23, len(exponents))
    near = BOUNDARIES.astype(np.float32).view(np.int32)[:, None] + np.arange(-16, 17)
    bits = np.concatenate([exponents << 23 | mantissas, near.ravel() & 0x7FFFFFFF, [0, 0x7F800000, 0x7F7FFFFF, 1]])
    positive = bits.astype(np.int32).view(np.float32)
    return np.concatenate([positive, -positive])


def _ulps(have: np.ndarray, want: np.ndarray, at: np.ndarray | None = None) -> np.ndarray:
    """|have − want| in float32's spacing at `want`, or at `at`: that of subnormals is 2⁻¹⁴⁹. Infinite where just one of them overflows or is NaN."""
    rounded = want.astype(np.float32)
    place = np.abs(rounded if at is None else at)
    errors = np.abs(have - want) / np.spacing(place).astype(np.float64)
    same = (have == rounded) | (np.isnan(have) & np.isnan(rounded))
    return np.where(np.isfinite(rounded) & np.isfinite(have), errors, np.where(same, 0.0, inf))


@pytest.fixture
def answer(page: Any, serve: Any, tmp_path: Path) -> Callable[..., list[np.ndarray]]:
    """The outputs of a graph for one set of instructions."""

    def run(graph: Graph, inputs: list[np.ndarray], instructions: str) -> list[np.ndarray]:
        model = tmp_path / "model"
        if not model.exists():
            plan = build_plan(graph, TARGET, WeightTable.of(graph))
            write_descriptor(model, graph, {"webassembly": plan}, WeightTable.of(graph).arrays)
        server = serve({"/models/": tmp_path})
        page.goto(server.add("/runner.html", RUNNER_PAGE.read_bytes()))
        (outputs,) = run_jobs(page, [job("/models/model", "webassembly", [({}, inputs)], variant=instructions)])
        if isinstance(outputs, PageError):
            raise outputs
        return outputs[0]

    return run


def _check(measured: dict[tuple[str, str], float]) -> None:
    """No variant exceeds its bound; the worse one comes near it."""
    for (name, instructions), ulp in measured.items():
        print(f"{name:12} {instructions:12} {ulp:6.3f} of {BOUNDS[name].ulp}")
    for name in {name: None for name, _ in measured}:
        most = max(ulp for (function, _), ulp in measured.items() if function == name)
        stated = BOUNDS[name].ulp
        assert most <= stated, f"{name} is {most:.3f} ulp off, stated are {stated}"
        assert stated <= SLACK * most, f"{name} is only {most:.3f} ulp off, stated are {stated}"


@pytest.mark.slow
def test_functions(answer: Callable[..., list[np.ndarray]]) -> None:
    random = np.random.default_rng(0)
    x = _sample(random)
    y = random.normal(size=len(x)) * 2.0 ** random.integers(-3, 5, len(x))
    y = np.where(random.random(len(x)) < 0.3, np.rint(y), y).astype(np.float32)
    bounds = {name: bound for name, bound in BOUNDS.items() if name != "softmax"}
    programs = {
        name: single(name, None, 1.0) if name == "elu" else single(name, *[None] * FUNCTIONS[name].arity)
        for name in bounds
    }
    inputs = source("x", len(x)), source("y", len(x))
    outputs = [apply(Elementwise(p), *inputs[: p.inputs], origin=(name,)) for name, p in programs.items()]
    graph = graph_of(inputs, outputs)
    measured = {}
    with np.errstate(all="ignore"):
        wide = [x.astype(np.float64), y.astype(np.float64)]
        wanted = {name: program.evaluate(wide[: program.inputs]) for name, program in programs.items()}
        for instructions in INSTRUCTION_SETS:
            for (name, bound), have in zip(bounds.items(), answer(graph, [x, y], instructions), strict=True):
                errors = _ulps(have, wanted[name], x if bound.of_argument else None)
                measured[name, instructions] = float(errors[(bound.low <= x) & (x <= bound.high)].max())
                if bound.under_low:
                    under = np.isfinite(x) & (x < bound.low)
                    assert np.abs(have - wanted[name])[under].max() <= bound.under_low, name
    _check(measured)


@pytest.mark.slow
def test_softmax(answer: Callable[..., list[np.ndarray]]) -> None:
    """Rows of 1000 numbers: flat ones, and those of which a few make the sum. The seed is one of 24, that with the largest error."""
    random = np.random.default_rng(6)
    x = (random.normal(size=(1000, 1000)) * np.repeat([0.3, 3, 10, 30], 250)[:, None]).astype(np.float32)
    wide = x.astype(np.float64)
    below = wide.max(axis=1, keepdims=True) - wide
    (wanted,) = Softmax().evaluate([wide])
    inputs = [source("x", *x.shape)]
    graph = graph_of(inputs, [apply(Softmax(), *inputs)])
    measured = {}
    for instructions in INSTRUCTION_SETS:
        (have,) = answer(graph, [x], instructions)
        measured["softmax", instructions] = float((_ulps(have, wanted) - below).max())
    _check(measured)
