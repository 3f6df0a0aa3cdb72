"""Matrix products."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from webdnn.backend.builder import Builder
from webdnn.backend.operands import Matrices, matrices, merge_axes
from webdnn.backend.target import Lowerings
from webdnn.backend.webassembly.emit import PANEL, ProductKernel, emit_product
from webdnn.backend.webassembly.lower_shape import move
from webdnn.descriptor.schema import Kernel, View
from webdnn.graph.dim import Size, ceil_divide, number, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import BatchMatMul, MatMul


@dataclass(frozen=True)
class BatchProductKernel(ProductKernel):
    batch_axes: int
    """Axes along which matrices are found, once neighbours are merged."""


def packed_panels(builder: Builder, node: Node, depth: int, columns: int) -> View:
    """Weights (…, columns) as a matrix of `depth` rows, packed at load."""
    kernel = builder.kernel(Kernel("pack_panels"))
    panels = -(-columns // PANEL)
    return builder.packed(builder.weight(node.inputs[1]), kernel, (panels, depth, PANEL), (depth, columns))


def lower_matmul(builder: Builder, node: Node, op: MatMul) -> None:
    x = builder.view(node.inputs[0])
    depth, columns = map(number, node.inputs[1].shape)
    if builder.storage(x) == "float":
        factors = (x, packed_panels(builder, node, depth, columns))
        emit_product(builder, node, op, partial(ProductKernel, "matmul"), factors, [x.rows, depth, columns])
        return
    weights = builder.view(node.inputs[1])
    left, right = Matrices((), x.rows, depth, x.pitch, 1), Matrices((), depth, columns, weights.pitch, 1)
    _integer_product(builder, node, op, (), (x, weights), (left, right))


def lower_batch_matmul(builder: Builder, node: Node, op: BatchMatMul) -> None:
    """Both factors may be computed. Floats: the panels of the second are packed at run time, and rows of the first are read where they lie."""
    x, w = (builder.view(value) for value in node.inputs[:2])
    batch = node.outputs[0].shape[:-2]
    left, right = matrices(x, op.left, batch), matrices(w, op.right, batch)
    if builder.storage(x) == "int":
        _integer_product(builder, node, op, batch, (x, w), (left, right))
        return
    if left.column_stride != 1:
        x = _rearranged(builder, node, x, op.left)
        left = matrices(x, None, batch)
    axes, where = _batch(batch, left, right)
    panels = builder.temporary((ceil_divide(right.columns, PANEL) * PANEL * right.rows,))
    sizes = [product(batch), left.rows, left.columns, right.columns]
    strides = [left.row_stride, right.row_stride, right.column_stride]
    record = partial(BatchProductKernel, "batch_matmul", batch_axes=axes)
    emit_product(builder, node, op, record, (x, w), [*sizes, *strides, *where], panels)


def _rearranged(builder: Builder, node: Node, x: View, permutation: tuple[int, ...] | None) -> View:
    """A copy of `x` as it is seen under `permutation`, whose rows lie in one piece. It costs little beside the product that follows."""
    order = permutation or tuple(range(len(x.shape)))
    strides, shape = x.strides(), tuple(x.shape[axis] for axis in order)
    copy = builder.temporary(shape)
    axes = list(zip(shape, (strides[axis] for axis in order), copy.strides(), strict=True))
    move(builder, axes, x, copy, node.origin)
    return copy


def _batch(batch: tuple[Size, ...], left: Matrices, right: Matrices) -> tuple[int, list[Size]]:
    """How many axes matrices are found along, and the arguments for it: sizes, strides of the first factor, strides of the second."""
    merged = merge_axes(batch, [left.batch, right.batch])
    return len(merged), [*(size for size, _ in merged), *(steps[k] for k in range(2) for _, steps in merged)]


def _integer_product(
    builder: Builder,
    node: Node,
    op: MatMul | BatchMatMul,
    batch: tuple[Size, ...],
    factors: tuple[View, View],
    seen: tuple[Matrices, Matrices],
) -> None:
    left, right = seen
    axes, where = _batch(batch, left, right)
    sizes = [product(batch), left.rows, left.columns, right.columns]
    strides = [left.row_stride, left.column_stride, right.row_stride, right.column_stride]
    record = partial(BatchProductKernel, "integer_product", batch_axes=axes)
    emit_product(builder, node, op, record, factors, [*sizes, *strides, *where])


LOWERINGS: Lowerings = {
    BatchMatMul: lower_batch_matmul,
    MatMul: lower_matmul,
}
