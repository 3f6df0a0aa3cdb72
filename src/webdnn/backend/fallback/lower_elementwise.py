"""Elementwise programs."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.fallback.dialect import render
from webdnn.backend.fallback.emit import emit
from webdnn.backend.target import Lowerings
from webdnn.graph.graph import Node
from webdnn.graph.ops import Elementwise


def lower_elementwise(builder: Builder, node: Node, op: Elementwise) -> None:
    emit(builder, node, "elementwise", program=render(op.program, [value.dtype for value in node.inputs]))


LOWERINGS: Lowerings = {Elementwise: lower_elementwise}
