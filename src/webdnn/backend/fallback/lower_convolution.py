"""Convolutions."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.fallback.dialect import render_epilogue
from webdnn.backend.fallback.emit import emit
from webdnn.backend.target import Lowerings
from webdnn.graph.graph import Node
from webdnn.graph.ops import Conv2D, Conv2DTranspose, DepthwiseConv2D


def lower_conv2d(builder: Builder, node: Node, op: Conv2D) -> None:
    top_left = [before for before, _ in op.padding]
    epilogue = render_epilogue(node, op)
    emit(
        builder,
        node,
        "conv2d",
        top_left,
        strides=op.strides,
        dilation=op.dilation,
        groups=op.groups,
        epilogue=epilogue,
    )


def lower_conv2d_transpose(builder: Builder, node: Node, op: Conv2DTranspose) -> None:
    top_left = [before for before, _ in op.crop]
    epilogue = render_epilogue(node, op)
    emit(builder, node, "conv2d_transpose", top_left, strides=op.strides, dilation=op.dilation, epilogue=epilogue)


def lower_depthwise_conv2d(builder: Builder, node: Node, op: DepthwiseConv2D) -> None:
    top_left = [before for before, _ in op.padding]
    epilogue = render_epilogue(node, op)
    emit(builder, node, "depthwise_conv2d", top_left, strides=op.strides, dilation=op.dilation, epilogue=epilogue)


LOWERINGS: Lowerings = {
    Conv2D: lower_conv2d,
    Conv2DTranspose: lower_conv2d_transpose,
    DepthwiseConv2D: lower_depthwise_conv2d,
}
