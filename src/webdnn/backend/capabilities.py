"""What a target's memory and kernels can do, for the parts of lowering that all targets share."""

from __future__ import annotations

from dataclasses import dataclass


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
