"""Which values share memory.

Each value gets a `Place`: a root (whose buffer it lies in), an offset and a pitch. Concatenations are views where the target can write
with a pitch, slices and reshapes are views where the geometry allows it, and an elementwise result overwrites an operand that dies with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from webdnn.backend.capabilities import Capabilities
from webdnn.graph.dim import Size, ceil_divide, product
from webdnn.graph.graph import Constant, Graph, Input, Node, Value
from webdnn.graph.ops import Concat, Elementwise, Repeat, Reshape, Slice
from webdnn.graph.types import storage_of


@dataclass(frozen=True)
class Place:
    """Where a value lies: `offset` elements into the buffer of `root`, rows `pitch` elements apart."""

    root: Value
    offset: Size
    pitch: Size


def columns_of(value: Value) -> Size:
    return value.shape[-1] if value.shape else 1


def rows_of(value: Value) -> Size:
    return product(value.shape[:-1])


def own_pitch(columns: Size, capabilities: Capabilities) -> Size:
    """The pitch of a buffer that holds one tensor."""
    return (
        ceil_divide(columns, capabilities.alignment) * capabilities.alignment if capabilities.pad_columns else columns
    )


@dataclass
class Storage:
    """Places of all values of one graph (constants have none: they lie in weight buffers)."""

    capabilities: Capabilities
    nodes: list[Node]
    places: dict[Value, Place] = field(default_factory=dict)
    readers: dict[Value, list[int]] = field(default_factory=dict)
    last_read: dict[Value, int] = field(default_factory=dict)
    """By root: the index of the last node that reads a value placed there."""

    def put(self, value: Value, place: Place) -> None:
        self.places[value] = place
        self.last_read[place.root] = max(self.last_read.get(place.root, -1), *self.readers.get(value, [-1]))

    def put_alone(self, value: Value) -> None:
        self.put(value, Place(value, 0, own_pitch(columns_of(value), self.capabilities)))

    def aligned(self, *sizes: Size) -> bool:
        return all(size % self.capabilities.alignment == 0 for size in sizes)


def assign_storage(graph: Graph, capabilities: Capabilities, fixed: Mapping[Value, Place] | None = None) -> Storage:
    """Places for every value of `graph`; `fixed` gives those that are known already (the parameters of a loop's body)."""
    storage = Storage(capabilities, graph.nodes())
    never = len(storage.nodes)
    for index, node in enumerate(storage.nodes):
        for value in node.inputs:
            storage.readers.setdefault(value, []).append(index)
    for value in graph.roots():
        storage.readers.setdefault(value, []).append(never)
    for value, place in (fixed or {}).items():
        storage.put(value, place)
    if capabilities.strided_write:
        for node in reversed(storage.nodes):
            if isinstance(node.op, Concat):
                _place_concat(storage, node, node.op.axis, set(graph.roots()))
    for index, node in enumerate(storage.nodes):
        if isinstance(node.op, Constant):
            continue
        for value in node.outputs:
            if value not in storage.places:
                shared = _alias(storage, value) or _in_place(storage, value, index)
                if shared:
                    storage.put(value, shared)
                else:
                    storage.put_alone(value)
    return storage


def _place_concat(storage: Storage, node: Node, axis: int, roots: set[Value]) -> None:
    """Lets the inputs of a concatenation along `axis` be computed where the result lies."""
    result = node.outputs[0]
    last = axis == len(result.shape) - 1
    if not last and any(size != 1 for size in result.shape[:axis]):
        return
    if result not in storage.places:
        storage.put_alone(result)
    target = storage.places[result]
    position: Size = 0
    for value in node.inputs:
        offset = target.offset + (position if last else position * product(result.shape[axis + 1 : -1]) * target.pitch)
        position = position + value.shape[axis]
        place = Place(target.root, offset, target.pitch)
        if _can_be_placed(storage, value, node, place, roots):
            storage.put(value, place)


def _can_be_placed(storage: Storage, value: Value, concat: Node, place: Place, roots: set[Value]) -> bool:
    if value in storage.places or value in roots or concat.inputs.count(value) > 1:
        return False
    if isinstance(value.op, Input | Constant | Reshape | Slice | Repeat):
        return False
    if not storage.aligned(place.offset, place.pitch):
        return False
    if storage.capabilities.same_buffer_io:
        return True
    neighbours = _read_for(value) + _computed_from(storage, value, concat)
    return all(v not in storage.places or storage.places[v].root != place.root for v in neighbours)


def _read_for(value: Value) -> list[Value]:
    """What is read while `value` is written. Reshapes and slices may become views: what they look at counts."""
    found = list(value.node.inputs)
    for operand in found:
        if isinstance(operand.op, Reshape | Slice):
            found += operand.node.inputs
    return found


def _computed_from(storage: Storage, value: Value, concat: Node) -> list[Value]:
    """What is written while `value`, or a view of it, is read; `concat` need not read it if it is computed in place."""
    found: list[Value] = []
    views = [value]
    for view in views:
        for index in storage.readers.get(view, []):
            if index == len(storage.nodes) or (view == value and storage.nodes[index] is concat):
                continue
            outputs = storage.nodes[index].outputs
            found += outputs
            if isinstance(storage.nodes[index].op, Reshape | Slice):
                views += outputs
    return found


def _alias(storage: Storage, value: Value) -> Place | None:
    """A view of the input, for a reshape or a slice whose geometry allows it."""
    if not isinstance(value.op, Reshape | Slice) or isinstance(value.node.inputs[0].op, Constant):
        return None
    source = value.node.inputs[0]
    place = storage.places[source]
    if isinstance(value.op, Slice):
        return _slice(storage, value.op, source, place)
    columns = columns_of(value)
    if columns == columns_of(source):
        return place
    dense = place.pitch == columns_of(source) and own_pitch(columns, storage.capabilities) == columns
    return Place(place.root, place.offset, columns) if dense else None


def _slice(storage: Storage, op: Slice, source: Value, place: Place) -> Place | None:
    offset, step, cut_inner = place.offset, place.pitch, False
    rank = len(source.shape)
    for axis in reversed(range(rank)):
        start, size, have = op.starts[axis], op.sizes[axis], source.shape[axis]
        if axis == rank - 1:
            offset = offset + start
            continue
        if cut_inner and size != 1:
            return None  # more than one block of rows
        offset = offset + start * step
        cut_inner = cut_inner or size != have
        step = step * have
    return Place(place.root, offset, place.pitch) if storage.aligned(offset, place.pitch) else None


def _cells(value: Value) -> tuple[object, ...]:
    """What two values must have in common for one to take the other's place, cell by cell."""
    return (value.shape, storage_of(value.dtype))


def _in_place(storage: Storage, value: Value, index: int) -> Place | None:
    """The place of an operand that nobody needs afterwards."""
    if not storage.capabilities.in_place or not isinstance(value.op, Elementwise):
        return None
    for operand in value.node.inputs:
        place = storage.places.get(operand)
        if place is None or _cells(operand) != _cells(value) or isinstance(place.root.op, Input):
            continue
        others = [v for v in value.node.inputs if v in storage.places and v != operand]
        if any(
            storage.places[v].root == place.root and (storage.places[v], _cells(v)) != (place, _cells(value))
            for v in others
        ):
            continue
        if storage.last_read[place.root] <= index:
            return place
    return None
