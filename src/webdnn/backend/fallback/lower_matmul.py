"""Matrix products."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.fallback.dialect import render_epilogue
from webdnn.backend.fallback.emit import emit
from webdnn.backend.target import Lowerings
from webdnn.graph.graph import Node
from webdnn.graph.ops import BatchMatMul, MatMul


def lower_matmul(builder: Builder, node: Node, op: MatMul) -> None:
    emit(builder, node, "matmul", epilogue=render_epilogue(node, op))


def lower_batch_matmul(builder: Builder, node: Node, op: BatchMatMul) -> None:
    emit(builder, node, "batch_matmul", left=op.left, right=op.right, epilogue=render_epilogue(node, op))


LOWERINGS: Lowerings = {BatchMatMul: lower_batch_matmul, MatMul: lower_matmul}
