"""Winograd's algorithm F(m × m, 3 × 3): its filter transform, and for which layers it pays (kernels/winograd.h.jinja computes)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from webdnn.graph.dim import Size
from webdnn.graph.ops import Conv2D

PANEL = 8

GAP = 16
"""Floats between the points of V and of M: one line of the cache."""
MOST_WORKERS = 4
"""Threads that have a part of the scratch memory at least one tile large."""

POINT_A, POINT_B = 5 / 8, 3 / 2
"""Points of m = 4. With 1 and 2, which are usual, a layer of 512 channels has four times the error (1.1e-5; these: 2.7e-6; m = 2: 8e-7).
Their squares and products are exact in float32."""


def filter_transform(m: int) -> np.ndarray:
    """G (m + 2, 3): row p is (1, p, p²) / ∏ (p − q) over the other points q; the last, for ∞, is (0, 0, 1)."""
    points = [0.0, POINT_A, -POINT_A, POINT_B, -POINT_B] if m == 4 else [0.0, 1.0, -1.0]
    rows = [np.array([1, p, p * p]) / np.prod([p - q for q in points if q != p]) for p in points]
    return np.array([*rows, np.array([0, 0, 1])])


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
    transform: float = 0.35e-9
    """Seconds for an element of V or M."""


USUAL_SIZE = 56
"""Taken for sizes that the page decides."""


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def choose(op: Conv2D, kernel: tuple[int, ...], output: tuple[Size, ...], machine: Machine = Machine()) -> int:
    """4, 2, or 0 for the direct way: whichever is estimated to be the fastest.

    `kernel`: the weights' shape, with the columns of one group; `output`: the result's, of which the columns do not count.
    """
    height, width, channels, columns = kernel
    if op.groups > 1 and channels < LEAST_OF_GROUP:
        return 0
    if (height, width) != (3, 3) or set(op.strides) != {1} or set(op.dilation) != {1} or channels % 4:
        return 0
    images, rows, line = (
        size if isinstance(size, int) else default
        for size, default in zip(output, (1, USUAL_SIZE, USUAL_SIZE), strict=False)
    )
    padded = _ceil(columns, PANEL) * PANEL

    def seconds(m: int) -> float:
        if m == 0:
            products, weights = max(images * rows * line, 4) * 9 * channels * padded, 9 * channels * padded
            return products / machine.products + 4 * weights / machine.bytes
        points, tiles = (m + 2) ** 2, max(images * _ceil(rows, m) * _ceil(line, m), 4)
        # A tile of sums costs as much as four more channels: its call and its stores.
        products, weights = tiles * points * (channels + 4) * padded, points * channels * padded
        transform = points * tiles * (channels + padded) * machine.transform
        return products / machine.products + 4 * weights / machine.bytes + transform

    return min((0, 2, 4), key=seconds)


def scratch(m: int, channels: int, columns: int, tiles: Size) -> tuple[Size, int]:
    """Floats of scratch memory, and tiles that one thread should compute at a time: as large as the filters, which are read once for each
    such block, but at least a part of the L2 cache and at most some MiB."""
    padded = _ceil(columns, PANEL) * PANEL
    points = (m + 2) ** 2
    of_tile = points * (channels + padded)
    most = max(1, min(max(points * channels * padded * 4, 1 << 20), 1 << 23) // (4 * of_tile))
    capacity = min(2 * most, tiles) if isinstance(tiles, int) else 2 * most
    return capacity * of_tile + points * 2 * GAP * MOST_WORKERS, most
