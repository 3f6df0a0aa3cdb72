"""Ops that move elements without computing on them, or make them out of nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.graph.dim import Size, number, product
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Op
from webdnn.graph.program import check_literal
from webdnn.graph.types import TensorType, merge_sizes, sizes_may_match

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Reshape(Op):
    """The same elements in row-major order under another shape; no −1, every size is known or symbolic."""

    shape: tuple[Size, ...]

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = inputs
        if not sizes_may_match(x.elements, product(self.shape)):
            raise GraphError(f"{x} has {x.elements} elements, shape {self.shape} wants {product(self.shape)}")
        return (TensorType(self.shape, x.dtype),)

    def requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        return ((inputs[0].elements, product(self.shape)),)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (inputs[0].reshape([number(s) for s in self.shape]),)


@dataclass(frozen=True, eq=False)
class Transpose(Op):
    """Output axis i is input axis `permutation[i]`."""

    permutation: tuple[int, ...]

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = inputs
        if sorted(self.permutation) != list(range(x.rank)):
            raise GraphError(f"permutation {self.permutation} does not fit {x}")
        return (TensorType(tuple(x.shape[i] for i in self.permutation), x.dtype),)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (inputs[0].transpose(self.permutation),)


@dataclass(frozen=True, eq=False)
class Concat(Op):
    """The inputs one after another along `axis` (not negative)."""

    axis: int

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if not inputs or not 0 <= self.axis < inputs[0].rank:
            raise GraphError(f"axis {self.axis} does not fit {', '.join(map(str, inputs)) or 'no inputs'}")
        shape = list(inputs[0].shape)
        for other in inputs[1:]:
            if other.rank != len(shape) or other.dtype != inputs[0].dtype:
                raise GraphError(f"{inputs[0]} and {other} cannot be concatenated")
            for axis, size in enumerate(other.shape):
                if axis == self.axis:
                    shape[axis] = shape[axis] + size
                elif sizes_may_match(shape[axis], size):
                    shape[axis] = merge_sizes(shape[axis], size)
                else:
                    raise GraphError(
                        f"{inputs[0]} and {other} differ on axis {axis}, which is not the axis {self.axis} of the concatenation"
                    )
        return (TensorType(tuple(shape), inputs[0].dtype),)

    def requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        result = self.infer(inputs)[0].shape
        return tuple(
            (result[i], t.shape[i]) for t in inputs for i in range(t.rank) if i != self.axis and t.shape[i] != result[i]
        )

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (np.concatenate(inputs, self.axis),)


@dataclass(frozen=True, eq=False)
class Slice(Op):
    """`sizes[i]` consecutive elements from `starts[i]` along every axis i."""

    starts: tuple[Size, ...]
    sizes: tuple[Size, ...]

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = inputs
        if len(self.starts) != x.rank or len(self.sizes) != x.rank:
            raise GraphError(f"starts {self.starts} and sizes {self.sizes} do not fit {x}")
        for start, size, have in zip(self.starts, self.sizes, x.shape, strict=True):
            room = have - start - size
            if any(isinstance(v, int) and v < least for v, least in ((start, 0), (size, 1), (room, 0))):
                raise GraphError(f"{size} elements from {start} do not lie in an axis of size {have}")
        return (TensorType(self.sizes, x.dtype),)

    def limits(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        # Kernels do not look: elements beyond the end of an axis would be those of the next row.
        (x,) = inputs
        begins = tuple((0, start) for start in self.starts)
        ends = tuple((start + size, have) for start, size, have in zip(self.starts, self.sizes, x.shape, strict=True))
        return begins + ends

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        index = tuple(slice(start, start + size) for start, size in zip(self.starts, self.sizes, strict=True))
        return (inputs[0][index],)


@dataclass(frozen=True, eq=False)
class Pad(Op):
    """`amounts[i]` = (before, after) elements of `value` along every axis i."""

    amounts: tuple[tuple[Size, Size], ...]
    value: float = 0.0

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = inputs
        if len(self.amounts) != x.rank:
            raise GraphError(f"amounts {self.amounts} do not fit {x}")
        if any(isinstance(a, int) and a < 0 for pair in self.amounts for a in pair):
            raise GraphError(f"amounts {self.amounts} must not be negative; slice instead")
        check_literal(self.value, x.dtype, "the padding")
        return (
            TensorType(
                tuple(before + s + after for s, (before, after) in zip(x.shape, self.amounts, strict=True)), x.dtype
            ),
        )

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        (x,) = inputs
        value = x.dtype.type(self.value)
        return (np.pad(x, [(number(a), number(b)) for a, b in self.amounts], constant_values=value),)


@dataclass(frozen=True, eq=False)
class Fill(Op):
    """`value` everywhere, in a tensor of `shape`, which may be symbolic. No inputs."""

    shape: tuple[Size, ...]
    value: float
    dtype: str = "float32"

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        check_literal(self.value, self.dtype, "the value")
        return (TensorType(self.shape, self.dtype),)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (np.full([number(s) for s in self.shape], self.value, self.dtype),)


@dataclass(frozen=True, eq=False)
class Iota(Op):
    """0, 1, 2 … `length` − 1 in int32, of rank 1; `length` may be symbolic. No inputs."""

    length: Size

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (TensorType((self.length,), "int32"),)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (np.arange(number(self.length), dtype=np.int32),)


OPS: tuple[type[Op], ...] = (Concat, Fill, Iota, Pad, Reshape, Slice, Transpose)
