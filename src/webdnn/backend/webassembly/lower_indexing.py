"""Ops that take or give indices, and cumulative sums: plain loops over lines along one axis."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.operands import Lines, lines_along
from webdnn.graph.dim import Size, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import ArgReduce, ArgSort, CumulativeSum, Gather


def _counts(lines: Lines) -> list[Size]:
    return [lines.outer, lines.inner, lines.columns, lines.length]


def _strides(lines: Lines) -> list[Size]:
    return [lines.outer_stride, lines.inner_stride, lines.step]


def lower_arg_reduce(builder: Builder, node: Node) -> None:
    op = node.op
    assert isinstance(op, ArgReduce)
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    lines = lines_along(x, op.axis)
    kernel = builder.kernel("arg_reduce", template="arg_reduce.c.jinja", kind=op.kind)
    builder.step(kernel, [x], [y], [*_counts(lines), *_strides(lines), y.columns], origin=node.origin)


def lower_cumulative_sum(builder: Builder, node: Node) -> None:
    op = node.op
    assert isinstance(op, CumulativeSum)
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    from_, to = lines_along(x, op.axis), lines_along(y, op.axis)
    kernel = builder.kernel(
        "cumulative_sum", template="cumulative_sum.c.jinja", exclusive=op.exclusive, reverse=op.reverse
    )
    builder.step(kernel, [x], [y], [*_counts(from_), *_strides(from_), *_strides(to)], origin=node.origin)


def lower_gather(builder: Builder, node: Node) -> None:
    op = node.op
    assert isinstance(op, Gather)
    x, indices = (builder.view(value) for value in node.inputs)
    y = builder.view(node.outputs[0])
    size, count = x.shape[op.axis], y.shape[op.axis]
    if op.axis == len(x.shape) - 1:
        kernel = builder.kernel("gather_elements", template="gather_elements.c.jinja")
        builder.step(kernel, [x, indices], [y], [x.rows, size, count, 0], origin=node.origin)
        return
    kernel = builder.kernel("gather", template="gather.c.jinja")
    args = [product(x.shape[: op.axis]), size, count, product(x.shape[op.axis + 1 : -1]), x.columns]
    builder.step(kernel, [x, indices], [y], args, origin=node.origin)


def lower_gather_elements(builder: Builder, node: Node) -> None:
    x, indices = (builder.view(value) for value in node.inputs)
    y = builder.view(node.outputs[0])
    kernel = builder.kernel("gather_elements", template="gather_elements.c.jinja")
    args = [y.rows, x.columns, y.columns, indices.pitch]
    builder.step(kernel, [x, indices], [y], args, origin=node.origin)


def lower_arg_sort(builder: Builder, node: Node) -> None:
    assert isinstance(node.op, ArgSort)
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    scratch = builder.temporary((2 * x.columns,))
    kernel = builder.kernel("arg_sort", template="arg_sort.c.jinja")
    builder.step(kernel, [x], [y, scratch], [x.rows, x.columns, y.columns], origin=node.origin)
