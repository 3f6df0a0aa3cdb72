"""How threads divide a kernel's work (kernels/work.h.jinja): compiled for this machine, and called on its threads."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import webdnn.backend.webassembly as webassembly

HEADER = Path(webassembly.__file__).parent / "kernels" / "work.h.jinja"
RUNTIME = Path(__file__).parents[2] / "webdnn_js" / "src" / "webassembly" / "variant.ts"
SOURCE = """
static inline int min_int(int a, int b) { return a < b ? a : b; }
static inline int max_int(int a, int b) { return a > b ? a : b; }
static inline int ceil_divide(int a, int b) { return (a + b - 1) / b; }
%s
void forget(int threads) { forget_taken(threads); }
int take_piece(Work *work, Range *piece) { return take(work, piece); }
/* Takes pieces until there are none, and counts every part. */
void take_all(Work *work, int *times) {
  for (Range piece; take(work, &piece);)
    for (int i = piece.begin; i < piece.end; i++) __atomic_fetch_add(&times[i], 1, __ATOMIC_SEQ_CST);
}
"""


class Range(ctypes.Structure):
    _fields_ = [("begin", ctypes.c_int), ("end", ctypes.c_int)]


class Work(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("count", "unit", "least", "thread", "threads", "done")]


def workers(count: int, unit: int, least: int, threads: int) -> list[Work]:
    return [Work(count, unit, least, thread, threads, 0) for thread in range(threads)]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("work")
    (folder / "work.c").write_text(SOURCE % HEADER.read_text(encoding="utf-8"), encoding="utf-8")
    output = folder / "work.so"
    caches = {name: str(folder / "cache") for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}
    command = [sys.executable, "-m", "ziglang", "cc", "-shared", "-fPIC", "-O2", "-Wno-unused-function"]
    subprocess.run([*command, "work.c", "-o", str(output)], cwd=folder, env={**os.environ, **caches}, check=True)
    return ctypes.CDLL(str(output))


def pieces(library: ctypes.CDLL, work: Work) -> Iterator[tuple[int, int]]:
    piece = Range()
    while library.take_piece(ctypes.byref(work), ctypes.byref(piece)):
        yield piece.begin, piece.end


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(0, 3000),
    unit=st.integers(1, 40),
    least=st.integers(1, 500),
    threads=st.integers(1, 5),
    turns=st.lists(st.integers(0, 4), max_size=60),
)
def test_every_part_is_taken_once(
    library: ctypes.CDLL, count: int, unit: int, least: int, threads: int, turns: list[int]
) -> None:
    """In whatever order threads have their turns."""
    library.forget(threads)
    team = [pieces(library, work) for work in workers(count, unit, least, threads)]
    taken = [piece for turn in turns for piece in [next(team[turn % threads], None)] if piece]
    taken += [piece for member in team for piece in member]
    assert sorted(part for begin, end in taken for part in range(begin, end)) == list(range(count))
    for begin, end in taken:
        assert begin % unit == 0
        assert end % unit == 0 or end == count
        assert len(taken) == 1 or end - begin >= min(least, unit) or end == count


def test_a_thread_goes_through_its_own_share_and_then_helps_the_next(library: ctypes.CDLL) -> None:
    """Alone, of two threads: its half from the front, ever smaller; then the other's from the back, but for the last bit."""
    library.forget(2)
    first, second = workers(1600, 1, 10, 2)
    taken = list(pieces(library, second))
    own = [(800, 1200), (1200, 1400), (1400, 1500), (1500, 1600)]
    helped = [(400, 800), (200, 400), (100, 200)]
    assert taken == own + helped
    assert list(pieces(library, first)) == [(0, 100)]


def test_little_work_is_done_by_one_thread(library: ctypes.CDLL) -> None:
    library.forget(2)
    first, second = workers(100, 1, 60, 2)
    assert list(pieces(library, second)) == []
    assert list(pieces(library, first)) == [(0, 100)]


def test_threads_at_once(library: ctypes.CDLL) -> None:
    """Real ones: ctypes lets go of the interpreter while they take."""
    count, threads = 20_000, 4
    times = (ctypes.c_int * count)()
    with ThreadPoolExecutor(threads) as pool:
        for turn in range(1, 101):
            library.forget(threads)
            list(pool.map(lambda work: library.take_all(ctypes.byref(work), times), workers(count, 3, 10, threads)))
            assert set(times) == {turn}


def test_kernels_have_room_for_every_thread_that_the_runtime_allows() -> None:
    """One thread more would write behind its array, into other constants of the module."""
    room = re.search(r"#define MOST_THREADS (\d+)", HEADER.read_text(encoding="utf-8"))
    allowed = re.search(r"const MOST_THREADS = (\d+);", RUNTIME.read_text(encoding="utf-8"))
    assert room
    assert allowed
    assert int(allowed[1]) <= int(room[1])
