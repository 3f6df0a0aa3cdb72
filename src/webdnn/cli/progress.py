"""Shows what a command is doing: a spinner with times on a terminal, one plain line a stage elsewhere. All of it goes to stderr."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rich.markup import escape

from webdnn.cli.terminal import Terminal, printable


class Progress:
    """Stages, one after another. With `quiet` only warnings are shown."""

    def __init__(self, *, quiet: bool = False, file: IO[str] | None = None) -> None:
        self.quiet = quiet
        self.console = Terminal(file or _own_stderr())
        self.seconds: dict[str, float] = {}
        self.warnings: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what is inside; its line is printed when it is done, and not when it fails."""
        start = time.perf_counter()
        if self.console.is_terminal and not self.quiet:
            with self.console.status(escape(printable(name))):
                yield
        else:
            yield
        self.done(name, time.perf_counter() - start)

    def done(self, name: str, seconds: float) -> None:
        """Prints the line of a finished stage."""
        self.seconds[name] = seconds
        if not self.quiet:
            self.console.print(f"{escape(name):<44} [dim]{seconds:6.2f} s[/dim]")

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self.console.print(f"[yellow]warning:[/yellow] {escape(text)}")

    def note(self, text: str) -> None:
        if not self.quiet:
            self.console.print(escape(text))


def _own_stderr() -> IO[str]:
    """stderr by a descriptor of its own, so that `silenced` does not swallow the progress too."""
    try:
        if sys.stderr.fileno() == 2:
            return os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding or "utf-8", errors="replace", buffering=1)
    except (AttributeError, OSError, ValueError):  # replaced by something without a descriptor, or closed
        pass
    return sys.stderr


@contextmanager
def silenced(active: bool = True) -> Iterator[None]:
    """Keeps what libraries write to stdout and stderr, C++ code included, from the terminal; it is shown after all when the body fails with an
    error that is not ours."""
    from webdnn.graph.errors import WebDNNError

    if not active:
        yield
        return
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as swallowed:
        saved = [(number, os.dup(number)) for number in (1, 2)]
        for number, _ in saved:
            os.dup2(swallowed.fileno(), number)
        failed = False
        try:
            yield
        except WebDNNError:
            raise
        except Exception:
            failed = True
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in saved:
                os.dup2(copy, number)
                os.close(copy)
            if failed:
                swallowed.seek(0)
                os.write(2, swallowed.read())
