"""Programs that a conversion starts end with it, those that it waits for and those that it reads from."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from webdnn import children

SLEEP = ["sh", "-c", "sleep 100 & echo $!; wait"]
"""Prints the number of a program that it has started itself."""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runs sh, and looks at /proc")


@pytest.fixture(autouse=True)
def resumed() -> Iterator[None]:
    yield
    children.resume()


def is_running(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ends(process: int) -> bool:
    """Whether it does, in ten seconds."""
    last = time.monotonic() + 10
    while is_running(process) and time.monotonic() < last:
        time.sleep(0.01)
    return not is_running(process)


def grandchild(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


@pytest.mark.parametrize("error", [None, ValueError("the reader gives up")])
def test_a_program_ends_with_the_block_and_what_it_started_with_it(error: Exception | None) -> None:
    with pytest.raises(ValueError, match="gives up") if error else nullcontext(), children.started(SLEEP) as process:
        inner = grandchild(process)
        if error:
            raise error
    assert process.returncode == -9
    assert ends(inner)


def test_one_that_has_ended_keeps_its_code() -> None:
    with children.started(["sh", "-c", "exit 3"], errors=subprocess.DEVNULL) as process:
        process.wait()
    assert process.returncode == 3


def test_all_end_when_the_conversion_is_interrupted() -> None:
    stopped: list[BaseException] = []

    def wait_for_it() -> None:
        try:
            children.run(SLEEP)
        except children.StoppedError as error:
            stopped.append(error)

    with children.started(SLEEP) as process:
        inner = grandchild(process)
        waiting = threading.Thread(target=wait_for_it)
        waiting.start()
        while len(children._running) < 2:
            time.sleep(0.01)
        children.stop_all()
        assert process.wait(10) == -9
        assert ends(inner)
        waiting.join(10)
    assert len(stopped) == 1
    with pytest.raises(children.StoppedError), children.started(["true"]):
        pytest.fail("it was started")
    children.resume()
    assert children.run(["cat"], environment={"LC_ALL": "C"}, content=b"again").stdout == b"again"
