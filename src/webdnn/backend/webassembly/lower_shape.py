"""Ops that move elements without computing on them, or make them out of nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webdnn.backend.builder import Builder
from webdnn.backend.operands import merge_axes
from webdnn.backend.target import Lowerings, MovedAxis
from webdnn.backend.webassembly.dialect import literal
from webdnn.descriptor.schema import Kernel, View
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node
from webdnn.graph.ops import Fill, Iota, Pad, Slice, Transpose


@dataclass(frozen=True)
class MoveKernel(Kernel):
    rank: int


@dataclass(frozen=True)
class PadKernel(Kernel):
    rank: int
    storage: str
    value: str
    """In C."""


@dataclass(frozen=True)
class FillKernel(Kernel):
    storage: str
    value: str
    """In C."""


def _merged(axes: Sequence[MovedAxis]) -> tuple[int, list[Size]]:
    """How many axes a move takes, and its arguments: their sizes, strides in the source, strides in the destination."""
    merged = merge_axes([size for size, _, _ in axes], [[a for _, a, _ in axes], [b for _, _, b in axes]])
    sizes = [size for size, _ in merged]
    return len(merged), [*sizes, *(source for _, (source, _) in merged), *(to for _, (_, to) in merged)]


def move(builder: Builder, axes: Sequence[MovedAxis], source: View, destination: View, origin: tuple[str, ...]) -> None:
    """Emits one step, whatever the axes: a copy where they are rows of neighbours."""
    rank, args = _merged(axes)
    sizes, steps, to_steps = args[:rank], args[rank : 2 * rank], args[2 * rank :]
    if rank <= 2 and steps[-1] == to_steps[-1] == 1:
        pitch, to_pitch = (steps[0], to_steps[0]) if rank == 2 else (sizes[0], sizes[0])
        rows = View(source.buffer, source.offset, pitch, tuple(sizes))
        copy(builder, rows, View(destination.buffer, destination.offset, to_pitch, tuple(sizes)), origin)
        return
    builder.step(builder.kernel(MoveKernel("move", rank)), [source], [destination], args, origin=origin)


def copy(builder: Builder, source: View, destination: View, origin: tuple[str, ...]) -> None:
    args = [source.columns, destination.columns, destination.elements]
    builder.step(builder.kernel(Kernel("copy")), [source], [destination], args, origin=origin)


def lower_transpose(builder: Builder, node: Node, op: Transpose) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    strides = x.strides()
    seen = [strides[axis] for axis in op.permutation]
    move(builder, list(zip(y.shape, seen, y.strides(), strict=True)), x, y, node.origin)


def lower_slice(builder: Builder, node: Node, op: Slice) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    offset = x.offset
    for start, stride in zip(op.starts, x.strides(), strict=True):
        offset = offset + start * stride
    source = View(x.buffer, offset, x.pitch, op.sizes)
    move(builder, list(zip(y.shape, x.strides(), y.strides(), strict=True)), source, y, node.origin)


def lower_pad(builder: Builder, node: Node, op: Pad) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    place: Size = 0
    for (before, _), stride in zip(op.amounts, y.strides(), strict=True):
        place = place + before * stride
    rank, args = _merged(list(zip(x.shape, x.strides(), y.strides(), strict=True)))
    kernel = builder.kernel(PadKernel("pad", rank, builder.storage(y), literal(op.value, node.inputs[0].dtype)))
    builder.step(kernel, [x], [y], [y.rows, y.columns, place, *args], origin=node.origin)


def lower_fill(builder: Builder, node: Node, op: Fill) -> None:
    y = builder.view(node.outputs[0])
    kernel = builder.kernel(FillKernel("fill", builder.storage(y), literal(op.value, op.dtype)))
    builder.step(kernel, [], [y], [y.rows, y.columns], origin=node.origin)


def lower_iota(builder: Builder, node: Node, op: Iota) -> None:
    y = builder.view(node.outputs[0])
    builder.step(builder.kernel(Kernel("iota")), [], [y], [y.columns], origin=node.origin)


LOWERINGS: Lowerings = {
    Fill: lower_fill,
    Iota: lower_iota,
    Pad: lower_pad,
    Slice: lower_slice,
    Transpose: lower_transpose,
}
