"""Convolutions."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webgl.emit import TEXEL, whole_texels
from webdnn.backend.webgl.epilogue import emit_product
from webdnn.backend.webgl.lower_matmul import emit_matmul
from webdnn.graph.dim import Size, number, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import Conv2D, Conv2DTranspose, DepthwiseConv2D
from webdnn.graph.ops.convolution import NO_PADDING, Padding
from webdnn.graph.ops.elementwise import WithEpilogue


def _window(node: Node, strides: tuple[int, int], dilation: tuple[int, int], padding: Padding) -> dict[str, Size]:
    """Sizes of image, kernel and steps; `padding` counts from the top left."""
    image, weights, output = node.inputs[0].shape, node.inputs[1].shape, node.outputs[0].shape
    return {
        "HEIGHT": image[1],
        "WIDTH": image[2],
        "OUT_HEIGHT": output[1],
        "OUT_WIDTH": output[2],
        "KERNEL_HEIGHT": weights[0],
        "KERNEL_WIDTH": weights[1],
        "STRIDE_Y": strides[0],
        "STRIDE_X": strides[1],
        "DILATION_Y": dilation[0],
        "DILATION_X": dilation[1],
        "TOP": padding[0][0],
        "LEFT": padding[1][0],
    }


def lower_conv2d(builder: Builder, node: Node, op: Conv2D) -> None:
    weights = node.inputs[1].shape
    if op.groups > 1:
        _emit_groups(builder, node, op)
    elif weights[:2] == (1, 1) and op.strides == (1, 1) and op.padding == NO_PADDING:
        emit_matmul(builder, node, op)
    else:
        _emit_convolution(builder, node, op, "conv2d", _window(node, op.strides, op.dilation, op.padding))


def _emit_groups(builder: Builder, node: Node, op: Conv2D) -> None:
    """Where a group consists of whole texels, on both sides, one texel is read at a time; else every output channel looks for its own group."""
    weights = builder.view(node.inputs[1])
    channels, columns = weights.shape[2], number(weights.shape[3])
    sizes = _window(node, op.strides, op.dilation, op.padding)
    sizes |= {"CHANNELS": channels, "GROUP_COLUMNS": columns // op.groups}
    aligned = whole_texels(channels, columns // op.groups)
    depth = product(weights.shape[:3])
    emit_product(builder, node, op, "grouped_conv2d", weights, sizes, depth, aligned=aligned)


def lower_conv2d_transpose(builder: Builder, node: Node, op: Conv2DTranspose) -> None:
    _emit_convolution(builder, node, op, "conv2d_transpose", _window(node, op.strides, op.dilation, op.crop))


def _emit_convolution(builder: Builder, node: Node, op: WithEpilogue, template: str, sizes: dict[str, Size]) -> None:
    weights = builder.view(node.inputs[1])
    channels = number(weights.shape[2])
    depth = product(weights.shape[:3])
    sizes = {**sizes, "CHANNELS": channels}
    emit_product(builder, node, op, template, weights, sizes, depth, tail=channels % TEXEL)


def lower_depthwise_conv2d(builder: Builder, node: Node, op: DepthwiseConv2D) -> None:
    height, width, channels, multiplier = map(number, node.inputs[1].shape)
    # Without padding behind every row of `multiplier` columns, the weights of four output channels are one texel.
    weights = builder.weight_view(node.inputs[1], multiplier)
    sizes = _window(node, op.strides, op.dilation, op.padding)
    aligned = whole_texels(channels * multiplier)
    depth = height * width * TEXEL  # a step adds one product
    emit_product(builder, node, op, "depthwise_conv2d", weights, sizes, depth, multiplier=multiplier, aligned=aligned)


LOWERINGS: Lowerings = {
    Conv2D: lower_conv2d,
    Conv2DTranspose: lower_conv2d_transpose,
    DepthwiseConv2D: lower_depthwise_conv2d,
}
