"""How a command ends: 0 done, 1 an error that is the user's to read, 2 wrong usage, 130 interrupted."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable

from webdnn.graph.errors import WebDNNError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class UsageError(WebDNNError):
    """The command line itself is wrong: an unknown option, backend or value."""


def debug_level() -> int:
    """WEBDNN_DEBUG: 1 passes and timings, 2 the graph after each pass, 3 kernel sources. Raises UsageError for anything but a number."""
    text = os.environ.get("WEBDNN_DEBUG", "").strip() or "0"
    if not text.isdigit():
        raise UsageError(f"WEBDNN_DEBUG is {text!r}; it must be 0, 1, 2 or 3")
    return int(text)


def run(command: str, body: Callable[[], None]) -> int:
    """The exit code of `body`; what it raises becomes one message on stderr. The traceback is shown when WEBDNN_DEBUG asks for it, and for
    errors that are none of ours: those are bugs, and whoever reports one needs it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show must not end a conversion
            stream.reconfigure(errors="backslashreplace")
    try:
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
    except KeyboardInterrupt:
        print(f"\n{command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        traceback.print_exc()
        print(
            f"{command}: internal error: {type(error).__name__}: {error}\n"
            "This is a bug of WebDNN, not of your model: please report it with the lines above.",
            file=sys.stderr,
        )
        return FAILED
    return OK


def _tell(command: str, error: BaseException, code: int, message: str | None = None) -> int:
    if os.environ.get("WEBDNN_DEBUG", "0") not in ("", "0"):
        traceback.print_exception(error)
    print(f"{command}: error: {message or error}", file=sys.stderr)
    return code
