"""Keras models as graphs."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from webdnn.frontend.input_shape import InputShape, match_input_shapes
from webdnn.frontend.keras.loading import load_model
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Graph

__all__ = ["from_model", "load"]


def load(
    path: str | PathLike[str],
    input_shapes: Sequence[InputShape] = (),
    *,
    allow_unsafe: bool = False,
    custom_objects: Sequence[str | PathLike[str]] = (),
    timeout: float | None = None,
) -> Graph:
    """The graph of the model in a .h5, .hdf5 or .keras file. Python code in the file is run only with `allow_unsafe`; `custom_objects` are Python
    files, which are run, that define the model's subclassed layers and models. `timeout` is how many seconds the file may be read; by default
    30, and one more for each 10 MB."""
    model = load_model(path, allow_unsafe=allow_unsafe, custom_objects=custom_objects, timeout=timeout)
    return from_model(model, input_shapes)


def from_model(model: Any, input_shapes: Sequence[InputShape] = ()) -> Graph:
    """The graph of a Keras model: Functional, Sequential, or a subclass with a `call` that Keras can trace. Shapes may be left out when only the
    batch is open, which then is 1."""
    from webdnn.frontend.keras.restoring import check_numbers
    from webdnn.frontend.keras.tracing import functional_of, has_own_graph, is_own
    from webdnn.frontend.keras.walk import build_graph, functional

    _build(model, input_shapes)
    if is_own(model) and not has_own_graph(model):
        model = functional_of(model, input_shapes)
    if not has_own_graph(model):
        raise UnsupportedError(
            f"model {getattr(model, 'name', model)!r} ({type(model).__name__}) has no graph of layers; "
            "models of Keras with a known input can be converted"
        )
    check_numbers(model)
    wanted = [(tensor.name, tuple(tensor.shape)) for tensor in functional(model).inputs]
    shapes, placeholders = match_input_shapes(wanted, input_shapes)
    return build_graph(model, shapes, placeholders)


def _build(model: Any, input_shapes: Sequence[InputShape]) -> None:
    """Builds a Sequential model that has not seen an input yet."""
    if getattr(model, "built", True) or len(input_shapes) != 1 or type(model).__name__ != "Sequential":
        return
    model.build(tuple(size if isinstance(size, int) else None for size in input_shapes[0].shape))
