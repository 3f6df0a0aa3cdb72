"""What a backend tells the common lowering about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from webdnn.descriptor.schema import Plan, View
from webdnn.graph.graph import Node, Op

if TYPE_CHECKING:
    from webdnn.backend.builder import Builder

Lowering: TypeAlias = "Callable[[Builder, Node], None]"
Copy: TypeAlias = "Callable[[Builder, View, View, tuple[str, ...]], None]"


@dataclass(frozen=True)
class Capabilities:
    """What a target's memory and kernels can do."""

    memory: str
    """`arena`: one block, buffers at offsets. `slots`: a buffer is a device object of its own."""
    strided_write: bool
    """Kernels can write into a view with gaps, so that a concatenation needs no copy."""
    in_place: bool
    """An elementwise kernel may read and write the same view."""
    same_buffer_io: bool
    """A kernel may read one part of a buffer and write another part of it."""
    alignment: int = 1
    """Offsets and pitches of views are multiples of this many elements; where the geometry does not allow it, a copy is made."""
    pad_columns: bool = False
    """The pitch of a buffer of its own is rounded up to `alignment`."""


@dataclass(frozen=True)
class Target:
    """One backend: `lowerings` maps op classes to functions that emit steps; `copy` emits the step that moves the elements of one view,
    in row-major order, to another view of as many elements (their shapes may differ); `finish` adds compiled files to the plan."""

    name: str
    capabilities: Capabilities
    lowerings: Mapping[type[Op], Lowering]
    copy: Copy
    finish: Callable[[Plan, Mapping[str, object]], None]
