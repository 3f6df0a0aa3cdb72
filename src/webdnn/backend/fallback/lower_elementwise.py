"""Elementwise programs."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.fallback.dialect import render
from webdnn.backend.fallback.emit import emit
from webdnn.backend.target import Lowerings
from webdnn.graph.graph import Node
from webdnn.graph.ops import Elementwise, JointElementwise


def lower_elementwise(builder: Builder, node: Node, op: Elementwise) -> None:
    emit(builder, node, "elementwise", program=render(op.program, [value.dtype for value in node.inputs]))


def lower_joint_elementwise(builder: Builder, node: Node, op: JointElementwise) -> None:
    program = render(op.program, [value.dtype for value in node.inputs])
    emit(builder, node, "joint_elementwise", program=program, results=list(op.results))


LOWERINGS: Lowerings = {Elementwise: lower_elementwise, JointElementwise: lower_joint_elementwise}
