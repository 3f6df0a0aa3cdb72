"""How frontends write what a model keeps from run to run."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from webdnn.frontend.writer import Writer
from webdnn.graph.errors import ModelError
from webdnn.graph.graph import Input, State, Value, apply
from webdnn.graph.types import TensorType


@dataclass
class States:
    """The states of a graph, collected while a frontend writes it.

    The runtime knows one initial value, zero. A state that begins with another one is chosen in the graph: one more state, shared by all such,
    is false in the first run and true ever after. So the initial value may be any value at all, also one whose size is symbolic.
    """

    now: dict[str, Value] = field(default_factory=dict)
    """What each state holds at the point of the run to which the graph is written."""
    _stored: dict[str, Value] = field(default_factory=dict)
    _after: dict[str, Value] = field(default_factory=dict)
    _started: Value | None = None

    def begin(self, writer: Writer, name: str, type_: TensorType, initial: Value | None = None) -> Value:
        """What the state `name` holds at the start of a run; in the first one `initial`, or else zero. Raises ModelError for a name that is taken."""
        if name in self._stored:
            raise ModelError(f"two states of the model are called {name!r}")
        stored = self._stored[name] = apply(Input(name, type_), origin=writer.origin)
        self.now[name] = stored if initial is None else self._chosen(writer, stored, initial)
        return self.now[name]

    def _chosen(self, writer: Writer, stored: Value, initial: Value) -> Value:
        if self._started is None:
            self._started = apply(Input("started", TensorType((1,), "bool")))
        return writer.elementwise("where", self._started, stored, initial)

    def end(self, name: str, after: Value) -> None:
        """Says what the state will hold in the next run."""
        self.now[name] = self._after[name] = after

    def collected(self) -> tuple[State, ...]:
        """All states, for the graph. Raises ModelError for one whose next value nobody told."""
        for name in self._stored.keys() - self._after.keys():
            raise ModelError(f"the state {name!r} of the model has no next value")
        states = [State(self._stored[name], after) for name, after in self._after.items()]
        if self._started is not None:
            states.append(State(self._started, Writer().literal(np.array([True]))))
        return tuple(states)
