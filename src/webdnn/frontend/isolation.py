"""Model files are opened in a process of its own, with limits of time and memory.

Libraries that read foreign formats crash on damaged files, or loop for ever where no Ctrl-C reaches them, and hostile files make them read
other files. So a child process opens the file, refuses what is suspicious, and hands over plain arrays and texts; this process never opens
it. What was checked is what is used, since there is no second reading.

The child writes frames to its stdout: a line of JSON, then, for an array, its bytes.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from webdnn import children
from webdnn.frontend.budget import Budget, size_of
from webdnn.graph.errors import ModelError

SECONDS = 30.0
SECONDS_PER_BYTE = 1 / 10e6  # a slow disk's
LONGEST_LINE = 512 << 20  # a frame without its bytes; texts have limits of their own
_CHILD = "webdnn.frontend.child"


@dataclass
class Reading:
    """A child process that reads `path`, and what it has sent."""

    path: Path
    process: subprocess.Popen[bytes]
    budget: Budget
    seconds: float
    late: threading.Event = field(default_factory=threading.Event)

    def frames(self) -> Iterator[tuple[dict[str, Any], np.ndarray | None]]:
        """Each frame with its array. Raises ModelError with the child's message, or where it ended without a word."""
        stream = self.process.stdout
        if stream is None:
            raise ModelError(f"{str(self.path)!r} cannot be read: its reader has no output")
        while True:
            frame = self._line(stream)
            kind = frame["kind"]
            if kind == "end":
                return
            if kind == "error":
                raise ModelError(f"{str(self.path)!r} {frame['message']}")
            yield frame, self._array(frame, stream) if kind == "array" else None

    def _line(self, stream: IO[bytes]) -> dict[str, Any]:
        line = stream.readline(LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise self._ended()
        frame: dict[str, Any] = json.loads(line)
        return frame

    def _array(self, frame: dict[str, Any], stream: IO[bytes]) -> np.ndarray:
        dtype = np.dtype(frame["dtype"])
        size = size_of(frame["shape"], dtype.itemsize)
        self.budget.take(size, repr(frame["path"]))
        array = np.empty(frame["shape"], dtype)
        target = array.reshape(-1).view(np.uint8).data if size else memoryview(b"")
        done = 0
        while done < size:
            count = stream.readinto(target[done:])  # type: ignore[attr-defined]
            if not count:
                raise self._ended()
            done += count
        return array

    def _ended(self) -> ModelError:
        """Why the child ended before it was done."""
        if self.late.is_set():
            return ModelError(
                f"{str(self.path)!r} could not be read within {self.seconds:.0f} seconds, so it is probably damaged; "
                "if it is not, give more time with --load_timeout"
            )
        code = self.process.wait()
        if code < 0:
            name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else f"signal {-code}"
            return ModelError(f"{str(self.path)!r} made its reader crash ({name}), so it is probably damaged")
        return ModelError(f"{str(self.path)!r} could not be read: its reader ended with the code {code}")


@contextmanager
def reading(path: Path, timeout: float | None = None) -> Iterator[Reading]:
    """A child that reads the model file `path`; it ends with the block. `timeout` is in seconds; if None, it depends on the file's size.

    Raises ModelError for what is no regular file, and, from `frames`, for what the child refuses.
    """
    size = check_regular(path)
    seconds = SECONDS + size * SECONDS_PER_BYTE if timeout is None else timeout
    with _started(path, seconds) as process:
        result = Reading(path, process, Budget(size), seconds)

        def expire() -> None:
            result.late.set()
            process.kill()

        timer = threading.Timer(seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            yield result
        finally:
            timer.cancel()


def check_regular(path: Path) -> int:
    """The size of the regular file `path`. Raises ModelError for what does not exist or is a pipe or device, whose end never comes."""
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise ModelError(f"{str(path)!r} does not exist") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{str(path)!r} cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(found.st_mode):
        raise ModelError(f"{str(path)!r} is no file but a {_kind(found.st_mode)}; copy its content to a file")
    return found.st_size


def _kind(mode: int) -> str:
    kinds = {stat.S_ISDIR: "directory", stat.S_ISFIFO: "pipe", stat.S_ISSOCK: "socket"}
    return next((name for test, name in kinds.items() if test(mode)), "device")


@contextmanager
def _started(path: Path, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """The child. The end of its stdin tells it that this process is gone."""
    if not sys.executable:
        raise ModelError("model files are read by a second Python, and this program does not know where Python is")
    environment = {
        # The child finds the modules that this process found; -P keeps those of the current directory away.
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "HDF5_PLUGIN_PRELOAD": "::",  # libhdf5 loads no filters from this machine
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-P", "-m", _CHILD, str(seconds), str(path)]
    errors = None if os.environ.get("WEBDNN_DEBUG", "0") not in ("", "0") else subprocess.DEVNULL
    with ExitStack() as stack:
        try:
            process = stack.enter_context(children.started(command, environment=environment, errors=errors))
        except OSError as error:
            raise ModelError(f"{str(path)!r} cannot be read: no second Python can be started: {error}") from error
        yield process
