"""Winograd's algorithm F(mh × mw, kh × kw): which layers are computed by it, and with which tiles (kernels/winograd.h.jinja computes).

A tile of mh × mw outputs of a convolution of kh × kw taps takes (mh + kh − 1) · (mw + kw − 1) products for each pair of channels, where the
direct way takes mh · mw · kh · kw: F(4 × 4, 3 × 3) takes 36 instead of 144. Along an axis of one tap nothing is saved, so tiles have length 1 there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from webdnn.backend.webassembly.emit import PANEL
from webdnn.backend.webassembly.winograd_transforms import Tile
from webdnn.graph.dim import Size
from webdnn.graph.ops import Conv2D

GAP = 16
"""How many floats lie between the values of one point and those of the next in scratch memory: one line of the cache."""
MOST_WORKERS = 4
"""So many threads are sure to have a part of the scratch memory that holds at least one tile."""

ERRORS: dict[int, float] = {1: 3.7e-7, 4: 4.8e-7, 6: 9.1e-7, 7: 1.3e-6, 8: 1.9e-6, 9: 3.0e-6, 10: 4.2e-6}
"""The rounding error, max|y − ref| / max|ref|, of a layer that is transformed along one axis, by the number of points of the transform. Measured
in float32, on normally distributed inputs and weights of 192 channels that are added up in order. One point is no transform: the error of the
plain sum. An error along both axes is estimated as the product of the two, each divided by that of the plain sum: F(4 × 4, 3 × 3) at 2.2e-6
(measured: 2.6e-6), F(3 × 3, 5 × 5) at 4.6e-6 (3.8e-6), F(4 × 4, 5 × 5) at 9.8e-6 (9.5e-6)."""
MOST_ERROR = 5e-6
"""Tiles of a larger error are not used: a few such layers, one after another, leave the result of a network within 1e-5."""

LENGTHS: dict[int, tuple[int, ...]] = {1: (1,), 3: (2, 4), 5: (2, 3, 4), 7: (2, 3, 4)}
"""For each number of taps along an axis, the lengths that tiles may have there."""


def error_of(tile: Tile) -> float:
    """The estimate for a transform along both axes."""
    return ERRORS[tile.rows.points] * ERRORS[tile.columns.points] / ERRORS[1]


def tiles(taps: tuple[int, int]) -> list[Tile]:
    """The tiles that may be used for a kernel of (kh, kw) taps. Their errors are small enough, and they are square where the kernel is."""
    height, width = taps
    if taps == (1, 1) or not set(taps) <= LENGTHS.keys():
        return []
    offered = [Tile(lengths, taps) for lengths in product(LENGTHS[height], LENGTHS[width])]
    square = [tile for tile in offered if height != width or tile.rows == tile.columns]
    return [tile for tile in square if error_of(tile) <= MOST_ERROR]


LEAST_OF_GROUP = 16
"""Winograd's algorithm computes one group after another, the direct way moves each tile of pixels through all groups. With fewer channels than
this in a group, the direct way is faster. At 28 × 28 pixels and one thread, Winograd's took 0.70 ms and the direct way 0.61 ms with 8 channels in
each of 32 groups; with 16 channels in each of 12 groups, 0.54 and 0.73 ms."""


@dataclass(frozen=True)
class Machine:
    """What the choice assumes of one thread of the page's machine; only ratios matter."""

    products: float = 27e9
    """Multiply-adds a second in the micro-kernel."""
    bytes: float = 16e9
    """Weights read from memory a second; the micro-kernel waits meanwhile."""
    transform: float = 0.3e-9
    """Seconds for an element of V or M."""


USUAL_SIZE = 56
"""The height and width that a choice assumes where the page decides them."""


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def choose(op: Conv2D, kernel: tuple[int, ...], output: tuple[Size, ...], machine: Machine = Machine()) -> Tile | None:
    """The tile that is estimated to be the fastest, or None where the direct way is.

    `kernel` is the weights' shape, with the columns of one group; `output` is the result's shape, of which the columns do not count.
    """
    height, width, channels, _ = kernel
    if op.groups > 1 and channels < LEAST_OF_GROUP:
        return None
    if set(op.strides) != {1} or set(op.dilation) != {1} or channels % 4:
        return None
    images, rows, line = (
        size if isinstance(size, int) else default
        for size, default in zip(output, (1, USUAL_SIZE, USUAL_SIZE), strict=False)
    )

    def seconds(tile: Tile | None) -> float:
        return _seconds(tile, kernel, (images, rows, line), machine)

    return min((None, *tiles((height, width))), key=seconds)


def _seconds(tile: Tile | None, kernel: tuple[int, ...], pixels: tuple[int, int, int], machine: Machine) -> float:
    """The estimated time of a layer with `pixels` (images, rows, columns) of output."""
    height, width, channels, columns = kernel
    images, rows, line = pixels
    padded = _ceil(columns, PANEL) * PANEL
    if tile is None:
        weights = height * width * channels * padded
        return max(images * rows * line, 4) * weights / machine.products + 4 * weights / machine.bytes
    tile_rows, tile_columns = tile.lengths
    count = max(images * _ceil(rows, tile_rows) * _ceil(line, tile_columns), 4)
    # To begin and to store a tile of sums takes as long as four more channels would.
    products = count * tile.points * (channels + 4) * padded
    weights = tile.points * channels * padded
    transform = tile.points * count * (channels + padded) * machine.transform
    return products / machine.products + 4 * weights / machine.bytes + transform


def scratch(points: int, channels: int, columns: int, tiles: Size) -> tuple[Size, int]:
    """Floats of scratch memory, and the number of tiles that one thread should compute together.

    For each such block of tiles all filters are read once, so a block's memory is a quarter of theirs; but no less than an L2 cache holds
    (1 MiB), and no more than 8 MiB.
    """
    padded = _ceil(columns, PANEL) * PANEL
    of_tile = points * (channels + padded)
    most = max(1, min(max(points * channels * padded, 1 << 20), 1 << 23) // (4 * of_tile))
    capacity = min(2 * most, tiles) if isinstance(tiles, int) else 2 * most
    return capacity * of_tile + points * 2 * GAP * MOST_WORKERS, most
