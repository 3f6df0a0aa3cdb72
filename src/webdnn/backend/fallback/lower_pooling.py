"""Pooling."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.fallback.emit import emit
from webdnn.backend.target import Lowerings
from webdnn.graph.graph import Node
from webdnn.graph.ops import Pool2D


def lower_pool2d(builder: Builder, node: Node, op: Pool2D) -> None:
    top_left = [before for before, _ in op.padding]
    emit(
        builder,
        node,
        "pool2d",
        top_left,
        kind=op.kind,
        size=op.size,
        strides=op.strides,
        count_padding=op.count_padding,
    )


LOWERINGS: Lowerings = {Pool2D: lower_pool2d}
