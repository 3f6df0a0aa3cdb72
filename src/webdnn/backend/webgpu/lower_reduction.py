"""Reductions and softmax."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.webgpu.emit import Operand, emit, folded
from webdnn.backend.webgpu.lower_map import merge_axes
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size, ceil_divide, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import Reduce, Softmax

WORKGROUP_INNER = (1, 64)
WORKGROUP_OUTER = (16, 8)
"""(results, slices) of a workgroup: when the last axis is reduced, and when it is kept and neighbours in memory are different
results. A workgroup may have 128 invocations where WebGPU runs in compatibility mode."""


def lower_reduce(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    op = node.op
    assert isinstance(op, Reduce)
    (x,) = inputs
    rank = len(x.shape)
    x_strides, y_strides = x.strides(), output.strides()
    kept = [axis for axis in range(rank) if axis not in op.axes]
    y_axes = kept if op.keepdims else range(len(kept))
    outer = merge_axes([x.shape[i] for i in kept], [[x_strides[i] for i in kept], [y_strides[i] for i in y_axes]])
    inner = merge_axes([x.shape[i] for i in op.axes], [[x_strides[i] for i in op.axes]])
    columns, slices = WORKGROUP_INNER if rank - 1 in op.axes else WORKGROUP_OUTER
    args: dict[str, Size] = {"count": output.elements, "elements": product([x.shape[i] for i in op.axes])}
    for axis, (size, (x_step, y_step)) in enumerate(outer):
        args |= {f"kept_{axis}": size, f"x_stride_{axis}": x_step, f"y_stride_{axis}": y_step}
    for axis, (size, (step,)) in enumerate(inner):
        args |= {f"reduced_{axis}": size, f"reduced_stride_{axis}": step}
    emit(
        builder,
        "reduce",
        [Operand("x", x)],
        Operand("y", output),
        args,
        folded(ceil_divide(output.elements, columns)),
        node.origin,
        f"reduce_{op.kind}",
        kind=op.kind,
        kept=len(outer),
        reduced=len(inner),
        columns=columns,
        slices=slices,
    )


def lower_softmax(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    assert isinstance(node.op, Softmax)
    args: dict[str, Size] = {"rows": output.rows, "columns": output.columns}
    dispatch = folded(output.rows)
    emit(builder, "softmax", [Operand("x", inputs[0])], Operand("y", output), args, dispatch, node.origin)
