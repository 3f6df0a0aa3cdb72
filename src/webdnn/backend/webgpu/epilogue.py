"""What becomes of the sums of a product or a convolution, or of normalized rows, before they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webdnn.backend.builder import Builder
from webdnn.backend.operands import broadcast_strides, merge_axes, operand_kind
from webdnn.backend.webgpu.dialect import Body, render
from webdnn.backend.webgpu.emit import Operand, can_be_vector, divisible
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node
from webdnn.graph.ops.elementwise import WithEpilogue
from webdnn.graph.program import Program


@dataclass(frozen=True)
class Extra:
    """A further operand of an epilogue. A `strided` one walks `rank` axes, whose product is the number of rows, by strides of its own."""

    name: str
    kind: str
    vector: bool
    rank: int = 0


@dataclass(frozen=True)
class Epilogue:
    """An epilogue on the sums of `output`'s shape: its operands, and the program that takes them.

    `views[k]` has elements of `dtypes[1 + k]`; `dtypes[0]` is that of the sums.
    """

    program: Program | None
    dtypes: tuple[str, ...]
    views: tuple[View, ...]
    output: View

    @staticmethod
    def of(builder: Builder, node: Node, op: WithEpilogue) -> Epilogue:
        """That of `node`."""
        extras = node.inputs[op.main :]
        dtypes = (node.inputs[0].dtype, *(value.dtype for value in extras))
        return Epilogue(op.program, dtypes, tuple(map(builder.view, extras)), builder.view(node.outputs[0]))

    def can_be_vector(self) -> bool:
        """Whether four columns of the result can be stored at once, and of every operand, one or four can be loaded."""
        return can_be_vector(self.output) and all(
            _can_be_vector(view, operand_kind(view.shape, self.output.shape), self.output) for view in self.views
        )

    def bind(self, vector: bool) -> BoundEpilogue:
        """What a kernel needs that stores single elements, or vectors of four."""
        operands, extras = [], []
        args: dict[str, Size] = {}
        for position, view in enumerate(self.views, start=1):
            name, kind = f"e{position}", operand_kind(view.shape, self.output.shape)
            if kind == "general":
                kind, axes, step = "strided", *_walk(view, self.output)
                args |= {f"{name}_step": step}
                args |= {f"{name}_size_{axis}": size for axis, (size, _) in enumerate(axes) if axis > 0}
                args |= {f"{name}_stride_{axis}": stride for axis, (_, (stride,)) in enumerate(axes)}
                extras.append(Extra(name, kind, vector and step == 1, len(axes)))
            else:
                extras.append(Extra(name, kind, vector and kind != "scalar"))
            operands.append(Operand(name, view, extras[-1].vector))
        return BoundEpilogue(operands, args, extras, render(self.program, self.dtypes))


@dataclass(frozen=True)
class BoundEpilogue:
    """Bindings and parameters that an epilogue adds to a kernel, and what kernels/epilogue.wgsl.jinja needs."""

    operands: Sequence[Operand]
    args: dict[str, Size]
    extras: Sequence[Extra]
    body: Body

    @property
    def context(self) -> dict[str, Any]:
        return {"extras": self.extras, "body": self.body}


def _walk(view: View, output: View) -> tuple[list[tuple[Size, tuple[Size, ...]]], Size]:
    """The axes of the output's rows with the distances between neighbours of `view`, and the distance between its columns."""
    *outer, step = broadcast_strides(view, output.shape)
    return merge_axes(output.shape[:-1], [outer]), step


def _can_be_vector(view: View, kind: str, output: View) -> bool:
    if kind != "general":
        return kind == "scalar" or can_be_vector(view)
    axes, step = _walk(view, output)
    return step == 0 or divisible(view.offset, *(stride for _, (stride,) in axes))
