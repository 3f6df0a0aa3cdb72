"""Elementwise programs for the fallback kernels, which interpret them."""

from __future__ import annotations

from webdnn.graph.graph import Node
from webdnn.graph.ops.elementwise import WithEpilogue, sum_dtype
from webdnn.graph.program import Operand, Program, TypedCall, literal_to_json

Rendered = list[list[object]]
"""A program as the kernels read it: `[[function, dtype, operand…]…]`. The dtype is that of the operands (of `where`: of those it chooses from);
it decides which form of the function is meant. An operand is the number of an input or an earlier result, or a literal, `{"value": x}`, where
x may be "inf", "-inf" or "nan"."""


def render(program: Program, dtypes: list[str]) -> Rendered:
    """`program`, whose inputs have `dtypes`."""
    return [_render_call(call) for call in program.typed(dtypes)]


def _render_call(call: TypedCall) -> list[object]:
    def place(operand: Operand) -> object:
        return operand if isinstance(operand, int) else {"value": literal_to_json(operand)}

    return [call.function, call.taken[-1], *map(place, call.operands)]


def render_epilogue(node: Node, op: WithEpilogue) -> Rendered | None:
    """The epilogue of `op`, if it has one: its input 0 is the sum."""
    if op.program is None:
        return None
    return render(op.program, [sum_dtype(node.outputs[0]), *(value.dtype for value in node.inputs[op.main :])])
