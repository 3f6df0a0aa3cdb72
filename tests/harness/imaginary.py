"""Targets that exist on paper only, and a machine that runs their plans in numpy.

A kernel is an op of the graph, evaluated. The machine lays memory out as the planner says and refuses whatever a real device would get wrong: reading
what was never written or is dead (it is NaN), writing where an input lies, views that a target's capabilities do not allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.backend.builder import Builder, WeightTable, build_plan
from webdnn.backend.capabilities import Capabilities
from webdnn.backend.memory import live_items, plan_arena, plan_slots
from webdnn.backend.storage import IN_PLACE
from webdnn.backend.target import Lowering, MovedAxis, Target
from webdnn.descriptor.schema import Item, Kernel, Loop, Plan, Step, View
from webdnn.graph.dim import evaluate
from webdnn.graph.graph import Graph, Node, Op
from webdnn.graph.ops import OPS, Concat, Repeat, Reshape

Array = np.ndarray

CAPABILITIES = {
    "arena": Capabilities("arena", strided_write=True, in_place=True, same_buffer_io=True),
    "arena, nothing in place": Capabilities("arena", strided_write=True, in_place=False, same_buffer_io=True),
    "slots": Capabilities("slots", strided_write=True, in_place=True, same_buffer_io=False),
    "slots, aligned": Capabilities("slots", strided_write=True, in_place=True, same_buffer_io=False, alignment=4),
    "slots, aligned, nothing in place": Capabilities(
        "slots", strided_write=True, in_place=False, same_buffer_io=False, alignment=4
    ),
    "slots, padded columns, whole rows": Capabilities(
        "slots", strided_write=False, in_place=False, same_buffer_io=False, alignment=4, pad_columns=True
    ),
}


@dataclass(frozen=True)
class OpKernel(Kernel):
    """A kernel that evaluates an op on inputs of these dtypes; without one it copies."""

    op: Op | None = None
    dtypes: tuple[str, ...] = ()


@dataclass(frozen=True)
class MoveKernel(Kernel):
    """A kernel that moves elements along axes: sizes, distances in the source, distances in the destination."""

    axes: tuple[MovedAxis, ...] = ()


@dataclass
class Machine:
    """A target with `capabilities` whose kernels are ops."""

    capabilities: Capabilities

    @property
    def target(self) -> Target:
        lowerings: dict[type[Op], Lowering] = {op: self._lower for op in OPS if op not in (Concat, Repeat, Reshape)}
        if not self.capabilities.strided_write:
            lowerings[Concat] = self._lower
        move = self._move if self.capabilities.strided_write else None
        return Target("imaginary", self.capabilities, lowerings, self._copy, move, lambda plan, target, options: None)

    def _lower(self, builder: Builder, node: Node, op: Op) -> None:
        kernel = builder.kernel(OpKernel(op.name, op, tuple(v.dtype for v in node.inputs)))
        inputs, outputs = ([builder.view(v) for v in values] for values in (node.inputs, node.outputs))
        builder.step(kernel, inputs, outputs, origin=node.origin)

    def _copy(self, builder: Builder, source: View, destination: View, origin: tuple[str, ...]) -> None:
        builder.step(builder.kernel(OpKernel("copy")), [source], [destination], origin=origin)

    def _move(
        self, builder: Builder, axes: Sequence[MovedAxis], source: View, destination: View, origin: tuple[str, ...]
    ) -> None:
        builder.step(builder.kernel(MoveKernel("move", tuple(axes))), [source], [destination], origin=origin)

    def run(
        self, graph: Graph, runs: Sequence[Sequence[Array]], symbols: Mapping[str, int] | None = None
    ) -> list[list[Array]]:
        """Outputs of `graph` for the inputs of each run, one run after another (states last)."""
        weights = WeightTable.of(graph)
        plan = build_plan(graph, self.target, weights)
        memory = Memory(
            plan, self.capabilities, [np.asarray(a, np.float64) for a in weights.arrays], dict(symbols or {})
        )
        results = []
        for inputs in runs:
            memory.forget()
            for view, array in zip(plan.inputs, inputs, strict=True):
                memory.write(view, array)
            self._steps(plan, memory, plan.steps, 0, None)
            results.append([memory.read(view) for view in plan.outputs])
        return results

    def _steps(
        self, plan: Plan, memory: Memory, items: Sequence[Item], position: int, loop: tuple[int, int] | None
    ) -> int:
        """Runs `items`, the first of which stands at `position`, inside `loop`; returns the position after them."""
        for item in items:
            if isinstance(item, Loop):
                stop = position + _count(item.body)
                symbol = f"${sum(name.startswith('$') for name in memory.symbols)}"
                for iteration in range(evaluate(item.repeat, memory.symbols)):
                    memory.symbols[symbol] = iteration
                    self._steps(plan, memory, item.body, position, (position, stop - 1))
                memory.symbols.pop(symbol, None)  # a loop may run no time at all
                position = stop
            else:
                self._step(plan, memory, item)
                memory.end(position, loop)
                position += 1
        return position

    def _step(self, plan: Plan, memory: Memory, step: Step) -> None:
        kernel = plan.kernels[step.kernel]
        if isinstance(kernel, MoveKernel):
            memory.move(kernel.axes, step.inputs[0], step.outputs[0])
            return
        op = kernel.op if isinstance(kernel, OpKernel) else None
        inputs = [memory.read(view) for view in step.inputs]
        if isinstance(kernel, OpKernel) and op is not None:
            dtypes = ("float64" if dtype == "float32" else dtype for dtype in kernel.dtypes)
            inputs = [array.astype(dtype) for array, dtype in zip(inputs, dtypes, strict=True)]
        self._check(memory, step, op)
        results = op.bind(memory.symbols).evaluate(inputs) if op else inputs
        for view, result in zip(step.outputs, results, strict=True):
            memory.write(view, result.reshape([evaluate(s, memory.symbols) for s in view.shape]))

    def _check(self, memory: Memory, step: Step, op: Op | None) -> None:
        """The views of a step are such as the target's capabilities allow."""
        c = self.capabilities
        for view in (*step.inputs, *step.outputs):
            place = [evaluate(s, memory.symbols) for s in (view.offset, view.pitch)]
            assert op is None or all(p % c.alignment == 0 for p in place) or not c.pad_columns, f"{view} is not aligned"
        for output in step.outputs:
            assert c.strided_write or op is None or memory.is_whole_rows(output), f"{output} has gaps"
            written = set(memory.indices(output).ravel())
            for view in step.inputs:
                if view.buffer != output.buffer:
                    continue
                if written & set(memory.indices(view).ravel()):
                    assert c.in_place, f"{output} is written in place"
                    assert isinstance(op, IN_PLACE), f"{op} reads and writes {output}"
                    assert view == output, f"{op} reads {view} while it writes {output}"
                else:
                    assert c.same_buffer_io, f"{op} reads {view} and writes {output} of the same buffer"


