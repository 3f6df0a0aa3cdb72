"""The options that every convert command has."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from webdnn import __version__
from webdnn.cli.backends import BACKENDS, parse_backends
from webdnn.cli.convert import Options
from webdnn.cli.errors import UsageError, debug_level
from webdnn.plugin import Plugins

PREPROCESS = ("none", "caffe", "tf", "torch")
ENCODINGS = ("raw",)
OLD_ENCODINGS = ("eightbit",)


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError, and that says what an unknown option may have meant."""

    def __init__(self, prog: str, description: str, epilog: str | None = None) -> None:
        # Abbreviations would change their meaning with the next option that is added.
        super().__init__(prog=prog, description=description, epilog=epilog, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().rstrip()}")

    def parse_args(self, args: Sequence[str] | None = None, namespace: None = None) -> argparse.Namespace:  # type: ignore[override]
        result, unknown = self.parse_known_args(args, namespace)
        if unknown:
            known = sorted(o for action in self._actions for o in action.option_strings)
            options = [u.split("=")[0] for u in unknown if u.startswith("-")]
            if not options:
                raise UsageError(f"one model at a time; too many arguments: {' '.join(unknown)}")
            close = [match for o in options for match in difflib.get_close_matches(o, known, 1)]
            hint = (
                f"did you mean {', '.join(close)}?"
                if close
                else f"options: {', '.join(o for o in known if o.startswith('--'))}"
            )
            raise UsageError(f"unknown option {', '.join(options)}; {hint}")
        return result


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds what all convert commands share; `options_of` reads it."""
    parser.add_argument(
        "--out", type=Path, default=Path("output"), metavar="DIR", help="the Descriptor's directory (default: output)"
    )
    parser.add_argument(
        "--backend",
        metavar="LIST",
        help=f"comma list of {', '.join(BACKENDS)} (default: all that can run the model); those named here must be able to run it",
    )
    parser.add_argument(
        "--preprocess",
        choices=PREPROCESS,
        default="none",
        help="image preprocessing compiled into the model, by Keras's names, so that it takes RGB values 0…255 (default: none)",
    )
    parser.add_argument(
        "--optimize",
        choices=("0", "1"),
        default="1",
        help="0 leaves the graph as it is; the answers are the same (default: 1)",
    )
    parser.add_argument(
        "--exact",
        action="store_true",
        help="no fast convolution algorithms (Winograd), whose rounding errors are a few times larger",
    )
    parser.add_argument(
        "--toolchain",
        choices=("zig", "emscripten", "clang"),
        default="zig",
        help="the C compiler of the webassembly backend: zig's, which is a Python package; emcc or clang on the PATH (default: zig)",
    )
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a Python file, which is run, that registers layers, ops, kernels or rules for this conversion; may be repeated",
    )
    parser.add_argument(
        "--encoding",
        metavar="NAME",
        default=ENCODINGS[0],
        help="how weights are stored: raw, which is float32 as it is (default: raw)",
    )
    parser.add_argument("--visualize_ir", action="store_true", help="draw the optimized graph to DIR.svg")
    parser.add_argument(
        "--force", action="store_true", help="replace DIR even if it holds something else than a Descriptor"
    )
    parser.add_argument(
        "--dump",
        type=Path,
        metavar="FOLDER",
        help="write the graph, the plans and the kernel sources to FOLDER, to read",
    )
    parser.add_argument("--quiet", action="store_true", help="print warnings and errors only")
    parser.add_argument("--version", action="version", version=f"webdnn {__version__}")


def options_of(arguments: argparse.Namespace, plugins: Plugins) -> tuple[Options, list[str]]:
    """The options, and notes for the user."""
    check_encoding(arguments.encoding)
    backends, notes = parse_backends(arguments.backend) if arguments.backend is not None else (None, [])
    options = Options(
        out=arguments.out,
        model=arguments.model,
        backends=None if backends is None else tuple(backends),
        preprocess=arguments.preprocess,
        optimize=int(arguments.optimize),
        exact=arguments.exact,
        toolchain=arguments.toolchain,
        visualize=arguments.visualize_ir,
        force=arguments.force,
        dump=arguments.dump,
        debug=debug_level(),
        plugins=plugins,
    )
    return options, notes


def check_encoding(name: str) -> None:
    """Raises UsageError for an encoding of weights that there is not."""
    if name in ENCODINGS:
        return
    what = "is one of version 1, which this version does not write" if name in OLD_ENCODINGS else "is not known"
    raise UsageError(f"--encoding {name} {what}; leave the option out, or give {', '.join(ENCODINGS)}")
