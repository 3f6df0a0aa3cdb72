"""Resizing of channels-last images."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webgpu.dialect import literal
from webdnn.backend.webgpu.emit import Operand, can_be_vector, emit, items
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node
from webdnn.graph.ops import Resize2D
from webdnn.graph.ops.resize import TAPS


def lower_resize2d(builder: Builder, node: Node, op: Resize2D) -> None:
    x, output = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    vector = can_be_vector(x) and can_be_vector(output)
    args: dict[str, Size] = {
        "rows": output.rows,
        "columns": output.columns,
        "height": x.shape[1],
        "width": x.shape[2],
        "out_height": output.shape[1],
        "out_width": output.shape[2],
    }
    for axis, name in enumerate("yx"):
        places = op.positions(axis, x.shape[1 + axis])
        args |= {f"{name}_step": places.step, f"{name}_start": places.start, f"{name}_divisor": places.divisor}
    emit(
        builder,
        "resize",
        [Operand("x", x, vector)],
        Operand("y", output, vector),
        args,
        items(output.elements // 4 if vector else output.elements),
        node.origin,
        f"resize2d_{op.mode}",
        taps=TAPS[op.mode],
        cubic=literal(op.cubic),
        exclude_outside=op.exclude_outside,
    )


LOWERINGS: Lowerings = {Resize2D: lower_resize2d}
