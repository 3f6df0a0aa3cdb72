"""Resizing images."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.fallback.emit import emit
from webdnn.backend.target import Lowerings
from webdnn.graph.graph import Node
from webdnn.graph.ops import Resize2D


def lower_resize2d(builder: Builder, node: Node, op: Resize2D) -> None:
    places = [op.positions(axis, node.inputs[0].shape[1 + axis]) for axis in range(2)]
    args = [part for place in places for part in (place.step, place.start, place.divisor)]
    emit(builder, node, "resize2d", args, mode=op.mode, cubic=op.cubic, exclude_outside=op.exclude_outside)


LOWERINGS: Lowerings = {Resize2D: lower_resize2d}
