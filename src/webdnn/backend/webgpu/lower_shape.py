"""Ops that move elements without computing on them, or make them out of nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from webdnn.backend.builder import Builder
from webdnn.backend.operands import merge_axes
from webdnn.backend.target import Lowerings, MovedAxis
from webdnn.backend.webgpu.dialect import bits
from webdnn.backend.webgpu.emit import Operand, divisible, emit, items
from webdnn.backend.webgpu.lower_elementwise import can_be_vectors
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import Fill, Iota, Pad, Slice, Transpose


def emit_move(
    builder: Builder,
    axes: Sequence[MovedAxis],
    source: View,
    destination: View,
    origin: tuple[str, ...],
    name: str,
) -> None:
    """destination[i, j, …] = source[i, j, …]: both are walked from their offsets by the strides of `axes`."""
    merged = merge_axes([size for size, _, _ in axes], [[axis[k] for axis in axes] for k in (1, 2)])
    vector = can_be_vectors([source, destination], merged)
    args: dict[str, Size] = {"count": product([size for size, _, _ in axes])}
    args |= {f"size_{axis}": size for axis, (size, _) in enumerate(merged) if axis > 0}
    for k, operand in enumerate("xy"):
        args |= {f"{operand}_stride_{axis}": own[k] for axis, (_, own) in enumerate(merged)}
    emit(
        builder,
        "move",
        [Operand("x", source, vector and merged[-1][1][0] == 1)],
        Operand("y", destination, vector),
        args,
        items(args["count"] // 4 if vector else args["count"]),
        origin,
        name,
        moves=True,
        rank=len(merged),
    )


def _seen_as(view: View, strides: Sequence[Size]) -> list[MovedAxis]:
    """The axes of `view`, with `strides` in the source."""
    return list(zip(view.shape, strides, view.strides(), strict=True))


def move(builder: Builder, axes: Sequence[MovedAxis], source: View, destination: View, origin: tuple[str, ...]) -> None:
    """The target's `move`. What moves within a buffer goes through a buffer of its own."""
    if source.buffer == destination.buffer:
        own = builder.temporary(tuple(size for size, _, _ in axes), builder.storage(source))
        emit_move(builder, _seen_as(own, [step for _, step, _ in axes]), source, own, origin, "move")
        axes = [(size, step, far) for (size, _, far), step in zip(axes, own.strides(), strict=True)]
        source = own
    emit_move(builder, axes, source, destination, origin, "move")


def lower_transpose(builder: Builder, node: Node, op: Transpose) -> None:
    x, output = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    own = x.strides()
    axes = _seen_as(output, [own[axis] for axis in op.permutation])
    emit_move(builder, axes, x, output, node.origin, "transpose")


def lower_slice(builder: Builder, node: Node, op: Slice) -> None:
    x, output = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    strides = x.strides()
    offset = x.offset
    for first, step in zip(op.starts, strides, strict=True):
        offset = offset + first * step
    first_element = View(x.buffer, offset, x.pitch, output.shape)
    emit_move(builder, _seen_as(output, strides), first_element, output, node.origin, "slice")


def copy(builder: Builder, source: View, destination: View, origin: tuple[str, ...]) -> None:
    """The target's `copy`: a view that is dense takes the shape of the other."""
    if source.shape != destination.shape and source.is_dense:
        source = View(source.buffer, source.offset, destination.columns, destination.shape)
    elif source.shape != destination.shape and destination.is_dense:
        destination = View(destination.buffer, destination.offset, source.columns, source.shape)
    if source.shape == destination.shape:
        emit_move(builder, _seen_as(destination, source.strides()), source, destination, origin, "copy")
        return
    args = {"count": source.elements, "x_columns": source.columns, "y_columns": destination.columns}
    dispatch = items(source.elements)
    emit(builder, "copy", [Operand("x", source)], Operand("y", destination), args, dispatch, origin, moves=True)


@dataclass(frozen=True)
class PaddedAxis:
    """An axis of x with `inner` elements that begins at element `before` of an axis of y with `size` elements, and the distances between
    neighbours along it."""

    before: Size
    inner: Size
    size: Size
    x_step: Size
    y_step: Size


def _padded_axes(op: Pad, x: View, output: View) -> list[PaddedAxis]:
    """The fewest axes: one that is not padded becomes part of the axis outside it, whose elements are then its rows."""
    axes: list[PaddedAxis] = []
    for axis, (before, after) in enumerate(op.amounts):
        own = PaddedAxis(before, x.shape[axis], output.shape[axis], x.strides()[axis], output.strides()[axis])
        outer = axes[-1] if axes else None
        continues = outer and outer.x_step == own.x_step * own.inner and outer.y_step == own.y_step * own.size
        if outer and continues and before == 0 and after == 0:
            size = own.size
            axes[-1] = replace(own, before=outer.before * size, inner=outer.inner * size, size=outer.size * size)
        else:
            axes.append(own)
    return axes or [PaddedAxis(0, 1, 1, 1, 1)]


def lower_pad(builder: Builder, node: Node, op: Pad) -> None:
    x, output = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    *outer, last = axes = _padded_axes(op, x, output)
    outer_steps = [step for axis in outer for step in (axis.x_step, axis.y_step)]
    aligned = divisible(last.before, last.inner, last.size, x.offset, output.offset, *outer_steps)
    vector = aligned and (last.x_step, last.y_step) == (1, 1)
    args: dict[str, Size] = {"count": output.elements, "value": bits(op.value, node.inputs[0].dtype)}
    for position, axis in enumerate(axes):
        args |= {f"size_{position}": axis.size} if position else {}
        args |= {f"before_{position}": axis.before, f"inner_{position}": axis.inner}
        args |= {f"x_stride_{position}": axis.x_step, f"y_stride_{position}": axis.y_step}
    emit(
        builder,
        "pad",
        [Operand("x", x, vector)],
        Operand("y", output, vector),
        args,
        items(args["count"] // 4 if vector else args["count"]),
        node.origin,
        rank=len(axes),
        moves=True,
    )


def lower_fill(builder: Builder, node: Node, op: Fill) -> None:
    _emit_fill(builder, node, bits(op.value, op.dtype), 0)


def lower_iota(builder: Builder, node: Node, op: Iota) -> None:
    _emit_fill(builder, node, 0, 1)


def _emit_fill(builder: Builder, node: Node, value: int, step: int) -> None:
    """Cell i of the result, in row-major order, is value + i · step."""
    output = builder.view(node.outputs[0])
    args: dict[str, Size] = {"count": output.elements, "columns": output.columns, "value": value, "step": step}
    emit(builder, "fill", [], Operand("y", output), args, items(output.elements), node.origin, moves=True)


LOWERINGS: Lowerings = {
    Fill: lower_fill,
    Iota: lower_iota,
    Pad: lower_pad,
    Slice: lower_slice,
    Transpose: lower_transpose,
}
