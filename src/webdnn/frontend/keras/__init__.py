"""Keras models as graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from webdnn.frontend.input_shape import GivenShapes, InputShape, as_input_shapes, match_input_shapes
from webdnn.frontend.keras.converters import Converters
from webdnn.frontend.keras.loading import EXTRA, load_model, old_code
from webdnn.frontend.keras.lowering import LayerLowering
from webdnn.frontend.packages import require
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Graph

__all__ = ["from_model", "load"]

NO_LAYERS: Mapping[str | type, LayerLowering] = {}


def load(
    path: str | PathLike[str],
    input_shapes: GivenShapes = (),
    *,
    allow_unsafe: bool = False,
    custom_objects: Sequence[str | PathLike[str]] = (),
    timeout: float | None = None,
    layers: Mapping[str | type, LayerLowering] = NO_LAYERS,
) -> Graph:
    """The graph of the model in a .h5, .hdf5 or .keras file. Python code in the file is run only with `allow_unsafe`; `custom_objects` are Python
    files, which are run, that define the model's subclassed layers and models. `layers` are lowerings of further layers, by their classes or the
    names of these (docs/plugins.md). `timeout` is how many seconds the file may be read; by default
    30, and one more for each 10 MB. Warns as `from_model` does."""
    shapes = as_input_shapes(input_shapes)  # what is wrong with them is said before a file is read
    require("Keras", EXTRA, "keras", "h5py")  # the file's weights are HDF5 in either format
    converters = Converters.of(layers)
    model = load_model(
        path, allow_unsafe=allow_unsafe, custom_objects=custom_objects, timeout=timeout, converters=converters
    )
    with old_code():
        return _graph_of(model, shapes, converters)


def from_model(
    model: Any, input_shapes: GivenShapes = (), *, layers: Mapping[str | type, LayerLowering] = NO_LAYERS
) -> Graph:
    """The graph of a Keras model: Functional, Sequential, or a subclass with a `call` that Keras can trace. Shapes may be left out when only the
    batch is open, which then is 1: `(1, 224, 224, 3)`, `'(N<=8,224,224,3)'`, a list of such for several inputs, or a dictionary by their names.

    The graph computes what the model's `predict()` does. Warns (`ModelWarning`) of layers whose calls say `training=True`, which predict() overrules,
    of weights that are not finite, and of layers that compute in another dtype than float32, or on quantised inputs. `layers` are those of
    `load`.
    """
    return _graph_of(model, as_input_shapes(input_shapes), Converters.of(layers))


def _graph_of(model: Any, shapes: Sequence[InputShape], converters: Converters) -> Graph:
    from webdnn.frontend.keras.in_float32 import in_float32

    _build(model, shapes)
    with in_float32(model):
        return _graph(model, shapes, converters)


def _graph(model: Any, shapes: Sequence[InputShape], converters: Converters) -> Graph:
    """The graph of a model whose layers compute in float32."""
    from webdnn.frontend.keras.restoring import check_numbers
    from webdnn.frontend.keras.tracing import Subclassed, has_own_graph, is_own
    from webdnn.frontend.keras.walk import build_graph, functional

    source = model
    if is_own(model) and not has_own_graph(model):
        model = Subclassed(model, shapes)
    elif not has_own_graph(model):
        raise UnsupportedError(
            f"model {getattr(model, 'name', model)!r} ({type(model).__name__}) has no graph of layers; "
            "models of Keras with a known input can be converted"
        )
    check_numbers(source)
    wanted = [(tensor.name, tuple(tensor.shape)) for tensor in functional(model).inputs]
    sizes, placeholders = match_input_shapes(wanted, shapes)
    return build_graph(model, sizes, placeholders, converters=converters)


def _build(model: Any, input_shapes: Sequence[InputShape]) -> None:
    """Builds a Sequential model that has not seen an input yet."""
    if getattr(model, "built", True) or len(input_shapes) != 1 or type(model).__name__ != "Sequential":
        return
    model.build(tuple(size if isinstance(size, int) else None for size in input_shapes[0].shape))
