"""Elementwise computation, and the ops that only move elements: all are loops over strided operands."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.backend.builder import Builder
from webdnn.backend.operands import Axis, broadcast_strides, merge_axes
from webdnn.backend.target import Lowerings
from webdnn.backend.webgpu.dialect import render
from webdnn.backend.webgpu.emit import Operand, divisible, emit, items
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import Elementwise
from webdnn.graph.program import Program


def can_be_vectors(views: Sequence[View], axes: Sequence[Axis]) -> bool:
    """Whether four neighbours along the last axis lie together, aligned, in the result (the last view) and in the operands; an operand may
    also have one value for all of them."""
    size, steps = axes[-1]
    if not divisible(size) or steps[-1] != 1 or any(step not in (0, 1) for step in steps):
        return False
    return all(
        divisible(view.offset, *(outer[k] for _, outer in axes[:-1])) for k, view in enumerate(views) if steps[k] == 1
    )


def emit_map(
    builder: Builder,
    inputs: Sequence[View],
    output: View,
    program: Program,
    dtypes: Sequence[str],
    origin: tuple[str, ...],
) -> None:
    """output = program(*inputs); the inputs, whose elements have `dtypes`, broadcast to the output."""
    strides = [broadcast_strides(view, output.shape) for view in inputs]
    axes = merge_axes(output.shape, [*strides, output.strides()])
    vector = can_be_vectors([*inputs, output], axes)
    steps = axes[-1][1]
    operands = [Operand(f"x{k}", view, vector and steps[k] == 1) for k, view in enumerate(inputs)]
    result = Operand("y", output, vector)
    args: dict[str, Size] = {"count": product(output.shape)}
    args |= {f"size_{axis}": size for axis, (size, _) in enumerate(axes) if axis > 0}
    for k, operand in enumerate([*operands, result]):
        args |= {f"{operand.name}_stride_{axis}": own[k] for axis, (_, own) in enumerate(axes)}
    emit(
        builder,
        "map",
        operands,
        result,
        args,
        items(args["count"] // 4 if vector else args["count"]),
        origin,
        "elementwise",
        computes="f32",
        rank=len(axes),
        body=render(program, dtypes),
    )


def lower_elementwise(builder: Builder, node: Node, op: Elementwise) -> None:
    inputs, output = [builder.view(value) for value in node.inputs], builder.view(node.outputs[0])
    emit_map(builder, inputs, output, op.program, [value.dtype for value in node.inputs], node.origin)


LOWERINGS: Lowerings = {Elementwise: lower_elementwise}
