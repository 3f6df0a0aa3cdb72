"""How a product is divided among workgroups: the size of a tile, and into how many parts the depth is split."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tile:
    """A workgroup of threads_x × threads_y invocations, each of which computes `rows` rows of `vectors` four-column vectors."""

    threads_x: int
    threads_y: int
    rows: int
    vectors: int

    @property
    def tile_rows(self) -> int:
        return self.threads_y * self.rows

    @property
    def tile_columns(self) -> int:
        return self.threads_x * self.vectors * 4

    @property
    def threads(self) -> int:
        return self.threads_x * self.threads_y


@dataclass(frozen=True)
class Division:
    """Tiles of the result, and parts of the depth."""

    tile: Tile
    parts: int = 1


# At most 128 invocations, which every device allows, also in compatibility mode, and 16 KiB of shared memory. Of twenty tiles that were
# measured on an H200, for 55 layers and all powers of two of parts, these are enough: the best of them is 1 % from the best of all.
TILES = (
    Tile(8, 16, 8, 2),  # 128 × 64
    Tile(16, 8, 4, 1),  # 32 × 64
    Tile(8, 8, 4, 1),  # 32 × 32
    Tile(8, 8, 2, 1),  # 16 × 32
    Tile(4, 32, 4, 1),  # 128 × 16
)
SMALLEST_COLUMNS = 32
"""The columns of the narrowest tile that a grouped convolution may take: a group must have a multiple of them."""

FEW, MANY = 2048, 32768
"""How many invocations keep all units of a device busy. A small device shares a processor's memory and has about a thousand units; a large one
is a card of its own."""

SLICE = 16
"""How deep the slices of x and w are that a workgroup keeps in shared memory: four vectors of x."""
PART_DEPTH = 64
"""A product is not split along its depth into parts smaller than this."""
MOST_PARTS = 32

# The estimate's unit is the time of a multiply-add of one invocation, 2.8 ns on an H200, where these were fitted to 2,000 measured times. What
# is chosen by it takes 3 % longer there than the best of all, in the mean.
LATENCY = 85
"""What an invocation waits for a slice of the operands and for its neighbours."""
JOIN = 1250
"""What it takes to start the further step that adds the parts of a split product."""
JOIN_ELEMENT = 28
"""What that step takes for each element that one of its invocations reads, with the writing of it by the product."""


def divide(
    rows: int,
    columns: int,
    depth: int,
    busy: int,
    group_columns: int | None = None,
    *,
    most_parts: int = MOST_PARTS,
    matrices: int = 1,
) -> Division:
    """The division that is the fastest by estimate on a device that `busy` invocations keep busy, for so many products of this size.

    A tile of a grouped convolution lies within one group of `group_columns`, a multiple of SMALLEST_COLUMNS.
    """
    most = max(1, min(most_parts, depth // PART_DEPTH))
    divisions = [
        Division(tile, 1 << power)
        for tile in TILES
        if group_columns is None or group_columns % tile.tile_columns == 0
        for power in range(most.bit_length())
    ]
    return min(divisions, key=lambda division: _time(division, rows, columns, depth, busy, matrices))


def _time(division: Division, rows: int, columns: int, depth: int, busy: int, matrices: int) -> float:
    tile, parts = division.tile, division.parts
    groups = -(-rows // tile.tile_rows) * -(-columns // tile.tile_columns) * parts * matrices
    slices = -(-depth // (parts * SLICE))
    time = max(1.0, groups * tile.threads / busy) * slices * (LATENCY + SLICE * tile.rows * tile.vectors * 4)
    return time if parts == 1 else time + JOIN + JOIN_ELEMENT * parts * rows * columns / busy
