"""WebDNN from Python: `webdnn.load` and `webdnn.convert`."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from webdnn.cli.backends import parse_backends
from webdnn.cli.convert import Options
from webdnn.cli.convert import convert as convert_graph
from webdnn.cli.errors import debug_level
from webdnn.cli.frontends import check_keywords, frontend_of_file, frontend_of_model, layers_of
from webdnn.cli.progress import Progress
from webdnn.cli.report import Report
from webdnn.frontend.input_shape import GivenShapes
from webdnn.graph.errors import ModelError, ModelWarning
from webdnn.graph.graph import Graph
from webdnn.plugin import Plugins, loaded

PathLike: TypeAlias = "str | os.PathLike[str]"


def load(
    model: PathLike | Any, input_shapes: GivenShapes = (), *, plugins: Sequence[PathLike] = (), **options: Any
) -> Graph:
    """The graph of a model: of the file at a path, or of a model in memory, such as a keras.Model.

    `input_shapes` are the sizes of its inputs, which may be left out when only the batch is open, which then is 1: `(1, 224, 224, 3)`,
    `'(N<=8,224,224,3)'`, a list of such for several inputs, or a dictionary by their names. `plugins` are Python files, which are run
    (docs/plugins.md). `options` are those of the frontend that reads the model; of a Keras file `allow_unsafe`, `custom_objects` (Python files)
    and `timeout` (seconds).

    Raises a subclass of WebDNNError: ModelError for what cannot be read, UnsupportedError for what cannot be converted or is no option,
    MissingPackageError where the framework is not installed, PluginError for what goes wrong in a plugin. Warns (ModelWarning) of what its user
    should know.
    """
    with loaded(plugins) as found:
        return _load(model, input_shapes, found, options)


def _load(model: PathLike | Any, input_shapes: GivenShapes, plugins: Plugins, options: dict[str, Any]) -> Graph:
    is_file = isinstance(model, (str, os.PathLike))
    frontend = frontend_of_file(Path(model)) if is_file else frontend_of_model(model)
    module = frontend.imported()
    function = module.load if is_file else module.from_model
    check_keywords(frontend, function, options)
    graph: Graph = function(model, input_shapes, **options, **layers_of(frontend, plugins))
    return graph


def convert(
    model: PathLike | Any,
    out: PathLike = "output",
    input_shapes: GivenShapes = (),
    *,
    backends: Sequence[str] | None = None,
    preprocess: str = "none",
    optimize: bool = True,
    exact: bool = False,
    toolchain: str = "zig",
    visualize: bool = False,
    force: bool = False,
    dump: PathLike | None = None,
    plugins: Sequence[PathLike] = (),
    **options: Any,
) -> Report:
    """Writes the Descriptor of a model to the directory `out`, and gives the report of what is in it.

    `model` is what `load` takes, which gets `input_shapes`, `plugins` and `options`, or a Graph, for whose ops `plugins` may have kernels. The
    others are those of the command line (docs/cli.md): `backends` are names of those that must be able to run the model (None: all that can),
    and `visualize` is `--visualize_ir`. Nothing is printed; warnings are ModelWarning.

    Raises a subclass of WebDNNError; what was in `out` before is then still there.
    """
    names, notes = parse_backends(",".join(backends)) if backends is not None else (None, [])
    for note in notes:
        warnings.warn(note, ModelWarning, stacklevel=2)
    place = Path(model) if isinstance(model, (str, os.PathLike)) else None
    with loaded(plugins) as found:
        asked = Options(
            out=Path(out),
            model=place,
            backends=None if names is None else tuple(names),
            preprocess=preprocess,
            optimize=int(optimize),
            exact=exact,
            toolchain=toolchain,
            visualize=visualize,
            force=force,
            dump=None if dump is None else Path(dump),
            debug=debug_level(),
            plugins=found,
        )
        return convert_graph(lambda: _graph_of(model, input_shapes, found, options), asked, _Warnings())


def _graph_of(model: PathLike | Any, input_shapes: GivenShapes, plugins: Plugins, options: dict[str, Any]) -> Graph:
    if not isinstance(model, Graph):
        return _load(model, input_shapes, plugins, options)
    if input_shapes or options:
        raise ModelError(
            f"a Graph has its sizes, and no frontend reads it; leave out {', '.join(['input_shapes'] * bool(input_shapes) + list(options))}"
        )
    return model


class _Warnings(Progress):
    """Shows nothing of what a conversion does, and warns of what a command would print."""

    def __init__(self) -> None:
        super().__init__(quiet=True, file=sys.stderr)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        warnings.warn(text, ModelWarning, stacklevel=2)
