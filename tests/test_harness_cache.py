"""What is kept from run to run is whole, made once, and made again when anything that makes it changes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cache import Cache, delete_old, key_of, processor
from harness.compiled import keeping, keeping_programs, open_modules, open_programs
from webdnn.backend.webassembly import toolchain as toolchain_module
from webdnn.backend.webassembly.toolchain import Toolchain, find_zig


def test_made_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "file").write_text("content")

    for _ in range(2):
        assert (Cache(tmp_path, "key").get("name", make) / "file").read_text() == "content"
    Cache(tmp_path, "other key").get("name", make)
    assert len(made) == 2


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise ValueError("no")

    cache = Cache(tmp_path, "key")
    with pytest.raises(ValueError, match="no"):
        cache.get("name", fail)
    assert list(cache.folder.iterdir()) == []


def test_another_process_was_faster(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "key")

    def make(folder: Path) -> None:
        (folder / "file").write_text("slow")
        (cache.folder / "name").mkdir()
        (cache.folder / "name" / "file").write_text("fast")

    assert (cache.get("name", make) / "file").read_text() == "fast"
    assert [entry.name for entry in cache.folder.iterdir()] == ["name"]


def test_keys_see_sources_and_versions(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text("a")
    first = key_of([source], ["numpy"])
    assert key_of([source], ["numpy"]) == first
    assert key_of([source], ["numpy", "pytest"]) != first
    source.write_text("b")
    assert key_of([source], ["numpy"]) != first


def test_old_keys_are_deleted(tmp_path: Path) -> None:
    old, recent = Cache(tmp_path, "old").folder, Cache(tmp_path, "recent").folder
    os.utime(old, (0, 0))
    Cache(tmp_path, "new")
    assert (old.exists(), recent.exists()) == (False, True)


def test_entries_that_are_not_used_are_deleted(tmp_path: Path) -> None:
    cache = Cache(tmp_path, "key")
    for name in ("used", "unused"):
        os.utime(cache.get(name, lambda folder: None), (0, 0))
    (cache.folder / "file").write_text("")
    os.utime(cache.folder / "file", (0, 0))
    cache.get("used", lambda folder: None)
    delete_old(cache.folder, days=1)
    assert [entry.name for entry in cache.folder.iterdir()] == ["used"]


SOURCE, INSTRUCTIONS = "void run(void) {}", "simd"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., bool]:
    """Whether zig had to compile a module, which is kept for the next time."""

    def compiles(
        source: str = SOURCE, instructions: str = INSTRUCTIONS, of: Callable[[], Toolchain] = find_zig
    ) -> bool:
        made = []

        def modules(toolchain: Toolchain, source: str, instructions: str) -> dict[str, bytes]:
            made.append(source)
            return {instructions + link: f"{source}{link}".encode() for link in toolchain_module.LINKS}

        answer = keeping(modules, open_modules(tmp_path / "modules"))(of(), source, instructions)
        assert answer == modules(of(), source, instructions)
        return len(made) == 2

    return compiles


def test_modules_are_compiled_once(compiled: Callable[..., bool]) -> None:
    assert [compiled(), compiled()] == [True, False]


def test_modules_of_another_source_or_instruction_set_are_others(compiled: Callable[..., bool]) -> None:
    requests = [(SOURCE, "simd"), (SOURCE + " ", "simd"), (SOURCE, "relaxed-simd")]
    assert [compiled(*request) for request in requests * 2] == [True] * 3 + [False] * 3


@pytest.mark.parametrize("name", ["COMPILE", "INSTRUCTION_SETS", "LINK", "LINKS"])
def test_modules_of_other_flags_are_others(
    compiled: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    compiled()
    flags = getattr(toolchain_module, name)
    monkeypatch.setattr(
        toolchain_module,
        name,
        {key: (*values, "-g") for key, values in flags.items()} if isinstance(flags, dict) else (*flags, "-g"),
    )
    assert compiled()


@pytest.mark.parametrize(
    "change",
    [{"compile": ("zig", "cc", "-O1")}, {"link": ("zig", "cc", "-O1")}, {"vector_assembly": False}, {"name": "zig 9"}],
    ids=str,
)
def test_modules_of_another_way_to_start_zig_are_others(
    compiled: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    compiled()
    other = replace(find_zig(), **change)
    monkeypatch.setattr("harness.compiled.find_zig", lambda: other)
    assert compiled(of=lambda: other)


def test_modules_of_another_toolchain_py_are_others(
    compiled: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compiled()
    other = tmp_path / "toolchain.py"
    other.write_text(Path(str(toolchain_module.__file__)).read_text() + "# ")
    monkeypatch.setattr(toolchain_module, "__file__", str(other))
    assert compiled()


def test_modules_of_another_version_of_zig_are_others(
    compiled: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled()
    monkeypatch.setattr("harness.cache.version", lambda package: f"{package} of tomorrow")
    assert compiled()


def test_modules_of_other_compilers_are_not_kept(compiled: Callable[..., bool]) -> None:
    clang = replace(find_zig(), name="clang 19", compile=("clang-19",))
    assert [compiled(of=lambda: clang) for _ in range(2)] == [True, True]


@pytest.mark.parametrize("change", ["version", "processor"])
def test_programs_of_another_jax_or_processor_are_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    first = open_programs(tmp_path).folder
    assert open_programs(tmp_path).folder == first
    monkeypatch.setattr(f"harness.cache.{change}", lambda *_: "another")
    assert open_programs(tmp_path).folder != first


def test_the_processor_is_told() -> None:
    assert processor()


def run_program(number: float) -> float:
    """Has JAX compile a program, or read it."""
    import jax

    return float(jax.jit(lambda x: x * 3 + number)(2.0))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*-cache")}


def test_programs_are_kept_when_all_is_done(tmp_path: Path) -> None:
    with keeping_programs(tmp_path):
        assert run_program(0.125) == 6.125
        assert contents(tmp_path) == {}
    first = contents(tmp_path)
    assert first
    with keeping_programs(tmp_path):
        run_program(0.375)
    both = contents(tmp_path)
    assert len(both) == len(first) + 1
    assert both.items() >= first.items()
    assert {file.name for file in tmp_path.iterdir()} == set(both), "the copies are gone"


def test_kept_programs_are_read(tmp_path: Path) -> None:
    """JAX says so of those that are cut, which it compiles again."""
    with keeping_programs(tmp_path):
        run_program(0.875)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:-1])
    with keeping_programs(tmp_path), pytest.warns(UserWarning, match="Error reading persistent compilation cache"):
        assert run_program(0.875) == 6.875


def test_programs_of_a_stopped_process_are_not_kept(tmp_path: Path) -> None:
    def stop() -> None:
        with keeping_programs(tmp_path):
            run_program(0.625)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert list(tmp_path.iterdir()) == []
