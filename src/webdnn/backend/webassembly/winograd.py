"""Winograd's algorithm F(mh × mw, kh × kw): for which layers it pays (kernels/winograd.h.jinja computes).

A tile of mh × mw outputs of a convolution of kh × kw taps takes (mh + kh − 1) · (mw + kw − 1) products instead of mh · mw · kh · kw. Along an
axis of one tap nothing is to be saved: its tiles have length 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from webdnn.backend.webassembly.winograd_transforms import Axis, axes
from webdnn.graph.dim import Size
from webdnn.graph.ops import Conv2D

PANEL = 8

GAP = 16
"""Floats between the points of V and of M: one line of the cache."""
MOST_WORKERS = 4
"""Threads that have a part of the scratch memory at least one tile large."""

ERRORS: dict[int, float] = {1: 3.7e-7, 4: 4.8e-7, 6: 9.1e-7, 7: 1.3e-6, 8: 1.9e-6, 9: 3.0e-6, 10: 4.2e-6}
"""By the number of points, the error of a layer (max|y − ref| / max|ref|) that is transformed along one axis and has 192 channels, normal
numbers all; measured in float32, with sums in order. Along both axes errors multiply, in units of that of the plain sum, the first:
F(4 × 4, 3 × 3) is estimated at 2.2e-6, measured 2.6e-6; F(3 × 3, 5 × 5) 4.6e-6 and 3.8e-6; F(4 × 4, 5 × 5) 9.8e-6 and 9.5e-6."""
MOST_ERROR = 5e-6
"""Of a tile that is offered: some such layers one after another stay below the 1e-5 of a network."""

LENGTHS: dict[int, tuple[int, ...]] = {1: (1,), 3: (2, 4), 5: (2, 3, 4), 7: (2, 3, 4)}
"""Of tiles, along an axis of so many taps."""


def error_of(rows: Axis, columns: Axis) -> float:
    """The estimate for a transform along both axes."""
    return ERRORS[rows.points] * ERRORS[columns.points] / ERRORS[1]


def tiles(taps: tuple[int, ...]) -> list[tuple[int, int]]:
    """The tiles that are offered for a kernel of (kh, kw) taps: of small enough errors, and of equal sides if its own are equal."""
    height, width = taps
    if taps == (1, 1) or not set(taps) <= LENGTHS.keys():
        return []
    return [
        (mh, mw)
        for mh, mw in product(LENGTHS[height], LENGTHS[width])
        if (height != width or mh == mw) and error_of(*axes((mh, mw), taps)) <= MOST_ERROR
    ]


LEAST_OF_GROUP = 16
"""Channels of a group from which on one group after another is faster than a tile of pixels that moves through all groups. At 28 × 28
pixels and one thread: 0.70 against 0.61 ms with 8 channels in each of 32 groups, 0.54 against 0.73 ms with 16 in each of 12."""


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
"""Taken for sizes that the page decides."""


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def choose(
    op: Conv2D, kernel: tuple[int, ...], output: tuple[Size, ...], machine: Machine = Machine()
) -> tuple[int, int] | None:
    """The tile (mh, mw) that is estimated to be the fastest, or None for the direct way.

    `kernel`: the weights' shape, with the columns of one group; `output`: the result's, of which the columns do not count.
    """
    height, width, channels, columns = kernel
    if op.groups > 1 and channels < LEAST_OF_GROUP:
        return None
    if set(op.strides) != {1} or set(op.dilation) != {1} or channels % 4:
        return None
    taps = height * width
    images, rows, line = (
        size if isinstance(size, int) else default
        for size, default in zip(output, (1, USUAL_SIZE, USUAL_SIZE), strict=False)
    )
    padded = _ceil(columns, PANEL) * PANEL

    def seconds(tile: tuple[int, int] | None) -> float:
        if tile is None:
            products, weights = max(images * rows * line, 4) * taps * channels * padded, taps * channels * padded
            return products / machine.products + 4 * weights / machine.bytes
        points = (tile[0] + height - 1) * (tile[1] + width - 1)
        count = max(images * _ceil(rows, tile[0]) * _ceil(line, tile[1]), 4)
        # A tile of sums costs as much as four more channels: its call and its stores.
        products, weights = count * points * (channels + 4) * padded, points * channels * padded
        transform = points * count * (channels + padded) * machine.transform
        return products / machine.products + 4 * weights / machine.bytes + transform

    return min((None, *tiles((height, width))), key=seconds)


def scratch(points: int, channels: int, columns: int, tiles: Size) -> tuple[Size, int]:
    """Floats of scratch memory, and tiles that one thread should compute at a time: a quarter of the filters, which are read once for each
    such block, but at least what an L2 cache holds and at most some MiB."""
    padded = _ceil(columns, PANEL) * PANEL
    of_tile = points * (channels + padded)
    most = max(1, min(max(points * channels * padded, 1 << 20), 1 << 23) // (4 * of_tile))
    capacity = min(2 * most, tiles) if isinstance(tiles, int) else 2 * most
    return capacity * of_tile + points * 2 * GAP * MOST_WORKERS, most
