"""Choices and loops that end early, as graphs have them: everything is computed, and what counts is selected.

No backend skips work by a computed truth: GPUs could do so only by reading it back in the middle of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from webdnn.frontend.loops import Loop
from webdnn.frontend.writer import Writer
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Constant, Graph, Input, Value
from webdnn.graph.interpreter import run_values

Array = np.ndarray
MOST_COUNTED = 100_000
"""Iterations after which a loop whose end depends on nothing but constants is taken for endless."""


def constant_value(value: Value) -> Array | None:
    """What `value` is, if it depends on no input and no symbolic size."""
    nodes = Graph((), (value,), ("value",)).nodes()
    if any(isinstance(node.op, Input) for node in nodes):
        return None
    if any(not isinstance(size, int) for node in nodes for type_ in node.types for size in type_.shape):
        return None
    (array,) = (
        [value.op.array] if isinstance(value.op, Constant) else run_values(Graph((), (value,), ("value",)), [], {})
    )
    return array


def one_of(
    writer: Writer, condition: Value, first: Callable[[], Sequence[Value]], second: Callable[[], Sequence[Value]]
) -> list[Value]:
    """The results of `first` where `condition`, a bool of one element, is true, else those of `second`.

    Where the condition is constant, the other one is not even written; else both are computed. Raises UnsupportedError where their types differ.
    """
    known = constant_value(condition)
    if known is not None:
        return list(first() if known.item() else second())
    return selected(writer, condition, list(first()), list(second()))


def selected(writer: Writer, condition: Value, first: Sequence[Value], second: Sequence[Value]) -> list[Value]:
    """`first` where `condition`, a bool of one element, is true, else `second`."""
    if [x.type for x in first] != [x.type for x in second]:
        types = (", ".join(str(x.type) for x in values) for values in (first, second))
        raise UnsupportedError(f"its branches give {' and '.join(types)}; a graph can choose between equal types only")
    flag = writer.reshape(condition, ())
    return [a if a is b else writer.elementwise("where", flag, a, b) for a, b in zip(first, second, strict=True)]


def while_true(
    writer: Writer,
    condition: Callable[[Sequence[Value]], Value],
    body: Callable[[Sequence[Value]], Sequence[Value]],
    initial: Sequence[Value],
    most: int | None,
) -> list[Value]:
    """The states after a loop that runs `body` on them while `condition`, a bool of one element, holds for them.

    A loop whose end depends on constants is counted now. Any other one needs `most`, the most iterations: all of these are computed, and those
    after the end change nothing. Raises UnsupportedError where there is no such number.
    """
    count = _counted(writer, condition, body, initial, most)
    if count == 0:
        return list(initial)
    if count is not None:
        loop = Loop(writer, count)
        states = [loop.state(x) for x in initial]
        for state, after in zip(states, _checked(states, body(states)), strict=True):
            loop.set_next(state, after)
        return loop.finish([])[0]
    if most is None:
        raise UnsupportedError(
            "a loop that ends by what it computes from an input needs a bound: give it maximum_iterations"
        )
    loop = Loop(writer, most)
    going, *states = (loop.state(x) for x in (writer.reshape(condition(initial), ()), *initial))
    nexts = _checked(states, body(states))
    loop.set_next(going, writer.elementwise("logical_and", going, writer.reshape(condition(nexts), ())))
    for state, after in zip(states, selected(writer, going, nexts, states), strict=True):
        loop.set_next(state, after)
    return loop.finish([])[0][1:]


def _checked(before: Sequence[Value], after: Sequence[Value]) -> list[Value]:
    for number, (x, y) in enumerate(zip(before, after, strict=True)):
        if x.type != y.type:
            raise UnsupportedError(f"state {number} of a loop is {x.type} before and {y.type} after an iteration")
    return list(after)


def _counted(
    writer: Writer,
    condition: Callable[[Sequence[Value]], Value],
    body: Callable[[Sequence[Value]], Sequence[Value]],
    initial: Sequence[Value],
    most: int | None,
) -> int | None:
    """How many iterations there are, if that depends on states alone which begin as constants and depend on none but such."""
    states = [writer.apply(Input(f"state {number}", x.type)) for number, x in enumerate(initial)]
    nexts = _checked(states, body(states))
    goes_on = condition(states)
    needed = _needed(goes_on, states, nexts)
    if needed is None:
        return None
    values = [constant_value(initial[i]) for i in needed]
    known = [array for array in values if array is not None]
    if len(known) < len(needed):
        return None
    step = Graph(tuple(states[i] for i in needed), (goes_on, *(nexts[i] for i in needed)), ())
    if any(not isinstance(s, int) for node in step.nodes() for type_ in node.types for s in type_.shape):
        return None
    for count in range(MOST_COUNTED if most is None else min(most, MOST_COUNTED)):
        going, *known = run_values(step, known, {})
        if not going.item():
            return count
    if most is not None and most <= MOST_COUNTED:
        return most
    raise UnsupportedError(f"a loop of more than {MOST_COUNTED} iterations")


def _needed(goes_on: Value, states: Sequence[Value], nexts: Sequence[Value]) -> list[int] | None:
    """The numbers of the states on which `goes_on` depends, now or later; None if it depends on anything else."""
    needed: list[int] = []
    roots = [goes_on]
    for root in roots:
        for node in Graph((), (root,), ("root",)).nodes():
            if not isinstance(node.op, Input):
                continue
            if node.outputs[0] not in states:
                return None
            number = list(states).index(node.outputs[0])
            if number not in needed:
                needed.append(number)
                roots.append(nexts[number])
    return needed
