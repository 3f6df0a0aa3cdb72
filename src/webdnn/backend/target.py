"""What a backend is to the common lowering."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from webdnn.backend.capabilities import Capabilities
from webdnn.descriptor.schema import Plan, View
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node, Op

if TYPE_CHECKING:
    from webdnn.backend.builder import Builder

Lowering: TypeAlias = "Callable[[Builder, Node, Any], None]"
"""`lower_x(builder, node, op: X)` emits the steps of one node, whose op is `op`. The table that names it decides which class X is, so a type
checker cannot compare them here; tests/backend/test_lowerings.py does."""
Lowerings: TypeAlias = Mapping[type[Op], Lowering]

Copy: TypeAlias = "Callable[[Builder, View, View, tuple[str, ...]], None]"
MovedAxis: TypeAlias = tuple[Size, Size, Size]
"""A size, and the distances in elements between neighbours along it in the source and in the destination."""
Move: TypeAlias = "Callable[[Builder, Sequence[MovedAxis], View, View, tuple[str, ...]], None]"


@dataclass(frozen=True)
class Target:
    """One backend.

    `lowerings` maps op classes to functions that emit steps. `copy` emits the step that moves the elements of one view, in row-major order, to
    another view of as many elements (their shapes may differ). `move` emits the step that moves element (i, j, …) of some axes from
    `source.offset + i·stride + j·stride + …` to the place that the destination's offset and strides give; it is None where `strided_write` is
    false. Both move cells of four bytes as they are, integers and floats alike. `finish` adds compiled files to the plan.

    `kernels` is the folder of its templates, whose names end with `suffix`, and `templates` are further ones, those of plugins.
    """

    name: str
    capabilities: Capabilities
    lowerings: Lowerings
    copy: Copy
    move: Move | None
    finish: Callable[[Plan, Target, Mapping[str, object]], None]
    kernels: Path | None = None
    suffix: str = ""
    templates: tuple[Path, ...] = ()


def merge_tables(*tables: Lowerings) -> dict[type[Op], Lowering]:
    """The tables of a target's op families as one. Raises ValueError when two of them lower one op."""
    merged: dict[type[Op], Lowering] = {}
    for table in tables:
        if twice := merged.keys() & table.keys():
            raise ValueError(f"{', '.join(sorted(op.__name__ for op in twice))} is lowered twice")
        merged |= table
    return merged
