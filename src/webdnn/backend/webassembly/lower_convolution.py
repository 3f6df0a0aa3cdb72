"""Convolutions and dense layers: products with weights that are packed into panels at load (kernels/gemm.h.jinja)."""

from __future__ import annotations

from typing import Any, cast

from webdnn.backend.builder import Builder
from webdnn.backend.operands import batch_strides
from webdnn.backend.webassembly import winograd
from webdnn.backend.webassembly.lower_move import merge_axes
from webdnn.backend.webassembly.operands import Operands, describe, epilogue_fields
from webdnn.backend.webassembly.winograd_transforms import axes
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size, ceil_divide, product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Node
from webdnn.graph.ops import Conv2D, Conv2DTranspose, DepthwiseConv2D
from webdnn.graph.ops.elementwise import WithEpilogue

PANEL = 8

SCRATCH_ELEMENTS = 1 << 16
"""Floats of working memory that every thread has: zeros, tables of taps, copied windows (kernels/gemm.h.jinja)."""


def _operands(builder: Builder, node: Node) -> Operands:
    return describe(builder, node.inputs[2:], node.outputs[0].shape)


def _program(node: Node) -> list[list[object]] | None:
    program = cast(WithEpilogue, node.op).program
    return program.to_json() if program else None


def _panels(builder: Builder, node: Node, depth: int, columns: int) -> View:
    """Weights (…, columns) as a matrix of `depth` rows, packed."""
    kernel = builder.kernel("pack_panels", template="pack_panels.c.jinja")
    panels = -(-columns // PANEL)
    return builder.packed(builder.weight(node.inputs[1]), kernel, (panels, depth, PANEL), (depth, columns))


def _emit(
    builder: Builder, node: Node, name: str, weights: View, args: list[Size], *scratch: View, **fields: Any
) -> None:
    operands = _operands(builder, node)
    outputs = [builder.view(node.outputs[0]), *scratch]
    epilogue = epilogue_fields(operands, _program(node), len(args), len(outputs))
    kernel = builder.kernel(name, template=f"{name}.c.jinja", **epilogue, **fields)
    builder.step(
        kernel,
        [builder.view(node.inputs[0]), weights, *operands.views],
        outputs,
        [*args, *operands.args],
        origin=node.origin,
    )


def _check_scratch(node: Node, taps: int, channels: int) -> None:
    """The tables of a convolution's taps, and zeros for what lies outside the image, must fit the working memory."""
    if taps * 11 + -(-channels // 4) * 4 > SCRATCH_ELEMENTS:
        raise UnsupportedError(
            f"webassembly: {', '.join(node.origin)}: a convolution of {taps} taps with {channels} channels needs more than the "
            f"{SCRATCH_ELEMENTS} floats of working memory that a thread has; split the layer, or use --backend without webassembly"
        )


def lower_conv2d(builder: Builder, node: Node) -> None:
    op = node.op
    assert isinstance(op, Conv2D)
    x, w = (v.shape for v in node.inputs[:2])
    y = node.outputs[0].shape
    kernel_height, kernel_width, channels, columns = (int(s) for s in w)  # type: ignore[arg-type]
    (top, _), (left, _) = op.padding
    args: list[Size] = [*x, columns, y[1], y[2], top, left, kernel_height, kernel_width, *op.strides, *op.dilation]
    of_group = (kernel_height, kernel_width, channels, columns // op.groups)
    tile = None if builder.options.get("exact") else winograd.choose(op, of_group, y)
    if tile:
        _lower_winograd(builder, node, tile)
        return
    if op.groups > 1:
        _check_scratch(node, kernel_height * kernel_width, channels * op.groups)
        weights, groups = _group_panels(builder, node, op.groups)
        _emit(builder, node, "conv2d", weights, [*args, groups] if groups > 1 else args, grouped=groups > 1)
        return
    depth = kernel_height * kernel_width * channels
    _check_scratch(node, kernel_height * kernel_width, channels)
    _emit(builder, node, "conv2d", _panels(builder, node, depth, columns), args, grouped=False)


def _group_panels(builder: Builder, node: Node, groups: int) -> tuple[View, int]:
    """Weights of a grouped convolution, packed, and the number of groups they then have.

    A group of fewer columns than a panel has shares it with its neighbours, as one larger group with zeros where a column does not
    meet a channel: the products are as many as with a panel each that is filled up with zeros, and come in longer loops. One group that
    is left is a convolution without groups.
    """
    taps = int(product(node.inputs[1].shape[:2]))  # type: ignore[arg-type]
    channels, all_columns = (int(s) for s in node.inputs[1].shape[2:])  # type: ignore[arg-type]
    columns = all_columns // groups
    joined = max(n for n in range(1, groups + 1) if groups % n == 0 and (n == 1 or n * columns <= PANEL))
    larger, panels, depth = groups // joined, -(-joined * columns // PANEL), taps * joined * channels
    kernel = builder.kernel("pack_groups", template="pack_groups.c.jinja")
    shape = (larger * panels, depth, PANEL)
    args = (panels, depth, channels, columns, groups, joined)
    return builder.packed(builder.weight(node.inputs[1]), kernel, shape, args), larger


def _lower_winograd(builder: Builder, node: Node, tile: tuple[int, int]) -> None:
    op = node.op
    assert isinstance(op, Conv2D)
    x, w = (v.shape for v in node.inputs[:2])
    y = node.outputs[0].shape
    taps = [int(s) for s in w[:2]]  # type: ignore[arg-type]
    channels, columns = int(w[2]), int(w[3]) // op.groups  # type: ignore[arg-type]
    fields = {"m": list(tile), "taps": taps}
    rows_axis, columns_axis = axes(tile, taps)
    panels, points = -(-columns // PANEL), rows_axis.points * columns_axis.points
    kernel = builder.kernel("pack_winograd", template="pack_winograd.c.jinja", **fields)
    shape = (op.groups, points, panels, channels, PANEL)
    weights = builder.packed(builder.weight(node.inputs[1]), kernel, shape, (channels, columns, op.groups))
    tiles = y[0] * ceil_divide(y[1], tile[0]) * ceil_divide(y[2], tile[1])
    elements, most = winograd.scratch(points, channels, columns, tiles)
    scratch = builder.temporary((elements,))
    (top, _), (left, _) = op.padding
    args: list[Size] = [*x[:3], channels, columns, y[1], y[2], top, left, elements, most]
    if op.groups > 1:
        args.append(op.groups)
    _emit(builder, node, "winograd", weights, args, scratch, grouped=op.groups > 1, **fields)


def lower_conv2d_transpose(builder: Builder, node: Node) -> None:
    op = node.op
    assert isinstance(op, Conv2DTranspose)
    x, w = (v.shape for v in node.inputs[:2])
    y = node.outputs[0].shape
    kernel_height, kernel_width, channels, columns = (int(s) for s in w)  # type: ignore[arg-type]
    _check_scratch(node, kernel_height * kernel_width, channels)
    (top, _), (left, _) = op.crop
    args: list[Size] = [*x, columns, y[1], y[2], top, left, kernel_height, kernel_width, *op.strides, *op.dilation]
    weights = _panels(builder, node, kernel_height * kernel_width * channels, columns)
    _emit(builder, node, "conv2d_transpose", weights, args)


def lower_matmul(builder: Builder, node: Node) -> None:
    depth, columns = (int(s) for s in node.inputs[1].shape)  # type: ignore[arg-type]
    rows = product(node.inputs[0].shape[:-1])
    _emit(builder, node, "matmul", _panels(builder, node, depth, columns), [rows, depth, columns])


def lower_batch_matmul(builder: Builder, node: Node) -> None:
    """Both factors are computed: the panels of the second are packed at run time."""
    x, w = (builder.view(value) for value in node.inputs)
    y = builder.view(node.outputs[0])
    batch, (rows, columns), depth = y.shape[:-2], y.shape[-2:], x.shape[-1]
    strides = [batch_strides(view, batch) for view in (x, w)]
    axes = merge_axes(list(zip(batch, *strides, strict=True)))
    panels = builder.temporary((ceil_divide(columns, PANEL) * PANEL * depth,))
    none = Operands((), (), 0, ())
    args: list[Size] = [product(batch), rows, depth, columns, *(axis[part] for part in range(3) for axis in axes)]
    fields = epilogue_fields(none, None, len(args), 2) | {"axes": len(axes)}
    kernel = builder.kernel("batch_matmul", template="batch_matmul.c.jinja", **fields)
    builder.step(kernel, [x, w], [y, panels], args, origin=node.origin)


def lower_depthwise(builder: Builder, node: Node) -> None:
    """Weights (KH, KW, C, M): each tap is a row of C·M; packed so that the taps of four channels stand together."""
    op = node.op
    assert isinstance(op, DepthwiseConv2D)
    x, w = (v.shape for v in node.inputs[:2])
    y = node.outputs[0].shape
    taps, columns = int(w[0]) * int(w[1]), int(w[2]) * int(w[3])  # type: ignore[arg-type]
    kernel = builder.kernel("pack_depthwise", template="pack_depthwise.c.jinja")
    weights = builder.packed(builder.weight(node.inputs[1]), kernel, (-(-columns // 4), taps, 4), (taps, w[3], columns))
    (top, _), (left, _) = op.padding
    _emit(
        builder,
        node,
        "depthwise",
        weights,
        [*x, y[3], y[1], y[2], top, left],
        kernel=[int(s) for s in w[:2]],  # type: ignore[arg-type]
        strides=list(op.strides),
        dilation=list(op.dilation),
        multiplier=int(w[3]),  # type: ignore[arg-type]
    )
