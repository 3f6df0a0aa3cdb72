"""Elementwise programs in their simplest form."""

from __future__ import annotations

from dataclasses import replace

from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import Elementwise
from webdnn.graph.ops.elementwise import WithEpilogue, sum_dtype
from webdnn.optimizer.programs import ProgramBuilder
from webdnn.optimizer.rewrite import Context


def simplify_elementwise(value: Value, context: Context) -> Value | None:
    """Scalar constants become literals, equal inputs one input, x·1 and x + 0 become x, written-out functions themselves.

    Hazard: an input that the result does not depend on still broadcasts; what would change the shape is left as it is.
    """
    if not isinstance(value.op, Elementwise):
        return None
    builder = ProgramBuilder()
    result = builder.inline(value.op.program, [builder.input(v) for v in value.node.inputs])
    program, inputs = builder.finish(result)
    if program is None:
        return inputs[0] if len(inputs) == 1 and inputs[0].type == value.type else None
    if program == value.op.program or not inputs:
        return None
    simple = apply(Elementwise(program), *inputs, origin=value.origin)
    return simple if simple.type == value.type else None


def simplify_epilogue(value: Value, context: Context) -> Value | None:
    """The same for the epilogue of a convolution, matrix product or normalization; an epilogue that does nothing is dropped."""
    op = value.op
    if not isinstance(op, WithEpilogue) or op.program is None:
        return None
    builder = ProgramBuilder()
    total = builder.sum(sum_dtype(value))
    result = builder.inline(op.program, [total, *(builder.input(v) for v in value.node.inputs[op.main :])])
    program, inputs = builder.finish(result)
    if isinstance(result, float) or program == op.program or (program is None and result != total):
        return None
    return apply(replace(op, epilogue=program), *value.node.inputs[: op.main], *inputs, origin=value.origin)  # type: ignore[call-arg]
