"""Elementwise ops in a row are one."""

from __future__ import annotations

from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import Elementwise
from webdnn.optimizer.programs import ProgramBuilder
from webdnn.optimizer.rewrite import Context, merge_origins

MAX_INPUTS = 6
MAX_CALLS = 32


def fuse_elementwise(value: Value, context: Context) -> Value | None:
    """`f(g(x, y), z) = (f ∘ g)(x, y, z)`.

    Hazards: g must have a single reader, else it would be computed twice; it must have f's shape, else it would be computed again for every element
    that it is broadcast to. f may read g several times: g is still computed once.
    """
    if not isinstance(value.op, Elementwise):
        return None
    for inner in dict.fromkeys(value.node.inputs):
        if not isinstance(inner.op, Elementwise) or inner.shape != value.shape or not context.single_reader(inner):
            continue
        if len(inner.op.program.calls) >= MAX_CALLS:
            continue  # full; it is not worth composing to find out
        builder = ProgramBuilder()
        operands = []
        for v in value.node.inputs:
            inputs = [builder.input(i) for i in inner.node.inputs] if v == inner else []
            operands.append(builder.inline(inner.op.program, inputs) if v == inner else builder.input(v))
        program, inputs_left = builder.finish(builder.inline(value.op.program, operands))
        if program is None and len(inputs_left) == 1 and inputs_left[0].type == value.type:
            return inputs_left[0]  # −(−x)
        if program is None or not inputs_left or len(inputs_left) > MAX_INPUTS or len(program.calls) > MAX_CALLS:
            continue
        fused = apply(Elementwise(program), *inputs_left, origin=merge_origins(inner.node, value.node))
        if fused.type == value.type:
            return fused
    return None
