"""What kernels of more than one family have in common: sums of products that an epilogue finishes.

A kernel of this target is a template of `kernels`, named like its record, which the template sees as `kernel`. Sizes are arguments of each call;
a field of the record is only what changes a loop's body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from webdnn.backend.builder import Builder
from webdnn.backend.webassembly.dialect import render_program
from webdnn.backend.webassembly.operands import Operand, describe
from webdnn.descriptor.schema import Kernel, View
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node
from webdnn.graph.ops.elementwise import WithEpilogue
from webdnn.graph.program import Call, Program
from webdnn.graph.program import Operand as Term
from webdnn.graph.types import storage_of

PANEL = 8
"""Columns of weights that stand together (kernels/gemm.h.jinja)."""

SCRATCH_ELEMENTS = 1 << 16
"""Floats of working memory that every thread has: zeros, tables of taps, copied windows (kernels/gemm.h.jinja)."""


@dataclass(frozen=True)
class Bias:
    """The operand, counted from 1, that an epilogue adds first, a value for each column: sums may begin with it. `rest`, if any, is done
    afterwards, on such a sum in place of the plain one."""

    operand: int
    rest: Program | None


@dataclass(frozen=True)
class Epilogue:
    """What follows a sum (kernels/epilogue.c.jinja). The kernel's views are its `main` inputs, the operands, then its outputs."""

    program: Program | None
    sum: str
    """The dtype of the sum, which is input 0 of the program."""
    operands: tuple[Operand, ...]
    axes: int
    output: int
    """The number of the view of the result."""
    arguments: int
    """Where the arguments of general operands begin, among the kernel's parameters."""
    main: int = 2

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Those of the program's inputs."""
        return (self.sum, *(operand.dtype for operand in self.operands))

    @property
    def result(self) -> str:
        """The storage class of the result, which is also the C type of an element."""
        return storage_of(self.program.infer(self.dtypes) if self.program else self.sum)

    @property
    def bias(self) -> Bias | None:
        return split_bias(self.program, self.operands) if self.program else None

    def functions(self, index: object) -> str:
        """The C functions that templates call, of the kernel number `index`."""
        if self.program is None:
            return ""
        text = render_program(f"program_{index}", self.program, self.dtypes)
        if self.bias and self.bias.rest:
            text += "\n" + render_program(f"after_bias_{index}", self.bias.rest, self.dtypes)
        return text


NO_EPILOGUE = Epilogue(None, "float32", (), 0, 0, 0)


@dataclass(frozen=True)
class ProductKernel(Kernel):
    """A kernel that sums products."""

    epilogue: Epilogue


def emit_product(
    builder: Builder,
    node: Node,
    op: WithEpilogue,
    record: Callable[[Epilogue], ProductKernel],
    factors: tuple[View, ...],
    args: list[Size],
    *scratch: View,
) -> None:
    """Emits the call of a kernel that sums products of `factors`, or normalizes its one factor, and finishes with the epilogue of `op`."""
    result = node.outputs[0]
    operands = describe(builder, node.inputs[op.main :], result.shape)
    outputs = [builder.view(result), *scratch]
    output = op.main + len(operands.views)
    arguments = 2 * (output + len(outputs)) + len(args)
    epilogue = Epilogue(op.program, node.inputs[0].dtype, operands.known, operands.axes, output, arguments, op.main)
    inputs = [*factors, *operands.views]
    builder.step(builder.kernel(record(epilogue)), inputs, outputs, [*args, *operands.args], origin=node.origin)


def split_bias(program: Program, operands: tuple[Operand, ...]) -> Bias | None:
    """The bias with which the epilogue `program` begins, of a sum (input 0) and `operands` (inputs 1 …). None where it begins otherwise."""
    first, *rest = program.calls
    biases = [
        term
        for term in first.operands
        if isinstance(term, int) and 0 < term < program.inputs and operands[term - 1].kind == "column"
    ]
    if first.function != "add" or 0 not in _places(first) or not biases:
        return None
    if any(_places(call) & {0, *biases} for call in rest):
        return None

    def renumbered(term: Term) -> Term:
        """The first call is gone: its result is the sum now, and those of the others are one number less."""
        if isinstance(term, float) or term < program.inputs:
            return term
        return 0 if term == program.inputs else term - 1

    calls = tuple(Call(call.function, tuple(map(renumbered, call.operands))) for call in rest)
    return Bias(biases[0], Program(program.inputs, calls) if calls else None)


def _places(call: Call) -> set[int]:
    """The inputs and results that `call` takes."""
    return {term for term in call.operands if isinstance(term, int)}
