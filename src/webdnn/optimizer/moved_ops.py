"""What an op becomes in other coordinates (`optimizer/coordinates.py`), and what it asks of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from webdnn.graph.dim import Size
from webdnn.graph.graph import Op, Value
from webdnn.graph.ops import (
    ArgReduce,
    Concat,
    CumulativeSum,
    Elementwise,
    Gather,
    Pad,
    Reduce,
    Slice,
    Softmax,
)
from webdnn.optimizer.coordinates import Coordinates


@dataclass(frozen=True)
class OneAxis:
    """Axes of an op that must stay one axis each (`whole`), that must not be joined with others (`apart`), and that its result lacks (`dropped`)."""

    whole: tuple[int, ...] = ()
    apart: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()

    def with_reduced(self, value: Value) -> tuple[Size, ...]:
        """The shape of the op's result, with size 1 where it lacks an axis."""
        sizes = list(value.shape)
        for axis in self.dropped:
            sizes.insert(axis, 1)
        return tuple(sizes)


def roles_of(value: Value) -> OneAxis | None:
    """What the op of `value` asks of its axes; None for an op that moves do not pass."""
    if not value.node.inputs:
        return None
    shape = value.node.inputs[0].shape
    match value.op:
        case Elementwise():
            return OneAxis()
        case Concat(axis) | CumulativeSum(axis) | Gather(axis):
            return OneAxis(whole=(axis,))
        case Softmax():
            return OneAxis(whole=(len(shape) - 1,))
        case ArgReduce(_, axis, keepdims):
            return OneAxis(whole=(axis,), dropped=() if keepdims else (axis,))
        case Reduce(_, axes, keepdims):
            return OneAxis(apart=axes, dropped=() if keepdims else axes)
        case Pad(amounts):
            return OneAxis(whole=tuple(axis for axis, pair in enumerate(amounts) if pair != (0, 0)))
        case Slice(_, sizes):
            return OneAxis(whole=tuple(axis for axis, size in enumerate(sizes) if size != shape[axis]))
    return None


def moved_op(op: Op, coordinates: Coordinates, shape: tuple[Size, ...]) -> Op | str:
    """`op`, which is applied to a value of `shape`, in other coordinates; or why it has no form there."""
    slots = [coordinates.slots_of(axis) for axis in range(len(shape))]
    count = len(coordinates.slots)
    match op:
        case Elementwise():
            return op
        case Concat(axis) | CumulativeSum(axis) | Gather(axis) | ArgReduce(_, axis):
            return replace(op, axis=slots[axis][0])
        case Softmax():
            last = slots[-1][0]
            return op if last == count - 1 else "looks along the last axis, which is not the last before it"
        case Reduce(_, axes):
            reduced = tuple(sorted({slot for axis in axes for slot in slots[axis]}))
            return replace(op, axes=reduced) if reduced else "reduces axes of size 1 alone"
        case Pad(amounts, value):
            by_slot = {slots[axis][0]: pair for axis, pair in enumerate(amounts) if pair != (0, 0)}
            return Pad(tuple(by_slot.get(slot, (0, 0)) for slot in range(count)), value)
        case Slice(starts, sizes):
            cut = {slots[axis][0]: (starts[axis], s) for axis, s in enumerate(sizes) if s != shape[axis]}
            whole = coordinates.joined(coordinates.sizes)
            parts = [cut.get(slot, (0, size)) for slot, size in enumerate(whole)]
            return Slice(tuple(start for start, _ in parts), tuple(size for _, size in parts))
    return f"has no rule for {op.name}"
