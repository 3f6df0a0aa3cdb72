"""Reductions, softmax, normalization, cumulative sums."""

from __future__ import annotations

import math
from typing import Any

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webgl.dialect import literal
from webdnn.backend.webgl.emit import TEXEL, emit, inner_rows, is_last, levels, whole_texels
from webdnn.backend.webgl.epilogue import epilogue_of
from webdnn.graph.dim import Size, number, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import CumulativeSum, GroupNormalize, Normalize, Reduce, Softmax

FLOATS = {
    "sum": ("((a) + (b))", "0.0"),
    "mean": ("((a) + (b))", "0.0"),
    "max": ("maximum_(a, b)", literal(-math.inf)),
    "min": ("minimum_(a, b)", literal(math.inf)),
    "prod": ("((a) * (b))", "1.0"),
}
INTEGERS = {
    "sum": ("((a) + (b))", "0"),
    "max": ("max(a, b)", literal(-(2**31), "int32")),
    "min": ("min(a, b)", literal(2**31 - 1, "int32")),
    "prod": ("((a) * (b))", "1"),
}
"""How each reduction combines two values, and what it starts from."""


def lower_reduce(builder: Builder, node: Node, op: Reduce) -> None:
    view = builder.view(node.inputs[0])
    last = len(view.shape) - 1
    reduced = [axis for axis in op.axes if axis != last]
    kept = [axis for axis in range(last) if axis not in reduced]
    strides = view.strides()
    sizes: dict[str, Size] = {f"SIZE_{axis}": view.shape[axis] for axis in range(last)}
    sizes |= {f"STRIDE_{axis}": strides[axis] for axis in range(last)}
    sizes["COUNT"] = product([view.shape[axis] for axis in op.axes])
    template = "reduce_rows"
    if last in op.axes:
        template = "reduce_columns"
        sizes["LENGTH"] = view.columns
    dtype = node.outputs[0].dtype
    combine, start = (FLOATS if dtype == "float32" else INTEGERS)[op.kind]
    steps = product([view.shape[axis] for axis in reduced])
    if template == "reduce_columns":
        steps = steps * (view.columns // TEXEL + 1)
    used = tuple(name for name in ("maximum_", "minimum_") if name in combine)
    constants: dict[str, Any] = {"kind": op.kind, "combine": combine, "start": start, "used": used}
    constants |= {"kept": tuple(kept), "reduced": tuple(reduced), "dtype": dtype}
    exact = op.kind in ("max", "min") or dtype != "float32"
    constants |= {"levels": 1 if exact else levels(steps)}
    emit(builder, template, [view], builder.view(node.outputs[0]), sizes, node.origin, **constants)


def lower_softmax(builder: Builder, node: Node, op: Softmax) -> None:
    view = builder.view(node.inputs[0])
    sums = builder.temporary((view.rows, 2))
    depth = levels(view.columns // TEXEL)
    emit(builder, "softmax_sums", [view], sums, {"LENGTH": view.columns}, node.origin, levels=depth)
    emit(builder, "softmax", [view, sums], builder.view(node.outputs[0]), {}, node.origin)


def lower_normalize(builder: Builder, node: Node, op: Normalize) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    sums = builder.temporary((x.rows, 2))
    constants: dict[str, Any] = {"centre": op.centre, "epsilon": literal(op.epsilon)}
    constants |= {"levels": levels(x.columns // TEXEL)}
    emit(builder, "normalize_sums", [x], sums, {"LENGTH": x.columns}, node.origin, **constants)
    views, epilogue = epilogue_of(builder, op, node.inputs, y.shape)
    emit(builder, "normalize", [x, sums, *views], y, epilogue.sizes, node.origin, epilogue=epilogue, used=epilogue.used)


def lower_group_normalize(builder: Builder, node: Node, op: GroupNormalize) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    columns = number(x.columns) // op.groups
    sums = builder.temporary((x.shape[0] * op.groups, 2))
    sizes: dict[str, Size] = {"GROUPS": op.groups, "IMAGE_ROWS": product(x.shape[1:-1]), "GROUP_COLUMNS": columns}
    constants: dict[str, Any] = {"epsilon": literal(op.epsilon), "aligned": whole_texels(columns)}
    constants |= {"levels": levels(sizes["IMAGE_ROWS"])}
    emit(builder, "group_normalize_sums", [x], sums, sizes, node.origin, **constants)
    views, epilogue = epilogue_of(builder, op, node.inputs, y.shape)
    constants = {"epilogue": epilogue, "used": epilogue.used}
    emit(builder, "group_normalize", [x, sums, *views], y, {**sizes, **epilogue.sizes}, node.origin, **constants)


def lower_cumulative_sum(builder: Builder, node: Node, op: CumulativeSum) -> None:
    x = builder.view(node.inputs[0])
    sizes: dict[str, Size] = {}
    template = "cumulative_sum_columns"
    if not is_last(x, op.axis):
        template = "cumulative_sum_rows"
        sizes = {"LENGTH": x.shape[op.axis], "INNER": inner_rows(x, op.axis)}
    dtype = node.outputs[0].dtype
    constants: dict[str, Any] = {"exclusive": op.exclusive, "reverse": op.reverse, "dtype": dtype}
    constants |= {"levels": levels(x.shape[op.axis]) if dtype == "float32" else 1}
    emit(builder, template, [x], builder.view(node.outputs[0]), sizes, node.origin, **constants)


LOWERINGS: Lowerings = {
    CumulativeSum: lower_cumulative_sum,
    GroupNormalize: lower_group_normalize,
    Normalize: lower_normalize,
    Reduce: lower_reduce,
    Softmax: lower_softmax,
}
