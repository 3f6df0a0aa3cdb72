"""Resizing."""

from __future__ import annotations

from dataclasses import dataclass

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webassembly.dialect import literal
from webdnn.descriptor.schema import Kernel
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node
from webdnn.graph.ops import Resize2D
from webdnn.graph.ops.resize import TAPS


@dataclass(frozen=True)
class ResizeKernel(Kernel):
    taps: int
    cubic: str = ""
    """The coefficient of a bicubic mean, in C."""
    exclude_outside: bool = False


def lower_resize2d(builder: Builder, node: Node, op: Resize2D) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    cubic = (literal(op.cubic, "float32"), op.exclude_outside) if op.mode == "bicubic" else ()
    args: list[Size] = [*x.shape, y.shape[1], y.shape[2]]
    for axis in range(2):
        places = op.positions(axis, x.shape[1 + axis])
        args += [places.step, places.start, places.divisor]
    builder.step(builder.kernel(ResizeKernel("resize2d", TAPS[op.mode], *cubic)), [x], [y], args, origin=node.origin)


LOWERINGS: Lowerings = {Resize2D: lower_resize2d}
