"""Convolutions and matrix products."""

from __future__ import annotations

from collections.abc import Hashable

from webdnn.backend.builder import Builder
from webdnn.backend.operands import batch_strides
from webdnn.backend.webgl.emit import TEXEL, axis_sizes, emit, levels, rows_at_once, whole_texels
from webdnn.backend.webgl.epilogue import epilogue_of
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import Conv2D, Conv2DTranspose, DepthwiseConv2D
from webdnn.graph.ops.convolution import NO_PADDING, Padding
from webdnn.graph.ops.elementwise import WithEpilogue

MOST_STEPS = 256
"""Four products each, in the longest of the sums into which a product's sum is cut: each level takes four registers a row."""


def _emit_product(
    b: Builder, node: Node, template: str, weights: View, sizes: dict[str, Size], depth: Size, **constants: Hashable
) -> None:
    """A kernel with an epilogue; `depth` is how many products an element of the result adds up."""
    assert isinstance(node.op, WithEpilogue)
    output = b.view(node.outputs[0])
    views, epilogue = epilogue_of(b, node.op, node.inputs, output.shape)
    inputs = [b.view(node.inputs[0]), weights, *views]
    sizes = {**sizes, **epilogue.sizes}
    constants |= {"epilogue": epilogue, "used": epilogue.used, "levels": levels(depth // TEXEL, most=MOST_STEPS)}
    emit(b, template, inputs, output, sizes, node.origin, rows_at_once(b, output), **constants)


def _emit_matmul(b: Builder, node: Node) -> None:
    channels = product(
        node.inputs[1].shape[:-1]
    )  # of the weights: the data may have a symbolic size that must equal it
    assert isinstance(channels, int)
    weights = b.view(node.inputs[1])
    _emit_product(b, node, "matmul", weights, {"CHANNELS": channels}, channels, tail=channels % TEXEL)


def lower_batch_matmul(b: Builder, node: Node) -> None:
    views = [b.view(value) for value in node.inputs]
    output = b.view(node.outputs[0])
    batch = output.shape[:-2]
    sizes: dict[str, Size] = {"CHANNELS": views[0].columns, "HEIGHT": output.shape[-2], **axis_sizes("SIZE", batch)}
    for name, view in zip(("LEFT", "RIGHT"), views, strict=True):
        sizes |= axis_sizes(name, batch_strides(view, batch))
    depth = levels(views[0].columns // TEXEL, most=MOST_STEPS)
    emit(b, "batch_matmul", views, output, sizes, node.origin, axes=tuple(range(len(batch))), levels=depth)


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


def lower_matmul(b: Builder, node: Node) -> None:
    _emit_matmul(b, node)


def lower_conv2d(b: Builder, node: Node) -> None:
    assert isinstance(node.op, Conv2D)
    op, weights = node.op, node.inputs[1].shape
    if op.groups > 1:
        _emit_groups(b, node, op)
    elif weights[:2] == (1, 1) and op.strides == (1, 1) and op.padding == NO_PADDING:
        _emit_matmul(b, node)
    else:
        _emit_convolution(b, node, "conv2d", _window(node, op.strides, op.dilation, op.padding))


def _emit_groups(b: Builder, node: Node, op: Conv2D) -> None:
    """Where a group consists of whole texels, on both sides, one texel is read at a time; else every output channel looks for its own group."""
    _, _, channels, columns = node.inputs[1].shape
    assert isinstance(columns, int)
    sizes = _window(node, op.strides, op.dilation, op.padding)
    sizes |= {"CHANNELS": channels, "GROUP_COLUMNS": columns // op.groups}
    aligned = whole_texels(channels, columns // op.groups)
    depth = product(node.inputs[1].shape[:3])
    _emit_product(b, node, "grouped_conv2d", b.view(node.inputs[1]), sizes, depth, aligned=aligned)


def lower_conv2d_transpose(b: Builder, node: Node) -> None:
    assert isinstance(node.op, Conv2DTranspose)
    op = node.op
    _emit_convolution(b, node, "conv2d_transpose", _window(node, op.strides, op.dilation, op.crop))


def _emit_convolution(b: Builder, node: Node, template: str, sizes: dict[str, Size]) -> None:
    channels = node.inputs[1].shape[2]
    assert isinstance(channels, int)
    weights = b.view(node.inputs[1])
    depth = product(node.inputs[1].shape[:3])
    _emit_product(b, node, template, weights, {**sizes, "CHANNELS": channels}, depth, tail=channels % TEXEL)


def lower_depthwise_conv2d(b: Builder, node: Node) -> None:
    assert isinstance(node.op, DepthwiseConv2D)
    op = node.op
    _, _, channels, multiplier = node.inputs[1].shape
    assert isinstance(multiplier, int)
    # Without padding behind every row of `multiplier` columns, the weights of four output channels are one texel.
    weights = b.weight_view(node.inputs[1], multiplier)
    sizes = _window(node, op.strides, op.dilation, op.padding)
    aligned = whole_texels(channels * multiplier)
    depth = product(node.inputs[1].shape[:2]) * TEXEL  # a step adds one product
    _emit_product(b, node, "depthwise_conv2d", weights, sizes, depth, multiplier=multiplier, aligned=aligned)
