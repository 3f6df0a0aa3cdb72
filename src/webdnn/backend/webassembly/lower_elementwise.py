"""Elementwise programs."""

from __future__ import annotations

from dataclasses import dataclass

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webassembly.dialect import render_program
from webdnn.backend.webassembly.operands import Operand, describe
from webdnn.descriptor.schema import Kernel
from webdnn.graph.graph import Node
from webdnn.graph.ops import Elementwise, JointElementwise
from webdnn.graph.program import Program
from webdnn.graph.types import storage_of


@dataclass(frozen=True)
class ElementwiseKernel(Kernel):
    """The views of kernels/elementwise.c.jinja are the operands, then the results."""

    program: Program
    operands: tuple[Operand, ...]
    axes: int
    calls: tuple[int, ...] = ()
    """Those of the program that give results; where there is one result, the last one does."""

    @property
    def output(self) -> int:
        """The number of the view of the first result."""
        return len(self.operands)

    @property
    def sizes(self) -> int:
        """Where the rows and columns of the results stand, among the kernel's parameters."""
        return 2 * (self.output + len(self.results))

    @property
    def arguments(self) -> int:
        """Where the arguments of general operands begin, among the kernel's parameters."""
        return self.sizes + 2

    @property
    def is_flat(self) -> bool:
        """Whether rows that lie without gaps may be computed as one long row."""
        return {operand.kind for operand in self.operands} <= {"full", "scalar"}

    @property
    def dtypes(self) -> tuple[str, ...]:
        return tuple(operand.dtype for operand in self.operands)

    @property
    def results(self) -> tuple[str, ...]:
        """The storage classes of the results, which are also the C types of their elements."""
        typed = self.program.typed(self.dtypes)
        return tuple(storage_of(typed[call].dtype) for call in self.calls or (-1,))

    def functions(self, index: int) -> str:
        """The C function that the template calls."""
        return render_program(f"program_{index}", self.program, self.dtypes, self.calls)


def lower_elementwise(builder: Builder, node: Node, op: Elementwise) -> None:
    _emit(builder, node, op.program, ())


def lower_joint_elementwise(builder: Builder, node: Node, op: JointElementwise) -> None:
    _emit(builder, node, op.program, op.results)


def _emit(builder: Builder, node: Node, program: Program, calls: tuple[int, ...]) -> None:
    results = [builder.view(value) for value in node.outputs]
    y = results[0]
    operands = describe(builder, node.inputs, y.shape)
    kernel = builder.kernel(ElementwiseKernel("elementwise", program, operands.known, operands.axes, calls))
    builder.step(kernel, operands.views, results, [y.rows, y.columns, *operands.args], origin=node.origin)


LOWERINGS: Lowerings = {Elementwise: lower_elementwise, JointElementwise: lower_joint_elementwise}
