"""What every convert command does: read a model with the frontend that is meant, convert it, print the report."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from webdnn.cli.convert import convert
from webdnn.cli.errors import UsageError, debug_level, run
from webdnn.cli.frontends import Frontend, keywords_of, layers_of
from webdnn.cli.options import Parser, add_options, options_of
from webdnn.cli.progress import Progress, silenced
from webdnn.cli.report import print_report
from webdnn.cli.terminal import Terminal
from webdnn.frontend.input_shape import InputShape, parse_input_shape
from webdnn.graph.errors import ModelWarning, WebDNNError
from webdnn.graph.graph import Graph
from webdnn.plugin import Plugins, loaded

SIZES = "Sizes of --input_shape may be names: '(N,224,224,3)' leaves the batch to the page, '(N<=8,H,W,3)' the image's size too."


def parser_of(command: str, description: str, model: str, frontends: Sequence[Frontend]) -> Parser:
    """The options of a convert command; docs/cli.md describes them. `model` says what MODEL may be."""
    result = Parser(command, description, SIZES)
    result.add_argument("model", type=Path, metavar="MODEL", help=model)
    result.add_argument(
        "--input_shape",
        action="append",
        default=[],
        metavar="SHAPE",
        help="'(1,224,224,3)', '(N<=8,H,W,3)' or 'name=(1,64)'; once for each input, in the model's order unless named",
    )
    add_options(result)
    for frontend in frontends:
        frontend.add_options(result.add_argument_group(f"models of {frontend.title}"))
    return result


def run_command(parser: Parser, argv: Sequence[str] | None, frontend_of: Callable[[Path], Frontend]) -> int:
    """Runs a convert command on the arguments of `parser`; `frontend_of` the model reads it. Returns the exit code."""
    return run(parser.prog, lambda: _convert(parser.parse_args(argv), frontend_of))


def _convert(arguments: argparse.Namespace, frontend_of: Callable[[Path], Frontend]) -> None:
    with loaded(arguments.plugin) as plugins:
        _convert_with(arguments, frontend_of, plugins)


def _convert_with(arguments: argparse.Namespace, frontend_of: Callable[[Path], Frontend], plugins: Plugins) -> None:
    options, notes = options_of(arguments, plugins)
    shapes = [_parse_shape(text) for text in arguments.input_shape]
    progress = Progress(quiet=arguments.quiet)
    for note in notes:
        progress.note(note)

    def load() -> Graph:
        frontend = frontend_of(arguments.model)
        keywords = keywords_of(frontend, arguments) | layers_of(frontend, plugins)
        with progress.stage(f"load {arguments.model}"), silenced(debug_level() == 0), shown_warnings(progress):
            graph: Graph = frontend.imported().load(arguments.model, shapes, **keywords)
            return graph

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
