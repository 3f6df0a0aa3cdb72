"""The command that converts a Keras model, by its name in version 1."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from webdnn.cli.command import parser_of, run_command
from webdnn.cli.frontends import FRONTENDS
from webdnn.cli.options import Parser

COMMAND = "convert_keras"
DESCRIPTION = "Converts a Keras model (.keras or .h5) into a directory that a web page runs with WebDNN."


def parser() -> Parser:
    """The command's options."""
    return parser_of(COMMAND, DESCRIPTION, "a .keras or .h5 file", [FRONTENDS["keras"]])


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return run_command(parser(), argv, lambda _: FRONTENDS["keras"])


if __name__ == "__main__":
    sys.exit(main())
