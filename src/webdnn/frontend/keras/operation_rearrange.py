"""keras.ops.rearrange: reshapes and a transpose, written as a pattern of the axes' names, such as "b (h s) c -> b h (s c)"."""

from __future__ import annotations

import re
from typing import Any

from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.operation_elementwise import OperationLowering
from webdnn.graph.dim import Size, product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value

Groups = list[list[str]]


def groups(pattern: str) -> Groups:
    """The names of each axis: several where the pattern has them in parentheses."""
    return [(inside or alone).split() for inside, alone in re.findall(r"\(([^()]*)\)|(\w+)", pattern)]


def sizes_of(given: Groups, x: Value, lengths: dict[str, int]) -> dict[str, Size]:
    """The size of each name. In parentheses one may be left out, and is what the others leave."""
    sizes: dict[str, Size] = dict(lengths)
    for names, whole in zip(given, x.shape, strict=True):
        open_ones = [name for name in names if name not in sizes]
        if len(open_ones) > 1:
            raise UnsupportedError(f"the pattern leaves the sizes of {', '.join(open_ones)} open; give all but one")
        rest = product([sizes[name] for name in names if name in sizes])
        sizes |= {name: whole // rest for name in open_ones}
    return sizes


def lower_rearrange(c: Context, _: Any, x: Value, pattern: str, **lengths: Any) -> Value:
    left, _arrow, right = pattern.partition("->")
    given, wanted = groups(left), groups(right)
    names = [name for group in given for name in group]
    order = [name for group in wanted for name in group]
    if len(given) != x.type.rank or sorted(names) != sorted(order) or len(set(names)) != len(names):
        raise UnsupportedError(f"the pattern {pattern!r} for a tensor of {x.type.rank} axes")
    sizes = sizes_of(given, x, {name: int(size) for name, size in lengths.items()})
    parts = c.reshape(x, [sizes[name] for name in names])
    moved = c.transpose(parts, [names.index(name) for name in order])
    return c.reshape(moved, [product([sizes[name] for name in group]) for group in wanted])


OPERATIONS: dict[str, OperationLowering] = {"Rearrange": lower_rearrange}
