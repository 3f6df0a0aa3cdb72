"""Loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.graph.dim import Size, number
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Graph, Op, positive_sizes
from webdnn.graph.interpreter import run_values
from webdnn.graph.types import TensorType

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Repeat(Op):
    """`body` run `count` times.

    Inputs: `carried` initial states, then `scanned` sequences (T, …) of which iteration t reads element t, then values that every iteration sees
    whole; `body` has its inputs in that order. Body outputs: the `carried` next states, then the elements of stacked results. Outputs: the
    final states, then the stacked sequences (count, …). `reverse` runs t from count − 1 down to 0, for scanned and stacked sequences
    alike. A body that wants the number of the iteration scans an Iota. Time is the first axis, so that an element is one piece of memory.
    """

    count: Size
    body: Graph
    carried: int
    scanned: int
    reverse: bool = False

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if len(inputs) != len(self.body.inputs) or len(inputs) < self.carried + self.scanned:
            raise GraphError(f"the body takes {len(self.body.inputs)} inputs, got {len(inputs)}")
        for position, (have, parameter) in enumerate(zip(inputs, self.body.inputs, strict=True)):
            is_scanned = self.carried <= position < self.carried + self.scanned
            if is_scanned and (have.rank < 2 or have.shape[0] != self.count):
                raise GraphError(f"input {position} {have} is no sequence ({self.count}, …) of tensors")
            element = TensorType(have.shape[1:], have.dtype) if is_scanned else have
            if element != parameter.type:
                raise GraphError(f"input {position} is {element}, the body wants {parameter.type}")
        results = [v.type for v in self.body.outputs]
        if len(results) < self.carried:
            raise GraphError(f"{self.carried} states are carried, the body has {len(results)} outputs")
        for position in range(self.carried):
            if results[position] != inputs[position]:
                raise GraphError(
                    f"state {position} is {inputs[position]} before and {results[position]} after an iteration"
                )
        for result in results[self.carried :]:
            if result.rank < 1:
                raise GraphError(f"an element of a sequence must have an axis, got {result}; reshape it to (1)")
        stacked = [TensorType((self.count, *t.shape), t.dtype) for t in results[self.carried :]]
        return (*results[: self.carried], *stacked)

    def requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        return tuple(pair for node in self.body.nodes() for pair in node.op.requirements([v.type for v in node.inputs]))

    def limits(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        nodes = self.body.nodes()
        return tuple(
            pair for node in nodes for pair in (*node.op.limits([v.type for v in node.inputs]), *positive_sizes(node))
        )

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        states = list(inputs[: self.carried])
        sequences = inputs[self.carried : self.carried + self.scanned]
        fixed = list(inputs[self.carried + self.scanned :])
        count = number(self.count)
        collected: list[list[Array]] = [[] for _ in self.body.outputs[self.carried :]]
        for step in range(count):
            t = count - 1 - step if self.reverse else step
            arguments = [*states, *(s[t] for s in sequences), *fixed]
            results = run_values(self.body, arguments, {})
            states = results[: self.carried]
            for target, element in zip(collected, results[self.carried :], strict=True):
                target.append(element)
        stacks = [np.stack(c[::-1] if self.reverse else c) for c in collected]
        return (*states, *stacks)


OPS: tuple[type[Op], ...] = (Repeat,)
