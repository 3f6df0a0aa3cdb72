"""Loops as frontends write them: a body is written with the same writer as everything else, and closed when it is whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from webdnn.frontend.writer import Writer
from webdnn.graph.dim import Size
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Graph, Input, Node, Value
from webdnn.graph.ops.control import Repeat
from webdnn.graph.ops.shape import Iota
from webdnn.graph.types import TensorType

Values: TypeAlias = "Sequence[Value]"
Step: TypeAlias = "Callable[[Values, Values, Values], tuple[Values, Values]]"
"""(states, elements of the sequences, fixed values) → (next states, elements of the results)."""


@dataclass
class Loop:
    """A `Repeat` that is being written, of `count` iterations; `reverse` runs from the last element of the sequences to the first.

    `state` and `element` give what an iteration reads. Whatever is computed from these belongs to the body, which may read any value from outside.
    `set_next` says what a state is after the iteration, and `finish` writes the loop.
    """

    writer: Writer
    count: Size
    reverse: bool = False
    _states: dict[Value, tuple[Value, Value | None]] = field(default_factory=dict)  # parameter → before the loop, next
    _sequences: dict[Value, Value] = field(default_factory=dict)  # parameter → sequence

    def state(self, initial: Value) -> Value:
        """A state as an iteration finds it."""
        found = self._parameter(f"state {len(self._states)}", initial.type)
        self._states[found] = initial, None
        return found

    def element(self, sequence: Value) -> Value:
        """The element of a sequence (count, …) that belongs to the iteration."""
        if sequence.shape[0] != self.count:
            raise GraphError(f"a sequence of {sequence.shape[0]} elements in a loop of {self.count}")
        found = self._parameter(f"element {len(self._sequences)}", TensorType(sequence.shape[1:], sequence.dtype))
        self._sequences[found] = sequence
        return found

    def set_next(self, state: Value, value: Value) -> None:
        self._states[state] = self._states[state][0], value

    def finish(self, results: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        """The states after the loop, and for each result of the body all that the iterations gave for it, (count, …)."""
        nexts = [state if following is None else following for state, (_, following) in self._states.items()]
        parameters = (*self._states, *self._sequences)
        outputs, fixed = _closed(parameters, [*nexts, *results])
        body_inputs = (*parameters, *fixed)
        names = tuple(f"result {number}" for number in range(len(outputs)))
        body = Graph(body_inputs, tuple(outputs), names)
        op = Repeat(self.count, body, len(self._states), len(self._sequences), self.reverse)
        initial = (before for before, _ in self._states.values())
        found = Node(op, (*initial, *self._sequences.values(), *fixed.values()), self.writer.origin).outputs
        return list(found[: len(nexts)]), list(found[len(nexts) :])

    def _parameter(self, name: str, type_: TensorType) -> Value:
        return self.writer.apply(Input(name, type_))


def _closed(parameters: Sequence[Value], results: Sequence[Value]) -> tuple[list[Value], dict[Value, Value]]:
    """`results` as a body computes them that reads nothing but its parameters and constants: first `parameters`, then those which are returned with
    the values from outside that they stand for."""
    inside = {parameter.node for parameter in parameters}
    constant: set[Node] = set()
    changed: dict[Value, Value] = {}
    fixed: dict[Value, Value] = {}

    def within(value: Value) -> Value:
        """What stands in the body for `value`."""
        if value.node in inside or value.node in constant:
            return changed.get(value, value)
        if value not in changed:
            changed[value] = Node(Input(f"fixed {len(fixed)}", value.type), (), value.origin).outputs[0]
            fixed[changed[value]] = value
        return changed[value]

    for node in Graph(tuple(parameters), tuple(results), tuple(map(str, range(len(results))))).nodes():
        if any(value.node in inside for value in node.inputs):
            fresh = Node(node.op, tuple(map(within, node.inputs)), node.origin)
            changed.update(zip(node.outputs, fresh.outputs, strict=True))
            inside.add(node)
        elif not isinstance(node.op, Input) and all(value.node in constant for value in node.inputs):
            constant.add(node)
    return [within(value) for value in results], fixed


def loop(
    w: Writer, count: Size, states: Values, sequences: Values, fixed: Values, step: Step, reverse: bool = False
) -> tuple[list[Value], list[Value]]:
    """The states after `count` iterations of `step`, which is called once, and its results of all iterations, stacked along a new first axis."""
    written = Loop(w, count, reverse)
    before = [written.state(x) for x in states]
    after, results = step(before, [written.element(x) for x in sequences], fixed)
    for state, following in zip(before, after, strict=True):
        written.set_next(state, following)
    return written.finish(results)


def numbers(w: Writer, count: Size) -> Value:
    """0, 1, 2 … as a sequence (count, 1) for a loop that wants the number of the iteration."""
    return w.reshape(w.apply(Iota(count)), (count, 1))
