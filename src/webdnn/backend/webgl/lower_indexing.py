"""Ops that take or give indices. A fragment computes results, it cannot place them: sorting takes two steps."""

from __future__ import annotations

from typing import Any

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webgl.emit import emit, inner_rows, is_last
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node
from webdnn.graph.ops import ArgReduce, ArgSort, Gather, GatherElements, ScatterElements, ScatterRows


def lower_gather(builder: Builder, node: Node, op: Gather) -> None:
    views = [builder.view(value) for value in node.inputs]
    x, y, axis = views[0], builder.view(node.outputs[0]), op.axis
    if is_last(x, axis):
        emit(builder, "gather_columns", views, y, {"SIZE": x.columns, "INDEX_PITCH": 0}, node.origin)
    else:
        sizes = {"SIZE": x.shape[axis], "LENGTH": y.shape[axis], "INNER": inner_rows(x, axis)}
        emit(builder, "gather_rows", views, y, sizes, node.origin)


def lower_gather_elements(builder: Builder, node: Node, op: GatherElements) -> None:
    views = [builder.view(value) for value in node.inputs]
    sizes = {"SIZE": views[0].columns, "INDEX_PITCH": views[1].pitch}
    emit(builder, "gather_columns", views, builder.view(node.outputs[0]), sizes, node.origin)


def lower_arg_reduce(builder: Builder, node: Node, op: ArgReduce) -> None:
    x, axis = builder.view(node.inputs[0]), op.axis
    sizes: dict[str, Size] = {"LENGTH": x.shape[axis]}
    template = "arg_reduce_columns"
    if not is_last(x, axis):
        template = "arg_reduce_rows"
        sizes["INNER"] = inner_rows(x, axis)
    emit(builder, template, [x], builder.view(node.outputs[0]), sizes, node.origin, kind=op.kind)


def lower_arg_sort(builder: Builder, node: Node, op: ArgSort) -> None:
    x = builder.view(node.inputs[0])
    places = builder.temporary(x.shape, "int")
    emit(builder, "places", [x], places, {}, node.origin)
    emit(builder, "arg_sort", [places], builder.view(node.outputs[0]), {"SIZE": x.columns}, node.origin)


def _join(reduction: str, dtype: str) -> dict[str, Any]:
    """What the templates need of a reduction: `joined`, the expression that joins an update with the four elements where it goes."""
    joined = JOINS[reduction]
    used: tuple[str, ...] = ("choose_",)
    if reduction in ("max", "min") and dtype == "float32":
        used = (f"{reduction}imum_",)
        joined = joined.replace(reduction, used[0])
    return {"joined": joined, "used": used, "dtype": dtype}


def lower_scatter_elements(builder: Builder, node: Node, op: ScatterElements) -> None:
    views, y = [builder.view(value) for value in node.inputs], builder.view(node.outputs[0])
    join = _join(op.reduction, node.outputs[0].dtype)
    emit(builder, "scatter_columns", views, y, {"LENGTH": views[1].columns}, node.origin, **join)


def lower_scatter_rows(builder: Builder, node: Node, op: ScatterRows) -> None:
    views, y = [builder.view(value) for value in node.inputs], builder.view(node.outputs[0])
    join = _join(op.reduction, node.outputs[0].dtype)
    emit(builder, "scatter_rows", views, y, {"LENGTH": views[1].columns}, node.origin, **join)


JOINS = {
    "none": "update",
    "add": "four + update",
    "mul": "four * update",
    "max": "max(four, update)",
    "min": "min(four, update)",
}
"""How an update is joined with what stands where it goes."""

LOWERINGS: Lowerings = {
    ArgReduce: lower_arg_reduce,
    ArgSort: lower_arg_sort,
    Gather: lower_gather,
    GatherElements: lower_gather_elements,
    ScatterElements: lower_scatter_elements,
    ScatterRows: lower_scatter_rows,
}
