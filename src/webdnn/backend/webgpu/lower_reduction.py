"""Reductions, cumulative sums, softmax and normalization."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.operands import lines_along, merge_axes
from webdnn.backend.target import Lowerings
from webdnn.backend.webgpu.dialect import cut, literal
from webdnn.backend.webgpu.emit import Operand, emit, folded, items
from webdnn.backend.webgpu.epilogue import Epilogue
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size, ceil_divide, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import CumulativeSum, GroupNormalize, Normalize, Reduce, Softmax

WORKGROUP_INNER = (1, 64)
WORKGROUP_OUTER = (16, 8)
"""How many results a workgroup of a reduction computes, and into how many parts it cuts each one's elements: an invocation adds up one part of
one result. When the last axis is reduced, the elements of one result are neighbours in memory, and 64 invocations that read neighbours share
one result. When the last axis is kept, neighbours belong to different results, so 16 invocations side by side compute 16 results. Neither is
larger than 128 invocations, which is all that WebGPU allows in compatibility mode."""


def lower_reduce(builder: Builder, node: Node, op: Reduce) -> None:
    x, output = builder.view(node.inputs[0]), builder.view(node.outputs[0])
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
        result=cut(
            f"partial[column]{' / f32(p.elements)' if op.kind == 'mean' else ''}", node.outputs[0].dtype, "i32", "u32"
        ),
    )


def lower_softmax(builder: Builder, node: Node, op: Softmax) -> None:
    x, output = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    args: dict[str, Size] = {"rows": output.rows, "columns": output.columns}
    emit(builder, "softmax", [Operand("x", x)], Operand("y", output), args, folded(output.rows), node.origin)


def lower_normalize(builder: Builder, node: Node, op: Normalize) -> None:
    x, epilogue = builder.view(node.inputs[0]), Epilogue.of(builder, node, op).bind(vector=False)
    output = builder.view(node.outputs[0])
    emit(
        builder,
        "normalize",
        [Operand("x", x), *epilogue.operands],
        Operand("y", output),
        {"rows": output.rows, "columns": output.columns} | epilogue.args,
        folded(output.rows),
        node.origin,
        computes="f32",
        centre=op.centre,
        epsilon=literal(op.epsilon),
        **epilogue.context,
    )


def lower_group_normalize(builder: Builder, node: Node, op: GroupNormalize) -> None:
    x, epilogue = builder.view(node.inputs[0]), Epilogue.of(builder, node, op).bind(vector=False)
    blocks = x.shape[0] * op.groups
    args: dict[str, Size] = {"blocks": blocks, "groups": op.groups}
    args |= {"rows": product(x.shape[1:-1]), "columns": x.columns // op.groups}
    emit(
        builder,
        "group_normalize",
        [Operand("x", x), *epilogue.operands],
        Operand("y", builder.view(node.outputs[0])),
        args | epilogue.args,
        folded(blocks),
        node.origin,
        computes="f32",
        epsilon=literal(op.epsilon),
        **epilogue.context,
    )


def line_args(axis: int, **views: View) -> dict[str, Size]:
    """Sizes of the lines of the views along `axis`, which all have, and the strides of each view by its name."""
    lines = {name: lines_along(view, axis) for name, view in views.items()}
    first = next(iter(lines.values()))
    args: dict[str, Size] = {
        "count": first.count,
        "inner": first.inner,
        "columns": first.columns,
        "length": first.length,
    }
    for name, own in lines.items():
        args |= {f"{name}_outer": own.outer_stride, f"{name}_inner": own.inner_stride, f"{name}_step": own.step}
    return args


def lower_cumulative_sum(builder: Builder, node: Node, op: CumulativeSum) -> None:
    x, output = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    args = line_args(op.axis, x=x, y=output)
    emit(
        builder,
        "cumulative_sum",
        [Operand("x", x)],
        Operand("y", output),
        args,
        items(args["count"]),
        node.origin,
        reverse=op.reverse,
        result=cut("before" if op.exclusive else "sum", node.outputs[0].dtype, "i32", "u32"),
    )


LOWERINGS: Lowerings = {
    CumulativeSum: lower_cumulative_sum,
    GroupNormalize: lower_group_normalize,
    Normalize: lower_normalize,
    Reduce: lower_reduce,
    Softmax: lower_softmax,
}
