"""The operands of elementwise programs, as the kernel templates take them (kernels/operands.jinja)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webdnn.backend.builder import Builder
from webdnn.backend.operands import broadcast_strides, operand_kind
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size
from webdnn.graph.graph import Value


@dataclass(frozen=True)
class Operands:
    """Views, the kernel's fields that depend on them, and the arguments that general operands need."""

    views: tuple[View, ...]
    kinds: tuple[str, ...]
    axes: int
    """Axes of the result but the last; 0 when no operand is general."""
    args: tuple[Size, ...]


def describe(builder: Builder, values: Sequence[Value], result: tuple[Size, ...]) -> Operands:
    """How `values` lie against a result of shape `result`."""
    views = tuple(builder.view(value) for value in values)
    kinds: list[str] = []
    strides: list[Size] = []
    for view in views:
        kind = operand_kind(view.shape, result)
        if kind == "general":
            *outer, last = broadcast_strides(view, result)
            kind = "spread_one" if last == 0 else "spread_full"
            strides += outer
        kinds.append(kind)
    is_general = any(kind.startswith("spread") for kind in kinds)
    args = (*result[:-1], *strides) if is_general else ()
    return Operands(views, tuple(kinds), len(result) - 1 if is_general else 0, args)


def epilogue_fields(
    operands: Operands, program: list[list[object]] | None, own_args: int, outputs: int
) -> dict[str, Any]:
    """Fields of a kernel whose views are data, weights, `operands`, then `outputs` views; its own arguments come before the operands'."""
    output = 2 + len(operands.views)
    return {
        "program": program,
        "operands": list(operands.kinds),
        "axes": operands.axes,
        "output": output,
        "arguments": 2 * (output + outputs) + own_args,
    }
