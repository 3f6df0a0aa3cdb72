"""Elementwise programs."""

from __future__ import annotations

from dataclasses import dataclass

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webassembly.dialect import render_program
from webdnn.backend.webassembly.operands import Operand, describe
from webdnn.descriptor.schema import Kernel
from webdnn.graph.graph import Node
from webdnn.graph.ops import Elementwise
from webdnn.graph.program import Program
from webdnn.graph.types import storage_of


@dataclass(frozen=True)
class ElementwiseKernel(Kernel):
    """The views of kernels/elementwise.c.jinja are the operands, then the result."""

    program: Program
    operands: tuple[Operand, ...]
    axes: int

    @property
    def output(self) -> int:
        """The number of the view of the result."""
        return len(self.operands)

    @property
    def arguments(self) -> int:
        """Where the arguments of general operands begin, among the kernel's parameters."""
        return 2 * self.output + 4

    @property
    def is_flat(self) -> bool:
        """Whether rows that lie without gaps may be computed as one long row."""
        return {operand.kind for operand in self.operands} <= {"full", "scalar"}

    @property
    def dtypes(self) -> tuple[str, ...]:
        return tuple(operand.dtype for operand in self.operands)

    @property
    def result(self) -> str:
        """The storage class of the result, which is also the C type of an element."""
        return storage_of(self.program.infer(self.dtypes))

    def functions(self, index: int) -> str:
        """The C function that the template calls."""
        return render_program(f"program_{index}", self.program, self.dtypes)


def lower_elementwise(builder: Builder, node: Node, op: Elementwise) -> None:
    y = builder.view(node.outputs[0])
    operands = describe(builder, node.inputs, y.shape)
    kernel = builder.kernel(ElementwiseKernel("elementwise", op.program, operands.known, operands.axes))
    builder.step(kernel, operands.views, [y], [y.rows, y.columns, *operands.args], origin=node.origin)


LOWERINGS: Lowerings = {Elementwise: lower_elementwise}
