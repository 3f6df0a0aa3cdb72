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
from webdnn.graph.types import TensorType, broadcast_requirements, broadcast_shapes, sizes_may_match

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class MatMul(WithEpilogue):
    """x (…, K), weights (K, M) → (…, M): a dense layer."""

    epilogue: Program | None = None

    def main_type(self, inputs: Sequence[TensorType]) -> TensorType:
        x, w = inputs
        if x.rank < 1 or w.rank != 2 or x.shape[-1] != w.shape[0]:
            raise GraphError(f"data (…, K) and weights (K, M) wanted, got {x} and {w}")
        return TensorType((*x.shape[:-1], w.shape[1]), x.dtype)

    def main_evaluate(self, inputs: Sequence[Array]) -> Array:
        x, w = inputs
        return np.asarray(x @ w)


@dataclass(frozen=True, eq=False)
class BatchMatMul(Op):
    """x (…, M, K), y (…, K, P) → (…, M, P), where the axes before the last two broadcast; both may be computed."""

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, y = inputs
        if x.rank < 2 or y.rank < 2 or not sizes_may_match(x.shape[-1], y.shape[-2]):
            raise GraphError(f"matrices (…, M, K) and (…, K, P) wanted, got {x} and {y}")
        batch = broadcast_shapes([x.shape[:-2], y.shape[:-2]])
        return (TensorType((*batch, x.shape[-2], y.shape[-1]), x.dtype),)

    def requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        x, y = (t.shape for t in inputs)
        return ((x[-1], y[-2]), *broadcast_requirements([x[:-2], y[:-2]]))

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (np.matmul(*inputs),)


OPS: tuple[type[Op], ...] = (BatchMatMul, MatMul)
