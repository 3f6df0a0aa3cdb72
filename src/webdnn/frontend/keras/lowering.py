"""What every lowering works with.

A lowering is a function `(layer, inputs, context) -> Value` that writes the ops of one call of one layer; a parameter after these has the name of
another argument of the call (`mask`), which is refused where there is no such parameter. It raises UnsupportedError with a bare reason
("interpolation 'bicubic'"); whoever walks the model adds the layer's name and class.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from webdnn.frontend.keras.reading import original
from webdnn.frontend.states import States
from webdnn.frontend.writer import Writer
from webdnn.graph.dim import product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value

Array = np.ndarray
Layer: TypeAlias = Any  # Keras has no type stubs
LayerLowering: TypeAlias = "Callable[..., Value]"


@dataclass(frozen=True)
class Context(Writer):
    """A writer that knows how other layers are lowered, and the constants written so far.

    A layer called twice reads one set of constants: `constants` is shared by all contexts of a conversion, and so is `overruled`, the paths of the
    layers whose `training=True` has no effect. That is so where a model `is_inference`: predict() calls a Functional model with training=False, which
    Keras passes on to all of its layers in place of what their calls say. Code of the user calls its layers itself, so there the flag has effect,
    also on what it calls without one: it is `in_training`.

    `states` are what the model keeps from run to run, and `kept` says, by the ids of stateful layers, how their names begin.
    """

    lower_layer: Callable[..., Value] = field(kw_only=True)
    converter: Callable[[Layer], LayerLowering | None] = field(default=lambda _: None, kw_only=True)
    """The lowering that a plugin has for a layer, if any."""
    constants: dict[Hashable, tuple[Layer, Value]] = field(default_factory=dict, kw_only=True)
    overruled: list[str] = field(default_factory=list, kw_only=True)
    states: States = field(default_factory=States, kw_only=True)
    kept: dict[int, tuple[Layer, str]] = field(default_factory=dict, kw_only=True)
    is_inference: bool = field(default=True, kw_only=True)
    in_training: bool = field(default=False, kw_only=True)

    def inside(self, name: str) -> Context:
        return replace(self, path=f"{self.path}/{name}" if self.path else name)

    def constant(self, layer: Layer, name: str, make: Callable[[], Array]) -> Value:
        """The constant `name` of `layer`, made on first use. The layer is kept, too: one that a traced call makes for itself would else be gone, and
        the next one might get its id and so its constants."""
        kept = original(layer)
        key = (id(kept), name)
        if key not in self.constants:
            self.constants[key] = kept, self.literal(make())
        return self.constants[key][1]

    def weight(self, layer: Layer, name: str) -> Value:
        """The layer's variable of that name, as it is."""
        return self.constant(layer, name, lambda: array_of(getattr(layer, name)))


def array_of(variable: Any) -> Array:
    """A Keras variable, or what else the framework holds numbers in, as numpy; not copied where the framework allows it."""
    array = variable.numpy() if hasattr(variable, "numpy") else np.asarray(variable)
    return np.asarray(array)


def single_axis(axis: Any, rank: int) -> int:
    """`axis`, an integer or a list of one, as a number from 0."""
    if isinstance(axis, (list, tuple)):
        if len(axis) != 1:
            raise UnsupportedError(f"axis {list(axis)}; one axis is supported")
        axis = axis[0]
    return int(axis) % rank


def positive_axes(axes: Any, rank: int) -> tuple[int, ...]:
    """`axes`, an integer or several or all (None), ascending and from 0."""
    if axes is None:
        return tuple(range(rank))
    return tuple(sorted(int(axis) % rank for axis in np.atleast_1d(axes)))


def channels_last(lowering: LayerLowering) -> LayerLowering:
    """`lowering`, written for (N, …, C), for layers of either data_format: transposed before and after."""

    def either(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
        if layer.data_format != "channels_first":
            return lowering(layer, inputs, context)
        moved = [context.transpose(x, (0, *range(2, x.type.rank), 1)) for x in inputs]
        y = lowering(layer, moved, context)
        return context.transpose(y, (0, y.type.rank - 1, *range(1, y.type.rank - 1)))

    return either


def flat(x: Value, context: Context) -> Value:
    """(N, …) → (N, product of the rest)."""
    return context.reshape(x, (x.shape[0], product(x.shape[1:])))
