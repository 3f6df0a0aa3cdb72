"""Matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.graph.errors import GraphError
from webdnn.graph.ops.elementwise import WithEpilogue
from webdnn.graph.program import Program
from webdnn.graph.types import TensorType

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
