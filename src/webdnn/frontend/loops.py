"""Loops, as frontends write them: `loop` makes the body of a `Repeat` by calling a function once on values that stand for one iteration's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from webdnn.frontend.writer import Writer
from webdnn.graph.dim import Size
from webdnn.graph.graph import Graph, Input, Node, Value, apply
from webdnn.graph.ops.control import Repeat
from webdnn.graph.ops.shape import Iota
from webdnn.graph.types import TensorType

Values: TypeAlias = "Sequence[Value]"
Step: TypeAlias = "Callable[[Values, Values, Values], tuple[Values, Values]]"
"""(states, elements of the sequences, fixed values) → (next states, elements of the results)."""


def loop(
    w: Writer,
    count: Size,
    states: Values,
    sequences: Values,
    fixed: Values,
    step: Step,
    reverse: bool = False,
) -> tuple[list[Value], list[Value]]:
    """The states after `count` iterations, and the results of all iterations, stacked along a new first axis.

    `sequences` are (count, …) of rank 2 or more; each iteration sees one element of them, and all of the `fixed` values. An element of a result
    has an axis or more. With `reverse` the last elements come first. `step` may use no other values but constants.
    """
    types = [x.type for x in states]
    types += [TensorType(x.shape[1:], x.dtype) for x in sequences]
    types += [x.type for x in fixed]
    inputs = [apply(Input(f"value{number}", type_), origin=w.origin) for number, type_ in enumerate(types)]
    first, second = len(states), len(states) + len(sequences)
    after, results = step(inputs[:first], inputs[first:second], inputs[second:])
    outputs = (*after, *results)
    names = tuple(f"result{number}" for number in range(len(outputs)))
    body = Graph(tuple(inputs), outputs, names, name="body")
    op = Repeat(count, body, len(states), len(sequences), reverse)
    found = Node(op, (*states, *sequences, *fixed), w.origin).outputs
    return list(found[:first]), list(found[first:])


def numbers(w: Writer, count: Size) -> Value:
    """0, 1, 2 … as a sequence (count, 1) for a loop that wants the number of the iteration."""
    return w.reshape(w.apply(Iota(count)), (count, 1))
