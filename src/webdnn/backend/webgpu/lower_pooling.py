"""Pooling of channels-last images."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webgpu.emit import Operand, can_be_vector, emit, items
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node
from webdnn.graph.ops import Pool2D


def lower_pool2d(builder: Builder, node: Node, op: Pool2D) -> None:
    x, output = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    vector = can_be_vector(x) and can_be_vector(output)
    emit(
        builder,
        "pool",
        [Operand("x", x, vector)],
        Operand("y", output, vector),
        _pool_args(op, x, output),
        items(output.elements // 4 if vector else output.elements),
        node.origin,
        f"{op.kind}_pool2d",
        kind=op.kind,
        count_padding=op.count_padding,
    )


def _pool_args(op: Pool2D, x: View, output: View) -> dict[str, Size]:
    (top, _), (left, _) = op.padding
    return {
        "rows": output.rows,
        "columns": output.columns,
        "height": x.shape[1],
        "width": x.shape[2],
        "image_pixels": output.shape[1] * output.shape[2],
        "out_width": output.shape[2],
        "window_height": op.size[0],
        "window_width": op.size[1],
        "stride_y": op.strides[0],
        "stride_x": op.strides[1],
        "top": top,
        "left": left,
    }


LOWERINGS: Lowerings = {Pool2D: lower_pool2d}
