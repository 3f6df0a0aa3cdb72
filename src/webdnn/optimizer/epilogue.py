"""What follows a sum of products or a normalization is computed where that is made: bias, residual addition, activation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import Elementwise
from webdnn.graph.ops.elementwise import WithEpilogue, sum_dtype
from webdnn.graph.program import Program
from webdnn.optimizer.match import is_per_channel
from webdnn.optimizer.programs import ProgramBuilder
from webdnn.optimizer.rewrite import Context, merge_origins

MAX_OPERANDS = 4  # besides the sum: the fewest storage buffers a WebGPU stage may have are 8
MAX_CALLS = 32


def fuse_epilogue(value: Value, context: Context) -> Value | None:
    """`f(x·W, r) = (x·W with epilogue f)(r)`.

    Hazards: the sum must have a single reader, else it would be computed twice. Then no other operand of `f` can depend on it: it would be a second
    reader. `f` may read the sum several times. The result must have the sum's shape, and the operands that shape or one value a channel. Of
    two sums (a residual addition) the later in execution order takes the epilogue, when the other is finished.
    """
    if not isinstance(value.op, Elementwise):
        return None
    sums = [v for v in dict.fromkeys(value.node.inputs) if isinstance(v.op, WithEpilogue) and v.type == value.type]
    for total in sorted(filter(context.single_reader, sums), key=context.position, reverse=True):
        fused = _fuse(value, total, value.op.program)
        if fused is not None:
            return fused
    return None


def with_epilogue(
    op: WithEpilogue,
    main: Sequence[Value],
    program: Program | None,
    operands: Sequence[Value],
    origin: tuple[str, ...],
) -> Value | None:
    """`op` on its `main` inputs with the epilogue `program` on these operands, or None where that is larger than what backends promise to take."""
    if program is not None and (len(program.calls) > MAX_CALLS or len(operands) > MAX_OPERANDS):
        return None
    changed: WithEpilogue = replace(op, epilogue=program)  # type: ignore[call-arg]
    shape = changed.main_type([v.type for v in main]).shape
    if not all(v.dtype == main[0].dtype and (v.shape == shape or is_per_channel(v)) for v in operands):
        return None
    return apply(changed, *main, *operands, origin=origin)


def _fuse(value: Value, total: Value, program: Program) -> Value | None:
    if not isinstance(total.op, WithEpilogue):
        return None
    builder = ProgramBuilder()
    before = [builder.sum(sum_dtype(total)), *(builder.input(v) for v in total.node.inputs[total.op.main :])]
    stored = builder.inline(total.op.program, before) if total.op.program else before[0]
    result = builder.inline(program, [stored if v == total else builder.input(v) for v in value.node.inputs])
    fused, operands = builder.finish(result)
    if isinstance(result, float) or (fused is None and result != before[0]):
        return None  # nothing is left of the sum
    main = total.node.inputs[: total.op.main]
    made = with_epilogue(total.op, main, fused, operands, merge_origins(total.node, value.node))
    return made if made is not None and made.type == value.type else None
