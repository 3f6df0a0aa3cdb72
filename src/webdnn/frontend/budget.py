"""How much may be read from a file that nobody vouches for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webdnn.graph.errors import ModelError

MEBIBYTE = 1 << 20
LEAST = 256 * MEBIBYTE
RATIO = 20  # weights are compressed to a third at best, unless most of them are zeros
LARGEST_TEXT = 64 * MEBIBYTE  # the layers of the largest models of keras.applications take 1 MiB


@dataclass
class Budget:
    """Bytes that may still be read from a file of `file_size` bytes, which may be compressed."""

    file_size: int
    taken: int = 0

    @property
    def total(self) -> int:
        return LEAST + RATIO * self.file_size

    def take(self, size: int, what: str) -> None:
        """Raises ModelError when `what`, of `size` bytes, does not fit."""
        self.taken += size
        if self.taken > self.total:
            raise ModelError(
                f"{what} would take {size:,} bytes, {self.taken:,} with what was read before; "
                f"a file of {self.file_size:,} bytes may hold {self.total:,}"
            )


def size_of(shape: Sequence[int], itemsize: int) -> int:
    """Bytes of an array."""
    size = itemsize
    for length in shape:
        size *= int(length)
    return size
