"""Matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.graph.dim import Size
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Op
from webdnn.graph.ops.elementwise import WithEpilogue
from webdnn.graph.program import Program
from webdnn.graph.types import (
    FLOATS,
    TensorType,
    broadcast_requirements,
    broadcast_shapes,
    check_dtype,
    sizes_may_match,
)

Array = np.ndarray


FACTORS = (*FLOATS, "int32")


def check_factors(left: TensorType, right: TensorType) -> None:
    """Raises GraphError unless both have one dtype that can be multiplied and added up."""
    check_dtype(left.dtype, FACTORS, "factors")
    check_dtype(right.dtype, (left.dtype,), "the second factor")


@dataclass(frozen=True, eq=False)
class MatMul(WithEpilogue):
    """x (…, K), weights (K, M) → (…, M): a dense layer. Both are float32 or int32; sums of integers wrap around."""

    epilogue: Program | None = None

    def main_type(self, inputs: Sequence[TensorType]) -> TensorType:
        x, w = inputs
        if x.rank < 1 or w.rank != 2 or not sizes_may_match(x.shape[-1], w.shape[0]):
            raise GraphError(f"data (…, K) and weights (K, M) wanted, got {x} and {w}")
        check_factors(x, w)
        return TensorType((*x.shape[:-1], w.shape[1]), x.dtype)

    def main_requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        x, w = inputs
        return ((x.shape[-1], w.shape[0]),)

    def main_evaluate(self, inputs: Sequence[Array]) -> Array:
        x, w = inputs
        return np.asarray(x @ w)


@dataclass(frozen=True, eq=False)
class BatchMatMul(WithEpilogue):
    """x (…, M, K), y (…, K, P) → (…, M, P), where the axes before the last two broadcast; both may be computed.

    `left` and `right` are permutations (as in Transpose) under which x and y are seen; None leaves the axes as they are. Both are float32 or
    int32; sums of integers wrap around.
    """

    left: tuple[int, ...] | None = None
    right: tuple[int, ...] | None = None
    epilogue: Program | None = None

    def factor_shapes(self, x: TensorType, y: TensorType) -> tuple[tuple[Size, ...], tuple[Size, ...]]:
        """Shapes of both factors as the product sees them."""
        return permuted(x, self.left), permuted(y, self.right)

    def main_type(self, inputs: Sequence[TensorType]) -> TensorType:
        check_factors(*inputs)
        x, y = self.factor_shapes(*inputs)
        if len(x) < 2 or len(y) < 2 or not sizes_may_match(x[-1], y[-2]):
            raise GraphError(f"matrices (…, M, K) and (…, K, P) wanted, got {inputs[0]} and {inputs[1]}")
        return TensorType((*broadcast_shapes([x[:-2], y[:-2]]), x[-2], y[-1]), inputs[0].dtype)

    def main_requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        x, y = self.factor_shapes(*inputs)
        return ((x[-1], y[-2]), *broadcast_requirements([x[:-2], y[:-2]]))

    def main_evaluate(self, inputs: Sequence[Array]) -> Array:
        x, y = (
            array if axes is None else array.transpose(axes)
            for array, axes in zip(inputs, (self.left, self.right), strict=True)
        )
        return np.asarray(np.matmul(x, y))


def permuted(x: TensorType, permutation: tuple[int, ...] | None) -> tuple[Size, ...]:
    """The shape of `x` under `permutation`. Raises GraphError where it is none of its axes."""
    if permutation is None:
        return x.shape
    if sorted(permutation) != list(range(x.rank)):
        raise GraphError(f"permutation {permutation} does not fit {x}")
    return tuple(x.shape[axis] for axis in permutation)


OPS: tuple[type[Op], ...] = (BatchMatMul, MatMul)
