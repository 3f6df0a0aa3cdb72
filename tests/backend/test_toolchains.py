"""The compilers that `--toolchain` names: how they are found, and that their modules answer right. Those of the default are in test_cases."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.batches import Answers, Batches
from harness.cases import CASES as COMMON_CASES
from harness.cases import Case
from harness.descriptors import check_answer
from harness.edge_cases import EDGE_CASES
from harness.selection import Selected
from webdnn.backend.webassembly import TARGET, toolchain
from webdnn.backend.webassembly.module import render_module
from webdnn.backend.webassembly.target import finish
from webdnn.backend.webassembly.toolchain import (
    INSTRUCTION_SETS,
    TOOLCHAINS,
    Toolchain,
    ToolchainError,
    find_clang,
    find_emscripten,
    find_toolchain,
    find_zig,
)
from webdnn.cli.options import Parser, add_options
from webdnn.descriptor.schema import Plan

pytestmark = pytest.mark.usefixtures("compilers_run")

CASES = [*COMMON_CASES, *EDGE_CASES]

SIMD_ONLY = {"__clang_major__": "14"}
RELAXED = {"__clang_major__": "19", "WEBDNN_RELAXED_SIMD": "1"}
INTERFACE = """async bytes => {
  const module = await WebAssembly.compile(new Uint8Array(bytes));
  return [WebAssembly.Module.imports(module), WebAssembly.Module.exports(module)];
}"""


def test_unknown_toolchain() -> None:
    with pytest.raises(ToolchainError, match="unknown toolchain 'gcc'; known: zig, emscripten, clang"):
        finish(Plan("webassembly"), TARGET, {"toolchain": "gcc"})


def test_the_command_line_knows_every_toolchain() -> None:
    parser = Parser("test", "")
    add_options(parser)
    for name in TOOLCHAINS:
        assert parser.parse_args(["--toolchain", name]).toolchain == name
    assert parser.parse_args([]).toolchain == "zig"


class Machine:
    """Programs that a test pretends to have: their answers to a command, and the macros of those that know WebAssembly."""

    def __init__(self) -> None:
        self.programs: dict[str, tuple[dict[str, str], dict[str, str] | None]] = {}
        self.failing: set[str] = set()
        """Those that fail on vectors in inline assembly."""

    def add(self, name: str, answers: dict[str, str] | None = None, macros: dict[str, str] | None = None) -> None:
        self.programs[name] = (answers or {}, macros)

    def which(self, name: str, path: str | None = None) -> str | None:
        return name if name in self.programs else None

    def answer(self, program: str, question: str) -> str | None:
        return self.programs[program][0].get(question)

    def macros(self, program: str, flags: object) -> dict[str, str] | None:
        return self.programs[program][1]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    pretended = Machine()
    monkeypatch.setattr(toolchain.shutil, "which", pretended.which)
    monkeypatch.setattr(toolchain, "_answer", pretended.answer)
    monkeypatch.setattr(toolchain, "_macros", pretended.macros)
    monkeypatch.setattr(toolchain, "_takes_vector_assembly", lambda compiler, _: compiler not in pretended.failing)
    return pretended


def _clang(version: str, linker: str = "wasm-ld") -> dict[str, str]:
    return {"-dumpversion": version, "-print-prog-name=wasm-ld": linker}


@pytest.mark.parametrize(("find", "wanted"), [(find_emscripten, "emcc is not on"), (find_clang, "found no clang on")])
def test_not_installed(machine: Machine, find: Callable[[], Toolchain], wanted: str) -> None:
    with pytest.raises(
        ToolchainError, match=rf"webassembly: {wanted}.*14 or newer.*apt install.*or use --toolchain zig"
    ):
        find()


def test_emscripten_is_too_old(machine: Machine) -> None:
    machine.add("emcc", {"-dumpversion": "2.0.12"}, {"__clang_major__": "13"})
    machine.add("em-config")
    with pytest.raises(
        ToolchainError, match=r"found emscripten 2\.0\.12 with clang 13; emscripten with clang 14 or newer"
    ):
        find_emscripten()


def test_emscripten_has_no_linker(machine: Machine) -> None:
    machine.add("emcc", {"-dumpversion": "3.1.6"}, SIMD_ONLY)
    machine.add("em-config", {"LLVM_ROOT": "/usr/bin"})
    with pytest.raises(ToolchainError, match=r"found emscripten 3\.1\.6, but no wasm-ld in its LLVM_ROOT '/usr/bin'"):
        find_emscripten()


def test_emscripten_without_relaxed_simd(machine: Machine) -> None:
    machine.add("emcc", {"-dumpversion": "3.1.6"}, SIMD_ONLY)
    machine.add("em-config", {"LLVM_ROOT": "/usr/bin"})
    machine.add("wasm-ld-14")
    found = find_emscripten()
    assert (found.name, found.link, found.instruction_sets) == ("emscripten 3.1.6", ("wasm-ld-14",), ("simd",))
    assert found.notice is not None
    assert found.notice.startswith("emscripten 3.1.6 is too old for relaxed SIMD: the relaxed-simd variant is left out")


def test_a_clang_that_fails_on_vectors_in_assembly(machine: Machine) -> None:
    machine.add("clang-19", _clang("19.1.7"), RELAXED)
    machine.add("wasm-ld")
    machine.failing = {"clang-19"}
    found = find_clang()
    assert found.notice is not None
    assert found.notice.startswith("clang 19.1.7 fails on vectors in inline assembly: convolutions are compiled from C")


def test_clangs_that_do_not_do(machine: Machine) -> None:
    machine.add("clang", _clang("17.0.0"))
    machine.add("clang-19", _clang("19.1.7", "not-there"), RELAXED)
    machine.add("clang-13", _clang("13.0.1"), SIMD_ONLY)
    with pytest.raises(ToolchainError) as caught:
        find_clang()
    first, *found = str(caught.value).splitlines()
    assert first.startswith("webassembly: no usable clang on the PATH; clang 14 or newer with its wasm-ld is needed")
    assert found == [
        "  clang: clang 17.0.0 cannot compile to WebAssembly",
        "  clang-19: clang 19.1.7 has no wasm-ld",
        "  clang-13: is clang 13.0.1, too old",
    ]


def test_the_first_clang_that_does_is_taken(machine: Machine) -> None:
    machine.add("wasm-ld")
    machine.add("clang", _clang("17.0.0"))
    machine.add("clang-19", _clang("19.1.7"), RELAXED)
    machine.add("clang-14", _clang("14.0.6"), SIMD_ONLY)
    found = find_clang()
    assert (found.name, found.instruction_sets, found.notice) == ("clang 19.1.7", tuple(INSTRUCTION_SETS), None)


def test_a_compiler_that_cannot_be_started() -> None:
    missing = Toolchain("mycc 1", ("/nonexistent/mycc",), ("/nonexistent/ld",), check="mycc")
    with pytest.raises(ToolchainError, match="cannot start /nonexistent/mycc: No such file"):
        missing.modules("", "simd")


def _installed(name: str) -> Toolchain:
    try:
        return find_toolchain(name)
    except ToolchainError as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory, browser: Any, serve_session: Any, selected: Selected) -> Any:
    """All outputs of the cases that this run tests with the simd variant of a toolchain, compiled once and run in one page."""

    @cache
    def of(name: str) -> Answers:
        _installed(name)
        root = tmp_path_factory.mktemp(name)
        compiled = Batches(TARGET, selected(__name__, "case", name=name), root, {"toolchain": name})
        return compiled.run(browser, serve_session, variant="simd")

    return of


@pytest.mark.browser
@pytest.mark.exhaustive
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
@pytest.mark.parametrize("name", [name for name in TOOLCHAINS if name != "zig"])
def test_case(answers: Any, name: str, case: Case) -> None:
    check_answer(case, answers(name)[case.name], name)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", TOOLCHAINS)
def test_modules_have_the_imports_and_exports_of_zigs(page: Any, name: str) -> None:
    source = render_module([])
    found = _installed(name)
    for instructions in found.instruction_sets:
        want = find_zig().modules(source, instructions)
        for variant, content in found.modules(source, instructions).items():
            have = page.evaluate(INTERFACE, list(content))
            assert have == page.evaluate(INTERFACE, list(want[variant]))
            assert [item["name"] for item in have[0]] == ["memory"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", TOOLCHAINS)
def test_the_same_bytes_wherever_they_are_made(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = render_module([])
    first = _installed(name).modules(source, "simd")
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setattr(toolchain.tempfile, "tempdir", str(tmp_path))
    assert _installed(name).modules(source, "simd") == first
