"""Ops that move elements without computing on them, or make them out of nothing; and the moves of the common lowering."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.backend.builder import Builder
from webdnn.backend.fallback.emit import emit, kernel
from webdnn.backend.target import Lowerings, MovedAxis
from webdnn.descriptor.schema import View
from webdnn.graph.graph import Node
from webdnn.graph.ops import Fill, Iota, Pad, Slice, Transpose
from webdnn.graph.program import literal_to_json


def lower_fill(builder: Builder, node: Node, op: Fill) -> None:
    emit(builder, node, "fill", value=literal_to_json(op.value))


def lower_iota(builder: Builder, node: Node, op: Iota) -> None:
    emit(builder, node, "iota")


def lower_pad(builder: Builder, node: Node, op: Pad) -> None:
    emit(builder, node, "pad", [before for before, _ in op.amounts], value=literal_to_json(op.value))


def lower_slice(builder: Builder, node: Node, op: Slice) -> None:
    emit(builder, node, "slice", op.starts)


def lower_transpose(builder: Builder, node: Node, op: Transpose) -> None:
    emit(builder, node, "transpose", permutation=op.permutation)


def copy(builder: Builder, source: View, destination: View, origin: tuple[str, ...]) -> None:
    builder.step(kernel(builder, "copy"), [source], [destination], origin=origin)


def move(builder: Builder, axes: Sequence[MovedAxis], source: View, destination: View, origin: tuple[str, ...]) -> None:
    builder.step(kernel(builder, "move"), [source], [destination], [n for axis in axes for n in axis], origin=origin)


LOWERINGS: Lowerings = {
    Fill: lower_fill,
    Iota: lower_iota,
    Pad: lower_pad,
    Slice: lower_slice,
    Transpose: lower_transpose,
}
