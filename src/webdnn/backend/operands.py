"""How the operands of an elementwise program or an epilogue lie against the result."""

from __future__ import annotations

from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size


def operand_kind(operand: tuple[Size, ...], result: tuple[Size, ...]) -> str:
    """`full`: as large as the result. `column`: one value a column (a bias). `scalar`: one value. `general`: any other broadcast."""
    if all(size == 1 for size in operand):
        return "full" if all(size == 1 for size in result) else "scalar"
    if all(size == 1 for size in operand[:-1]) and operand[-1] == result[-1]:
        return "full" if all(size == 1 for size in result[:-1]) else "column"
    if len(operand) == len(result) and operand == result:
        return "full"
    return "general"


def broadcast_strides(view: View, result: tuple[Size, ...]) -> tuple[Size, ...]:
    """Distance in elements between neighbours of `view` along every axis of the result; 0 where it is repeated."""
    missing = len(result) - len(view.shape)
    own = view.strides()
    return (0,) * missing + tuple(
        0 if size == 1 and want != 1 else step
        for size, want, step in zip(view.shape, result[missing:], own, strict=True)
    )
