"""Elementwise programs."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webgl.emit import emit
from webdnn.backend.webgl.epilogue import describe
from webdnn.graph.graph import Node
from webdnn.graph.ops import Elementwise


def lower_elementwise(builder: Builder, node: Node, op: Elementwise) -> None:
    views = [builder.view(value) for value in node.inputs]
    output = builder.view(node.outputs[0])
    dtypes = [value.dtype for value in node.inputs]
    epilogue = describe(op.program, dtypes, views, output.shape, first=0, sampler=0)
    emit(builder, "elementwise", views, output, epilogue.sizes, node.origin, epilogue=epilogue, used=epilogue.used)


LOWERINGS: Lowerings = {Elementwise: lower_elementwise}
