"""Reductions over axes, softmax and cumulative sums."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from webdnn.backend.builder import Builder
from webdnn.backend.operands import lines_along, merge_axes
from webdnn.backend.target import Lowerings
from webdnn.backend.webassembly.dialect import literal
from webdnn.backend.webassembly.emit import ProductKernel, emit_product
from webdnn.descriptor.schema import Kernel
from webdnn.graph.dim import Size, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import CumulativeSum, GroupNormalize, Normalize, Reduce, Softmax
from webdnn.graph.types import storage_of


@dataclass(frozen=True)
class ReduceKernel(Kernel):
    """`kept` and `gone` count the axes but the last that stay and that are reduced, once neighbours are merged."""

    kind: str
    dtype: str
    kept: int
    gone: int
    last_is_kept: bool

    @property
    def storage(self) -> str:
        return storage_of(self.dtype)


@dataclass(frozen=True)
class NormalizeKernel(ProductKernel):
    """The sum of its epilogue is a normalized element."""

    epsilon: float
    centre: bool

    @property
    def epsilon_literal(self) -> str:
        return literal(self.epsilon, "float32")


@dataclass(frozen=True)
class GroupNormalizeKernel(ProductKernel):
    """The sum of its epilogue is a normalized element."""

    epsilon: float

    @property
    def epsilon_literal(self) -> str:
        return literal(self.epsilon, "float32")


@dataclass(frozen=True)
class CumulativeSumKernel(Kernel):
    dtype: str
    exclusive: bool
    reverse: bool

    @property
    def storage(self) -> str:
        return storage_of(self.dtype)


def lower_reduce(builder: Builder, node: Node, op: Reduce) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    strides = x.strides()
    last = len(x.shape) - 1
    kept, gone = (
        merge_axes([x.shape[axis] for axis in axes], [[strides[axis] for axis in axes]])
        for axes in (
            [axis for axis in range(last) if axis not in op.axes],
            [axis for axis in range(last) if axis in op.axes],
        )
    )
    record = ReduceKernel("reduce", op.kind, node.inputs[0].dtype, len(kept), len(gone), last not in op.axes)
    reduced = product([x.shape[axis] for axis in op.axes])
    args: list[Size] = [y.columns, reduced, x.columns, product([size for size, _ in kept])]
    for axes in (kept, gone):
        args += [size for size, _ in axes] + [stride for _, (stride,) in axes]
    builder.step(builder.kernel(record), [x], [y], args, origin=node.origin)


def lower_softmax(builder: Builder, node: Node, op: Softmax) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    builder.step(builder.kernel(Kernel("softmax")), [x], [y], [x.rows, x.columns], origin=node.origin)


def lower_normalize(builder: Builder, node: Node, op: Normalize) -> None:
    x = builder.view(node.inputs[0])
    record = partial(NormalizeKernel, "normalize", epsilon=op.epsilon, centre=op.centre)
    emit_product(builder, node, op, record, (x,), [x.rows, x.columns])


def lower_group_normalize(builder: Builder, node: Node, op: GroupNormalize) -> None:
    x = builder.view(node.inputs[0])
    record = partial(GroupNormalizeKernel, "group_normalize", epsilon=op.epsilon)
    args: list[Size] = [x.shape[0] * op.groups, op.groups, product(x.shape[1:-1]), x.columns // op.groups]
    emit_product(builder, node, op, record, (x,), args)


def lower_cumulative_sum(builder: Builder, node: Node, op: CumulativeSum) -> None:
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    from_, to = lines_along(x, op.axis), lines_along(y, op.axis)
    kernel = builder.kernel(CumulativeSumKernel("cumulative_sum", node.inputs[0].dtype, op.exclusive, op.reverse))
    args = [
        *(from_.outer, from_.inner, from_.columns, from_.length),
        *(from_.outer_stride, from_.inner_stride, from_.step),
        *(to.outer_stride, to.inner_stride, to.step),
    ]
    builder.step(kernel, [x], [y], args, origin=node.origin)


LOWERINGS: Lowerings = {
    CumulativeSum: lower_cumulative_sum,
    GroupNormalize: lower_group_normalize,
    Normalize: lower_normalize,
    Reduce: lower_reduce,
    Softmax: lower_softmax,
}
