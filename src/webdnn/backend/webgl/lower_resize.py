"""Resizing."""

from __future__ import annotations

from typing import Any

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webgl.emit import emit, image_sizes
from webdnn.graph.graph import Node
from webdnn.graph.ops import Resize2D
from webdnn.graph.ops.resize import TAPS


def lower_resize2d(builder: Builder, node: Node, op: Resize2D) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    sizes = image_sizes(x, y)
    for axis in range(2):
        places = op.positions(axis, x.shape[1 + axis])
        sizes |= {f"STEP_{axis}": places.step, f"START_{axis}": places.start, f"DIVISOR_{axis}": places.divisor}
    cubic: dict[str, Any] = {}
    if op.mode == "bicubic":
        cubic = {"cubic": repr(float(op.cubic)), "exclude_outside": op.exclude_outside}
    emit(builder, "resize2d", [x], y, sizes, node.origin, taps=TAPS[op.mode], **cubic)


LOWERINGS: Lowerings = {Resize2D: lower_resize2d}
