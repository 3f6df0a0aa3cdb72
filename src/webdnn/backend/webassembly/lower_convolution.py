"""Convolutions: products with weights that are packed into panels at load (kernels/gemm.h.jinja)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webassembly import winograd
from webdnn.backend.webassembly.emit import PANEL, SCRATCH_ELEMENTS, ProductKernel, emit_product
from webdnn.backend.webassembly.lower_matmul import packed_panels
from webdnn.backend.webassembly.winograd_transforms import Tile
from webdnn.descriptor.schema import Kernel, View
from webdnn.graph.dim import Size, ceil_divide, number
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Node
from webdnn.graph.ops import Conv2D, Conv2DTranspose, DepthwiseConv2D


@dataclass(frozen=True)
class Conv2DKernel(ProductKernel):
    grouped: bool


@dataclass(frozen=True)
class WinogradKernel(ProductKernel):
    tile: Tile
    grouped: bool


@dataclass(frozen=True)
class PackWinogradKernel(Kernel):
    tile: Tile


@dataclass(frozen=True)
class DepthwiseKernel(ProductKernel):
    """`kernel` is (KH, KW), `multiplier` the output channels of an input channel."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    multiplier: int


def _check_scratch(node: Node, taps: int, channels: int) -> None:
    """The tables of a convolution's taps, and zeros for what lies outside the image, must fit the working memory."""
    if taps * 11 + -(-channels // 4) * 4 > SCRATCH_ELEMENTS:
        raise UnsupportedError(
            f"webassembly: {', '.join(node.origin)}: a convolution of {taps} taps with {channels} channels needs more than the "
            f"{SCRATCH_ELEMENTS} floats of working memory that a thread has; split the layer, or use --backend without webassembly"
        )


def lower_conv2d(builder: Builder, node: Node, op: Conv2D) -> None:
    x, y = node.inputs[0].shape, node.outputs[0].shape
    kernel_height, kernel_width, channels, columns = map(number, node.inputs[1].shape)
    (top, _), (left, _) = op.padding
    args: list[Size] = [*x, columns, y[1], y[2], top, left, kernel_height, kernel_width, *op.strides, *op.dilation]
    of_group = (kernel_height, kernel_width, channels, columns // op.groups)
    tile = None if builder.options.get("exact") else winograd.choose(op, of_group, y)
    if tile:
        _lower_winograd(builder, node, op, tile)
        return
    _check_scratch(node, kernel_height * kernel_width, channels * op.groups)
    if op.groups > 1:
        weights, groups = _group_panels(builder, node, op.groups)
        args += [groups] * (groups > 1)
    else:
        weights, groups = packed_panels(builder, node, kernel_height * kernel_width * channels, columns), 1
    record = partial(Conv2DKernel, "conv2d", grouped=groups > 1)
    emit_product(builder, node, op, record, (builder.view(node.inputs[0]), weights), args)


def _group_panels(builder: Builder, node: Node, groups: int) -> tuple[View, int]:
    """Weights of a grouped convolution, packed, and the number of groups they then have.

    Small groups share a panel with their neighbours: they become one larger group, whose weights are zero where a column of one meets a channel
    of another. That takes as many products as panels of their own would, which zeros would fill up, and takes them in longer loops. If one group
    is left, it is a convolution without groups.
    """
    kernel_height, kernel_width, channels, all_columns = map(number, node.inputs[1].shape)
    taps, columns = kernel_height * kernel_width, all_columns // groups
    joined = max(n for n in range(1, groups + 1) if groups % n == 0 and (n == 1 or n * columns <= PANEL))
    larger, panels, depth = groups // joined, -(-joined * columns // PANEL), taps * joined * channels
    kernel = builder.kernel(Kernel("pack_groups"))
    shape = (larger * panels, depth, PANEL)
    args = (panels, depth, channels, columns, groups, joined)
    return builder.packed(builder.weight(node.inputs[1]), kernel, shape, args), larger


def _lower_winograd(builder: Builder, node: Node, op: Conv2D, tile: Tile) -> None:
    x, y = node.inputs[0].shape, node.outputs[0].shape
    _, _, channels, all_columns = map(number, node.inputs[1].shape)
    columns = all_columns // op.groups
    shape = (op.groups, tile.points, -(-columns // PANEL), channels, PANEL)
    kernel = builder.kernel(PackWinogradKernel("pack_winograd", tile))
    weights = builder.packed(builder.weight(node.inputs[1]), kernel, shape, (channels, columns, op.groups))
    tiles = y[0] * ceil_divide(y[1], tile.lengths[0]) * ceil_divide(y[2], tile.lengths[1])
    elements, most = winograd.scratch(tile.points, channels, columns, tiles)
    scratch = builder.temporary((elements,))
    (top, _), (left, _) = op.padding
    args: list[Size] = [*x[:3], channels, columns, y[1], y[2], top, left, elements, most]
    if op.groups > 1:
        args.append(op.groups)
    record = partial(WinogradKernel, "winograd", tile=tile, grouped=op.groups > 1)
    emit_product(builder, node, op, record, (builder.view(node.inputs[0]), weights), args, scratch)


def lower_conv2d_transpose(builder: Builder, node: Node, op: Conv2DTranspose) -> None:
    x, y = node.inputs[0].shape, node.outputs[0].shape
    kernel_height, kernel_width, channels, columns = map(number, node.inputs[1].shape)
    _check_scratch(node, kernel_height * kernel_width, channels)
    (top, _), (left, _) = op.crop
    args: list[Size] = [*x, columns, y[1], y[2], top, left, kernel_height, kernel_width, *op.strides, *op.dilation]
    weights = packed_panels(builder, node, kernel_height * kernel_width * channels, columns)
    record = partial(ProductKernel, "conv2d_transpose")
    emit_product(builder, node, op, record, (builder.view(node.inputs[0]), weights), args)


def lower_depthwise(builder: Builder, node: Node, op: DepthwiseConv2D) -> None:
    """Weights (KH, KW, C, M): each tap is a row of C·M; packed so that the taps of four channels stand together."""
    x, y = node.inputs[0].shape, node.outputs[0].shape
    kernel_height, kernel_width, channels, multiplier = map(number, node.inputs[1].shape)
    taps, columns = kernel_height * kernel_width, channels * multiplier
    kernel = builder.kernel(Kernel("pack_depthwise"))
    weights = builder.packed(
        builder.weight(node.inputs[1]), kernel, (-(-columns // 4), taps, 4), (taps, multiplier, columns)
    )
    (top, _), (left, _) = op.padding
    record = partial(
        DepthwiseKernel,
        "depthwise",
        kernel=(kernel_height, kernel_width),
        strides=op.strides,
        dilation=op.dilation,
        multiplier=multiplier,
    )
    args = [*x, y[3], y[1], y[2], top, left]
    emit_product(builder, node, op, record, (builder.view(node.inputs[0]), weights), args)


LOWERINGS: Lowerings = {
    Conv2D: lower_conv2d,
    Conv2DTranspose: lower_conv2d_transpose,
    DepthwiseConv2D: lower_depthwise,
}
