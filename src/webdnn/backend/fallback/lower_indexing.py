"""Ops that take or give indices."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.fallback.emit import emit
from webdnn.backend.target import Lowerings
from webdnn.graph.graph import Node
from webdnn.graph.ops import ArgReduce, ArgSort, Gather, GatherElements, ScatterElements, ScatterRows


def lower_arg_reduce(builder: Builder, node: Node, op: ArgReduce) -> None:
    emit(builder, node, "arg_reduce", kind=op.kind, axis=op.axis)


def lower_arg_sort(builder: Builder, node: Node, op: ArgSort) -> None:
    emit(builder, node, "arg_sort")


def lower_gather(builder: Builder, node: Node, op: Gather) -> None:
    emit(builder, node, "gather", axis=op.axis)


def lower_gather_elements(builder: Builder, node: Node, op: GatherElements) -> None:
    emit(builder, node, "gather_elements")


def lower_scatter_elements(builder: Builder, node: Node, op: ScatterElements) -> None:
    emit(builder, node, "scatter_elements", reduction=op.reduction, dtype=node.outputs[0].dtype)


def lower_scatter_rows(builder: Builder, node: Node, op: ScatterRows) -> None:
    emit(builder, node, "scatter_rows", reduction=op.reduction, dtype=node.outputs[0].dtype)


LOWERINGS: Lowerings = {
    ArgReduce: lower_arg_reduce,
    ArgSort: lower_arg_sort,
    Gather: lower_gather,
    GatherElements: lower_gather_elements,
    ScatterElements: lower_scatter_elements,
    ScatterRows: lower_scatter_rows,
}
