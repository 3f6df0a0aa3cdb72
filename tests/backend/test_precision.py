"""The errors that webdnn.backend.precision states, measured in the page: none is larger, and none is stated much larger than it is."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from harness import sweep
from harness.cases import graph_of, source
from harness.page import RUNNER_PAGE, PageError, job, run_jobs
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.precision import BOUNDS, FLUSHED
from webdnn.backend.webassembly.toolchain import INSTRUCTION_SETS
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.graph import Graph, apply
from webdnn.graph.ops import Softmax
from webdnn.graph.program import COMPOSED

SLACK = 1.5
"""A bound may be this many times what is measured."""

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "webassembly": [{"variant": instructions} for instructions in INSTRUCTION_SETS]
}
"""What is forced on a backend, one after the other."""

DENSITY = {"webassembly": 0.06, "fallback": 0.06, "webgpu": 0.03, "webgl": 0.03}
"""How dense the samples are: SwiftShader computes slowly."""
DENSER = 10
"""They are this many times as dense in the exhaustive tier."""

Array = np.ndarray
Answer = Callable[..., list[list[Array]]]


class Sweep:
    """Operands, and what every function made of them on each variant of a backend."""

    def __init__(self, backend: str, inputs: list[Array], outputs: list[dict[str, Array]]) -> None:
        self.backend, self.inputs, self.outputs = backend, inputs, outputs

    def of(self, name: str, *operands: float) -> list[float]:
        """The results of a function of `operands`, which stand somewhere among the inputs."""
        bits = np.float32(operands).view(np.uint32)
        same = [array.view(np.uint32) == wanted for array, wanted in zip(self.inputs, bits, strict=False)]
        (place, *_) = np.flatnonzero(np.all(same, axis=0))
        return [float(outputs[name][place]) for outputs in self.outputs]


@pytest.fixture(scope="module")
def answer(browser: Any, serve_session: Any, tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """The outputs of a graph on a backend, for each of its variants."""

    def run(graph: Graph, inputs: list[Array], backend: str) -> list[list[Array]]:
        target = importlib.import_module(f"webdnn.backend.{backend}").TARGET
        root, weights = tmp_path_factory.mktemp("models"), WeightTable.of(graph)
        write_descriptor(root / "model", graph, {backend: build_plan(graph, target, weights)}, weights.arrays)
        page = browser.new_page()
        page.goto(serve_session({"/models/": root}).add("/runner.html", RUNNER_PAGE.read_bytes()))
        jobs = [job("/models/model", backend, [({}, inputs)], **options) for options in VARIANTS.get(backend, [{}])]
        answers = list(run_jobs(page, jobs))
        page.close()
        for outputs in answers:
            if isinstance(outputs, PageError):
                raise outputs
        return [outputs[0] for outputs in answers]

    return run


@pytest.fixture(scope="module")
def sweep_of(answer: Answer) -> Callable[[str, int], Sweep]:
    """`sweep_of(backend, times)`, made once."""

    @cache
    def of(backend: str, times: int) -> Sweep:
        inputs, programs = sweep.inputs(backend, times * DENSITY[backend]), sweep.programs()
        answers = answer(sweep.graph_of_programs(programs, len(inputs[0])), inputs, backend)
        return Sweep(backend, inputs, [dict(zip(programs, outputs, strict=True)) for outputs in answers])

    return of


@pytest.fixture(params=BOUNDS)
def swept(request: pytest.FixtureRequest, sweep_of: Callable[[str, int], Sweep]) -> Sweep:
    return sweep_of(request.param, 1)


def check(backend: str, measured: Mapping[str, float]) -> None:
    """No error is larger than stated, and none is stated much larger."""
    wrong = []
    for name, ulp in measured.items():
        stated = BOUNDS[backend][name].ulp
        print(f"{backend} {name:12} {ulp:6.3f} of {stated}")
        if not ulp <= stated <= SLACK * ulp:
            wrong.append(f"{name} is {ulp:.3f} ulp off, stated are {stated}")
    assert not wrong, f"{backend}: {'; '.join(wrong)}"


@pytest.mark.parametrize("backend", BOUNDS)
@pytest.mark.parametrize(
    "times", [pytest.param(1, marks=pytest.mark.slow), pytest.param(DENSER, marks=pytest.mark.exhaustive)]
)
def test_e3_every_function_is_within_its_bound(sweep_of: Callable[[str, int], Sweep], backend: str, times: int) -> None:
    swept = sweep_of(backend, times)
    measured = dict.fromkeys(swept.outputs[0], 0.0)
    for outputs in swept.outputs:
        for name, program in sweep.programs().items():
            error = sweep.error(backend, name, program, swept.inputs, outputs[name])
            measured[name] = max(measured[name], error)
    for name in sweep.EXACT:
        assert measured[name] <= 0.5, f"{backend}: {name} is {measured[name]} ulp off, and should be rounded right"
    check(backend, {name: ulp for name, ulp in measured.items() if name in BOUNDS[backend]})
    composed = {name: ulp for name, ulp in measured.items() if name in COMPOSED}
    assert max(composed.values()) < sweep.MOST_OF_COMPOSED, composed


@pytest.mark.slow
def test_e1_gelu_of_large_negatives_is_zero(swept: Sweep) -> None:
    for x in (-14.5, -100.0, -1e6):
        assert all(abs(y) <= FLUSHED for y in swept.of("gelu", x))
    if swept.backend != "webassembly":  # its digits are those of 1 + erf
        wanted = -8 * math.erfc(8 * math.sqrt(0.5)) / 2
        assert swept.of("gelu", -8.0) == pytest.approx([wanted], rel=1e-6)


@pytest.mark.slow
def test_e4_sine_and_cosine_stay_in_the_unit_interval(swept: Sweep) -> None:
    (x, *_) = swept.inputs
    for outputs in swept.outputs:
        for name in ("sin", "cos"):
            np.testing.assert_array_equal(np.isnan(outputs[name]), ~np.isfinite(x))
            assert np.nanmax(np.abs(outputs[name])) <= 1
    for big in (2.0**31, 1e13, 3e38):
        wanted = math.sin(np.float32(big))
        assert swept.of("sin", big) == pytest.approx([wanted] * len(swept.outputs), rel=1e-6)


@pytest.mark.slow
def test_e5_remainders_of_large_quotients_are_right(swept: Sweep) -> None:
    (x, y, _) = swept.inputs
    finite = np.isfinite(x) & np.isfinite(y) & (np.abs(y) > sweep.SMALL_DIVISOR)
    for outputs in swept.outputs:
        forward, size = (outputs["mod"] * np.sign(y))[finite], np.abs(y)[finite]
        # A remainder next to y is y once it is rounded, as in NumPy.
        assert ((forward >= 0) & (forward <= size)).all()
    for a, b in ((2.0**31, 3.0), (1e10, 3.0), (-1e10, 3.0), (1e38, 7.0), (1e38, -0.1)):
        wanted = float(np.float32(math.fmod(np.float32(a), np.float32(b))))
        wanted = wanted + b if wanted and (wanted < 0) != (b < 0) else wanted
        assert swept.of("mod", a, b) == pytest.approx([wanted] * len(swept.outputs), rel=1e-6)


# (x, y, xʸ) of IEEE 754.
POWERS = [
    *((1.0, math.inf, 1.0), (1.0, -math.inf, 1.0), (-1.0, math.inf, 1.0), (1.0, math.nan, 1.0), (math.nan, 0.0, 1.0)),
    *((math.inf, 0.0, 1.0), (-math.inf, -0.0, 1.0), (0.0, 0.0, 1.0), (-2.0, 1.5, math.nan), (-8.0, 1 / 3, math.nan)),
    *((-2.0, 3.0, -8.0), (-2.0, 2.0, 4.0), (2.0, math.inf, math.inf), (0.5, math.inf, 0.0), (-2.0, -math.inf, 0.0)),
    *((0.0, -1.0, math.inf), (-0.0, -1.0, -math.inf), (-0.0, -2.0, math.inf), (-0.0, 3.0, -0.0), (0.0, -1.5, math.inf)),
    *((-math.inf, 3.0, -math.inf), (-math.inf, 2.0, math.inf), (-math.inf, -1.0, -0.0), (math.inf, -0.5, 0.0)),
    *((-math.inf, 1.5, math.inf), (math.nan, 2.0, math.nan), (2.0, math.nan, math.nan), (-3.0, 2.0**24, math.inf)),
    *((-1.0, 2.0**23 + 1, -1.0), (-1.0, 2.0**24, 1.0), (0.0, -math.inf, math.inf), (math.inf, -math.inf, 0.0)),
]


@pytest.mark.slow
def test_e6_powers_of_special_values_are_those_of_ieee(swept: Sweep) -> None:
    for x, y, wanted in POWERS:
        for have in swept.of("pow", x, y):
            assert (math.isnan(have) and math.isnan(wanted)) or have.hex() == wanted.hex(), (x, y, have)


@pytest.mark.slow
def test_e7_nan_goes_through_every_function_as_in_the_interpreter(swept: Sweep) -> None:
    """And infinities: here it counts which results are NaN, infinite or zero, not how near they are."""
    pairs = slice(len(sweep.SPECIAL) ** 2)
    operands = [array[pairs] for array in swept.inputs]
    for name, program in sweep.programs().items():
        wanted = program.evaluate([array.astype(np.float64) for array in operands[: program.inputs]])
        for outputs in swept.outputs:
            have = outputs[name][pairs]
            np.testing.assert_array_equal(np.isnan(have), np.isnan(wanted), f"{swept.backend}: {name}")
    for outputs in swept.outputs:
        nan = np.isnan(operands[0])
        assert np.isnan(outputs["relu"][pairs][nan]).all()
        assert (outputs["not_equal"][pairs][nan] == 1).all()
        np.testing.assert_array_equal(outputs["where"][pairs][nan], operands[1][nan])


@pytest.mark.slow
def test_e8_division_by_the_largest_numbers_is_right(swept: Sweep) -> None:
    maximum = float(np.finfo(np.float32).max)
    for name, operands, wanted in (
        *(("div", (maximum, maximum), 1.0), ("div", (math.inf, maximum), math.inf), ("div", (1.7e38, 3e38), 1.7 / 3)),
        *(("div", (-3.0, 2.0**127), -3 / 2.0**127), ("softsign", (maximum,), 1.0), ("softsign", (-maximum,), -1.0)),
        *(("acosh", (2.9e19,), math.acosh(2.9e19)), ("asinh", (-2.9e19,), math.asinh(-2.9e19))),
        *(("acosh", (math.inf,), math.inf), ("asinh", (-math.inf,), -math.inf), ("sinh", (-200.0,), -math.inf)),
    ):
        assert swept.of(name, *operands) == pytest.approx([wanted] * len(swept.outputs), rel=1e-6), name


@pytest.mark.slow
@pytest.mark.parametrize("backend", [name for name, bounds in BOUNDS.items() if "softmax" in bounds])
def test_softmax(answer: Answer, backend: str) -> None:
    """Rows of 1000 numbers: flat ones, and those of which a few make the sum. The seed is one of 24, that with the largest error."""
    random = np.random.default_rng(6)
    x = (random.normal(size=(1000, 1000)) * np.repeat([0.3, 3, 10, 30], 250)[:, None]).astype(np.float32)
    if backend != "webassembly":
        x = x[::4]
    wide = x.astype(np.float64)
    below = wide.max(axis=1, keepdims=True) - wide
    (wanted,) = Softmax().evaluate([wide])
    inputs = [source("x", *x.shape)]
    graph = graph_of(inputs, [apply(Softmax(), *inputs)])
    worst = max(
        float((sweep.ulps(have, wanted, backend=backend) - below).max()) for (have,) in answer(graph, [x], backend)
    )
    check(backend, {"softmax": worst})
