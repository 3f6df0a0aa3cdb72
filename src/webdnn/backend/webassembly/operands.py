"""The operands of elementwise programs, as the kernel templates take them (kernels/operands.jinja)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webdnn.backend.builder import Builder
from webdnn.backend.operands import broadcast_strides, operand_kind
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size
from webdnn.graph.graph import Value
from webdnn.graph.types import storage_of


@dataclass(frozen=True)
class Operand:
    """How an operand lies against the result: `full`, `column`, `scalar`, or `spread_full` and `spread_one`, general broadcasts whose last axis
    is the result's or has size 1."""

    kind: str
    dtype: str

    @property
    def storage(self) -> str:
        """The storage class, which is also the C type of an element."""
        return storage_of(self.dtype)

    @property
    def is_general(self) -> bool:
        """Whether its rows are found by strides along the result's axes."""
        return self.kind.startswith("spread")


@dataclass(frozen=True)
class Operands:
    """Views, what a kernel must know of them, and the arguments that general operands need."""

    views: tuple[View, ...]
    known: tuple[Operand, ...]
    axes: int
    """Axes of the result but the last; 0 when no operand is general."""
    args: tuple[Size, ...]


def describe(builder: Builder, values: Sequence[Value], result: tuple[Size, ...]) -> Operands:
    """How `values` lie against a result of shape `result`."""
    views = tuple(builder.view(value) for value in values)
    known: list[Operand] = []
    strides: list[Size] = []
    for value, view in zip(values, views, strict=True):
        kind = operand_kind(view.shape, result)
        if kind == "general":
            *outer, last = broadcast_strides(view, result)
            kind = "spread_one" if last == 0 else "spread_full"
            strides += outer
        known.append(Operand(kind, value.dtype))
    is_general = any(operand.is_general for operand in known)
    args = (*result[:-1], *strides) if is_general else ()
    return Operands(views, tuple(known), len(result) - 1 if is_general else 0, args)
