"""Programs that a conversion starts, such as compilers: all of them end when the conversion is interrupted, in whichever thread they run."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()
_stopped = threading.Event()


class StoppedError(Exception):
    """The conversion is being interrupted: no program is started any more."""


def run(
    command: Sequence[str], cwd: Path | None = None, environment: Mapping[str, str] | None = None, content: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Runs `command` to its end, with `content` as its input. Raises OSError when it cannot be started, StoppedError after `stop_all`."""
    # A session of its own, so that what the program starts in turn ends with it, and Ctrl-C reaches it through us alone.
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        with _lock:
            _running.add(process)
        try:
            if _stopped.is_set():
                raise StoppedError
            output, errors = process.communicate(content)
        except BaseException:
            _kill(process)
            raise
        finally:
            with _lock:
                _running.discard(process)
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
