"""Ops that take or give indices."""

from __future__ import annotations

from dataclasses import dataclass

from webdnn.backend.builder import Builder
from webdnn.backend.operands import lines_along
from webdnn.backend.target import Lowerings
from webdnn.descriptor.schema import Kernel
from webdnn.graph.dim import product
from webdnn.graph.graph import Node
from webdnn.graph.ops import ArgReduce, ArgSort, Gather, GatherElements, ScatterElements, ScatterRows
from webdnn.graph.types import storage_of


@dataclass(frozen=True)
class ArgReduceKernel(Kernel):
    kind: str
    storage: str


@dataclass(frozen=True)
class ArgSortKernel(Kernel):
    storage: str


@dataclass(frozen=True)
class ScatterKernel(Kernel):
    reduction: str
    dtype: str

    @property
    def storage(self) -> str:
        return storage_of(self.dtype)


def lower_arg_reduce(builder: Builder, node: Node, op: ArgReduce) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    lines = lines_along(x, op.axis)
    kernel = builder.kernel(ArgReduceKernel("arg_reduce", op.kind, builder.storage(x)))
    args = [
        *(lines.outer, lines.inner, lines.columns, lines.length),
        *(lines.outer_stride, lines.inner_stride, lines.step),
        y.columns,
    ]
    builder.step(kernel, [x], [y], args, origin=node.origin)


def lower_arg_sort(builder: Builder, node: Node, op: ArgSort) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    scratch = builder.temporary((2 * x.columns,), "int")
    kernel = builder.kernel(ArgSortKernel("arg_sort", builder.storage(x)))
    builder.step(kernel, [x], [y, scratch], [x.rows, x.columns, y.columns], origin=node.origin)


def lower_gather(builder: Builder, node: Node, op: Gather) -> None:
    x, indices = (builder.view(value) for value in node.inputs)
    y = builder.view(node.outputs[0])
    size, count = x.shape[op.axis], y.shape[op.axis]
    if op.axis == len(x.shape) - 1:
        kernel = builder.kernel(Kernel("gather_elements"))
        builder.step(kernel, [x, indices], [y], [x.rows, size, count, 0], origin=node.origin)
        return
    args = [product(x.shape[: op.axis]), size, count, product(x.shape[op.axis + 1 : -1]), x.columns]
    builder.step(builder.kernel(Kernel("gather")), [x, indices], [y], args, origin=node.origin)


def lower_gather_elements(builder: Builder, node: Node, op: GatherElements) -> None:
    x, indices = (builder.view(value) for value in node.inputs)
    y = builder.view(node.outputs[0])
    args = [y.rows, x.columns, y.columns, indices.pitch]
    builder.step(builder.kernel(Kernel("gather_elements")), [x, indices], [y], args, origin=node.origin)


def lower_scatter_elements(builder: Builder, node: Node, op: ScatterElements) -> None:
    x, indices, updates = (builder.view(value) for value in node.inputs)
    y = builder.view(node.outputs[0])
    kernel = builder.kernel(ScatterKernel("scatter_elements", op.reduction, node.inputs[0].dtype))
    args = [y.rows, y.columns, updates.columns]
    builder.step(kernel, [x, indices, updates], [y], args, origin=node.origin)


def lower_scatter_rows(builder: Builder, node: Node, op: ScatterRows) -> None:
    x, rows, updates = (builder.view(value) for value in node.inputs)
    y = builder.view(node.outputs[0])
    kernel = builder.kernel(ScatterKernel("scatter_rows", op.reduction, node.inputs[0].dtype))
    args = [y.rows, y.columns, updates.rows]
    builder.step(kernel, [x, rows, updates], [y], args, origin=node.origin)


LOWERINGS: Lowerings = {
    ArgReduce: lower_arg_reduce,
    ArgSort: lower_arg_sort,
    Gather: lower_gather,
    GatherElements: lower_gather_elements,
    ScatterElements: lower_scatter_elements,
    ScatterRows: lower_scatter_rows,
}
