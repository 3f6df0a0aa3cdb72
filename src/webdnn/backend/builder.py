"""Graph → plan: the part that all backends share. A backend's lowerings call `Builder` to emit steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from webdnn.backend.limits import check_memory
from webdnn.backend.loops import lower_repeat
from webdnn.backend.storage import Place, Storage, assign_storage, own_pitch
from webdnn.backend.target import Target
from webdnn.descriptor.schema import Buffer, Item, Kernel, Loop, Plan, Setup, Step, View
from webdnn.graph.dim import Size, number, product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Constant, Graph, Input, Node, Value, apply
from webdnn.graph.ops import Concat, Conv2D, Conv2DTranspose, DepthwiseConv2D, MatMul, Repeat, Reshape, Slice
from webdnn.graph.types import STORAGE, TensorType, storage_of

Array = np.ndarray

WITH_WEIGHTS = (Conv2D, Conv2DTranspose, DepthwiseConv2D, MatMul)
"""Ops whose second input must be a Constant: weights are packed at load."""


@dataclass
class WeightTable:
    """The one weight set of a model: every constant that the graph still uses, in the order in which steps meet them."""

    arrays: list[Array] = field(default_factory=list)
    index: dict[Value, int] = field(default_factory=dict)

    @staticmethod
    def of(graph: Graph) -> WeightTable:
        table = WeightTable()
        table._collect(graph)
        return table

    def _collect(self, graph: Graph) -> None:
        for node in graph.nodes():
            if isinstance(node.op, Repeat):
                self._collect(node.op.body)
            for value in node.inputs:
                self._add(value)
        for value in graph.roots():
            self._add(value)

    def _add(self, value: Value) -> None:
        if isinstance(value.op, Constant) and value not in self.index:
            self.index[value] = len(self.arrays)
            self.arrays.append(value.op.array)


@dataclass
class Builder:
    """Collects the plan of one target while its lowerings run."""

    target: Target
    weights: WeightTable
    plan: Plan
    options: Mapping[str, object] = field(default_factory=dict)
    """What the conversion asks for; `exact` forbids what is faster and less accurate."""
    items: list[Item] = field(default_factory=list)
    depth: int = 0
    _views: dict[Value, View] = field(default_factory=dict)
    _kernels: dict[Kernel, int] = field(default_factory=dict)
    _weight_buffers: dict[tuple[int, int], int] = field(default_factory=dict)

    # What lowerings use.

    def view(self, value: Value) -> View:
        """Where `value` lies; for a constant, its rows as stored."""
        if isinstance(value.op, Constant):
            columns = value.shape[-1] if value.shape else 1
            return self.weight_view(value, number(own_pitch(columns, self.target.capabilities)))
        return self._views[value]

    def weight_view(self, value: Value, pitch: int) -> View:
        """The rows of a constant, `pitch` elements apart."""
        index = self.weights.index[value]
        if (index, pitch) not in self._weight_buffers:
            self._weight_buffers[index, pitch] = self._buffer(
                "weight", storage_of(value.dtype), product(value.shape[:-1]) * pitch, weight=index, pitch=pitch
            )
        return View(self._weight_buffers[index, pitch], 0, pitch, value.shape)

    def weight(self, value: Value) -> int:
        """Index of a constant in the weight set."""
        return self.weights.index[value]

    def storage(self, view: View) -> str:
        """The storage class of the cells of `view`, "float" or "int"."""
        return self.plan.buffers[view.buffer].storage

    def kernel(self, record: Kernel) -> int:
        """Index of a kernel; equal records are one."""
        if record not in self._kernels:
            self._kernels[record] = len(self.plan.kernels)
            self.plan.kernels.append(record)
        return self._kernels[record]

    def step(
        self,
        kernel: int,
        inputs: Sequence[View],
        outputs: Sequence[View],
        args: Sequence[Size] = (),
        *,
        origin: tuple[str, ...] = (),
        dispatch: Sequence[Size] | None = None,
    ) -> None:
        """Emits one kernel call."""
        place = tuple(dispatch) if dispatch is not None else None
        self.items.append(Step(kernel, tuple(inputs), tuple(outputs), tuple(args), place, origin))

    @contextmanager
    def loop(self, repeat: Size) -> Iterator[None]:
        """The steps emitted inside run `repeat` times."""
        outer, self.items = self.items, []
        self.depth += 1
        yield
        self.depth -= 1
        outer.append(Loop(repeat, tuple(self.items)))
        self.items = outer

    def temporary(self, shape: tuple[Size, ...], storage: str = "float") -> View:
        """A fresh activation buffer, for instance the scratch memory of one step (give it to `step` as an output)."""
        pitch = own_pitch(shape[-1] if shape else 1, self.target.capabilities)
        return View(self._buffer("activation", storage, product(shape[:-1]) * pitch), 0, pitch, shape)

    def packed(
        self,
        weight: int,
        kernel: int,
        shape: tuple[Size, ...],
        args: Sequence[Size] = (),
        dispatch: Sequence[Size] | None = None,
        storage: str = "float",
    ) -> View:
        """A buffer of dense `shape` that `kernel` fills at load from the pieces of `weight`; one buffer for equal requests."""
        place = tuple(dispatch) if dispatch is not None else None
        for setup in self.plan.setup:
            if (setup.kernel, setup.weight, setup.args, setup.output.shape) == (kernel, weight, tuple(args), shape):
                return setup.output
        view = View(self._buffer("packed", storage, product(shape)), 0, shape[-1], shape)
        self.plan.setup.append(Setup(kernel, weight, view, tuple(args), place))
        return view

    def copy(self, source: View, destination: View, origin: tuple[str, ...]) -> None:
        """Moves the elements of one view, in row-major order, to another."""
        self.target.copy(self, source, destination, origin)

    # The walk over the graph.

    def _buffer(self, kind: str, storage: str, elements: Size, **more: Any) -> int:
        self.plan.buffers.append(Buffer(kind, storage, elements, **more))
        return len(self.plan.buffers) - 1

    def lower_graph(
        self, graph: Graph, fixed: Mapping[Value, View] | None = None, wanted: Mapping[Value, View] | None = None
    ) -> None:
        """Emits the steps of every node of `graph`; views of its values are known afterwards.

        `fixed` says where parameters lie, `wanted` where results should, if they can.
        """
        fixed, wanted = fixed or {}, wanted or {}
        # What lies in a buffer from outside has a root that no value of the graph is.
        of_buffer = {view.buffer: _outside(view) for view in (*fixed.values(), *wanted.values())}
        roots = {root: buffer for buffer, root in of_buffer.items()}
        known, hoped = (
            {value: Place(of_buffer[view.buffer], view.offset, view.pitch) for value, view in views.items()}
            for views in (fixed, wanted)
        )
        storage = assign_storage(graph, self.target.capabilities, known, hoped)
        for node in storage.nodes:
            if isinstance(node.op, Constant):
                continue
            for value in node.outputs:
                self._views[value] = self._place(value, storage, roots)
            if not isinstance(node.op, Input):
                self._lower_node(node)

    def _place(self, value: Value, storage: Storage, roots: dict[Value, int]) -> View:
        place = storage.places[value]
        root = place.root
        if root not in roots:
            elements = product(root.shape[:-1]) * storage.places[root].pitch + storage.room.get(root, 0)
            roots[root] = self._buffer("activation", storage_of(value.dtype), elements)
        return View(roots[root], place.offset, place.pitch, value.shape)

    def _lower_node(self, node: Node) -> None:
        op = node.op
        if isinstance(op, Repeat):
            lower_repeat(self, node, op)
        elif isinstance(op, Concat) and Concat not in self.target.lowerings:
            self._lower_concat(node, op)
        elif isinstance(op, Reshape) or (isinstance(op, Slice) and self._is_same_memory(node)):
            if not self._is_same_memory(node):
                self.copy(self.view(node.inputs[0]), self.view(node.outputs[0]), node.origin)
        else:
            self.target.lowerings[type(op)](self, node, op)

    def _is_same_memory(self, node: Node) -> bool:
        return self.view(node.inputs[0]).buffer == self.view(node.outputs[0]).buffer

    def _lower_concat(self, node: Node, op: Concat) -> None:
        """Moves the inputs that were not computed in place. A part is a slice of the result."""
        if self.target.move is None:
            raise UnsupportedError(f"{self.target.name}: Concat '{', '.join(node.origin)}' is not supported")
        result = self.view(node.outputs[0])
        strides = result.strides()
        position: Size = 0
        for value in node.inputs:
            view = self.view(value)
            offset = result.offset + position * strides[op.axis]
            position = position + value.shape[op.axis]
            if view.buffer == result.buffer and view.offset == offset:
                continue
            part = View(result.buffer, offset, result.pitch, value.shape)
            self.target.move(
                self, list(zip(value.shape, view.strides(), strides, strict=True)), view, part, node.origin
            )


def _outside(view: View) -> Value:
    return apply(Input(f"buffer {view.buffer}", TensorType(())))


def build_plan(graph: Graph, target: Target, weights: WeightTable, options: Mapping[str, object] | None = None) -> Plan:
    """The plan of `graph` for `target`. Raises UnsupportedError naming every op that the target cannot run."""
    _check_supported(graph, target)
    plan = Plan(target.name)
    builder = Builder(target, weights, plan, options or {})
    states = {
        before: View(
            builder._buffer("state", storage_of(before.dtype), *_state_size(before, target)),
            0,
            _state_pitch(before, target),
            before.shape,
        )
        for before, _ in graph.states
    }
    # A state is overwritten by the step that computes its next value, where nobody reads it afterwards.
    builder.lower_graph(graph, states, {after: states[before] for before, after in graph.states})
    plan.inputs = [builder.view(v) for v in graph.inputs]
    taken: set[int] = set()
    for value in graph.outputs:
        view = builder.view(value)
        if not _is_whole_buffer(view, plan, target) or view.buffer in taken:
            destination = builder.temporary(view.shape, builder.storage(view))
            builder.copy(view, destination, value.origin)
            view = destination
        taken.add(view.buffer)
        plan.outputs.append(view)
    _store_states(builder, graph)
    plan.steps = builder.items
    set_live_ranges(plan)
    check_memory(plan, target, graph)
    target.finish(plan, target, options or {})
    return plan


def _is_whole_buffer(view: View, plan: Plan, target: Target) -> bool:
    own = view.offset == 0 and view.pitch == own_pitch(view.columns, target.capabilities)
    return own and plan.buffers[view.buffer].kind == "activation"


def _state_pitch(value: Value, target: Target) -> Size:
    return own_pitch(value.shape[-1] if value.shape else 1, target.capabilities)


def _state_size(value: Value, target: Target) -> tuple[Size]:
    return (product(value.shape[:-1]) * _state_pitch(value, target),)


def _store_states(builder: Builder, graph: Graph) -> None:
    """The last steps: next states that lie elsewhere go to the state buffers, by way of a copy where one is the present state of another."""
    buffers = {builder.view(before).buffer for before, _ in graph.states}
    pairs = []
    for before, after in graph.states:
        view = builder.view(after)
        if view.buffer in buffers and view.buffer != builder.view(before).buffer:
            saved = builder.temporary(view.shape, builder.storage(view))
            builder.copy(view, saved, after.origin)
            view = saved
        pairs.append((view, builder.view(before)))
    for view, state in pairs:
        if view.buffer != state.buffer:
            builder.copy(view, state, ("state",))


def _check_supported(graph: Graph, target: Target) -> None:
    problems: list[str] = []
    _collect_problems(graph, target, problems)
    if problems:
        raise UnsupportedError(f"{target.name} cannot run:\n  " + "\n  ".join(problems))


def _collect_problems(graph: Graph, target: Target, problems: list[str]) -> None:
    for node in graph.nodes():
        where = f"{node.op.name} '{', '.join(node.origin)}'"
        if isinstance(node.op, Repeat):
            _collect_problems(node.op.body, target, problems)
        elif not isinstance(node.op, Input | Constant | Concat | Reshape) and type(node.op) not in target.lowerings:
            problems.append(f"{where}: the op is not supported")
        for type_ in node.types:
            if type_.dtype not in STORAGE:
                problems.append(f"{where}: dtype {type_.dtype} is not supported")
        if isinstance(node.op, WITH_WEIGHTS) and not isinstance(node.inputs[1].op, Constant):
            problems.append(f"{where}: weights that are computed are not supported")


def set_live_ranges(plan: Plan) -> None:
    """First and last position of every activation buffer, as docs/descriptor.md defines them."""
    ranges: dict[int, list[int]] = {}
    loops: list[tuple[int, int]] = []
    for view in plan.inputs:
        ranges.setdefault(view.buffer, [-1, -1])
    end = _touch(plan.steps, 0, ranges, loops)
    for view in plan.outputs:
        ranges.setdefault(view.buffer, [end, end])[1] = end
    # Outer loops come after inner ones: widening is repeated outwards.
    for start, stop in loops:
        for live in ranges.values():
            _widen(live, start, stop)
    for index, buffer in enumerate(plan.buffers):
        if buffer.kind == "activation":
            first, last = ranges.get(index, [0, 0])
            buffer.live = (first, last)


def _widen(live: list[int], start: int, stop: int) -> None:
    """A loop keeps alive what stood before it; what is born in it and read after it lives from its start."""
    if not (live[0] < stop and live[1] >= start):
        return
    if live[0] < start:
        live[1] = max(live[1], stop - 1)
    elif live[1] >= stop:
        live[0] = start


def _touch(items: Sequence[Item], position: int, ranges: dict[int, list[int]], loops: list[tuple[int, int]]) -> int:
    """Widens `ranges` by `items`, the first of which stands at `position`, and adds their loops to `loops`, inner ones first; returns
    the position after them."""
    for item in items:
        if isinstance(item, Loop):
            start = position
            position = _touch(item.body, position, ranges, loops)
            loops.append((start, position))
            continue
        for view in (*item.inputs, *item.outputs):
            live = ranges.setdefault(view.buffer, [position, position])
            live[1] = position
        position += 1
    return position
