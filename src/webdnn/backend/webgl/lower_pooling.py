"""Pooling."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webgl.emit import emit, image_sizes, levels
from webdnn.graph.dim import product
from webdnn.graph.graph import Node
from webdnn.graph.ops import Pool2D


def lower_pool2d(builder: Builder, node: Node, op: Pool2D) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    sizes = {
        **image_sizes(x, y),
        "KERNEL_HEIGHT": op.size[0],
        "KERNEL_WIDTH": op.size[1],
        "STRIDE_Y": op.strides[0],
        "STRIDE_X": op.strides[1],
        "TOP": op.padding[0][0],
        "LEFT": op.padding[1][0],
    }
    depth = levels(product(op.size))
    emit(builder, "pool2d", [x], y, sizes, node.origin, kind=op.kind, count_padding=op.count_padding, levels=depth)


LOWERINGS: Lowerings = {Pool2D: lower_pool2d}
