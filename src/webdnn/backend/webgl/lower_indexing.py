"""Ops that take or give indices, and cumulative sums. A fragment computes results, it cannot place them: sorting takes two steps."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.webgl.emit import emit, levels
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import ArgReduce, CumulativeSum, Gather


def _inner(view: View, axis: int) -> Size:
    """Rows between two neighbours along `axis`."""
    return product(view.shape[axis + 1 : -1])


def _is_last(view: View, axis: int) -> bool:
    return axis == len(view.shape) - 1


def lower_gather(b: Builder, node: Node) -> None:
    assert isinstance(node.op, Gather)
    views = [b.view(value) for value in node.inputs]
    x, y, axis = views[0], b.view(node.outputs[0]), node.op.axis
    if _is_last(x, axis):
        emit(b, "gather_columns", views, y, {"SIZE": x.columns, "INDEX_PITCH": 0}, node.origin)
    else:
        sizes = {"SIZE": x.shape[axis], "LENGTH": y.shape[axis], "INNER": _inner(x, axis)}
        emit(b, "gather_rows", views, y, sizes, node.origin)


def lower_gather_elements(b: Builder, node: Node) -> None:
    views = [b.view(value) for value in node.inputs]
    sizes = {"SIZE": views[0].columns, "INDEX_PITCH": views[1].pitch}
    emit(b, "gather_columns", views, b.view(node.outputs[0]), sizes, node.origin)


def lower_arg_reduce(b: Builder, node: Node) -> None:
    assert isinstance(node.op, ArgReduce)
    x, axis = b.view(node.inputs[0]), node.op.axis
    sizes: dict[str, Size] = {"LENGTH": x.shape[axis]}
    template = "arg_reduce_columns"
    if not _is_last(x, axis):
        template = "arg_reduce_rows"
        sizes["INNER"] = _inner(x, axis)
    emit(b, template, [x], b.view(node.outputs[0]), sizes, node.origin, kind=node.op.kind)


def lower_cumulative_sum(b: Builder, node: Node) -> None:
    op = node.op
    assert isinstance(op, CumulativeSum)
    x = b.view(node.inputs[0])
    sizes: dict[str, Size] = {}
    template = "cumulative_sum_columns"
    if not _is_last(x, op.axis):
        template = "cumulative_sum_rows"
        sizes = {"LENGTH": x.shape[op.axis], "INNER": _inner(x, op.axis)}
    flags = {"exclusive": op.exclusive, "reverse": op.reverse, "levels": levels(x.shape[op.axis])}
    emit(b, template, [x], b.view(node.outputs[0]), sizes, node.origin, **flags)


def lower_arg_sort(b: Builder, node: Node) -> None:
    x = b.view(node.inputs[0])
    places = b.temporary(x.shape)
    emit(b, "places", [x], places, {}, node.origin)
    emit(b, "arg_sort", [places], b.view(node.outputs[0]), {"SIZE": x.columns}, node.origin)
