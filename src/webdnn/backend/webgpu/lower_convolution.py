"""Convolutions: products of what their windows meet, or sums of each window where channels are not mixed or fall into small groups."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webgpu.emit import Operand, can_be_vector, divisible, emit, items
from webdnn.backend.webgpu.epilogue import Epilogue
from webdnn.backend.webgpu.product import Product
from webdnn.backend.webgpu.tiles import SMALLEST_COLUMNS
from webdnn.graph.dim import Size, ceil_divide
from webdnn.graph.graph import Node
from webdnn.graph.ops import Conv2D, Conv2DTranspose, DepthwiseConv2D

GROUPED_PIXELS = 4
"""Output pixels of one invocation of the kernel for small groups of channels: they share the loads of the weights."""


def lower_conv2d(builder: Builder, node: Node, op: Conv2D) -> None:
    w = node.inputs[1]
    if op.groups == 1 and w.shape[:2] == (1, 1) and op.strides == (1, 1) and op.padding == ((0, 0), (0, 0)):
        Product.of(builder, node, op).emit()
        return
    (top, _), (left, _) = op.padding
    args = window_args(builder, node, op, top, left)
    if op.groups > 1:
        _lower_groups(builder, node, op, args)
    else:
        Product.of(builder, node, op, "conv", args).emit()


def _lower_groups(builder: Builder, node: Node, op: Conv2D, args: dict[str, Size]) -> None:
    """Groups of as many columns as a tile has, or a multiple, are products; smaller ones are summed without shared memory."""
    x, w = map(builder.view, node.inputs[:2])
    sums = Epilogue.of(builder, node, op)
    output = sums.output
    group_columns = int(output.columns) // op.groups  # type: ignore[arg-type]
    args = {**args, "channels": w.shape[2], "group_columns": group_columns}
    if group_columns % SMALLEST_COLUMNS == 0:
        Product.of(builder, node, op, "conv", args, group_columns).emit()
        return
    vector = divisible(group_columns) and can_be_vector(w) and sums.can_be_vector()
    x_vector = vector and can_be_vector(x) and divisible(w.shape[2])
    epilogue = sums.bind(vector)
    emit(
        builder,
        "grouped",
        [Operand("x", x, x_vector), Operand("w", w, vector), *epilogue.operands],
        Operand("y", output, vector),
        {"rows": output.rows, "columns": output.columns} | args | epilogue.args,
        items(ceil_divide(output.rows, GROUPED_PIXELS) * (output.columns // 4 if vector else output.columns)),
        node.origin,
        "grouped_conv2d",
        pixels=GROUPED_PIXELS,
        x_vector=x_vector,
        computes="f32",
        **epilogue.context,
    )


def lower_conv2d_transpose(builder: Builder, node: Node, op: Conv2DTranspose) -> None:
    (top, _), (left, _) = op.crop
    Product.of(builder, node, op, "transposed", window_args(builder, node, op, top, left)).emit()


def lower_depthwise_conv2d(builder: Builder, node: Node, op: DepthwiseConv2D) -> None:
    x, w = map(builder.view, node.inputs[:2])
    sums = Epilogue.of(builder, node, op)
    output = sums.output
    multiplier = w.shape[3]
    vector = multiplier == 1 and can_be_vector(x) and sums.can_be_vector()
    epilogue = sums.bind(vector)
    (top, _), (left, _) = op.padding
    args: dict[str, Size] = {"rows": output.rows, "columns": output.columns, "multiplier": multiplier}
    emit(
        builder,
        "depthwise",
        [Operand("x", x, vector), Operand("w", w, vector), *epilogue.operands],
        Operand("y", output, vector),
        args | window_args(builder, node, op, top, left) | epilogue.args,
        items(output.elements // 4 if vector else output.elements),
        node.origin,
        "depthwiseconv2d",
        kernel_height=w.shape[0],
        kernel_width=w.shape[1],
        computes="f32",
        **epilogue.context,
    )


def window_args(
    builder: Builder, node: Node, op: Conv2D | Conv2DTranspose | DepthwiseConv2D, top: Size, left: Size
) -> dict[str, Size]:
    """What a kernel needs to know about windows on an image. `top` and `left` are padding, or crop of a transposed convolution."""
    (x, w), output = map(builder.view, node.inputs[:2]), builder.view(node.outputs[0])
    return {
        "height": x.shape[1],
        "width": x.shape[2],
        "channels": x.shape[3],
        "image_pixels": output.shape[1] * output.shape[2],
        "out_width": output.shape[2],
        "kernel_height": w.shape[0],
        "kernel_width": w.shape[1],
        "stride_y": op.strides[0],
        "stride_x": op.strides[1],
        "dilation_y": op.dilation[0],
        "dilation_x": op.dilation[1],
        "top": top,
        "left": left,
    }


LOWERINGS: Lowerings = {
    Conv2D: lower_conv2d,
    Conv2DTranspose: lower_conv2d_transpose,
    DepthwiseConv2D: lower_depthwise_conv2d,
}
