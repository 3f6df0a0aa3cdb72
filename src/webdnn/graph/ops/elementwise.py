"""Elementwise computation, and the epilogue that a convolution or matrix product applies to its sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from webdnn.graph.dim import Size
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Op, Value, apply
from webdnn.graph.program import Program, single
from webdnn.graph.types import TensorType, broadcast_requirements, broadcast_shapes

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Elementwise(Op):
    """`program` on its inputs, which broadcast as in NumPy. The program says which dtypes it takes, and gives."""

    program: Program

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if len(inputs) != self.program.inputs:
            raise GraphError(f"the program takes {self.program.inputs} inputs, got {len(inputs)}")
        dtype = self.program.infer([t.dtype for t in inputs])
        return (TensorType(broadcast_shapes([t.shape for t in inputs]), dtype),)

    def requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        return broadcast_requirements([t.shape for t in inputs])

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        result = self.program.evaluate(inputs)
        return (np.broadcast_to(result, np.broadcast_shapes(*(a.shape for a in inputs))),)


@dataclass(frozen=True, eq=False)
class JointElementwise(Op):
    """Several results of one program, each of the shape to which all inputs broadcast.

    `results` are the numbers of the calls that give them, the first call being 0. What two results have in common is computed once, and a
    result that another is made from need not be read again.
    """

    program: Program
    results: tuple[int, ...]

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        known = range(len(self.program.calls))
        if len(set(self.results)) != len(self.results) or not set(self.results) <= set(known) or not self.results:
            raise GraphError(f"results must be different calls of {len(known)}, got {self.results}")
        calls = self.program.typed([t.dtype for t in inputs])
        shape = broadcast_shapes([t.shape for t in inputs])
        return tuple(TensorType(shape, calls[result].dtype) for result in self.results)

    def requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        return broadcast_requirements([t.shape for t in inputs])

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        values = self.program.evaluate_calls(inputs)
        shape = np.broadcast_shapes(*(a.shape for a in inputs))
        return tuple(np.broadcast_to(values[result], shape) for result in self.results)


def elementwise(function: str, *operands: Value | float, origin: tuple[str, ...] = ()) -> Value:
    """`function` of values and literals: `elementwise("clip", x, 0, 6)`."""
    program = single(function, *(None if isinstance(o, Value) else float(o) for o in operands))
    return apply(Elementwise(program), *(o for o in operands if isinstance(o, Value)), origin=origin)


def sum_dtype(value: Value) -> str:
    """The dtype of the sum that `value`, of an op with an epilogue, is made from: that of the data."""
    return value.node.inputs[0].dtype


@dataclass(frozen=True, eq=False)
class WithEpilogue(Op):
    """Base of the ops that may finish with an elementwise program: sums of products, of data and weights, and normalizations.

    Input 0 of `epilogue` is what they compute from their first `main` inputs, the sum; its further inputs are the op's other inputs, and
    broadcast *to* the sum's shape.
    """

    main: ClassVar[int] = 2

    def main_type(self, inputs: Sequence[TensorType]) -> TensorType:
        """Type of the sum."""
        raise NotImplementedError(self.name)

    def main_evaluate(self, inputs: Sequence[Array]) -> Array:
        """The sum."""
        raise NotImplementedError(self.name)

    def main_requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        return ()

    @property
    def program(self) -> Program | None:
        program = self.attributes()["epilogue"]
        return program if isinstance(program, Program) else None

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        extra = self.program.inputs - 1 if self.program else 0
        if len(inputs) != self.main + extra:
            raise GraphError(f"takes {self.main + extra} inputs, got {len(inputs)}")
        result = self.main_type(inputs[: self.main])
        for operand in inputs[self.main :]:
            if broadcast_shapes([result.shape, operand.shape]) != result.shape:
                raise GraphError(f"epilogue operand {operand} does not broadcast to {result}")
        dtype = result.dtype
        if self.program:
            dtype = self.program.infer([dtype, *(t.dtype for t in inputs[self.main :])])
        return (TensorType(result.shape, dtype),)

    def requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        main = inputs[: self.main]
        shapes = [self.main_type(main).shape, *(t.shape for t in inputs[self.main :])]
        return self.main_requirements(main) + broadcast_requirements(shapes)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        result = self.main_evaluate(inputs[: self.main])
        return (self.program.evaluate([result, *inputs[self.main :]]) if self.program else result,)


OPS: tuple[type[Op], ...] = (Elementwise, JointElementwise)
