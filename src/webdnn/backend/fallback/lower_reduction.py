"""Reductions over axes, softmax, normalization, and cumulative sums."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.fallback.dialect import render_epilogue
from webdnn.backend.fallback.emit import emit
from webdnn.backend.target import Lowerings
from webdnn.graph.graph import Node
from webdnn.graph.ops import CumulativeSum, GroupNormalize, Normalize, Reduce, Softmax


def lower_reduce(builder: Builder, node: Node, op: Reduce) -> None:
    emit(builder, node, "reduce", kind=op.kind, axes=op.axes, dtype=node.outputs[0].dtype)


def lower_softmax(builder: Builder, node: Node, op: Softmax) -> None:
    emit(builder, node, "softmax")


def lower_normalize(builder: Builder, node: Node, op: Normalize) -> None:
    emit(builder, node, "normalize", epsilon=op.epsilon, centre=op.centre, epilogue=render_epilogue(node, op))


def lower_group_normalize(builder: Builder, node: Node, op: GroupNormalize) -> None:
    epilogue = render_epilogue(node, op)
    emit(builder, node, "group_normalize", groups=op.groups, epsilon=op.epsilon, epilogue=epilogue)


def lower_cumulative_sum(builder: Builder, node: Node, op: CumulativeSum) -> None:
    emit(
        builder,
        node,
        "cumulative_sum",
        axis=op.axis,
        exclusive=op.exclusive,
        reverse=op.reverse,
        dtype=node.outputs[0].dtype,
    )


LOWERINGS: Lowerings = {
    CumulativeSum: lower_cumulative_sum,
    GroupNormalize: lower_group_normalize,
    Normalize: lower_normalize,
    Reduce: lower_reduce,
    Softmax: lower_softmax,
}
