"""How much memory a plan takes, and how much a page may: the runtime refuses a Descriptor that exceeds it (docs/descriptor.md, Limits)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from webdnn.backend.memory import live_items, peak_bytes, plan_arena, plan_slots
from webdnn.backend.target import Target
from webdnn.descriptor.schema import Item, Loop, Plan, Step
from webdnn.graph.cost import smallest_sizes
from webdnn.graph.dim import evaluate
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Graph
from webdnn.graph.types import BYTES_PER_ELEMENT

MOST_BYTES = 2**31
"""Weights, packed weights and planned memory together."""
MOST_ELEMENTS = 2**31 - 1
WORRYING_BYTES = 2**30
"""More than this many browsers, those of phones above all, refuse or end the page for."""


@dataclass(frozen=True)
class Memory:
    """Bytes that a plan takes on the device, for one set of placeholder values."""

    weights: int
    """Those that kernels read as they are stored."""
    packed: int
    activations: int
    """What the memory planner asks for, states included."""
    largest_live: int
    """Of activations that are needed at one time: what no planner can undercut."""

    @property
    def total(self) -> int:
        return self.weights + self.packed + self.activations


def memory_of(plan: Plan, target: Target, sizes: Mapping[str, int]) -> Memory:
    """The memory of `plan` when every placeholder has its value."""
    by_kind = {kind: 0 for kind in ("weight", "packed", "state")}
    for buffer in plan.buffers:
        if buffer.kind in by_kind:
            by_kind[buffer.kind] += BYTES_PER_ELEMENT[buffer.storage] * evaluate(buffer.elements, sizes)
    items = live_items(plan, sizes)
    if target.capabilities.memory == "arena":
        planned = plan_arena(items)[1]
    else:
        planned = sum(size for size, _ in plan_slots(items)[1])
    return Memory(by_kind["weight"], by_kind["packed"], planned + by_kind["state"], peak_bytes(items))


def check_memory(plan: Plan, target: Target, graph: Graph) -> None:
    """Raises UnsupportedError, naming the layer of the largest buffer, when no page can run `plan` even at the smallest sizes."""
    sizes = smallest_sizes(graph)
    if sizes is None:
        return
    total = memory_of(plan, target, sizes).total
    if total > MOST_BYTES or any(evaluate(b.elements, sizes) > MOST_ELEMENTS for b in plan.buffers):
        raise UnsupportedError(
            f"{plan.backend} would take {gigabytes(total)} of memory{_at(sizes)}; a page may use {gigabytes(MOST_BYTES)}. "
            f"{largest_buffer(plan, sizes)} Choose smaller sizes, or make the model smaller"
        )


def memory_notice(plan: Plan, target: Target, graph: Graph) -> str | None:
    """What the user should know of a plan that many pages cannot run, or that no page can run at the sizes that placeholders allow."""
    largest = {name: p.maximum for name, p in graph.placeholders.items() if p.maximum is not None}
    if largest and len(largest) == len(graph.placeholders) and all(c.holds(largest) for c in graph.constraints):
        total = memory_of(plan, target, largest).total
        if total > MOST_BYTES:
            return (
                f"it takes {gigabytes(total)} of memory{_at(largest)}, so pages refuse that: a page may use {gigabytes(MOST_BYTES)}. "
                f"{largest_buffer(plan, largest)}"
            )
    sizes = smallest_sizes(graph)
    total = 0 if sizes is None else memory_of(plan, target, sizes).total
    if sizes is None or total <= WORRYING_BYTES:
        return None
    return (
        f"it takes {gigabytes(total)} of memory{_at(sizes)}: many browsers, those of phones above all, end a page that takes so much. "
        f"{largest_buffer(plan, sizes)}"
    )


def largest_buffer(plan: Plan, sizes: Mapping[str, int]) -> str:
    """A sentence that names the largest buffer and the layers that write it."""
    index = max(range(len(plan.buffers)), key=lambda i: evaluate(plan.buffers[i].elements, sizes))
    buffer = plan.buffers[index]
    size = BYTES_PER_ELEMENT[buffer.storage] * evaluate(buffer.elements, sizes)
    writers = {
        name: None
        for step in _steps(plan.steps)
        if any(v.buffer == index for v in step.outputs)
        for name in step.origin
    }
    of = f" of {', '.join(map(repr, writers))}" if writers else ""
    return f"The largest part is the {buffer.kind}{of}, {gigabytes(size)}."


def _steps(items: Sequence[Item]) -> Iterator[Step]:
    for item in items:
        if isinstance(item, Loop):
            yield from _steps(item.body)
        else:
            yield item


def _at(sizes: Mapping[str, int]) -> str:
    return f" at {', '.join(f'{name} = {value}' for name, value in sizes.items())}" if sizes else ""


def gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
