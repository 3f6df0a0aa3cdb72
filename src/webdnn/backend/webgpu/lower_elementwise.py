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
from webdnn.graph.ops import Elementwise, JointElementwise
from webdnn.graph.program import Program


def can_be_vectors(views: Sequence[View], axes: Sequence[Axis], results: int = 1) -> bool:
    """Whether four neighbours along the last axis lie together, aligned, in the results (the last views) and in the operands; an operand may
    also have one value for all of them."""
    size, steps = axes[-1]
    if not divisible(size) or any(step != 1 for step in steps[-results:]) or any(step not in (0, 1) for step in steps):
        return False
    return all(
        divisible(view.offset, *(outer[k] for _, outer in axes[:-1])) for k, view in enumerate(views) if steps[k] == 1
    )


def emit_map(builder: Builder, node: Node, program: Program, results: Sequence[int] = (-1,)) -> None:
    """The outputs of `node` = what the calls `results` of `program` give for its inputs, which broadcast to the outputs' shape."""
    inputs, outputs = ([builder.view(value) for value in values] for values in (node.inputs, node.outputs))
    shape = outputs[0].shape
    strides = [broadcast_strides(view, shape) for view in inputs]
    axes = merge_axes(shape, [*strides, *(view.strides() for view in outputs)])
    vector = can_be_vectors([*inputs, *outputs], axes, len(outputs))
    steps = axes[-1][1]
    operands = [Operand(f"x{k}", view, vector and steps[k] == 1) for k, view in enumerate(inputs)]
    first, *more = (Operand(f"y{k}", view, vector) for k, view in enumerate(outputs))
    args: dict[str, Size] = {"count": product(shape)}
    args |= {f"size_{axis}": size for axis, (size, _) in enumerate(axes) if axis > 0}
    for k, operand in enumerate([*operands, first, *more]):
        args |= {f"{operand.name}_stride_{axis}": own[k] for axis, (_, own) in enumerate(axes)}
    emit(
        builder,
        "map",
        operands,
        first,
        args,
        items(args["count"] // 4 if vector else args["count"]),
        node.origin,
        "elementwise",
        computes="f32",
        more=more,
        rank=len(axes),
        body=render(program, [value.dtype for value in node.inputs], results),
    )


def lower_elementwise(builder: Builder, node: Node, op: Elementwise) -> None:
    emit_map(builder, node, op.program)


def lower_joint_elementwise(builder: Builder, node: Node, op: JointElementwise) -> None:
    emit_map(builder, node, op.program, op.results)


LOWERINGS: Lowerings = {Elementwise: lower_elementwise, JointElementwise: lower_joint_elementwise}
