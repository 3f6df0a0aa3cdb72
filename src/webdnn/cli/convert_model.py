"""`webdnn convert`: converts the model of whichever framework wrote it."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.cli.command import parser_of, run_command
from webdnn.cli.frontends import FRONTENDS, frontend_of_file
from webdnn.cli.options import Parser

COMMAND = "webdnn convert"
DESCRIPTION = "Converts a trained model into a directory that a web page runs with WebDNN."


def parser() -> Parser:
    """The command's options."""
    suffixes = [suffix for frontend in FRONTENDS.values() for kind in frontend.formats for suffix in kind.suffixes]
    return parser_of(COMMAND, DESCRIPTION, f"the model's file: {', '.join(suffixes)}", list(FRONTENDS.values()))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return run_command(parser(), argv, frontend_of_file)
