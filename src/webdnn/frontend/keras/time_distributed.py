"""TimeDistributed: a layer for each step of a sequence."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from webdnn.frontend.keras.calls import call_parameters, functional
from webdnn.frontend.keras.lowering import Context, Layer
from webdnn.frontend.keras.reading import settings
from webdnn.frontend.keras.stateful import refuse_states
from webdnn.frontend.keras.tracing import has_own_graph, is_own
from webdnn.frontend.loops import Loop
from webdnn.graph.graph import Value


def lower_time_distributed(layer: Layer, inputs: Sequence[Value], context: Context, mask: Value | None = None) -> Value:
    """x (N, T, …): the layer inside on the (N, …) of each step, which sees that step of the mask if it looks at masks.

    Where no sample of a batch can matter to another, steps are samples like others, (N·T, …). Else there is a loop over time, out of which the
    optimizer takes what it can compute for all steps.
    """
    (x,), inner = inputs, layer.layer
    refuse_states(inner)
    inside = context.inside(inner.name)
    others = {} if mask is None or "mask" not in call_parameters(inner) else {"mask": mask}
    if keeps_samples_apart(inner):
        x, *masks = (context.reshape(v, (v.shape[0] * v.shape[1], *v.shape[2:])) for v in (x, *others.values()))
        y = context.lower_layer(inner, [x], inside, **dict(zip(others, masks, strict=True)))
        return context.reshape(y, (*inputs[0].shape[:2], *y.shape[1:]))
    loop = Loop(context, x.shape[1])
    element, *masks = (loop.element(context.swap(v, 0, 1)) for v in (x, *others.values()))
    _, (y,) = loop.finish([context.lower_layer(inner, [element], inside, **dict(zip(others, masks, strict=True)))])
    return context.swap(y, 0, 1)


def keeps_samples_apart(layer: Any) -> bool:
    """Whether the answer for a sample of a batch surely depends on no other one. Code of the user's may do anything, so may operations that stand in
    a model without a layer, and a layer along an axis that may be the first."""
    return all(map(_keeps_apart, layer._flatten_layers()))


def _keeps_apart(layer: Any) -> bool:
    import keras

    if type(layer) is keras.layers.Lambda:
        return False
    if has_own_graph(layer):
        nodes = [node for at_depth in functional(layer)._nodes_by_depth.values() for node in at_depth]
        return all(isinstance(node.operation, keras.Layer) for node in nodes)
    given = {name: value for name, (value, _) in settings(layer).items()}
    axes = [axis for name in ("axis", "axes") for axis in keras.tree.flatten(given.get(name)) if axis is not None]
    of_keras = [_is_of_keras(value) for value in given.values() if callable(value)]
    return not is_own(layer) and all(axis > 0 or axis == -1 for axis in axes) and all(of_keras)


def _is_of_keras(function: Any) -> bool:
    made = function if inspect.isroutine(function) or inspect.isclass(function) else type(function)
    return str(getattr(made, "__module__", "")).split(".")[0] == "keras"


LOWERINGS = {"TimeDistributed": lower_time_distributed}
