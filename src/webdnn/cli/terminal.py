"""What a command prints: never a character that a terminal obeys, and never a reason for a conversion to fail."""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import IO, Any

from rich.console import Console

_KEPT = "\n\t"
# Cc: control characters, with escape. Cf: invisible ones, with those that turn the direction of text. Cs: halves of surrogate pairs,
# which no encoding can write.
_OBEYED = ("Cc", "Cf", "Cs", "Zl", "Zp")


def printable(text: str) -> str:
    """`text`, with every character that a terminal or a reader would obey instead of show written as an escape: `\\x1b`, `\\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in _OBEYED and c not in _KEPT else c for c in text)


def _escaped(character: str) -> str:
    return (
        character.encode("ascii", "backslashreplace").decode() if ord(character) > 127 else f"\\x{ord(character):02x}"
    )


class Terminal(Console):
    """A console that shows only printable characters. When its stream is closed or full, the rest of what it has to say is dropped, and
    `failure` says why."""

    def __init__(self, file: IO[str]) -> None:
        super().__init__(file=file, highlight=False, soft_wrap=True)
        self.failure: OSError | None = None

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # Rich would end the program

    def print(self, *objects: Any, **options: Any) -> None:
        if self.failure is not None:
            return
        try:
            super().print(*(printable(o) if isinstance(o, str) else o for o in objects), **options)
            self.file.flush()
        except OSError as error:
            self.failure = error


def ensure_streams() -> None:
    """Opens those of stdin, stdout and stderr that are closed on the null device: files opened later would take their numbers, and get
    what is printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open until the program ends


def tell(text: str) -> None:
    """Prints a line on stderr, if that is possible."""
    try:
        print(printable(text), file=sys.stderr, flush=True)
    except OSError:
        abandon(sys.stderr)


def flush() -> None:
    """Writes what stdout and stderr still hold back, as far as somebody takes it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            abandon(stream)


def abandon(stream: IO[str]) -> None:
    """Lets what is still buffered in `stream` go nowhere; else Python would fail on it when it ends, with an exit code of its own."""
    with open(os.devnull, "wb") as nothing:
        try:
            os.dup2(nothing.fileno(), stream.fileno())
            stream.flush()
        except (OSError, ValueError):  # a stream without a descriptor
            return
