"""No argument without effect: what a layer or operation was given, and its lowering did not look at, is refused by name.

A lowering gets its layer as a `Reading`, which notes the attributes that it reads, and the arguments of the call by Keras's names. So a lowering
that is not written for an argument cannot drop it: one of the constructor that differs from its default is found unread, and one of the call does
not fit its signature.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from webdnn.frontend.keras.lengths import sizes_of
from webdnn.graph.errors import UnsupportedError

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_MISSING = object()


class Reading:
    """A layer or operation, with a note of each attribute that was read."""

    def __init__(self, original: Any) -> None:
        self._original = original
        self._names: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self._names.add(name)
        return sizes_of(getattr(self._original, name))

    def unread(self) -> list[str]:
        """`name=value` of the constructor's arguments that were not read, differ from their defaults and are not known to have no effect. A class of
        the user's may keep an argument under another name, or not at all, which says nothing."""
        class_name = type(self._original).__name__
        return [
            f"{name}={shown(value)}"
            for name, (value, default) in settings(self._original).items()
            if name not in self._names
            and _has_effect(class_name, name)
            and (value is not _MISSING or type(self._original).__module__.startswith("keras."))
            and not any(_same(value, usual) for usual in (default, _NEUTRAL.get(name, default)))
        ]


def original(layer: Any) -> Any:
    """The layer or operation itself."""
    return layer._original if isinstance(layer, Reading) else layer


def lowered(layer: Any, lower: Callable[[Any], Any], settings_count: bool = True) -> Any:
    """What `lower(reading of the layer)` gives. Raises UnsupportedError when it leaves an argument of the constructor unread, unless those do not
    count, or when one is a tensor, which Keras does not compute with either."""
    _refuse_tensors(layer)
    reading = Reading(layer)
    result = lower(reading)
    dropped = reading.unread() if settings_count else []
    if dropped:
        raise UnsupportedError(f"{', '.join(dropped)} is not supported")
    return result


def settings(layer: Any) -> dict[str, tuple[Any, Any]]:
    """The arguments of a layer's or operation's constructor: its values, under Keras's names, and the defaults."""
    parameters = [p for p in _parameters(type(layer).__init__) if p.kind not in _VARIADIC]
    return {p.name: (getattr(layer, p.name, _MISSING), p.default) for p in parameters}


def call_arguments(call: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by the names of `call`'s parameters, a bound method of Keras; those left out are left out."""
    try:
        return dict(inspect.signature(call).bind(*arguments, **keywords).arguments)
    except TypeError as error:
        raise UnsupportedError(f"its call does not take these arguments: {error}") from error


def lowered_operation(
    lowering: Callable[..., Any], context: Any, operation: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]
) -> Any:
    """What the lowering of an operation gives for the arguments of a call, in the order of Keras's parameters whichever way they were given. Raises
    UnsupportedError when it takes fewer, and the others are not defaults, or leaves one of the constructor's unread."""
    signature = inspect.signature(operation.call)
    bound = signature.bind(*arguments, **keywords)
    bound.apply_defaults()
    room = _parameters(lowering, skip=2)
    takes_all = any(p.kind is p.VAR_POSITIONAL for p in room)
    keywords_taken = bound.kwargs if any(p.kind is p.VAR_KEYWORD for p in room) else {}
    count = len(bound.args) if takes_all else len(room) - bool(keywords_taken)
    extra = dict(zip(list(signature.parameters)[count:], bound.args[count:], strict=False))
    extra |= {name: x for name, x in bound.kwargs.items() if name not in keywords_taken}
    defaults = {name: p.default for name, p in signature.parameters.items()}
    dropped = {name: x for name, x in extra.items() if not _same(x, defaults.get(name, inspect.Parameter.empty))}
    if dropped:
        raise UnsupportedError(f"{_list(dropped)} is not supported")
    return lowered(operation, lambda reading: lowering(context, reading, *bound.args[:count], **keywords_taken))


def check_names(lowering: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Raises UnsupportedError when a lowering has no parameter for one of a call's arguments."""
    known = inspect.signature(lowering).parameters
    extra = {name: value for name, value in given.items() if name not in known}
    if extra:
        raise UnsupportedError(f"its call has {_list(extra)}, which is not supported")


def shown(value: Any) -> str:
    """A value in a message: short, and nothing at all of a tensor's numbers."""
    if value is _MISSING:
        return "?"
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()  # a number beside a tensor, which took its dtype
    if isinstance(value, (bool, int, float, str, list, tuple, type(None), np.generic)):
        text = repr(value)
        return text if len(text) <= 60 else text[:59] + "…"
    return f"<{getattr(value, '__name__', type(value).__name__)}>"


def _list(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in given.items())


def _parameters(function: Callable[..., Any], skip: int = 1) -> list[inspect.Parameter]:
    """Those after the first, `self`."""
    return list(inspect.signature(function).parameters.values())[skip:]


def _has_effect(class_name: str, name: str) -> bool:
    return not (
        name in _WITHOUT_EFFECT
        or f"{class_name}.{name}" in _WITHOUT_EFFECT
        or name.endswith(("_initializer", "_regularizer", "_constraint"))
    )


def _refuse_tensors(layer: Any) -> None:
    import keras

    for name, (value, _) in settings(layer).items():
        if any(isinstance(leaf, keras.KerasTensor) for leaf in keras.tree.flatten(value)):
            raise UnsupportedError(f"{name} is computed by another layer, which is not supported")


def _same(value: Any, default: Any) -> bool:
    """Whether a value is the default, also where Keras wrote it once for every axis."""
    if value is default:
        return True
    if isinstance(value, (list, tuple)) and not isinstance(default, (list, tuple)):
        return bool(value) and all(_same(inner, default) for inner in value)
    if isinstance(value, (list, tuple)):
        return len(value) == len(default) and all(map(_same, value, default))
    return isinstance(value, (bool, int, float, str)) and type(default) in (bool, int, float, str) and value == default


# Arguments that say nothing about what a trained layer computes, or nothing that its weights do not say by their shapes.
_WITHOUT_EFFECT = {
    *("name", "trainable", "autocast", "seed", "synchronized", "momentum"),
    *("lora_rank", "lora_alpha", "quantization_config", "gptq_unpacked_column_size"),  # merged into what `kernel` gives
    *("units", "filters", "depth_multiplier"),
    *("EinsumDense.output_shape", "EinsumDense.bias_axes", "Normalization.axis", "PReLU.shared_axes"),
    *("LayerScale.init_values", "LayerScale.projection_dim", "SpectralNormalization.power_iterations"),
    *("BatchNormalization.renorm", "BatchNormalization.renorm_clipping", "BatchNormalization.renorm_momentum"),
    *("Embedding.input_dim", "Embedding.output_dim", "Embedding.weights"),
    *("Discretization.epsilon", "Discretization.num_bins"),  # how the boundaries were found
    *("IntegerLookup.dtype", "IntegerLookup.idf_weights", "IntegerLookup.vocabulary", "IntegerLookup.vocabulary_size"),
    *("Cross.axis",),  # Keras keeps it as axisa, axisb and axisc
    *("TopK.sorted",),  # False leaves the order to the framework, which may as well sort
}
# Where None leaves a choice to Keras: what lowerings take for granted when they do not ask.
_NEUTRAL = {"data_format": "channels_last", "sparse": False, "ragged": False}
