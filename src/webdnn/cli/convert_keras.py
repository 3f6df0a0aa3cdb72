"""The command that converts a Keras model."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from webdnn.cli.convert import convert
from webdnn.cli.errors import UsageError, debug_level, run
from webdnn.cli.options import Parser, add_options, options_of
from webdnn.cli.progress import Progress, silenced
from webdnn.cli.report import print_report
from webdnn.cli.terminal import Terminal
from webdnn.frontend.input_shape import InputShape, parse_input_shape
from webdnn.graph.errors import ModelWarning, WebDNNError
from webdnn.graph.graph import Graph

COMMAND = "convert_keras"


def parser() -> Parser:
    """The command's options; docs/cli.md describes them."""
    result = Parser(
        COMMAND,
        "Converts a Keras model (.keras or .h5) into a directory that a web page runs with WebDNN.",
        "Sizes of --input_shape may be names: '(N,224,224,3)' leaves the batch to the page, '(N<=8,H,W,3)' the image's size too.",
    )
    result.add_argument("model", type=Path, metavar="MODEL", help="a .keras or .h5 file")
    result.add_argument(
        "--input_shape",
        action="append",
        default=[],
        metavar="SHAPE",
        help="'(1,224,224,3)', '(N<=8,H,W,3)' or 'name=(1,64)'; once for each input, in the model's order unless named",
    )
    result.add_argument(
        "--allow-unsafe",
        action="store_true",
        help="run Python code stored in the model (Lambda layers); only for models that you trust",
    )
    result.add_argument(
        "--custom_objects",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a Python file, which is run, that defines the model's subclassed layers and models; may be repeated",
    )
    result.add_argument(
        "--load_timeout",
        type=_seconds,
        metavar="SECONDS",
        help="how long reading MODEL may take (default: 30 s, and 1 s for each 10 MB)",
    )
    add_options(result)
    return result


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 1e6:
        raise ValueError(text)
    return seconds


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return run(COMMAND, lambda: _convert(parser().parse_args(argv)))


def _convert(arguments: argparse.Namespace) -> None:
    options, notes = options_of(arguments)
    shapes = [_parse_shape(text) for text in arguments.input_shape]
    progress = Progress(quiet=arguments.quiet)
    for note in notes:
        progress.note(note)

    def load() -> Graph:
        with progress.stage(f"load {arguments.model}"), silenced(debug_level() == 0), shown_warnings(progress):
            from webdnn.frontend.keras import load as load_keras

            return load_keras(
                arguments.model,
                shapes,
                allow_unsafe=arguments.allow_unsafe,
                custom_objects=arguments.custom_objects,
                timeout=arguments.load_timeout,
            )

    report = convert(load, options, progress)
    if not arguments.quiet:
        terminal = Terminal(sys.stdout)
        print_report(report, options.out, terminal)
        if terminal.failure is not None and not isinstance(terminal.failure, BrokenPipeError):
            progress.warn(f"{options.out} is written, but its report cannot be printed: {terminal.failure.strerror}")


@contextmanager
def shown_warnings(progress: Progress) -> Iterator[None]:
    """Shows what the frontend warns of; warnings of libraries go their usual way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ModelWarning)
        yield
    for warning in caught:
        if issubclass(warning.category, ModelWarning):
            progress.warn(str(warning.message))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _parse_shape(text: str) -> InputShape:
    try:
        return parse_input_shape(text)
    except WebDNNError as error:
        raise UsageError(f"--input_shape: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
