"""The memory planner of docs/descriptor.md; its twin is webdnn_js/src/planner.ts, and tests/golden/memory.json holds the two together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.descriptor.schema import Plan
from webdnn.graph.dim import evaluate
from webdnn.graph.types import BYTES_PER_ELEMENT

ALIGNMENT = 64


@dataclass(frozen=True)
class Item:
    """A buffer to place: size in bytes, and the first and last position at which it holds data, both inclusive."""

    bytes: int
    first: int
    last: int
    storage: str = "float"


def align(size: int) -> int:
    """`size` rounded up to the alignment of an arena."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def _largest_first(items: Sequence[Item]) -> list[int]:
    return sorted(range(len(items)), key=lambda i: (-items[i].bytes, items[i].first, i))


def plan_arena(items: Sequence[Item]) -> tuple[list[int], int]:
    """Byte offset of each item, and the bytes of the whole arena: each item lies at the lowest offset that is free while it lives."""
    first = np.array([item.first for item in items], np.int64)
    last = np.array([item.last for item in items], np.int64)
    offsets = np.full(len(items), -1, np.int64)
    ends = np.zeros(len(items), np.int64)
    for index in _largest_first(items):
        meets = np.flatnonzero((offsets >= 0) & (first <= last[index]) & (last >= first[index]))
        position = 0
        for other in meets[np.argsort(offsets[meets], kind="stable")]:
            if position + items[index].bytes <= offsets[other]:
                break
            position = max(position, align(int(ends[other])))
        offsets[index] = position
        ends[index] = position + items[index].bytes
    return [int(o) for o in offsets], align(int(ends.max(initial=0)))


def plan_slots(items: Sequence[Item]) -> tuple[list[int], list[tuple[int, str]]]:
    """Slot of each item, and (bytes, storage class) of each slot: an item takes the first slot of its class that is free while it lives."""
    slots: list[tuple[int, str]] = []
    members: list[list[Item]] = []
    chosen = [0] * len(items)
    for index in _largest_first(items):
        item = items[index]
        for slot, (_, storage) in enumerate(slots):
            if storage == item.storage and all(m.last < item.first or item.last < m.first for m in members[slot]):
                break
        else:
            slot = len(slots)
            slots.append((item.bytes, item.storage))
            members.append([])
        members[slot].append(item)
        chosen[index] = slot
    return chosen, slots


def live_items(plan: Plan, symbols: Mapping[str, int]) -> list[Item]:
    """The activation buffers of `plan` for given placeholder values."""
    return [
        Item(BYTES_PER_ELEMENT[b.storage] * evaluate(b.elements, symbols), b.live[0], b.live[1], b.storage)
        for b in plan.buffers
        if b.kind == "activation" and b.live is not None
    ]


def peak_bytes(items: Sequence[Item]) -> int:
    """The most bytes that are live at one position: what no placement can undercut."""
    changes: dict[int, int] = {}
    for item in items:
        changes[item.first] = changes.get(item.first, 0) + item.bytes
        changes[item.last + 1] = changes.get(item.last + 1, 0) - item.bytes
    peak = current = 0
    for position in sorted(changes):
        current += changes[position]
        peak = max(peak, current)
    return peak
