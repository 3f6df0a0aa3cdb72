"""Programs that a conversion starts, such as compilers and the reader of model files: all of them end when the conversion is interrupted,
in whichever thread they are waited for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()
_stopped = threading.Event()


class StoppedError(Exception):
    """The conversion is being interrupted: no program is started any more."""


@contextlib.contextmanager
def started(
    command: Sequence[str],
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    errors: int | None = subprocess.PIPE,
) -> Iterator[subprocess.Popen[bytes]]:
    """`command`, which runs, with pipes for its input and output. When the block has ended, so has the program, if need be by force. `environment` is
    added to this process's, `errors` is what its stderr becomes. Raises OSError when it cannot be started, StoppedError after `stop_all`."""
    # A session of its own, so that what the program starts in turn ends with it, and Ctrl-C reaches it through us alone.
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
    ) as process:
        with _lock:
            _running.add(process)
        try:
            if _stopped.is_set():  # perhaps since before it was among those that run
                raise StoppedError
            yield process
        finally:
            if process.poll() is None:
                _kill(process)
            with _lock:
                _running.discard(process)


def run(
    command: Sequence[str], cwd: Path | None = None, environment: Mapping[str, str] | None = None, content: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Runs `command` to its end, with `content` as its input. Raises what `started` raises, StoppedError also when `stop_all` ended it."""
    with started(command, cwd, environment) as process:
        output, errors = process.communicate(content)
    if _stopped.is_set():
        raise StoppedError
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def stop_all() -> None:
    """Kills every program that runs, and lets none start any more. Safe in a signal handler."""
    _stopped.set()
    for process in list(_running):
        _kill(process)


def resume() -> None:
    """Lets programs start again."""
    _stopped.clear()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
