"""What frontends and their shared decompositions write ops with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from webdnn.graph.dim import Size
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Constant, Op, Value, apply
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.ops.indexing import take
from webdnn.graph.ops.shape import Concat, Fill, Pad, Reshape, Slice, Transpose

Array = np.ndarray
Keep: TypeAlias = "Callable[[str, Callable[[], Array]], Value]"  # the constant of that name, made on first use


@dataclass(frozen=True)
class Writer:
    """Writes nodes that stand for the source model's layer `path`. What would change nothing is not written."""

    path: str = ""

    @property
    def origin(self) -> tuple[str, ...]:
        return (self.path,)

    def apply(self, op: Op, *inputs: Value) -> Value:
        return apply(op, *inputs, origin=self.origin)

    def elementwise(self, function: str, *operands: Value | float) -> Value:
        return elementwise(function, *operands, origin=self.origin)

    def literal(self, array: Array) -> Value:
        """A constant in the graph's dtype for its numbers: see `held`."""
        return self.apply(Constant(np.ascontiguousarray(held(array)).reshape(array.shape)))

    def fill(self, shape: Sequence[Size], value: float, dtype: str) -> Value:
        """`value` everywhere."""
        return self.apply(Fill(tuple(shape), float(value), dtype))

    def cast(self, x: Value, dtype: str) -> Value:
        """`x` as the graph's dtype `dtype`, as its functions `to_…` say."""
        return x if x.dtype == dtype else self.elementwise(f"to_{dtype}", x)

    def reshape(self, x: Value, shape: Sequence[Size]) -> Value:
        return x if tuple(shape) == x.shape else self.apply(Reshape(tuple(shape)), x)

    def transpose(self, x: Value, permutation: Sequence[int]) -> Value:
        return x if list(permutation) == list(range(x.type.rank)) else self.apply(Transpose(tuple(permutation)), x)

    def swap(self, x: Value, first: int, second: int) -> Value:
        """`x` with two axes exchanged, which is its own inverse."""
        permutation = list(range(x.type.rank))
        permutation[first], permutation[second] = permutation[second], permutation[first]
        return self.transpose(x, permutation)

    def concat(self, parts: Sequence[Value], axis: int) -> Value:
        return parts[0] if len(parts) == 1 else self.apply(Concat(axis % parts[0].type.rank), *parts)

    def cut(self, x: Value, axis: int, start: Size, size: Size) -> Value:
        """`size` elements from `start` along one axis."""
        if start == 0 and size == x.shape[axis]:
            return x
        starts: list[Size] = [0] * x.type.rank
        sizes = list(x.shape)
        starts[axis], sizes[axis] = start, size
        return self.apply(Slice(tuple(starts), tuple(sizes)), x)

    def frame(self, x: Value, amounts: Sequence[tuple[Size, Size]], value: float = 0.0) -> Value:
        """`value` before and after along every axis; a negative amount (a number) cuts instead."""
        cuts = [tuple(-a if isinstance(a, int) and a < 0 else 0 for a in pair) for pair in amounts]
        if any(map(any, cuts)):
            sizes = tuple(size - before - after for size, (before, after) in zip(x.shape, cuts, strict=True))
            x = self.apply(Slice(tuple(before for before, _ in cuts), sizes), x)
        pads = [(a + cut[0], b + cut[1]) for (a, b), cut in zip(amounts, cuts, strict=True)]
        return x if all(pad == (0, 0) for pad in pads) else self.apply(Pad(tuple(pads), value), x)

    def frame_axis(self, x: Value, axis: int, before: Size, after: Size, value: float = 0.0) -> Value:
        """`frame` along one axis."""
        amounts: list[tuple[Size, Size]] = [(0, 0)] * x.type.rank
        amounts[axis] = before, after
        return self.frame(x, amounts, value)

    def take(self, x: Value, axis: int, indices: Sequence[int]) -> Value:
        """The elements at `indices` along one axis; a run of neighbours is a slice."""
        places = list(indices)
        if places and places[0] >= 0 and places == list(range(places[0], places[0] + len(places))):
            return self.cut(x, axis, places[0], len(places))
        return take(x, axis, places, self.origin)

    def every(self, x: Value, axis: int, step: int, count: Size, start: Size = 0) -> Value:
        """`count` elements `step` apart along one axis, from `start`."""
        if step == 1:
            return self.cut(x, axis, start, count)
        if isinstance(start, int) and isinstance(count, int):
            return self.take(x, axis, range(start, start + count * step, step))
        # Blocks of `step` elements, of which the first is kept; the last block may reach beyond the end.
        x = self.frame_axis(x, axis, 0, step - 1)
        x = self.cut(x, axis, start, count * step)
        before, after = x.shape[:axis], x.shape[axis + 1 :]
        blocks = self.reshape(x, (*before, count, step, *after))
        return self.reshape(self.cut(blocks, axis + 1, 0, 1), (*before, count, *after))


def held(array: Array) -> Array:
    """`array` in the dtype in which a graph holds such numbers: bool, int8 and uint8 are as they are, other whole numbers int32, all else float32.

    Raises UnsupportedError for a whole number that int32 does not hold.
    """
    if array.dtype.name in ("bool", "int8", "uint8"):
        return array
    if array.dtype.kind not in "iu":
        return np.asarray(array, np.float32)
    limits = np.iinfo(np.int32)
    for number in (array.min(), array.max()) if array.size else ():
        if not limits.min <= number <= limits.max:
            raise UnsupportedError(f"the constant {number}, which int32 cannot hold; make it smaller, or float32")
    return np.asarray(array, np.int32)
