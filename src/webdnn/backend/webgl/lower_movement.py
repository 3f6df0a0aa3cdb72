"""Ops that move elements: transposition, slices, padding, concatenation, copies."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.backend.builder import Builder
from webdnn.backend.webgl.dialect import literal
from webdnn.backend.webgl.emit import MOST_INPUTS, axis_sizes, emit, whole_texels
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import Concat, Pad, Slice, Transpose


def _gather(b: Builder, node: Node, start: Size, strides: Sequence[Size]) -> None:
    """Result element (i0, i1, …) is input element start + Σ i·stride."""
    source, output = b.view(node.inputs[0]), b.view(node.outputs[0])
    whole = bool(strides) and strides[-1] == 1 and whole_texels(start, *strides[:-1])
    axes = tuple(range(len(strides) - 1))
    sizes = {"START": start, **axis_sizes("SIZE", output.shape[:-1]), **axis_sizes("STRIDE", strides[:-1])}
    if not whole:
        sizes["STRIDE_COLUMN"] = strides[-1] if strides else 1
    emit(b, "gather", [source], output, sizes, node.origin, axes=axes, whole_texels=whole)


def lower_transpose(b: Builder, node: Node) -> None:
    assert isinstance(node.op, Transpose)
    strides = b.view(node.inputs[0]).strides()
    _gather(b, node, 0, [strides[axis] for axis in node.op.permutation])


def lower_slice(b: Builder, node: Node) -> None:
    assert isinstance(node.op, Slice)
    strides = b.view(node.inputs[0]).strides()
    start: Size = sum((at * stride for at, stride in zip(node.op.starts, strides, strict=True)), 0)
    _gather(b, node, start, strides)


def lower_pad(b: Builder, node: Node) -> None:
    assert isinstance(node.op, Pad)
    source, output = b.view(node.inputs[0]), b.view(node.outputs[0])
    amounts = node.op.amounts or ((0, 0),)
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
    value = literal(node.op.value)
    emit(b, "pad", [source], output, sizes, node.origin, axes=axes, whole_texels=whole, value=value)


def lower_concat(b: Builder, node: Node) -> None:
    """A shader cannot write a part of a texel, so one step gathers all inputs; more than it can read are joined in groups first."""
    assert isinstance(node.op, Concat)
    views = [b.view(value) for value in node.inputs]
    while len(views) > MOST_INPUTS:
        groups = [views[i : i + MOST_INPUTS] for i in range(0, len(views), MOST_INPUTS)]
        views = [_joined(b, group, node) for group in groups]
    _concat(b, views, b.view(node.outputs[0]), node)


def _joined(b: Builder, views: Sequence[View], node: Node) -> View:
    assert isinstance(node.op, Concat)
    if len(views) == 1:
        return views[0]
    axis, shape = node.op.axis, list(views[0].shape)
    shape[axis] = sum((view.shape[axis] for view in views[1:]), shape[axis])
    result = b.temporary(tuple(shape))
    _concat(b, views, result, node)
    return result


def _concat(b: Builder, views: Sequence[View], output: View, node: Node) -> None:
    assert isinstance(node.op, Concat)
    axis, last = node.op.axis, len(output.shape) - 1
    sizes = axis_sizes("SIZE", [view.shape[axis] for view in views])
    if axis == last:
        whole = whole_texels(*sizes.values())
        emit(b, "concat_columns", views, output, sizes, node.origin, whole_texels=whole)
    else:
        sizes |= {"INNER": product(output.shape[axis + 1 : last]), "TOTAL": output.shape[axis]}
        emit(b, "concat_rows", views, output, sizes, node.origin)


def copy(b: Builder, source: View, destination: View, origin: tuple[str, ...]) -> None:
    same = source.columns == destination.columns
    sizes = {} if same else {"LENGTH": source.columns}
    emit(b, "copy", [source], destination, sizes, origin, same_columns=same)
