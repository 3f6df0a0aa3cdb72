"""Ops that move elements (transposition, slices, padding, concatenation, copies) or make them. Textures of floats are read and written as
floats, those of integers as integers: nothing is computed on the way, so every bit stays."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webgl.dialect import literal
from webdnn.backend.webgl.emit import MOST_INPUTS, axis_sizes, emit, inner_rows, is_last, whole_texels
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node
from webdnn.graph.ops import Concat, Fill, Iota, Pad, Slice, Transpose


def _gather(builder: Builder, node: Node, start: Size, strides: Sequence[Size]) -> None:
    """Result element (i0, i1, …) is input element start + Σ i·stride."""
    source, output = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    whole = bool(strides) and strides[-1] == 1 and whole_texels(start, *strides[:-1])
    axes = tuple(range(len(strides) - 1))
    sizes = {"START": start, **axis_sizes("SIZE", output.shape[:-1]), **axis_sizes("STRIDE", strides[:-1])}
    if not whole:
        sizes["STRIDE_COLUMN"] = strides[-1] if strides else 1
    emit(builder, "gather", [source], output, sizes, node.origin, axes=axes, whole_texels=whole)


def lower_transpose(builder: Builder, node: Node, op: Transpose) -> None:
    strides = builder.view(node.inputs[0]).strides()
    _gather(builder, node, 0, [strides[axis] for axis in op.permutation])


def lower_slice(builder: Builder, node: Node, op: Slice) -> None:
    strides = builder.view(node.inputs[0]).strides()
    start: Size = sum((at * stride for at, stride in zip(op.starts, strides, strict=True)), 0)
    _gather(builder, node, start, strides)


def lower_pad(builder: Builder, node: Node, op: Pad) -> None:
    source, output = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    amounts = op.amounts or ((0, 0),)
    whole = amounts[-1] == (0, 0)
    sizes = {
        **axis_sizes("SIZE", output.shape[:-1]),
        **axis_sizes("HAVE", source.shape[:-1]),
        **axis_sizes("STRIDE", source.strides()[:-1]),
        **axis_sizes("BEFORE", [before for before, _ in amounts[:-1]]),
    }
    if not whole:
        sizes |= {"BEFORE": amounts[-1][0], "LENGTH": source.columns}
    axes = tuple(range(len(amounts) - 1))
    value = literal(op.value, node.outputs[0].dtype)
    emit(builder, "pad", [source], output, sizes, node.origin, axes=axes, whole_texels=whole, value=value)


def lower_fill(builder: Builder, node: Node, op: Fill) -> None:
    emit(builder, "fill", [], builder.view(node.outputs[0]), {}, node.origin, value=literal(op.value, op.dtype))


def lower_iota(builder: Builder, node: Node, op: Iota) -> None:
    emit(builder, "iota", [], builder.view(node.outputs[0]), {}, node.origin)


def lower_concat(builder: Builder, node: Node, op: Concat) -> None:
    """A shader cannot write a part of a texel, so one step gathers all inputs; more than it can read are joined in groups first."""
    views = [builder.view(value) for value in node.inputs]
    while len(views) > MOST_INPUTS:
        groups = [views[i : i + MOST_INPUTS] for i in range(0, len(views), MOST_INPUTS)]
        views = [_joined(builder, group, op.axis, node.origin) for group in groups]
    _concat(builder, views, builder.view(node.outputs[0]), op.axis, node.origin)


def _joined(builder: Builder, views: Sequence[View], axis: int, origin: tuple[str, ...]) -> View:
    """`views` one after another along `axis`, in a buffer of their own unless there is only one."""
    if len(views) == 1:
        return views[0]
    shape = list(views[0].shape)
    shape[axis] = sum((view.shape[axis] for view in views[1:]), shape[axis])
    result = builder.temporary(tuple(shape), builder.storage(views[0]))
    _concat(builder, views, result, axis, origin)
    return result


def _concat(builder: Builder, views: Sequence[View], output: View, axis: int, origin: tuple[str, ...]) -> None:
    sizes = axis_sizes("SIZE", [view.shape[axis] for view in views])
    if is_last(output, axis):
        whole = whole_texels(*sizes.values())
        emit(builder, "concat_columns", views, output, sizes, origin, whole_texels=whole)
    else:
        sizes |= {"INNER": inner_rows(output, axis), "TOTAL": output.shape[axis]}
        emit(builder, "concat_rows", views, output, sizes, origin)


def copy(builder: Builder, source: View, destination: View, origin: tuple[str, ...]) -> None:
    same = source.columns == destination.columns
    sizes = {} if same else {"LENGTH": source.columns}
    emit(builder, "copy", [source], destination, sizes, origin, same_columns=same)


LOWERINGS: Lowerings = {
    Concat: lower_concat,
    Fill: lower_fill,
    Iota: lower_iota,
    Pad: lower_pad,
    Slice: lower_slice,
    Transpose: lower_transpose,
}
