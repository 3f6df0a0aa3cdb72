"""Ops → kernel calls. Every kernel is a template of `kernels`; sizes are arguments, and only what changes a loop's body is a field."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.target import Capabilities, Lowering, Target
from webdnn.backend.webassembly.finish import finish
from webdnn.backend.webassembly.lower_convolution import (
    lower_batch_matmul,
    lower_conv2d,
    lower_conv2d_transpose,
    lower_depthwise,
    lower_matmul,
)
from webdnn.backend.webassembly.lower_indexing import (
    lower_arg_reduce,
    lower_arg_sort,
    lower_cumulative_sum,
    lower_gather,
    lower_gather_elements,
)
from webdnn.backend.webassembly.lower_move import copy, lower_pad, lower_slice, lower_transpose, merge_axes
from webdnn.backend.webassembly.operands import describe
from webdnn.graph.dim import Size, product
from webdnn.graph.graph import Node, Op
from webdnn.graph.ops import (
    ArgReduce,
    ArgSort,
    BatchMatMul,
    Conv2D,
    Conv2DTranspose,
    CumulativeSum,
    DepthwiseConv2D,
    Elementwise,
    Gather,
    GatherElements,
    MatMul,
    Pad,
    Pool2D,
    Reduce,
    Resize2D,
    Slice,
    Softmax,
    Transpose,
)
from webdnn.graph.ops.resize import TAPS


def lower_elementwise(builder: Builder, node: Node) -> None:
    op = node.op
    assert isinstance(op, Elementwise)
    y = builder.view(node.outputs[0])
    operands = describe(builder, node.inputs, y.shape)
    output = len(operands.views)
    kernel = builder.kernel(
        "elementwise",
        template="elementwise.c.jinja",
        program=op.program.to_json(),
        operands=list(operands.kinds),
        axes=operands.axes,
        output=output,
        arguments=2 * output + 4,
        flat=set(operands.kinds) <= {"full", "scalar"},
    )
    builder.step(kernel, operands.views, [y], [y.rows, y.columns, *operands.args], origin=node.origin)


def lower_pool2d(builder: Builder, node: Node) -> None:
    op = node.op
    assert isinstance(op, Pool2D)
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    (top, _), (left, _) = op.padding
    args = [*x.shape, y.shape[1], y.shape[2], top, left, *op.size, *op.strides, int(op.count_padding)]
    kernel = builder.kernel("pool2d", template="pool2d.c.jinja", kind=op.kind)
    builder.step(kernel, [x], [y], args, origin=node.origin)


def lower_reduce(builder: Builder, node: Node) -> None:
    op = node.op
    assert isinstance(op, Reduce)
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    strides = x.strides()
    last = len(x.shape) - 1
    last_is_kept = last not in op.axes
    sides: dict[bool, list[tuple[Size, Size, Size]]] = {True: [], False: []}
    for axis in range(last):
        sides[axis not in op.axes].append((x.shape[axis], strides[axis], strides[axis]))
    kept, gone = merge_axes(sides[True]), merge_axes(sides[False])
    kernel = builder.kernel(
        "reduce", template="reduce.c.jinja", kind=op.kind, kept=len(kept), gone=len(gone), last_is_kept=last_is_kept
    )
    args: list[Size] = [
        y.columns,
        product([x.shape[a] for a in op.axes]),
        x.columns,
        product([size for size, _, _ in kept]),
    ]
    for axes in (kept, gone):
        args += [size for size, _, _ in axes] + [stride for _, stride, _ in axes]
    builder.step(kernel, [x], [y], args, origin=node.origin)


def lower_softmax(builder: Builder, node: Node) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    kernel = builder.kernel("softmax", template="softmax.c.jinja")
    builder.step(kernel, [x], [y], [x.rows, x.columns], origin=node.origin)


def lower_resize2d(builder: Builder, node: Node) -> None:
    op = node.op
    assert isinstance(op, Resize2D)
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    cubic = {"value": op.cubic, "exclude_outside": op.exclude_outside} if op.mode == "bicubic" else {}
    kernel = builder.kernel("resize2d", template="resize2d.c.jinja", taps=TAPS[op.mode], **cubic)
    args = [*x.shape, y.shape[1], y.shape[2]]
    for axis in range(2):
        places = op.positions(axis, x.shape[1 + axis])
        args += [places.step, places.start, places.divisor]
    builder.step(kernel, [x], [y], args, origin=node.origin)


LOWERINGS: dict[type[Op], Lowering] = {
    ArgReduce: lower_arg_reduce,
    ArgSort: lower_arg_sort,
    BatchMatMul: lower_batch_matmul,
    Conv2D: lower_conv2d,
    Conv2DTranspose: lower_conv2d_transpose,
    CumulativeSum: lower_cumulative_sum,
    DepthwiseConv2D: lower_depthwise,
    Elementwise: lower_elementwise,
    Gather: lower_gather,
    GatherElements: lower_gather_elements,
    MatMul: lower_matmul,
    Pad: lower_pad,
    Pool2D: lower_pool2d,
    Reduce: lower_reduce,
    Resize2D: lower_resize2d,
    Slice: lower_slice,
    Softmax: lower_softmax,
    Transpose: lower_transpose,
}

TARGET = Target(
    name="webassembly",
    capabilities=Capabilities(memory="arena", strided_write=True, in_place=True, same_buffer_io=True),
    lowerings=LOWERINGS,
    copy=copy,
    finish=finish,
)
