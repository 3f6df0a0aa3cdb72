"""While code is traced, Keras takes lengths: `ops.reshape(x, (length, -1))`, `ops.arange(length)`, `weight[:length]`, and `x.shape` gives them.

Keras decides in each function of keras.ops whether an argument is symbolic, and calls the framework below it otherwise. A length is neither, so these
calls of the framework are what is replaced: then it does not matter how the user's code came by the function.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from webdnn.frontend.keras.calls import is_array
from webdnn.frontend.keras.lengths import Length, has_lengths
from webdnn.frontend.keras.size_values import MAKERS
from webdnn.frontend.keras.symbols import Symbols
from webdnn.graph.errors import UnsupportedError

Patch: TypeAlias = "tuple[Any, str, Any]"  # an object, the name of its attribute, what it is meanwhile
_MODULES = ("core", "image", "linalg", "math", "nn", "numpy")
_KNOW_OPEN_SIZES = ("keras", "webdnn")  # Code of these takes None for an open size.
_ASKING = ("is_tensor", "shape")  # They compute nothing.
# What operation_control replaces: it takes lengths as they are.
_CONTROL = ("associative_scan", "cond", "fori_loop", "map", "scan", "switch", "vectorized_map", "while_loop")
_tracing: list[Symbols] = []


@contextmanager
def taking_lengths(symbols: Symbols) -> Iterator[None]:
    """Code that runs meanwhile gets and hands on lengths of the tensors in `symbols`."""
    _tracing.append(symbols)
    try:
        with replaced(_patches() if len(_tracing) == 1 else []):
            yield
    finally:
        _tracing.pop()


def current_symbols() -> Symbols:
    """Those of the code that is being traced."""
    return _tracing[-1]


@contextmanager
def replaced(patches: list[Patch]) -> Iterator[None]:
    """Attributes are others meanwhile."""
    own = [(target, name, vars(target).get(name)) for target, name, _ in patches]
    try:
        for target, name, replacement in patches:
            setattr(target, name, replacement)
        yield
    finally:
        for target, name, original in reversed(own):
            if original is None:
                delattr(target, name)
            else:
                setattr(target, name, original)


def _patches() -> list[Patch]:
    import keras
    from keras.src import backend, ops

    found: list[Patch] = []
    for name in _MODULES:
        below, above = getattr(backend, name), getattr(ops, name)
        found += [
            (below, function, _of_framework(getattr(above, function), getattr(below, function)))
            for function in vars(above)
            if function not in (*_ASKING, *_CONTROL)
            and _are_functions(vars(above)[function], vars(below).get(function))
        ]
    array = type(keras.ops.convert_to_tensor(0.0))
    return [
        *found,
        (array, "__getitem__", _get_item(array.__getitem__)),
        (keras.KerasTensor, "shape", property(_shape)),
        (keras.KerasTensor, "__getitem__", _in_tuple(keras.KerasTensor.__getitem__)),
        (keras.Operation, "symbolic_call", _symbolic_call(keras.Operation.symbolic_call)),
        (keras.Variable, "__getitem__", _get_item(keras.Variable.__getitem__)),
        (backend, "standardize_shape", _standardize(backend.standardize_shape)),
    ]


def _are_functions(*things: Any) -> bool:
    return all(map(inspect.isfunction, things))


def _of_framework(above: Callable[..., Any], below: Callable[..., Any]) -> Callable[..., Any]:
    """The framework's function `below`, which calls Keras's again, `above` it, with something symbolic in place of an array where it gets sizes that
    are lengths, or symbolic tensors."""
    name = above.__name__

    def function(*arguments: Any, **keywords: Any) -> Any:
        if not _are_symbolic((*arguments, *keywords.values())):
            return below(*arguments, **keywords)
        symbols = _tracing[-1]
        if name in MAKERS:
            return symbols.made(name, *arguments, **keywords)
        place = next((i for i, x in enumerate(arguments) if is_array(x) or has_lengths(x)), None)
        if place is None or arguments[place] is (symbol := symbols.symbol_of(arguments[place])):
            raise UnsupportedError(f"keras.ops.{name} with a symbolic size among its arguments is not supported")
        return above(*arguments[:place], symbol, *arguments[place + 1 :], **keywords)

    return function


def _are_symbolic(given: tuple[Any, ...]) -> bool:
    from keras.src.backend.common.keras_tensor import any_symbolic_tensors

    return has_lengths(given) or bool(any_symbolic_tensors(given))


def _shape(x: Any) -> tuple[Any, ...]:
    """The property `shape` of a symbolic tensor. Keras's own rules of shapes want None for what is open; only its `ops.shape` is for computing."""
    caller = sys._getframe(1)
    root = str(caller.f_globals.get("__name__", "")).split(".")[0]
    asks = caller.f_code.co_name == "shape" and caller.f_globals["__name__"] == "keras.src.ops.core"
    return _tracing[-1].shape(x) if asks or root not in _KNOW_OPEN_SIZES else tuple(x._shape)


def _symbolic_call(original: Callable[..., Any]) -> Callable[..., Any]:
    def symbolic_call(self: Any, *arguments: Any, **keywords: Any) -> Any:
        if has_lengths((*arguments, *keywords.values())) or _are_symbolic(tuple(vars(self).values())):
            return _tracing[-1].call(self, arguments, keywords)
        return original(self, *arguments, **keywords)

    return symbolic_call


def _in_tuple(original: Callable[..., Any]) -> Callable[..., Any]:
    """Of a symbolic tensor, which takes `x[None]` and `x[1:]` only in a tuple; arrays take them as they are."""

    def get_item(self: Any, key: Any) -> Any:
        return original(self, (key,) if key is None or isinstance(key, slice) else key)

    return get_item


def _get_item(original: Callable[..., Any]) -> Callable[..., Any]:
    """Of an array of the framework, or of a variable."""

    def get_item(self: Any, key: Any) -> Any:
        return _tracing[-1].symbol_of(self)[key] if has_lengths(key) else original(self, key)

    return get_item


def _standardize(original: Callable[..., Any]) -> Callable[..., Any]:
    """Code that states the shape of a result may do so with lengths, which to Keras are open."""

    def standardize(shape: Any) -> Any:
        known = [None if isinstance(size, Length) else size for size in shape] if has_lengths(shape) else shape
        return original(known)

    return standardize
