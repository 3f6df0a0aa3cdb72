"""The frontends, and what their models are called on command lines and in programs. A new one is one entry of FRONTENDS."""

from __future__ import annotations

import argparse
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from webdnn.cli.errors import UsageError
from webdnn.frontend import formats
from webdnn.frontend.formats import Format, format_of
from webdnn.graph.errors import UnsupportedError
from webdnn.plugin import Plugins


@dataclass(frozen=True)
class Frontend:
    """How models of one framework become graphs.

    `module` has `load(file, input_shapes, **options) -> Graph` and `from_model(model, input_shapes, **options) -> Graph`. `packages` are those to
    which models in memory belong. `add_options` adds what only this frontend understands to a group of the command's options, whose names are
    those of `load`'s keywords or are given another by `keywords`.
    """

    title: str
    module: str
    formats: tuple[Format, ...]
    packages: tuple[str, ...]
    add_options: Callable[[argparse._ArgumentGroup], None]
    keywords: Mapping[str, str]

    def imported(self) -> ModuleType:
        """Its module, which imports the framework only when a model is read."""
        return importlib.import_module(self.module)

    def options(self) -> list[argparse.Action]:
        """The options that only this frontend understands."""
        group = argparse.ArgumentParser(add_help=False).add_argument_group(self.title)
        self.add_options(group)
        return list(group._group_actions)


def frontend_of_file(path: Path) -> Frontend:
    """The frontend that reads `path`. Raises UnsupportedError that names the format where there is none yet, ModelError for no model file."""
    kind = format_of(path)
    for frontend in FRONTENDS.values():
        if kind in frontend.formats:
            return frontend
    raise UnsupportedError(f"{str(path)!r} is a model of {kind.name}, which is not supported yet; {_supported()}")


def frontend_of_model(model: object) -> Frontend:
    """The frontend for a model in memory, by the package of its class or of one that it derives from."""
    roots = [cls.__module__.split(".")[0] for cls in type(model).__mro__]
    for frontend in FRONTENDS.values():
        if any(package in roots for package in frontend.packages):
            return frontend
    name = f"{type(model).__module__}.{type(model).__qualname__}"
    raise UnsupportedError(
        f"a {name} is no model that WebDNN knows; give a path, a webdnn Graph or a model: {_supported()}"
    )


def _supported() -> str:
    known = [
        f"{frontend.title} ({', '.join(suffix for kind in frontend.formats for suffix in kind.suffixes)})"
        for frontend in FRONTENDS.values()
    ]
    return f"supported are {', '.join(known)}"


def keywords_of(frontend: Frontend, arguments: argparse.Namespace) -> dict[str, Any]:
    """What `frontend.load` is called with. Raises UsageError where an option was given that only another frontend understands."""
    for other in FRONTENDS.values():
        for option in other.options() if other is not frontend else []:
            if getattr(arguments, option.dest, option.default) != option.default:
                raise UsageError(
                    f"{option.option_strings[0]} is for models of {other.title}; this one is of {frontend.title}"
                )
    given = {option.dest: getattr(arguments, option.dest) for option in frontend.options()}
    return {frontend.keywords.get(name, name): value for name, value in given.items()}


def layers_of(frontend: Frontend, plugins: Plugins) -> dict[str, Any]:
    """The keyword with which a frontend's functions get the layers of plugins, where there are any."""
    (name,) = (name for name, known in FRONTENDS.items() if known is frontend)
    layers = plugins.layers(name)
    return {"layers": layers} if layers else {}


def check_keywords(frontend: Frontend, function: Callable[..., Any], given: Mapping[str, object]) -> None:
    """Raises UnsupportedError for options that `function` of the frontend does not have."""
    parameters = inspect.signature(function).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "layers"]  # those are of plugins
    unknown = [name for name in given if name not in known]
    if unknown:
        raise UnsupportedError(
            f"{frontend.title}: {function.__name__} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}"
        )


def _add_keras_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--allow-unsafe",
        action="store_true",
        help="run Python code stored in the model (Lambda layers); only for models that you trust",
    )
    group.add_argument(
        "--custom_objects",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a Python file, which is run, that defines the model's subclassed layers and models; may be repeated",
    )
    group.add_argument(
        "--load_timeout",
        type=_seconds,
        metavar="SECONDS",
        help="how long reading MODEL may take (default: 30 s, and 1 s for each 10 MB)",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 1e6:
        raise ValueError(text)
    return seconds


FRONTENDS = {
    "keras": Frontend(
        "Keras",
        "webdnn.frontend.keras",
        (formats.KERAS_ARCHIVE, formats.KERAS_HDF5),
        ("keras", "tf_keras"),
        _add_keras_options,
        {"load_timeout": "timeout"},
    ),
}
