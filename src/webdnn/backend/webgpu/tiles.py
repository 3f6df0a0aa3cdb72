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


# At most 128 invocations, which every device allows, also in compatibility mode, and 16 KiB of shared memory.
TILES = (
    Tile(8, 16, 8, 2),  # 128 × 64
    Tile(16, 8, 8, 2),  # 64 × 128
    Tile(8, 8, 8, 2),  # 64 × 64
    Tile(8, 8, 4, 1),  # 32 × 32
    Tile(4, 32, 4, 1),  # 128 × 16
)
SMALLEST = Tile(8, 8, 4, 1)

FEW, MANY = 128, 1024
"""Workgroups that keep a device busy: a small one, which shares a processor's memory, and a large one."""

SLICE = 16
"""How deep the slices of x and w are that a workgroup keeps in shared memory: four vectors of x."""
PART_DEPTH = 64
"""A product is not split along its depth into parts smaller than this."""
MOST_PARTS = 32

LATENCY = 150
"""What an invocation waits for a slice of the operands and for its neighbours, in the time of multiply-adds."""
JOIN = 2000
"""What a step of its own takes that adds the parts, in the same unit."""


def divide(rows: int, columns: int, depth: int, workgroups: int, group_columns: int | None = None) -> Division:
    """The division that is the fastest by estimate on a device that `workgroups` of 64 invocations keep busy.

    A tile of a grouped convolution lies within one group of `group_columns`, a multiple of the columns of SMALLEST.
    """
    divisions = [
        Division(tile, parts)
        for tile in TILES
        if group_columns is None or group_columns % tile.tile_columns == 0
        for parts in range(1, max(1, min(MOST_PARTS, depth // PART_DEPTH)) + 1)
    ]
    return min(divisions, key=lambda division: _time(division, rows, columns, depth, workgroups))


def _time(division: Division, rows: int, columns: int, depth: int, workgroups: int) -> float:
    """Estimate, in the time of one multiply-add of an invocation on a busy device."""
    tile, parts = division.tile, division.parts
    groups = -(-rows // tile.tile_rows) * -(-columns // tile.tile_columns) * parts
    load = groups * tile.threads / (64 * workgroups)
    slices = -(-depth // (parts * SLICE))
    time = max(1.0, load) * slices * (LATENCY + SLICE * tile.rows * tile.vectors * 4)
    return time if parts == 1 else time + JOIN + parts * rows * columns / (64 * workgroups)
