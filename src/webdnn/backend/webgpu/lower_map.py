"""Elementwise computation, and the ops that only move elements: all are loops over strided operands."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.backend.builder import Builder
from webdnn.backend.operands import broadcast_strides
from webdnn.backend.webgpu.dialect import literal, render
from webdnn.backend.webgpu.emit import Operand, divisible, emit, items
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import Elementwise, Pad, Slice, Transpose
from webdnn.graph.program import Program

Axis = tuple[Size, tuple[Size, ...]]
"""A size, and the stride of every operand."""


def merge_axes(shape: Sequence[Size], strides: Sequence[Sequence[Size]]) -> list[Axis]:
    """The fewest axes that walk the operands in the same order. `strides[k]` belongs to operand k."""
    axes: list[Axis] = []
    for axis, size in enumerate(shape):
        inner = tuple(own[axis] for own in strides)
        if size == 1:
            continue
        if axes and all(outer == step * size for outer, step in zip(axes[-1][1], inner, strict=True)):
            axes[-1] = (axes[-1][0] * size, inner)
        else:
            axes.append((size, inner))
    return axes or [(1, (0,) * len(strides))]


def can_be_vectors(views: Sequence[View], axes: Sequence[Axis], start: Size) -> bool:
    """Whether four neighbours along the last axis lie together, aligned, in the result (the last view) and in the operands; an operand may
    also have one value for all of them."""
    size, steps = axes[-1]
    if not divisible(size, start) or steps[-1] != 1 or any(step not in (0, 1) for step in steps):
        return False
    return all(
        divisible(view.offset, *(outer[k] for _, outer in axes[:-1])) for k, view in enumerate(views) if steps[k] == 1
    )


def emit_map(
    builder: Builder,
    inputs: Sequence[View],
    strides: Sequence[Sequence[Size]],
    output: View,
    origin: tuple[str, ...],
    program: Program | None = None,
    start: Size = 0,
    name: str = "map",
) -> None:
    """output[i, j, …] = program(inputs[i, j, …]…), each input walked by its own strides; `start` is added to the position of the input.

    Without a program the only input is copied.
    """
    axes = merge_axes(output.shape, [*strides, output.strides()])
    vector = can_be_vectors([*inputs, output], axes, start)
    steps = axes[-1][1]
    operands = [Operand(f"x{k}", view, vector and steps[k] == 1) for k, view in enumerate(inputs)]
    result = Operand("y", output, vector)
    args: dict[str, Size] = {"count": product(output.shape)}
    args |= {f"size_{axis}": size for axis, (size, _) in enumerate(axes) if axis > 0}
    for k, operand in enumerate([*operands, result]):
        args |= {f"{operand.name}_stride_{axis}": own[k] for axis, (_, own) in enumerate(axes)}
    if start != 0:
        args["start"] = start
    values = [f"v{k}" for k in range(len(inputs))]
    statements, expression = render(program, values, "Value") if program else ([], values[0])
    emit(
        builder,
        "map",
        operands,
        result,
        args,
        items(args["count"] // 4 if vector else args["count"]),
        origin,
        name,
        rank=len(axes),
        statements=statements,
        result=expression,
        used=" ".join(statements),
        start=start != 0,
    )


def lower_elementwise(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    assert isinstance(node.op, Elementwise)
    strides = [broadcast_strides(view, output.shape) for view in inputs]
    emit_map(builder, inputs, strides, output, node.origin, node.op.program, name="elementwise")


def broadcast(builder: Builder, view: View, shape: tuple[Size, ...], origin: tuple[str, ...]) -> View:
    """`view` repeated to `shape`, in a buffer of its own."""
    result = builder.temporary(shape)
    emit_map(builder, [view], [broadcast_strides(view, shape)], result, origin, name="broadcast")
    return result


def lower_transpose(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    assert isinstance(node.op, Transpose)
    own = inputs[0].strides()
    strides = [own[axis] for axis in node.op.permutation]
    emit_map(builder, inputs, [strides], output, node.origin, name="transpose")


def lower_slice(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    assert isinstance(node.op, Slice)
    strides = inputs[0].strides()
    start: Size = 0
    for first, step in zip(node.op.starts, strides, strict=True):
        start = start + first * step
    emit_map(builder, inputs, [strides], output, node.origin, start=start, name="slice")


def copy(builder: Builder, source: View, destination: View, origin: tuple[str, ...]) -> None:
    """Moves elements in row-major order; a view that is dense takes the shape of the other."""
    if source.buffer == destination.buffer:
        own = builder.temporary(source.shape)
        copy(builder, source, own, origin)
        source = own
    if source.shape == destination.shape:
        emit_map(builder, [source], [source.strides()], destination, origin, name="copy")
    elif source.is_dense:
        seen = View(source.buffer, source.offset, destination.columns, destination.shape)
        emit_map(builder, [seen], [seen.strides()], destination, origin, name="copy")
    elif destination.is_dense:
        seen = View(destination.buffer, destination.offset, source.columns, source.shape)
        emit_map(builder, [source], [source.strides()], seen, origin, name="copy")
    else:
        args = {"count": source.elements, "x_columns": source.columns, "y_columns": destination.columns}
        emit(builder, "copy", [Operand("x", source)], Operand("y", destination), args, items(source.elements), origin)


def lower_pad(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    assert isinstance(node.op, Pad)
    (x,) = inputs
    axes: list[tuple[Size, Size, Size, Size, Size]] = []  # before, size of x, size of y, stride of x, stride of y
    for axis, (before, after) in enumerate(node.op.amounts):
        inner, size = x.shape[axis], output.shape[axis]
        x_step, y_step = x.strides()[axis], output.strides()[axis]
        if before == 0 and after == 0 and axes and axes[-1][3] == x_step * inner and axes[-1][4] == y_step * size:
            # An axis that is not padded belongs to the one outside it, in larger units.
            outer_before, outer_inner, outer_size, _, _ = axes[-1]
            axes[-1] = (outer_before * size, outer_inner * inner, outer_size * size, x_step, y_step)
        else:
            axes.append((before, inner, size, x_step, y_step))
    last = axes[-1] if axes else (0, 1, 1, 1, 1)
    outer_steps = [step for axis in axes[:-1] for step in axis[3:]]
    vector = divisible(*last[:3], x.offset, output.offset, *outer_steps) and last[3:] == (1, 1)
    args: dict[str, Size] = {"count": output.elements}
    for position, (before, inner, size, x_step, y_step) in enumerate(axes or [last]):
        args |= {f"size_{position}": size} if position else {}
        args |= {f"before_{position}": before, f"inner_{position}": inner}
        args |= {f"x_stride_{position}": x_step, f"y_stride_{position}": y_step}
    emit(
        builder,
        "pad",
        [Operand("x", x, vector)],
        Operand("y", output, vector),
        args,
        items(args["count"] // 4 if vector else args["count"]),
        node.origin,
        rank=len(axes) or 1,
        value=literal(node.op.value),
    )
