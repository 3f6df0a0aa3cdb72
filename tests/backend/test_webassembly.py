"""What only the webassembly backend has: a compiler that may be missing, a worker that may not start, memory that may not grow, traps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cases import Case, Random, bias_relu, graph_of, source
from harness.page import RUNNER_PAGE, PageError, job, run_jobs
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.webassembly import TARGET, toolchain
from webdnn.backend.webassembly.dialect import FLOATS, INTEGERS
from webdnn.backend.webassembly.emit import Bias, split_bias
from webdnn.backend.webassembly.operands import Operand
from webdnn.backend.webassembly.toolchain import VARIANTS, ToolchainError, find_zig
from webdnn.descriptor.schema import Plan, Step
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.dim import symbol
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.graph import Graph, apply
from webdnn.graph.ops import OPS, Concat, Conv2D, Elementwise, Pool2D, Repeat, Reshape
from webdnn.graph.program import Call, Program, single
from webdnn.graph.types import FLOATS as FLOATING

SPECIAL = np.array(
    [
        0.0,
        -0.0,
        1,
        -1,
        1e-40,
        -1e-40,
        1e-20,
        3e38,
        -3e38,
        np.inf,
        -np.inf,
        np.nan,
        88.5,
        89,
        -87,
        -103,
        1000,
        -1000,
        2.5,
    ],
    np.float32,
)


def _convolution(random: Random) -> Graph:
    x = source("x", 1, 5, 5, 3)
    op = Conv2D(padding=((1, 1), (1, 1)), epilogue=bias_relu())
    return graph_of([x], [apply(op, x, random.constant(3, 3, 3, 9), random.constant(9), origin=("layer",))])


def _plan(case: Case) -> Plan:
    return build_plan(case.graph, TARGET, WeightTable.of(case.graph))


def _write(directory: Path, case: Case, change: Callable[[Plan], None] = lambda plan: None) -> None:
    plan = _plan(case)
    change(plan)
    write_descriptor(directory, case.graph, {"webassembly": plan}, WeightTable.of(case.graph).arrays)


def test_every_op_and_function_has_an_entry() -> None:
    assert set(TARGET.lowerings) == set(OPS) - {Concat, Repeat, Reshape}
    assert set(FLOATS) == {name for name, f in FUNCTIONS.items() if "float32" in f.domain}
    assert set(INTEGERS) == {name for name, f in FUNCTIONS.items() if set(f.domain) - set(FLOATING)}


@pytest.mark.parametrize(
    ("calls", "kinds", "want"),
    [
        ([("add", 0, 1)], ["column"], (1, [])),
        ([("add", 1, 0), ("relu", 2)], ["column"], (1, [("relu", 0)])),
        (
            [("add", 0, 2), ("add", 3, 1), ("clip", 4, 0.0, 6.0)],
            ["full", "column"],
            (2, [("add", 0, 1), ("clip", 3, 0.0, 6.0)]),
        ),
        ([("add", 0, 1), ("relu", 2)], ["full"], None),
        ([("sub", 0, 1)], ["column"], None),
        ([("add", 0, 1.0)], ["column"], None),
        ([("add", 0, 0)], ["column"], None),
        ([("relu", 0), ("add", 2, 1)], ["column"], None),
        ([("add", 0, 1), ("mul", 2, 0)], ["column"], None),
        ([("add", 0, 1), ("mul", 2, 1)], ["column"], None),
    ],
)
def test_sums_begin_with_a_bias(calls: list[Any], kinds: list[str], want: tuple[int, list[Any]] | None) -> None:
    def program(of: list[Any]) -> Program | None:
        inputs = 1 + len(kinds)
        return Program(inputs, tuple(Call(name, tuple(operands)) for name, *operands in of)) if of else None

    epilogue = program(calls)
    assert epilogue is not None
    found = split_bias(epilogue, tuple(Operand(kind, "float32") for kind in kinds))
    assert found == (want and Bias(want[0], program(want[1])))


def test_compiler_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "find_spec", lambda name: None)
    with pytest.raises(ToolchainError, match=r"pip install ziglang=="):
        find_zig()


def test_the_version_that_the_error_names_is_the_pinned_one() -> None:
    pyproject = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'"ziglang=={toolchain.ZIG_VERSION}"' in pyproject


@pytest.mark.usefixtures("compilers_run")
def test_compiler_fails() -> None:
    with pytest.raises(ToolchainError, match=r"(?s)simd variant.*kernels\.c:1"):
        find_zig().modules("this is no C\n", "simd")


@pytest.mark.usefixtures("compilers_run")
def test_the_same_bytes_wherever_they_are_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    case = Case("convolution", _convolution)
    first = _plan(case)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setattr(toolchain.tempfile, "tempdir", str(tmp_path / "elsewhere"))
    assert _plan(case).files == first.files
    for content in first.files.values():
        assert b"webdnn" not in content
        assert b"kernels.c" not in content


@pytest.fixture
def answers(page: Any, serve: Any, tmp_path: Path) -> Callable[..., list[Any]]:
    """Runs models of `tmp_path` on the webassembly backend."""

    def run(
        models: list[tuple[str, list[np.ndarray]]],
        csp: str | None = None,
        script: str = "",
        isolated: bool = True,
        symbols: dict[str, int] | None = None,
        **options: Any,
    ) -> list[Any]:
        server = serve({"/models/": tmp_path}, csp=csp, isolated=isolated)
        server.add("/stub.js", script.encode())
        page.goto(server.add("/runner.html", b'<script src="/stub.js"></script>' + RUNNER_PAGE.read_bytes()))
        return list(
            run_jobs(
                page, [job(f"/models/{name}", "webassembly", [(symbols or {}, xs)], **options) for name, xs in models]
            )
        )

    return run


@pytest.mark.browser
@pytest.mark.parametrize(
    "variant",
    [
        pytest.param(v, marks=[] if v in ("simd", "relaxed-simd-threads") else [pytest.mark.exhaustive])
        for v in VARIANTS
    ],
)
def test_special_values(answers: Any, tmp_path: Path, variant: str) -> None:
    """Zeros, subnormals, infinities and NaN go through every function as in numpy."""
    x = source("x", len(SPECIAL))
    y = source("y", len(SPECIAL))
    floats = {name: f.arity for name, f in FUNCTIONS.items() if "float32" in f.domain and not f.chooses}
    programs = {name: single(name, *[None] * min(arity, 2), *[1.0] * (arity - 2)) for name, arity in floats.items()}
    programs["where"] = Program(2, (Call("to_bool", (0,)), Call("where", (2, 1, 1.0))))
    outputs = [apply(Elementwise(p), *(x, y)[: p.inputs], origin=(name,)) for name, p in programs.items()]
    case = Case("special", lambda random: graph_of([x, y], outputs))
    _write(tmp_path / "special", case)
    right = np.roll(SPECIAL, 5)
    (answer,) = answers([("special", [SPECIAL, right])], variant=variant)
    if isinstance(answer, PageError):
        raise answer
    with np.errstate(all="ignore"):
        for (name, program), have in zip(programs.items(), answer[0], strict=True):
            inputs = [SPECIAL, right][: program.inputs]
            want = program.evaluate([a.astype(np.float64) for a in inputs])
            if want.dtype.kind != "f":
                np.testing.assert_array_equal(have, want, name)
                continue
            want = want.astype(np.float32)
            # Beyond some millions sin and cos lose the argument's last bits; results below the normal range may be flushed.
            fine = np.abs(SPECIAL) < 1e6 if name in ("sin", "cos") else np.ones(len(SPECIAL), bool)
            np.testing.assert_allclose(have[fine], want[fine], rtol=1e-6, atol=1e-37, err_msg=name)


@pytest.mark.browser
@pytest.mark.parametrize("variant", ["simd", "relaxed-simd"])
def test_special_values_in_windows(answers: Any, tmp_path: Path, variant: str) -> None:
    """The largest of a window is NaN if any is, and −∞ if all are; in sixteen channels at a time and in the rest."""
    channels = 16 + 5
    x = source("x", 1, 6, 6, channels)
    y = apply(Pool2D("max", size=(3, 3), strides=(2, 2), padding=((0, 1), (0, 1))), x, origin=("pool",))
    random = np.random.default_rng(0)
    values = np.where(random.random(x.shape) < 0.03, random.choice(SPECIAL, x.shape), random.normal(size=x.shape))
    values[0, :3, :3, ::4] = -np.inf
    values[0, 2, 3:5, ::3] = [np.nan], [np.inf]
    values = values.astype(np.float32)
    _write(tmp_path / "windows", Case("windows", lambda random: graph_of([x], [y])))
    (answer,) = answers([("windows", [values])], variant=variant)
    if isinstance(answer, PageError):
        raise answer
    (want,) = y.op.evaluate([values])
    assert 0 < np.isnan(want).sum() < want.size / 2
    assert np.isneginf(want).any()
    np.testing.assert_array_equal(answer[0][0], want)


@pytest.mark.browser
def test_functions_over_their_whole_range(answers: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = np.concatenate(
        [random.uniform(-12, 12, 3000), random.normal(size=3000) * 1e-3, random.uniform(-100, 88, 3000)]
    )
    values = values.astype(np.float32)
    names = [name for name, f in FUNCTIONS.items() if f.arity == 1 and "float32" in f.domain]
    x = source("x", len(values))
    outputs = [apply(Elementwise(single(name, None)), x, origin=(name,)) for name in names]
    outputs.append(apply(Elementwise(Program(1, (Call("abs", (0,)), Call("pow", (1, 1.75))))), x, origin=("pow",)))
    case = Case("range", lambda random: graph_of([x], outputs))
    _write(tmp_path / "range", case)
    (answer,) = answers([("range", [values])])
    if isinstance(answer, PageError):
        raise answer
    with np.errstate(all="ignore"):
        for output, have in zip(outputs, answer[0], strict=True):
            want = output.op.program.evaluate([values.astype(np.float64)])
            # Near their zeros, results of size 1 are exact to an ulp of 1. silu is 0 below −88.3, where it is nearer to 0 than 4e-37.
            atol = {"silu": 4e-37, "gelu": 2e-7, "sin": 1e-7, "cos": 1e-7}.get(output.origin[0], 1e-37)
            good = np.isfinite(want)
            np.testing.assert_allclose(have[good], want[good], rtol=6e-7, atol=atol, err_msg=output.origin[0])


@pytest.mark.browser
def test_without_a_worker_it_runs_on_the_main_thread(answers: Any, tmp_path: Path, page: Any) -> None:
    case = Case("convolution", _convolution)
    _write(tmp_path / "model", case)
    csp = "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; worker-src 'none'"
    (answer,) = answers([("model", case.inputs(0))], csp=csp)
    np.testing.assert_allclose(answer[0][0], case.expected(0)[0], rtol=1e-4, atol=1e-5)
    info = page.evaluate("""async () => (await WebDNN.load('/models/model', { backendOrder: ['webassembly'] })).info""")
    assert info["thread"].startswith("main thread, because no worker could start")
    assert (info["variant"], info["threads"]) == ("relaxed-simd", 1)
    assert info["threadsReason"].startswith("runs on the main thread, because")


INFO = """async (options) => {
    const runner = await WebDNN.load('/models/model', { backendOrder: ['webassembly'], backendOptions: { webassembly: options } });
    runner.dispose();
    return runner.info;
}"""


@pytest.mark.browser
def test_threads_are_chosen_and_told(answers: Any, tmp_path: Path, page: Any) -> None:
    case = Case("convolution", _convolution)
    _write(tmp_path / "model", case)
    answers([("model", case.inputs(0))])
    chosen = page.evaluate(INFO, {})
    assert chosen["threads"] == page.evaluate("Math.max(1, Math.min(8, navigator.hardwareConcurrency))") or (
        chosen["threads"] in range(4, 9)
    )
    assert "processors" in chosen["threadsReason"]
    for options, want in [
        ({"threads": 3}, ("relaxed-simd-threads", 3)),
        ({"threads": 1}, ("relaxed-simd", 1)),
        ({"variant": "simd"}, ("simd", 1)),
        ({"variant": "simd", "threads": 2}, ("simd-threads", 2)),
        ({"variant": "simd-threads", "threads": 1}, ("simd-threads", 1)),
    ]:
        info = page.evaluate(INFO, options)
        assert (info["variant"], info["threads"]) == want, info


@pytest.mark.browser
def test_a_page_without_isolation_gets_one_thread_and_the_reason(answers: Any, tmp_path: Path, page: Any) -> None:
    case = Case("convolution", _convolution)
    _write(tmp_path / "model", case)
    (answer,) = answers([("model", case.inputs(0))], isolated=False, threads=2)
    np.testing.assert_allclose(answer[0][0], case.expected(0)[0], rtol=1e-4, atol=1e-5)
    info = page.evaluate(INFO, {"threads": 2})
    assert (info["variant"], info["threads"]) == ("relaxed-simd", 1)
    assert "not cross-origin isolated" in info["threadsReason"]
    with pytest.raises(Exception, match="the variant simd-threads cannot run: the page is not cross-origin isolated"):
        page.evaluate(INFO, {"variant": "simd-threads"})


def _large(random: Random) -> Graph:
    """Large enough that every thread has a share."""
    x = source("x", 1, 24, 24, 16)
    op = Conv2D(padding=((1, 1), (1, 1)), epilogue=bias_relu())
    return graph_of([x], [apply(op, x, random.constant(3, 3, 16, 24), random.constant(24), origin=("layer",))])


@pytest.mark.browser
def test_a_trap_on_any_thread_ends_the_run_on_all_and_the_next_run_works(
    answers: Any, tmp_path: Path, page: Any
) -> None:
    """No input makes a kernel leave its memory; a faulty plan does, for one of its sizes."""
    x = source("x", symbol("N"), 64)
    case = Case("rows", lambda random: graph_of([x], [apply(Elementwise(single("exp", None)), x, origin=("exp",))]))

    def too_far(plan: Plan) -> None:
        step = plan.steps[-1]
        assert isinstance(step, Step)
        # N = 4096 rows are right; of N = 4097 the kernel computes twice as many: some threads leave the memory, thread 0 does not.
        beyond = (symbol("N") - 4096) * 4096 + 4096
        plan.steps[-1] = replace(step, args=(beyond, *step.args[1:]))

    _write(tmp_path / "model", case, too_far)
    answers([])
    told = page.evaluate(
        """async () => {
            const runner = await WebDNN.load('/models/model', {
                backendOrder: ['webassembly'], backendOptions: { webassembly: { threads: 3 } } });
            const told = [];
            for (const N of [4096, 4097, 4096, 4097, 4096]) {
                await runner.setPlaceholderValue({ N });
                runner.inputs[0].toActual().fill(1);
                told.push(await runner.run().then(() => runner.outputs[0].toActual().reduce((a, b) => Math.min(a, b)), (e) => e.message));
            }
            runner.dispose();
            return told;
        }"""
    )
    for number in told[::2]:
        assert number == pytest.approx(np.e, rel=1e-6)
    for message in told[1::2]:
        assert "webassembly: the model failed" in message
        assert "out of bounds" in message


@pytest.mark.browser
@pytest.mark.slow
def test_many_rounds_leave_no_worker(answers: Any, tmp_path: Path, page: Any) -> None:
    case = Case("large", _large)
    _write(tmp_path / "model", case)
    wanted = case.expected(0)[0]
    (answer,) = answers([("model", case.inputs(0))], threads=3)
    np.testing.assert_allclose(answer[0][0], wanted, rtol=1e-4, atol=1e-4)
    workers = page.evaluate(
        """async () => {
            for (let round = 0; round < 50; round++) {
                const runner = await WebDNN.load('/models/model', {
                    backendOrder: ['webassembly'], backendOptions: { webassembly: { threads: 3 } } });
                await runner.run();
                runner.dispose();
            }
        }"""
    )
    assert workers is None
    for _ in range(50):
        if page.workers:
            page.wait_for_timeout(100)
    assert page.workers == []


@pytest.mark.browser
@pytest.mark.parametrize("what", ["Memory", "Memory.prototype.grow"])
def test_memory_that_is_not_to_be_had_is_an_error_of_ours(answers: Any, tmp_path: Path, what: str) -> None:
    # Memory grows only for sizes that the page sets.
    x = source("x", symbol("N"), 1 << 18)
    graph = graph_of([x], [apply(Elementwise(single("exp", None)), x)])
    case = Case("large", lambda random: graph, runs=({"N": 4},))
    _write(tmp_path / "model", case)
    stub = f"WebAssembly.{what} = function () {{ throw new RangeError('no room'); }}; delete globalThis.Worker;"
    (answer,) = answers([("model", case.inputs(0))], script=stub, symbols={"N": 4})
    assert isinstance(answer, PageError)
    assert "MiB to be had (no room); dispose of runners" in str(answer)


@pytest.mark.browser
def test_a_trap_is_an_error_of_ours(answers: Any, tmp_path: Path) -> None:
    def ask_for_too_much(plan: Plan) -> None:
        step = plan.steps[-1]
        assert isinstance(step, Step)
        plan.steps[-1] = replace(step, args=(2**14, *step.args[1:]))

    case = Case("convolution", _convolution)
    _write(tmp_path / "bad", case, ask_for_too_much)
    _write(tmp_path / "good", case)
    bad, good = answers([("bad", case.inputs(0)), ("good", case.inputs(0))])
    assert isinstance(bad, PageError)
    assert "webassembly: step 0 on zeros failed" in str(bad)  # sizes are fixed: found before the first run
    assert not isinstance(good, PageError)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"variant": "avx"},
            "variant must be one of relaxed-simd-threads, relaxed-simd, simd-threads, simd, got 'avx'",
        ),
        ({"thread": 4}, "unknown option of webassembly 'thread'"),
        ({"threads": 0}, "threads must be a whole number, 1 to 64"),
        ({"threads": "2"}, "threads must be a whole number, 1 to 64"),
    ],
)
def test_wrong_options(answers: Any, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    case = Case("convolution", _convolution)
    _write(tmp_path / "model", case)
    (answer,) = answers([("model", case.inputs(0))], **options)
    assert isinstance(answer, PageError)
    assert message in str(answer)


def test_more_taps_than_a_thread_has_memory_for() -> None:
    """At the limit a convolution is lowered; one channel more, which takes a vector of zeros, is refused with the layer's name."""

    def convolution(channels: int) -> Case:
        def build(random: Random) -> Graph:
            x = source("x", 1, 1, 5957, channels)
            return graph_of([x], [apply(Conv2D(), x, random.constant(1, 5957, channels, 1), origin=("long",))])

        return Case("long", build)

    assert 11 * 5957 + 8 == 65535
    _plan(convolution(8))
    with pytest.raises(UnsupportedError, match=r"webassembly: long: a convolution of 5957 taps with 9 channels needs"):
        _plan(convolution(9))


def test_kernels_stay_small() -> None:
    """One convolution with bias and relu, for four heights of tile: some kB."""
    for content in _plan(Case("convolution", _convolution)).files.values():
        assert len(content) < 20 * 1024