def _count(items: Sequence[Item]) -> int:
    return sum(_count(item.body) if isinstance(item, Loop) else 1 for item in items)


class Memory:
    """All buffers of a plan: activations as the planner places them, float64 so that only wrong data makes a difference; it holds every integer."""

    def __init__(
        self, plan: Plan, capabilities: Capabilities, weights: Sequence[Array], symbols: dict[str, int]
    ) -> None:
        self.plan = plan
        self.symbols = symbols
        self.alignment = capabilities.alignment
        self.pad_columns = capabilities.pad_columns
        items = live_items(plan, symbols)
        if capabilities.memory == "arena":
            offsets, size = plan_arena(items)
            arena = np.empty(size // 4)
            places = [arena[o // 4 : (o + i.bytes) // 4] for o, i in zip(offsets, items, strict=True)]
        else:
            chosen, slots = plan_slots(items)
            blocks = [np.empty(size // 4) for size, _ in slots]
            places = [blocks[s][: i.bytes // 4] for s, i in zip(chosen, items, strict=True)]
        planned = iter(places)
        self.buffers: list[Array] = []
        for buffer in plan.buffers:
            if buffer.kind == "weight":
                assert buffer.weight is not None
                array = weights[buffer.weight]
                rows = array.reshape(-1, array.shape[-1] if array.ndim else 1)
                padded = np.full((rows.shape[0], buffer.pitch or 1), np.nan)
                padded[:, : rows.shape[1]] = rows
                self.buffers.append(padded.ravel())
            else:
                self.buffers.append(
                    next(planned) if buffer.kind == "activation" else np.zeros(evaluate(buffer.elements, symbols))
                )

    def forget(self) -> None:
        for buffer, array in zip(self.plan.buffers, self.buffers, strict=True):
            if buffer.kind == "activation":
                array[:] = np.nan

    def indices(self, view: View) -> Array:
        """Positions in the buffer of all elements of `view`."""
        shape = [evaluate(s, self.symbols) for s in view.shape]
        offset, pitch = evaluate(view.offset, self.symbols), evaluate(view.pitch, self.symbols)
        columns = shape[-1] if shape else 1
        rows = int(np.prod(shape[:-1], dtype=int))
        return (offset + pitch * np.arange(rows)[:, None] + np.arange(columns)).reshape(shape)

    def is_whole_rows(self, view: View) -> bool:
        columns, pitch = evaluate(view.columns, self.symbols), evaluate(view.pitch, self.symbols)
        return pitch == (-(-columns // self.alignment) * self.alignment if self.pad_columns else columns)

    def read(self, view: View) -> Array:
        array = self.buffers[view.buffer][self.indices(view)]
        assert not np.isnan(array).any(), f"{view} holds what was never written, or is dead"
        return array

    def write(self, view: View, array: Array) -> None:
        self.buffers[view.buffer][self.indices(view)] = array

    def move(self, axes: Sequence[MovedAxis], source: View, destination: View) -> None:
        """Element (i, j, …) of some axes from one place to another, which the strides give."""
        sizes = [evaluate(axis[0], self.symbols) for axis in axes]
        places = []
        for part, view in ((1, source), (2, destination)):
            strides = [evaluate(axis[part], self.symbols) for axis in axes]
            offset = evaluate(view.offset, self.symbols)
            places.append(offset + sum(i * s for i, s in zip(np.indices(sizes), strides, strict=True)))
        array = self.buffers[source.buffer][places[0]]
        assert not np.isnan(array).any(), f"{source} holds what was never written, or is dead"
        self.buffers[destination.buffer][places[1]] = array

    def end(self, position: int, loop: tuple[int, int] | None) -> None:
        """Poisons what dies at `position`; in a loop, only what was born in the same iteration."""
        for buffer, array in zip(self.plan.buffers, self.buffers, strict=True):
            if buffer.kind != "activation" or buffer.live is None or buffer.live[1] != position:
                continue
            if loop is None or (buffer.live[0] > loop[0] and position < loop[1]):
                array[:] = np.nan
