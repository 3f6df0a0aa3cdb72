"""Matrix products."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.operands import matrices
from webdnn.backend.target import Lowerings
from webdnn.backend.webgl.emit import TEXEL, axis_sizes, emit, levels
from webdnn.backend.webgl.epilogue import MOST_STEPS, emit_product
from webdnn.graph.dim import Size, number
from webdnn.graph.graph import Node
from webdnn.graph.ops import BatchMatMul, MatMul
from webdnn.graph.ops.elementwise import WithEpilogue


def emit_matmul(builder: Builder, node: Node, op: WithEpilogue) -> None:
    """The product of rows and weights; a convolution of single pixels is one too."""
    channels = number(node.inputs[0].shape[-1])
    weights = builder.view(node.inputs[1])
    emit_product(builder, node, op, "matmul", weights, {"CHANNELS": channels}, channels, tail=channels % TEXEL)


def lower_matmul(builder: Builder, node: Node, op: MatMul) -> None:
    emit_matmul(builder, node, op)


def lower_batch_matmul(builder: Builder, node: Node, op: BatchMatMul) -> None:
    views = [builder.view(value) for value in node.inputs]
    output = builder.view(node.outputs[0])
    batch = output.shape[:-2]
    sizes: dict[str, Size] = {"CHANNELS": views[0].columns, "HEIGHT": output.shape[-2], **axis_sizes("SIZE", batch)}
    for name, view in zip(("LEFT", "RIGHT"), views, strict=True):
        sizes |= axis_sizes(name, matrices(view, None, batch).batch)
    depth = levels(views[0].columns // TEXEL, most=MOST_STEPS)
    emit(builder, "batch_matmul", views, output, sizes, node.origin, axes=tuple(range(len(batch))), levels=depth)


LOWERINGS: Lowerings = {BatchMatMul: lower_batch_matmul, MatMul: lower_matmul}
