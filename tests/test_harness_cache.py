"""What is kept from run to run is whole, made once, and made again when anything that makes it changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.cache import Cache, delete_old, key_of
from harness.compiled import keeping
from webdnn.backend.webassembly.toolchain import Toolchain


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


def test_modules_are_compiled_once_for_each_source_flags_and_compiler(tmp_path: Path) -> None:
    compiled: list[tuple[str, str, str]] = []

    def modules(toolchain: Toolchain, source: str, instructions: str) -> dict[str, bytes]:
        compiled.append((toolchain.name, source, instructions))
        return {instructions + link: f"{source}{link}".encode() for link in ("", "-threads")}

    first, second = (Toolchain(name, ("cc",), ("ld",), check="") for name in ("cc 1", "cc 2"))
    kept = keeping(modules, Cache(tmp_path, "key"))
    wanted = [(first, "a", "simd"), (first, "b", "simd"), (first, "a", "relaxed-simd"), (second, "a", "simd")]
    for _ in range(2):
        for request in wanted:
            answer = kept(*request)
            assert answer == modules(*request)
            compiled.pop()
    assert compiled == [(toolchain.name, source, instructions) for toolchain, source, instructions in wanted]
