"""Pooling, resizing, reductions, softmax."""

from __future__ import annotations

import math
from typing import Any

from webdnn.backend.builder import Builder
from webdnn.backend.webgl.dialect import literal
from webdnn.backend.webgl.emit import TEXEL, emit, levels
from webdnn.graph.dim import Size, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import Pool2D, Reduce, Resize2D
from webdnn.graph.ops.resize import TAPS

COMBINE = {
    "sum": ("((a) + (b))", "0.0"),
    "mean": ("((a) + (b))", "0.0"),
    "max": ("maximum_(a, b)", literal(-math.inf)),
    "min": ("minimum_(a, b)", literal(math.inf)),
    "prod": ("((a) * (b))", "1.0"),
}
"""How each reduction combines two values, and what it starts from."""


def _image_sizes(node: Node) -> dict[str, Size]:
    image, output = node.inputs[0].shape, node.outputs[0].shape
    return {"HEIGHT": image[1], "WIDTH": image[2], "OUT_HEIGHT": output[1], "OUT_WIDTH": output[2]}


def lower_pool2d(b: Builder, node: Node) -> None:
    assert isinstance(node.op, Pool2D)
    op = node.op
    sizes = {
        **_image_sizes(node),
        "KERNEL_HEIGHT": op.size[0],
        "KERNEL_WIDTH": op.size[1],
        "STRIDE_Y": op.strides[0],
        "STRIDE_X": op.strides[1],
        "TOP": op.padding[0][0],
        "LEFT": op.padding[1][0],
    }
    constants: dict[str, Any] = {"kind": op.kind, "count_padding": op.count_padding, "levels": levels(product(op.size))}
    emit(b, "pool2d", [b.view(node.inputs[0])], b.view(node.outputs[0]), sizes, node.origin, **constants)


def lower_resize2d(b: Builder, node: Node) -> None:
    assert isinstance(node.op, Resize2D)
    op, sizes = node.op, _image_sizes(node)
    x, y = b.view(node.inputs[0]), b.view(node.outputs[0])
    for axis in range(2):
        places = op.positions(axis, x.shape[1 + axis])
        sizes |= {f"STEP_{axis}": places.step, f"START_{axis}": places.start, f"DIVISOR_{axis}": places.divisor}
    cubic: dict[str, Any] = {}
    if op.mode == "bicubic":
        cubic = {"cubic": repr(float(op.cubic)), "exclude_outside": op.exclude_outside}
    emit(b, "resize2d", [x], y, sizes, node.origin, taps=TAPS[op.mode], **cubic)


def lower_reduce(b: Builder, node: Node) -> None:
    assert isinstance(node.op, Reduce)
    view = b.view(node.inputs[0])
    last = len(view.shape) - 1
    reduced = [axis for axis in node.op.axes if axis != last]
    kept = [axis for axis in range(last) if axis not in reduced]
    strides = view.strides()
    sizes: dict[str, Size] = {f"SIZE_{axis}": view.shape[axis] for axis in range(last)}
    sizes |= {f"STRIDE_{axis}": strides[axis] for axis in range(last)}
    sizes["COUNT"] = product([view.shape[axis] for axis in node.op.axes])
    template = "reduce_rows"
    if last in node.op.axes:
        template = "reduce_columns"
        sizes["LENGTH"] = view.columns
    combine, start = COMBINE[node.op.kind]
    steps = product([view.shape[axis] for axis in reduced])
    if template == "reduce_columns":
        steps = steps * (view.columns // TEXEL + 1)
    used = tuple(name for name in ("maximum_", "minimum_") if name in combine)
    constants: dict[str, Any] = {"kind": node.op.kind, "combine": combine, "start": start, "used": used}
    constants |= {"kept": tuple(kept), "reduced": tuple(reduced)}
    constants |= {"levels": 1 if node.op.kind in ("max", "min") else levels(steps)}
    emit(b, template, [view], b.view(node.outputs[0]), sizes, node.origin, **constants)


def lower_softmax(b: Builder, node: Node) -> None:
    view = b.view(node.inputs[0])
    sums = b.temporary((view.rows, 2))
    emit(b, "softmax_sums", [view], sums, {"LENGTH": view.columns}, node.origin, levels=levels(view.columns // TEXEL))
    emit(b, "softmax", [view, sums], b.view(node.outputs[0]), {}, node.origin)
