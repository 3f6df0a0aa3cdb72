"""Ops that take or give indices. A fragment computes results, it cannot place them: sorting takes two steps."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webgl.emit import emit, inner_rows, is_last
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node
from webdnn.graph.ops import ArgReduce, ArgSort, Gather, GatherElements


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
    places = builder.temporary(x.shape)
    emit(builder, "places", [x], places, {}, node.origin)
    emit(builder, "arg_sort", [places], builder.view(node.outputs[0]), {"SIZE": x.columns}, node.origin)


LOWERINGS: Lowerings = {
    ArgReduce: lower_arg_reduce,
    ArgSort: lower_arg_sort,
    Gather: lower_gather,
    GatherElements: lower_gather_elements,
}
