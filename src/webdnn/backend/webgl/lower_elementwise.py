"""Elementwise programs."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webgl.emit import emit
from webdnn.backend.webgl.epilogue import describe
from webdnn.graph.graph import Node, Value
from webdnn.graph.ops import Elementwise, JointElementwise
from webdnn.graph.program import Program


def lower_elementwise(builder: Builder, node: Node, op: Elementwise) -> None:
    _emit(builder, op.program, node.inputs, node.outputs[0], node.origin)


def lower_joint_elementwise(builder: Builder, node: Node, op: JointElementwise) -> None:
    """A fragment writes to one place of each of its targets, so results that lie at different places of their textures, as a state and an
    element of a sequence do, cannot be drawn at once. Each is drawn by itself, from what it needs of the inputs."""
    for call, result in zip(op.results, node.outputs, strict=True):
        program, inputs = op.program.up_to(call)
        _emit(builder, program, [node.inputs[k] for k in inputs], result, node.origin)


def _emit(builder: Builder, program: Program, inputs: Sequence[Value], result: Value, origin: tuple[str, ...]) -> None:
    views = [builder.view(value) for value in inputs]
    output = builder.view(result)
    epilogue = describe(program, [value.dtype for value in inputs], views, output.shape, first=0, sampler=0)
    emit(builder, "elementwise", views, output, epilogue.sizes, origin, epilogue=epilogue, used=epilogue.used)


LOWERINGS: Lowerings = {Elementwise: lower_elementwise, JointElementwise: lower_joint_elementwise}
