"""Repeat → a loop of the plan, whose steps read and write states, and elements of sequences, where they lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from webdnn.backend.storage import looked_at, shared_sequences
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Dim, Size, product
from webdnn.graph.graph import Node, Value
from webdnn.graph.ops import Repeat

if TYPE_CHECKING:
    from webdnn.backend.builder import Builder


@dataclass(frozen=True)
class States:
    """Where the states lie before and after an iteration."""

    before: tuple[View, ...]
    after: tuple[View, ...]


def lower_repeat(builder: Builder, node: Node, op: Repeat) -> None:
    """Emits initial states and the loop.

    A state that is also stacked moves through its sequence (`storage.shared_sequences`). Any other state has a buffer, which an iteration
    overwrites; but where the target cannot write what it reads, and some kernel would, there are two, and iterations come in pairs that use
    them in turn.
    """
    loop = _Loop(builder, node, op)
    first = loop.states(0)
    for value, view in zip(node.inputs[: op.carried], first.before, strict=True):
        builder.copy(builder.view(value), view, node.origin)
    iteration = _iteration_symbol(builder.depth)
    spare = loop.spare_states()
    if not spare:
        with builder.loop(op.count):
            loop.iterate(loop.states(iteration), iteration)
        return
    pairs, odd = op.count // 2, op.count % 2
    if pairs != 0:
        with builder.loop(pairs):
            loop.iterate(loop.states(2 * iteration, spare), 2 * iteration)
            loop.iterate(loop.states(2 * iteration + 1, spare, back=True), 2 * iteration + 1)
    if odd != 0:
        with builder.loop(odd):
            last = loop.states(op.count - 1, spare)
            loop.iterate(last, op.count - 1)
            for state in spare:
                builder.copy(last.after[state], last.before[state], node.origin)


class _Loop:
    """The views of one Repeat, by iteration."""

    def __init__(self, builder: Builder, node: Node, op: Repeat) -> None:
        self.builder, self.node, self.op = builder, node, op
        self.finals = [builder.view(value) for value in node.outputs[: op.carried]]
        self.stacks = [builder.view(value) for value in node.outputs[op.carried :]]
        shared = shared_sequences(op).items()
        self.sequence_of = {k: j for k, j in shared if self.finals[k].buffer == self.stacks[j].buffer}

    def states(self, iteration: Size, spare: Mapping[int, View] = MappingProxyType({}), back: bool = False) -> States:
        """Where the states lie around `iteration`; those that have a spare buffer go there, or `back`."""
        before: list[View] = []
        after: list[View] = []
        for state, final in enumerate(self.finals):
            if state in self.sequence_of:
                stack = self.stacks[self.sequence_of[state]]
                time = self.time(iteration)
                earlier = time + 1 if self.op.reverse else time - 1
                before.append(element(stack, earlier))
                after.append(element(stack, time))
            else:
                other = spare.get(state, final)
                before.append(other if back else final)
                after.append(final if back else other)
        return States(tuple(before), tuple(after))

    def time(self, iteration: Size) -> Size:
        """The index into sequences."""
        return self.op.count - 1 - iteration if self.op.reverse else iteration

    def spare_states(self) -> dict[int, View]:
        """A second buffer for each state that a kernel would overwrite while it reads it, where the target cannot do that."""
        builder, op = self.builder, self.op
        if builder.target.capabilities.in_place or op.count == 1:
            return {}
        found: dict[int, View] = {}
        for state, (parameter, result) in enumerate(zip(op.body.inputs, op.body.outputs[: op.carried], strict=False)):
            if state not in self.sequence_of and parameter in looked_at(result.node.inputs):
                view = self.finals[state]
                found[state] = builder.temporary(view.shape, builder.storage(view))
        return found

    def iterate(self, states: States, iteration: Size) -> None:
        """Emits one iteration."""
        builder, op = self.builder, self.op
        time = self.time(iteration)
        parameters = dict(zip(op.body.inputs, states.before, strict=False))
        values = zip(self.node.inputs, op.body.inputs, strict=True)
        for position, (value, parameter) in list(enumerate(values))[op.carried :]:
            view = builder.view(value)
            parameters[parameter] = element(view, time) if position < op.carried + op.scanned else view
        elements = [element(stack, time) for stack in self.stacks]
        wanted: dict[Value, View] = {}
        for value, view in zip(op.body.outputs, (*states.after, *elements), strict=True):
            wanted.setdefault(value, view)
        builder.lower_graph(op.body, parameters, wanted)
        self._finish(states, elements)

    def _finish(self, states: States, elements: Sequence[View]) -> None:
        """Copies the results that could not be computed where they belong; one that lies in a state that will be overwritten is saved first."""
        builder, op, origin = self.builder, self.op, self.node.origin
        results = [builder.view(value) for value in op.body.outputs]
        for result, place in zip(results[op.carried :], elements, strict=True):
            if result != place:
                builder.copy(result, place, origin)
        overwritten = {view.buffer for view in states.after}
        left = [k for k in range(op.carried) if k not in self.sequence_of and results[k] != states.after[k]]
        for state in left:
            view = results[state]
            if view.buffer in overwritten:
                results[state] = builder.temporary(view.shape, builder.storage(view))
                builder.copy(view, results[state], origin)
        for state in left:
            builder.copy(results[state], states.after[state], origin)


def _iteration_symbol(depth: int) -> Size:
    # `$0` cannot be a user's placeholder: those are identifiers.
    return Dim({(f"${depth}",): 1})


def element(sequence: View, time: Size) -> View:
    """Element `time` of the first axis."""
    shape = sequence.shape[1:]
    return View(sequence.buffer, sequence.offset + time * product(shape[:-1]) * sequence.pitch, sequence.pitch, shape)
