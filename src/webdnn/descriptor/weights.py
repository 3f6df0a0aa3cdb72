"""The weight set on disk: matrices in shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.graph.errors import UnsupportedError
from webdnn.graph.types import storage_of

Array = np.ndarray

SHARD_BYTES = 16 * 2**20
"""The most that a shard may have: whoever reads one needs memory for it. Only larger weights are cut."""
USUAL_SHARD_BYTES = 8 * 2**20
"""A shard that has as much takes only small weights: one is packed while the next ones download and are checked."""
SMALL_BYTES = 2**16
"""A weight of fewer bytes is small: a request of its own would take longer than its bytes do."""


CELLS = {"float": "<f4", "int": "<i4"}
"""What a cell of each storage class is on disk."""


@dataclass(frozen=True)
class Piece:
    """Rows `row … row+rows` of a weight, at byte `offset` of its shard."""

    weight: int
    row: int
    rows: int
    offset: int

    def to_json(self) -> dict[str, int]:
        return {"weight": self.weight, "row": self.row, "rows": self.rows, "offset": self.offset}


def as_matrix(array: Array) -> Array:
    """Every axis but the last is a row; a vector or a scalar is one row. Little-endian cells of four bytes, of its dtype's storage class."""
    columns = array.shape[-1] if array.ndim else 1
    return np.ascontiguousarray(array.reshape(-1, columns).astype(CELLS[storage_of(str(array.dtype))], copy=False))


def cut_shards(
    arrays: Sequence[Array], limit: int = SHARD_BYTES, usual: int = USUAL_SHARD_BYTES, small: int = SMALL_BYTES
) -> Iterator[tuple[bytes, list[Piece]]]:
    """(content, pieces) of each shard, in plan order. Only a weight of more than `limit` bytes is in several pieces.

    Raises UnsupportedError for a row that no shard can hold.
    """
    parts: list[bytes] = []
    pieces: list[Piece] = []
    size = 0
    for weight, array in enumerate(arrays):
        matrix = as_matrix(array)
        row_bytes = matrix.shape[1] * matrix.itemsize
        if row_bytes > limit:
            raise UnsupportedError(
                f"a weight of shape {array.shape} has rows of {row_bytes} bytes; a shard holds {limit}: "
                "give its array more axes, or the layer fewer outputs"
            )
        row = 0
        while row < matrix.shape[0]:
            full = size >= usual and matrix.nbytes >= small
            if parts and (full or size + (matrix.shape[0] - row) * row_bytes > limit):
                yield b"".join(parts), pieces
                parts, pieces, size = [], [], 0
            rows = min(matrix.shape[0] - row, limit // row_bytes)
            pieces.append(Piece(weight, row, rows, size))
            parts.append(matrix[row : row + rows].tobytes())
            size += rows * row_bytes
            row += rows
    if parts:
        yield b"".join(parts), pieces
