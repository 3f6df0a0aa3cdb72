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


Calls = Sequence[Sequence[Any]]
"""As `Program.to_json` gives them."""


@dataclass(frozen=True)
class Bias:
    """The operand, counted from 1, that an epilogue adds first, a value for each column: sums may begin with it. `rest` is done afterwards."""

    operand: int
    rest: Calls


def split_bias(calls: Calls, kinds: Sequence[str]) -> Bias | None:
    """`calls`: an epilogue on a sum (input 0) and operands of `kinds` (inputs 1 …). None where it does not begin with a bias."""
    (function, *terms), *rest = calls
    operands = [
        term for term in terms if isinstance(term, int) and 0 < term <= len(kinds) and kinds[term - 1] == "column"
    ]
    if function != "add" or 0 not in terms or not operands:
        return None
    result = 1 + len(kinds)  # of the addition, which is the sum from now on
    used = {term for _, *terms in rest for term in terms if isinstance(term, int)}
    if used & {0, *operands}:
        return None

    def renumbered(term: Any) -> Any:
        if not isinstance(term, int) or term < result:
            return term
        return 0 if term == result else term - 1

    return Bias(operands[0], [[function, *map(renumbered, terms)] for function, *terms in rest])
