"""Layered layout of an acyclic graph, from top to bottom (after Sugiyama).

Every box lies in the band of its rank, and bands do not meet. An edge that passes a rank does so on a vertical track of its own
between the boxes; it bends only in the empty space between bands. So no edge runs through a box, whatever the graph.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

BOX_GAP = 28.0
TRACK_WIDTH = 6.0
TRACK_GAP = 16.0
BAND_GAP = 40.0
SWEEPS = 12
STRAIGHT = 8.0
"""How much more a bend in the middle of a long edge costs than one at a box."""


@dataclass(frozen=True)
class Segment:
    """A vertical piece of an edge."""

    x: float
    top: float
    bottom: float


@dataclass(frozen=True)
class Link:
    """The part of an edge between two neighbouring ranks: `upper`, a curve, `lower`; `arrives` at a box or goes on."""

    upper: Segment
    lower: Segment
    arrives: bool


@dataclass(frozen=True)
class Layout:
    """Left upper corners of the boxes, and the links; everything lies in 0…width, 0…height."""

    corners: tuple[tuple[float, float], ...]
    links: tuple[Link, ...]
    width: float
    height: float


@dataclass
class _Items:
    """Boxes (the first `boxes` of them) and tracks, with the links between items of neighbouring ranks."""

    boxes: int
    rank: list[int]
    width: list[float]
    above: list[list[int]] = field(default_factory=list)
    below: list[list[int]] = field(default_factory=list)

    def add_track(self, rank: int) -> int:
        self.rank.append(rank)
        self.width.append(TRACK_WIDTH)
        self.above.append([])
        self.below.append([])
        return len(self.rank) - 1

    def connect(self, upper: int, lower: int) -> None:
        self.below[upper].append(lower)
        self.above[lower].append(upper)


def layout(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Layout:
    """Places boxes of `sizes` (width, height). Every edge goes from a lower to a higher index."""
    if not sizes:
        return Layout((), (), 0.0, 0.0)
    items = _split_edges([w for w, _ in sizes], edges, _ranks(len(sizes), edges))
    rows = _order(items)
    x = _columns(items, rows)
    return _place(items, rows, x, [h for _, h in sizes])


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The longest way from a source; sources stand right above their first reader."""
    rank = [0] * count
    readers: list[list[int]] = [[] for _ in range(count)]
    is_source = [True] * count
    for source, target in edges:
        readers[source].append(target)
        is_source[target] = False
    for source in range(count):
        for target in readers[source]:
            rank[target] = max(rank[target], rank[source] + 1)
    for source in range(count):
        if is_source[source] and readers[source]:
            rank[source] = min(rank[target] for target in readers[source]) - 1
    return rank


def _split_edges(widths: list[float], edges: Sequence[tuple[int, int]], rank: list[int]) -> _Items:
    """Edges cut at every rank. All edges from one box share their tracks."""
    count = len(widths)
    items = _Items(count, list(rank), list(widths), [[] for _ in range(count)], [[] for _ in range(count)])
    tracks: dict[tuple[int, int], int] = {}
    for source, target in edges:
        item = source
        for level in range(rank[source] + 1, rank[target]):
            key = (source, level)
            if key not in tracks:
                tracks[key] = items.add_track(level)
                items.connect(item, tracks[key])
            item = tracks[key]
        items.connect(item, target)
    return items


def _order(items: _Items) -> list[list[int]]:
    """The items of each rank from left to right, with few crossings: sorted by the mean place of their neighbours, up and down in turn."""
    rows: list[list[int]] = [[] for _ in range(max(items.rank) + 1)]
    for item in range(len(items.rank)):
        rows[items.rank[item]].append(item)
    if all(len(row) == 1 for row in rows):
        return rows
    best, fewest = rows, _crossings(items, rows)
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        rows = [list(row) for row in rows]
        down = sweep % 2 == 0
        place = {item: float(index) for row in rows for index, item in enumerate(row)}
        for row in rows if down else reversed(rows):
            neighbours = items.above if down else items.below
            weight = {i: _mean([place[n] for n in neighbours[i]], place[i]) for i in row}
            row.sort(key=weight.__getitem__)
            place.update({item: float(index) for index, item in enumerate(row)})
        crossings = _crossings(items, rows)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _crossings(items: _Items, rows: list[list[int]]) -> int:
    total = 0
    for upper, lower in pairwise(rows):
        place = {item: index for index, item in enumerate(lower)}
        seen: list[int] = []
        for item in upper:
            targets = sorted(place[t] for t in items.below[item])
            total += sum(len(seen) - bisect_right(seen, t) for t in targets)
            for target in targets:
                insort(seen, target)
    return total


