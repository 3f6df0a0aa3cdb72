"""Layers that spread the brightness of pictures over its range."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import product as combinations
from typing import Any, TypeAlias

import numpy as np

from webdnn.frontend.keras.lowering import Array, Context, Layer
from webdnn.frontend.keras.operation_images import over_pictures
from webdnn.frontend.keras.operation_indices import known
from webdnn.frontend.resample import known_sizes
from webdnn.graph.dim import product
from webdnn.graph.graph import Value
from webdnn.graph.ops.indexing import Gather, ScatterElements
from webdnn.graph.ops.reduction import CumulativeSum, Reduce
from webdnn.graph.ops.shape import Iota

Share: TypeAlias = "tuple[Array, Array]"  # for each pixel of an axis a tile, and its share
LEVELS = 256
FULL = (0.0, 255.0)


def ranged(context: Context, x: Value, source: Sequence[float], target: Sequence[float]) -> Value:
    """Numbers of the range `source` as those of `target`, by way of 0…1."""
    if tuple(source) == tuple(target):
        return x
    e = context.elementwise
    share = e("div", e("sub", x, float(source[0])), float(source[1] - source[0]))
    return e("add", e("mul", share, float(target[1] - target[0])), float(target[0]))


def lower_auto_contrast(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """Axes 1 and 2 from the darkest to the brightest become the whole range, which Keras does whatever the data format; where there is but one
    brightness, x."""
    (x,), e = inputs, context.elementwise
    original = context.cast(x, "float32")
    single = x.type.rank == 3
    x = context.reshape(original, (1, *original.shape)) if single else original
    full = ranged(context, x, layer.value_range, FULL)
    low, high = (context.apply(Reduce(kind, (1, 2), True), full) for kind in ("min", "max"))
    scale = e("div", 255.0, e("sub", high, low))
    spread = e("add", e("mul", full, scale), e("mul", e("neg", low), scale))
    y = ranged(context, e("clip", spread, 0.0, 255.0), FULL, layer.value_range)
    y = e("where", e("equal", y, y), y, x)
    return context.reshape(y, original.shape)


def lower_clahe(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """Contrast Limited Adaptive Histogram Equalization: each tile of the picture has a table of brightnesses, and a pixel the mean of the tables
    around it, by its distance to the middles of their tiles."""
    _ = layer.value_range, layer.clip_limit, layer.tile_grid_size

    def equalized(c: Context, layer: Any, image: Value) -> Value:
        full = ranged(c, c.cast(image, "float32"), layer.value_range, FULL)
        return ranged(c, Tiles(c, layer, full).equalized(), FULL, layer.value_range)

    y = over_pictures(equalized)(context, layer, inputs[0])
    return context.cast(y, inputs[0].dtype)


class Tiles:
    """x (N, H, W, C) of brightnesses 0…255, cut into tiles, with the edges mirrored where they do not divide it."""

    def __init__(self, c: Context, layer: Layer, x: Value) -> None:
        self.c, self.layer, self.x = c, layer, x
        self.size = known_sizes(x)
        self.channels = known(x.shape[3], "channels")
        self.counts = tuple(int(count) for count in layer.tile_grid_size)
        self.tile = tuple(-(-size // count) for size, count in zip(self.size, self.counts, strict=True))
        padded = x
        for axis, (size, count, tile) in enumerate(zip(self.size, self.counts, self.tile, strict=True), 1):
            padded = c.take(padded, axis, np.pad(np.arange(size), (0, count * tile - size), "symmetric").tolist())
        self.levels = c.cast(c.elementwise("clip", padded, 0.0, 255.0), "int32")

    def tables(self) -> Value:
        """(N, rows, columns, C, 256): for each tile what becomes of a brightness."""
        c, e, pixels = self.c, self.c.elementwise, self.tile[0] * self.tile[1]
        (rows, columns), (height, width) = self.counts, self.tile
        cut = c.reshape(self.levels, (self.x.shape[0], rows, height, columns, width, self.channels))
        lines = c.transpose(cut, (0, 1, 3, 5, 2, 4))
        shape = lines.shape[:4]
        places = c.reshape(lines, (product(shape), pixels))
        none, ones = c.fill((product(shape), LEVELS), 0, "float32"), c.fill(places.shape, 1, "float32")
        counts = c.reshape(c.apply(ScatterElements("add"), none, places, ones), (*shape, LEVELS))
        if self.layer.clip_limit > 0:
            clipped = e("clip", counts, 0.0, float(np.float32(self.layer.clip_limit * pixels / 256.0)))
            excess = c.apply(Reduce("sum", (4,), True), e("sub", counts, clipped))
            counts = e("add", clipped, e("div", excess, float(LEVELS)))
        below = c.apply(CumulativeSum(4), counts)
        least = c.apply(Reduce("min", (4,), True), below)
        rest = e("sub", float(pixels), least)
        rest = e("where", e("equal", rest, 0.0), 1.0, rest)
        return e("clip", e("div", e("mul", e("sub", below, least), 255.0), rest), 0.0, 255.0)

    def equalized(self) -> Value:
        """(N, H, W, C)"""
        c = self.c
        found = self.tables()
        tables = c.reshape(found, (found.type.elements, 1))
        corners = [self._corner(tables, *corner) for corner in combinations(*map(self._between, (0, 1)))]
        total = reduce(lambda a, b: c.elementwise("add", a, b), corners)
        return c.cut(c.cut(total, 1, 0, self.size[0]), 2, 0, self.size[1])

    def _corner(self, tables: Value, rows: Share, columns: Share) -> Value:
        """What the tiles `rows` and `columns` make of the pixels, times the tiles' shares."""
        c = self.c
        (row, row_share), (column, column_share) = rows, columns
        place = self._place(row.reshape(1, -1, 1, 1), column.reshape(1, 1, -1, 1))
        value = c.reshape(c.apply(Gather(0), tables, c.reshape(place, (place.type.elements,))), place.shape)
        share = row_share.reshape(1, -1, 1, 1) * column_share.reshape(1, 1, -1, 1)
        return c.elementwise("mul", value, c.literal(share.astype(np.float32)))

    def _between(self, axis: int) -> list[Share]:
        """The tile before and the one after each pixel of an axis, counted by their middles, and their shares. Beyond the first and the last middle
        both are the same."""
        count, tile = self.counts[axis], self.tile[axis]
        place = (np.arange(count * tile) - tile / 2) / tile
        before = np.floor(place)
        share = place - before
        return [
            (np.clip(before + step, 0, count - 1).astype(np.int32), weight)
            for step, weight in ((0, 1 - share), (1, share))
        ]

    def _place(self, row: Array, column: Array) -> Value:
        """Where in the list of all tables the number for each pixel is."""
        c, e = self.c, self.c.elementwise
        tile = (row * self.counts[1] + column) * self.channels + np.arange(self.channels)
        inside = e("add", self.levels, c.literal((tile * LEVELS).astype(np.int32)))
        numbers = c.reshape(c.apply(Iota(self.x.shape[0])), (self.x.shape[0], 1, 1, 1))
        step = float(self.counts[0] * self.counts[1] * self.channels * LEVELS)
        return e("add", e("mul", numbers, step), inside)


LOWERINGS = {"AutoContrast": lower_auto_contrast, "ContrastLimitedAdaptiveHistogramEqualization": lower_clahe}
