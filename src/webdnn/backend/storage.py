"""Which values share memory.

Each value gets a `Place`: a root (whose buffer it lies in), an offset and a pitch. Concatenations are views where the target can write
with a pitch, slices and reshapes are views where the geometry allows it, and an elementwise result overwrites an operand that dies with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from webdnn.backend.capabilities import Capabilities
from webdnn.graph.dim import Size, ceil_divide, product
from webdnn.graph.graph import Constant, Graph, Input, Node, Value
from webdnn.graph.ops import Concat, Elementwise, JointElementwise, Repeat, Reshape, Slice
from webdnn.graph.types import storage_of

IN_PLACE = (Elementwise, JointElementwise)
"""Ops whose kernels read an element of every operand before they write that of a result."""


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
    room: dict[Value, Size] = field(default_factory=dict)
    """By root: elements that its buffer has beyond those of the root."""
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


def assign_storage(
    graph: Graph,
    capabilities: Capabilities,
    fixed: Mapping[Value, Place] | None = None,
    wanted: Mapping[Value, Place] | None = None,
) -> Storage:
    """Places for every value of `graph`.

    `fixed` gives those that are known already, the parameters of a loop's body. `wanted` says where its results should lie; a result gets
    its place only where that is safe, and its owner has to look.
    """
    storage = Storage(capabilities, graph.nodes())
    never = len(storage.nodes)
    for index, node in enumerate(storage.nodes):
        for value in node.inputs:
            storage.readers.setdefault(value, []).append(index)
    for value in graph.roots():
        storage.readers.setdefault(value, []).append(never)
    for value, place in (fixed or {}).items():
        storage.put(value, place)
    for index, node in enumerate(storage.nodes):
        for value in node.outputs:
            if wanted and value in wanted and _may_lie(storage, value, index, wanted[value], fixed or {}):
                storage.put(value, wanted[value])
    for node in storage.nodes:
        if isinstance(node.op, Repeat):
            _place_sequences(storage, node, node.op)
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


def _may_lie(storage: Storage, value: Value, index: int, place: Place, fixed: Mapping[Value, Place]) -> bool:
    """Whether node `index` may write `value`, a result of a loop's body, to `place`.

    It must be computed, not only seen; and whoever reads a parameter that lies there, or a view of it, must have read it by then. The node
    itself may read that parameter where the target writes in place, or what lies elsewhere in its buffer where the target allows that.
    """
    if value in storage.places or isinstance(value.op, Input | Constant | Reshape | Slice | Repeat):
        return False
    if not storage.aligned(place.offset, place.pitch) or place.pitch != own_pitch(
        columns_of(value), storage.capabilities
    ):
        return False
    for parameter, lies in fixed.items():
        if lies.root != place.root:
            continue
        read = _read_until(storage, parameter)
        if lies == place:
            overwritten = read <= index and (read < index or _overwrites(storage, value, parameter))
        else:
            overwritten = storage.capabilities.same_buffer_io or parameter not in looked_at(value.node.inputs)
        if not overwritten:
            return False
    return True


def _read_until(storage: Storage, value: Value) -> int:
    """The index of the last node that reads `value` or a view of it."""
    last, views = -1, [value]
    for view in views:
        for index in storage.readers.get(view, []):
            last = max(last, index)
            if index < len(storage.nodes) and isinstance(storage.nodes[index].op, Reshape | Slice):
                views += storage.nodes[index].outputs
    return last


def _overwrites(storage: Storage, value: Value, parameter: Value) -> bool:
    """Whether the elementwise `value` may be written where `parameter`, which it reads, lies."""
    operands = value.node.inputs
    views = [v for v in operands if v != parameter and parameter in looked_at([v])]
    return (
        storage.capabilities.in_place
        and isinstance(value.op, IN_PLACE)
        and _cells(value) == _cells(parameter)
        and not views
    )


def shared_sequences(op: Repeat) -> dict[int, int]:
    """State → stacked result, where both are one value of the body: the states of all iterations then are one sequence."""
    found: dict[int, int] = {}
    for state, value in enumerate(op.body.outputs[: op.carried]):
        for position, result in enumerate(op.body.outputs[op.carried :]):
            if (
                result == value
                and position not in found.values()
                and not isinstance(value.op, Input | Constant | Reshape | Slice)
            ):
                found[state] = position
                break
    return found


def _place_sequences(storage: Storage, node: Node, op: Repeat) -> None:
    """Lets a state that is stacked lie in its sequence, whose buffer has one element more: the initial state.

    Iteration t then reads element t of the buffer and writes element t + 1, or in reverse the other way round; nothing is copied.
    """
    for state, position in shared_sequences(op).items():
        value, sequence = node.outputs[state], node.outputs[op.carried + position]
        pitch = own_pitch(columns_of(value), storage.capabilities)
        step = rows_of(value) * pitch
        if not storage.aligned(step):
            continue
        storage.room[sequence] = step
        storage.put(sequence, Place(sequence, 0 if op.reverse else step, pitch))
        storage.put(value, Place(sequence, 0 if op.reverse else op.count * step, pitch))


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
    neighbours = looked_at(value.node.inputs) + _computed_from(storage, value, concat)
    return all(v not in storage.places or storage.places[v].root != place.root for v in neighbours)


def looked_at(values: Sequence[Value]) -> list[Value]:
    """`values`, and what those that are reshapes or slices are made of: these may become views, which look at the memory of others."""
    found = list(values)
    for value in found:
        if isinstance(value.op, Reshape | Slice):
            found += value.node.inputs
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
    if not storage.capabilities.in_place or not isinstance(value.op, IN_PLACE):
        return None
    taken = {storage.places[v].root for v in value.node.outputs if v in storage.places}
    for operand in value.node.inputs:
        place = storage.places.get(operand)
        if place is None or _cells(operand) != _cells(value) or isinstance(place.root.op, Input):
            continue
        if place.root in taken:
            continue  # another result lies there
        others = [v for v in value.node.inputs if v in storage.places and v != operand]
        if any(
            storage.places[v].root == place.root and (storage.places[v], _cells(v)) != (place, _cells(value))
            for v in others
        ):
            continue
        if storage.last_read[place.root] <= index:
            return place
    return None