def _columns(items: _Items, rows: list[list[int]]) -> list[float]:
    """The middle of each item: near the middle of its neighbours, in order and without overlap."""
    x = [0.0] * len(items.rank)
    for row in rows:
        _spread(items, row, [0.0] * len(row), [1.0] * len(row), x)
    for sweep in range(2 * SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            if len(row) == 1:
                continue  # all that lies above meets all that lies below here: such boxes share one axis, x = 0
            wanted: list[float] = []
            weights: list[float] = []
            for item in row:
                # The last sweeps look both ways, so that a fork and its join agree.
                both = sweep >= SWEEPS
                neighbours = items.above[item] if down and not both else items.below[item]
                neighbours = neighbours + items.above[item] if both else neighbours
                pulls = [(x[n], STRAIGHT if n >= items.boxes and item >= items.boxes else 1.0) for n in neighbours]
                total = sum(weight for _, weight in pulls)
                wanted.append(sum(p * weight for p, weight in pulls) / total if pulls else x[item])
                weights.append(total or 0.1)
            _spread(items, row, wanted, weights, x)
    _straighten(items, rows, x)
    return x


def _spread(items: _Items, row: list[int], wanted: list[float], weights: list[float], x: list[float]) -> None:
    """Least squares under `x[i+1] − x[i] ≥ distance`: pools neighbours that would overlap (isotonic regression)."""
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + _distance(items, left, right))
    pools: list[tuple[float, float, int]] = []  # mean, weight, count
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        pool = (want - offset, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, other, count = pools.pop()
            total = other + pool[1]
            pool = ((mean * other + pool[0] * pool[1]) / total, total, count + pool[2])
        pools.append(pool)
    means = [mean for mean, _, count in pools for _ in range(count)]
    for item, mean, offset in zip(row, means, offsets, strict=True):
        x[item] = mean + offset


def _straighten(items: _Items, rows: list[list[int]], x: list[float]) -> None:
    """Gives every run of items one x, where the neighbours leave room for that; twice, for runs make room for each other."""
    left: dict[int, int] = {right: left for row in rows for left, right in pairwise(row)}
    right = {left: right for right, left in left.items()}
    runs = [run for run in _runs(items) if len(run) > 1]
    on_axis = {row[0] for row in rows if len(row) == 1}
    for _ in range(2):
        for run in runs:
            lowest = max((x[left[i]] + _distance(items, left[i], i) for i in run if i in left), default=float("-inf"))
            highest = min(
                (x[right[i]] - _distance(items, i, right[i]) for i in run if i in right), default=float("inf")
            )
            if lowest <= highest:
                wanted = 0.0 if on_axis.intersection(run) else sum(x[i] for i in run) / len(run)
                common = min(max(wanted, lowest), highest)
                for item in run:
                    x[item] = x[item] if item in on_axis else common


def _runs(items: _Items) -> list[list[int]]:
    """Longest paths of items that should stand below each other: tracks of one edge, and boxes with no other neighbour."""
    follows: dict[int, int] = {}
    for upper, targets in enumerate(items.below):
        tracks = [t for t in targets if t >= items.boxes]
        if upper >= items.boxes and tracks:
            follows[upper] = tracks[0]
        elif (
            len(targets) == 1
            and items.above[targets[0]] == [upper]
            and (upper >= items.boxes) == (targets[0] >= items.boxes)
        ):
            follows[upper] = targets[0]
    runs = []
    for start in sorted(set(range(len(items.rank))) - set(follows.values())):
        run = [start]
        while run[-1] in follows:
            run.append(follows[run[-1]])
        runs.append(run)
    return runs


def _distance(items: _Items, left: int, right: int) -> float:
    """How far apart the middles of two neighbours must be."""
    gap = TRACK_GAP if left >= items.boxes or right >= items.boxes else BOX_GAP
    return (items.width[left] + items.width[right]) / 2 + gap


def _place(items: _Items, rows: list[list[int]], x: list[float], heights: list[float]) -> Layout:
    left = min(x[i] - items.width[i] / 2 for i in range(len(x)))
    x = [value - left for value in x]
    bands: list[tuple[float, float]] = []
    top = 0.0
    for row in rows:
        height = max((heights[i] for i in row if i < items.boxes), default=0.0)
        bands.append((top, top + height))
        top += height + BAND_GAP
    links: list[Link] = []
    for upper, targets in enumerate(items.below):
        first, last = bands[items.rank[upper]]
        start = Segment(x[upper], first + heights[upper] if upper < items.boxes else first, last)
        for lower in dict.fromkeys(targets):
            band = bands[items.rank[lower]]
            if lower < items.boxes:
                for port in _ports(items, x, upper, lower):
                    links.append(Link(start, Segment(port, band[0], band[0]), True))
            else:
                links.append(Link(start, Segment(x[lower], *band), False))
    corners = [(x[i] - items.width[i] / 2, bands[items.rank[i]][0]) for i in range(items.boxes)]
    width = max(x[i] + items.width[i] / 2 for i in range(len(x)))
    return Layout(tuple(corners), tuple(links), width, top - BAND_GAP)


def _ports(items: _Items, x: list[float], upper: int, lower: int) -> list[float]:
    """Where the edges from `upper` enter the top of `lower`: all its edges are spread over the middle, from left to right."""
    sources = sorted(items.above[lower], key=x.__getitem__)
    step = min(18.0, items.width[lower] * 0.7 / len(sources))
    first = x[lower] - step * (len(sources) - 1) / 2
    return [first + step * position for position, source in enumerate(sources) if source == upper]
