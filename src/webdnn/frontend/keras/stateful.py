"""Recurrent layers with stateful=True, whose variables `states` hold what the next call begins with: these become states of the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from webdnn.frontend.keras.calls import Tensor
from webdnn.frontend.keras.lowering import Context, array_of
from webdnn.frontend.keras.symbols import Symbols
from webdnn.frontend.writer import held
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.types import TensorType


def is_stateful(layer: Any) -> bool:
    """Whether a recurrent layer, of Keras or derived from one, keeps its states from call to call."""
    import keras

    return isinstance(layer, keras.layers.RNN) and bool(layer.stateful)


def refuse_states(part: Any) -> None:
    """Raises UnsupportedError where a layer that keeps its states stands in `part`, which is called once for each step of a loop."""
    for layer in part._flatten_layers():
        if is_stateful(layer):
            raise UnsupportedError(f"stateful=True of {layer.name!r}, a layer inside it, is not supported")


@contextmanager
def kept_states(layer: Any, symbols: Symbols) -> Iterator[None]:
    """While it lasts, `layer` finds states of the graph in place of its variables, and what it assigns to them is known to the graph.

    A layer that is called again goes on with what its last call left, as in Keras. The first run of the graph begins as a new layer does, and not
    with what the variables of a model in memory hold from earlier calls, which no file of it has either.
    """
    import keras

    if not is_stateful(layer):
        yield
        return
    variables = keras.tree.flatten(layer.states)
    if not variables:
        raise UnsupportedError(
            "stateful=True, and it has no states yet; call the model on an example, which makes them"
        )
    names = _begun(layer, variables, symbols.context)
    found = [_State(symbols, name, str(variable.dtype)) for name, variable in zip(names, variables, strict=True)]
    own = layer.__dict__["states"]
    layer.__dict__["states"] = keras.tree.pack_sequence_as(own, found)
    try:
        yield
    finally:
        layer.__dict__["states"] = own


def _begun(layer: Any, variables: Sequence[Any], context: Context) -> list[str]:
    """The names of the layer's states in the graph, which begin when it is called for the first time."""
    import keras

    states = context.states
    is_new = id(layer) not in context.kept
    number = len(context.kept)
    _, path = context.kept.setdefault(id(layer), (layer, f"{number} {context.path}"))
    names = [f"{path} state {i}" for i in range(len(variables))]
    if is_new:
        fresh = keras.tree.flatten(layer.get_initial_state(int(variables[0].shape[0])))
        for name, x in zip(names, fresh, strict=True):
            array = held(array_of(x))
            type_ = TensorType(tuple(array.shape), str(array.dtype))
            states.begin(context, name, type_, context.literal(array) if np.any(array) else None)
    return names


@dataclass
class _State:
    """What stands for the variable of one state."""

    symbols: Symbols
    name: str
    dtype: str

    def symbol(self) -> Any:
        """What it holds at this point of the run."""
        return self.symbols.stand_for(Tensor(self.symbols.context.states.now[self.name]), self.dtype)

    def assign(self, value: Any) -> None:
        before, after = self.symbols.context.states.now[self.name], self.symbols.value(value)
        if after.type != before.type:
            raise UnsupportedError(f"a state is {before.type} before and {after.type} after a call")
        self.symbols.context.states.end(self.name, after)


def convert(original: Callable[..., Any]) -> Callable[..., Any]:
    """`convert_to_tensor` of the framework, which recurrent layers call on their states, for what stands for these, too."""

    def convert_to_tensor(x: Any, *others: Any, **keywords: Any) -> Any:
        return original(x.symbol() if isinstance(x, _State) else x, *others, **keywords)

    return convert_to_tensor
