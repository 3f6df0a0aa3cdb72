"""Ops that move elements without computing on them."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.backend.builder import Builder
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node
from webdnn.graph.ops import Pad, Slice, Transpose

Axis = tuple[Size, Size, Size]
"""Size, stride in the source, stride in the target."""


def merge_axes(axes: Sequence[Axis]) -> list[Axis]:
    """The same elements with as few axes as can be: size-1 axes dropped, axes that continue their neighbour joined."""
    result: list[Axis] = []
    for size, source, target in axes:
        if size == 1:
            continue
        if result and result[-1][1] == source * size and result[-1][2] == target * size:
            size = result.pop()[0] * size
        result.append((size, source, target))
    return result or [(1, 1, 1)]


def _move_args(axes: Sequence[Axis]) -> list[Size]:
    return [axis[part] for part in range(3) for axis in axes]


def _emit_move(builder: Builder, source: View, target: View, axes: Sequence[Axis], origin: tuple[str, ...]) -> None:
    axes = merge_axes(axes)
    kernel = builder.kernel("move", template="move.c.jinja", rank=len(axes))
    builder.step(kernel, [source], [target], _move_args(axes), origin=origin)


def lower_transpose(builder: Builder, node: Node) -> None:
    op = node.op
    assert isinstance(op, Transpose)
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    strides = x.strides()
    axes = list(zip(y.shape, (strides[i] for i in op.permutation), y.strides(), strict=True))
    _emit_move(builder, x, y, axes, node.origin)


def lower_slice(builder: Builder, node: Node) -> None:
    op = node.op
    assert isinstance(op, Slice)
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    offset = x.offset
    for start, stride in zip(op.starts, x.strides(), strict=True):
        offset = offset + start * stride
    source = View(x.buffer, offset, x.pitch, op.sizes)
    _emit_move(builder, source, y, list(zip(y.shape, x.strides(), y.strides(), strict=True)), node.origin)


def lower_pad(builder: Builder, node: Node) -> None:
    op = node.op
    assert isinstance(op, Pad)
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    place: Size = 0
    for (before, _), stride in zip(op.amounts, y.strides(), strict=True):
        place = place + before * stride
    axes = merge_axes(list(zip(x.shape, x.strides(), y.strides(), strict=True)))
    kernel = builder.kernel("pad", template="pad.c.jinja", rank=len(axes), value=op.value)
    builder.step(kernel, [x], [y], [y.rows, y.columns, place, *_move_args(axes)], origin=node.origin)


def copy(builder: Builder, source: View, target: View, origin: tuple[str, ...]) -> None:
    """Elements of one view, in row-major order, to another."""
    kernel = builder.kernel("copy", template="copy.c.jinja")
    builder.step(kernel, [source], [target], [source.columns, target.columns, target.elements], origin=origin)
