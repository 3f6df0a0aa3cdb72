"""Pooling."""

from __future__ import annotations

from dataclasses import dataclass

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.descriptor.schema import Kernel
from webdnn.graph.graph import Node
from webdnn.graph.ops import Pool2D


@dataclass(frozen=True)
class PoolKernel(Kernel):
    kind: str


def lower_pool2d(builder: Builder, node: Node, op: Pool2D) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    (top, _), (left, _) = op.padding
    args = [*x.shape, y.shape[1], y.shape[2], top, left, *op.size, *op.strides, int(op.count_padding)]
    builder.step(builder.kernel(PoolKernel("pool2d", op.kind)), [x], [y], args, origin=node.origin)


LOWERINGS: Lowerings = {Pool2D: lower_pool2d}
