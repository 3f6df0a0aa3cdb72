"""The command `webdnn`, which has a sub-command for each thing that it does."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from webdnn import __version__
from webdnn.cli.errors import UsageError, run
from webdnn.cli.options import Parser

COMMAND = "webdnn"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the sub-command that the first argument names on the others; returns its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given and given[0] in COMMANDS:
        module, _ = COMMANDS[given[0]]
        code: int = importlib.import_module(module).main(given[1:])
        return code
    return run(COMMAND, lambda: _refuse(given))


def _refuse(given: Sequence[str]) -> None:
    """Prints the help or the version that was asked for. Raises UsageError for anything else."""
    asked, _ = _parser().parse_known_args(given)
    raise UsageError(f"there is no command {asked.command!r}; choose from {', '.join(COMMANDS)}")


def _parser() -> Parser:
    commands = "\n".join(f"  {name:<10} {meaning}" for name, (_, meaning) in COMMANDS.items())
    result = Parser(
        COMMAND,
        "Compiles trained neural networks for web pages.",
        f"commands:\n{commands}\n\n`webdnn COMMAND --help` tells the options of a command.",
    )
    result.formatter_class = argparse.RawDescriptionHelpFormatter
    result.add_argument("command", metavar="COMMAND", help="what to do; see below")
    result.add_argument("--version", action="version", version=f"webdnn {__version__}")
    return result


# The module of each command, imported when it is called, and what it does.
COMMANDS = {
    "convert": ("webdnn.cli.convert_model", "a model's file becomes a directory that a page loads"),
}
