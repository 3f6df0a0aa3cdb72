"""How a command ends: 0 done, 1 an error that is the user's to read, 2 wrong usage, 128 and its number interrupted by a signal."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator

from webdnn import children
from webdnn.cli.terminal import ensure_streams, flush, tell
from webdnn.graph.errors import WebDNNError

OK, FAILED, USAGE, SIGNALLED = 0, 1, 2, 128
ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""The signals by which a user or a system asks a program to end; each system has some of them."""


class UsageError(WebDNNError):
    """The command line itself is wrong: an unknown option, backend or value."""


def debug_level() -> int:
    """WEBDNN_DEBUG: 1 passes and timings, 2 the graph after each pass, 3 kernel sources. Raises UsageError for anything but a number."""
    text = os.environ.get("WEBDNN_DEBUG", "").strip() or "0"
    if not text.isdigit():
        raise UsageError(f"WEBDNN_DEBUG is {text!r}; it must be 0, 1, 2 or 3")
    return int(text)


class Interrupted(BaseException):
    """The program was asked to end, by the signal `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def run(command: str, body: Callable[[], None]) -> int:
    """The exit code of `body`; what it raises becomes one message on stderr. The traceback is shown when WEBDNN_DEBUG asks for it, and for
    errors that are none of ours: those are bugs, and whoever reports one needs it."""
    ensure_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show must not end a conversion
            stream.reconfigure(errors="backslashreplace")
    try:
        with _ending_on_signals():
            body()
    except UsageError as error:
        return _tell(command, error, USAGE)
    except WebDNNError as error:
        return _tell(command, error, FAILED)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return _tell(command, error, FAILED, f"{error.strerror or error}{where}")
    except MemoryError as error:
        return _tell(
            command,
            error,
            FAILED,
            "out of memory; close other programs, or convert for fewer backends at a time with --backend",
        )
    except Interrupted as interruption:
        tell(f"\n{command}: interrupted by {interruption}; nothing is left of what was begun")
        return SIGNALLED + interruption.number
    except Exception as error:
        tell("".join(traceback.format_exception(error)).rstrip())
        tell(
            f"{command}: internal error: {type(error).__name__}: {error}\n"
            "This is a bug of WebDNN, not of your model: please report it with the lines above."
        )
        return FAILED
    finally:
        flush()
    return OK


@contextlib.contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Signals that ask the program to end raise Interrupted, so that everything is cleaned up, and end the programs that it has started.
    A second one is ignored: it would interrupt the cleaning up."""

    def end(number: int, frame: object) -> None:
        for name in asked:
            signal.signal(name, signal.SIG_IGN)
        children.stop_all()
        raise Interrupted(number)

    asked = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():  # only there may signals be handled
        yield
        return
    children.resume()
    before = {name: signal.getsignal(name) for name in asked}
    for name in asked:
        if before[name] is not signal.SIG_IGN:  # nohup asks for that
            signal.signal(name, end)
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
        children.resume()  # what was interrupted has ended; this process may convert another model


def _tell(command: str, error: BaseException, code: int, message: str | None = None) -> int:
    if os.environ.get("WEBDNN_DEBUG", "0") not in ("", "0"):
        tell("".join(traceback.format_exception(error)).rstrip())
    tell(f"{command}: error: {message or error}")
    return code
