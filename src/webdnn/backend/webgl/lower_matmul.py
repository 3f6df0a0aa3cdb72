"""Matrix products."""

from __future__ import annotations

from typing import Any

from webdnn.backend.builder import Builder
from webdnn.backend.operands import Matrices, matrices
from webdnn.backend.target import Lowerings
from webdnn.backend.webgl.emit import TEXEL, axis_sizes, emit
from webdnn.backend.webgl.epilogue import emit_product, epilogue_of, product_levels
from webdnn.graph.dim import Size, number, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import BatchMatMul, MatMul
from webdnn.graph.ops.elementwise import WithEpilogue


def emit_matmul(builder: Builder, node: Node, op: WithEpilogue) -> None:
    """The product of rows and weights; a convolution of single pixels is one too."""
    weights = builder.view(node.inputs[1])
    channels = number(product(weights.shape[:-1]))  # that of the data may be symbolic, and must equal it
    emit_product(builder, node, op, "matmul", weights, {"CHANNELS": channels}, channels, tail=channels % TEXEL)


def lower_matmul(builder: Builder, node: Node, op: MatMul) -> None:
    emit_matmul(builder, node, op)


def lower_batch_matmul(builder: Builder, node: Node, op: BatchMatMul) -> None:
    x, y, output = builder.view(node.inputs[0]), builder.view(node.inputs[1]), builder.view(node.outputs[0])
    batch = output.shape[:-2]
    left, right = matrices(x, op.left, batch), matrices(y, op.right, batch)
    views, epilogue = epilogue_of(builder, op, node.inputs, output.shape)
    sizes: dict[str, Size] = {"DEPTH": left.columns, "HEIGHT": left.rows, **axis_sizes("SIZE", batch)}
    sizes |= {"LEFT_ROW": left.row_stride, "LEFT_STEP": left.column_stride, **axis_sizes("LEFT", left.batch)}
    sizes |= {"RIGHT_STEP": right.row_stride, "RIGHT_COLUMN": right.column_stride, **axis_sizes("RIGHT", right.batch)}
    constants: dict[str, Any] = {
        "left": _unit_axis(left, "rows", "depth"),
        "right": _unit_axis(right, "depth", "columns"),
        "axes": tuple(range(len(batch))),
        "epilogue": epilogue,
        "used": epilogue.used,
        "levels": product_levels(node, left.columns),
    }
    emit(builder, "batch_matmul", [x, y, *views], output, {**sizes, **epilogue.sizes}, node.origin, **constants)


def _unit_axis(factor: Matrices, rows: str, columns: str) -> str | None:
    """The axis of `factor` along which neighbours share texels: what its rows or its columns are called. None: it is no axis of a matrix.

    All other strides consist of whole texels, as pitches do.
    """
    return columns if factor.column_stride == 1 else rows if factor.row_stride == 1 else None


LOWERINGS: Lowerings = {BatchMatMul: lower_batch_matmul, MatMul: lower_matmul}
