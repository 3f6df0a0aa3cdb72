"""Convolutions and dense layers whose weights are computed become products of two computed factors.

Kernels of convolutions pack their weights while a model loads, so these must be constants then. What windows meet is therefore put side by side
(`_patches`: slices and a concatenation), and one batched product multiplies it by the weights. That takes as many times the memory of the image
as a window has elements, and some more time; no model that was trained in the usual way needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from webdnn.graph.dim import Size, number, product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Constant, Graph, Node, Op, Value, apply
from webdnn.graph.ops import (
    BatchMatMul,
    Concat,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    Elementwise,
    MatMul,
    Pad,
    Reshape,
    Slice,
    Transpose,
)
from webdnn.graph.ops.elementwise import WithEpilogue
from webdnn.optimizer.rewrite import map_bodies, rebuild

Pairs: TypeAlias = "tuple[tuple[Size, Size], tuple[Size, Size]]"
Places: TypeAlias = "Sequence[tuple[int, int]]"


def expand_computed_weights(graph: Graph) -> tuple[Graph, int]:
    """`x ∗ W = windows(x) · W`, where W is no constant: the windows of a convolution as rows of a matrix.

    Groups, depthwise kernels, strides, dilations and transposed convolutions are all the same product, of as many pairs of matrices as there
    are groups; a transposed convolution is a plain one of an image whose pixels zeros keep apart.
    """
    graph, changed = map_bodies(graph, lambda body: expand_computed_weights(body)[0])
    count = 0

    def visit(old: Node, fresh: Node) -> Sequence[Value]:
        nonlocal count
        expand = EXPANSIONS.get(type(fresh.op))
        if expand is None or isinstance(fresh.inputs[1].op, Constant):
            return fresh.outputs
        count += 1
        return (_finished(fresh, expand(_Maker(fresh.origin), fresh)),)

    result = rebuild(graph, visit)
    return (result, changed + count) if count else (graph, changed)


@dataclass(frozen=True)
class _Maker:
    """Makes the ops that stand for one convolution."""

    origin: tuple[str, ...]

    def apply(self, op: Op, *inputs: Value) -> Value:
        return apply(op, *inputs, origin=self.origin)

    def reshape(self, x: Value, *shape: Size) -> Value:
        return x if shape == x.shape else self.apply(Reshape(shape), x)

    def cut(self, x: Value, starts: Sequence[Size], sizes: Sequence[Size]) -> Value:
        return x if tuple(sizes) == x.shape else self.apply(Slice(tuple(starts), tuple(sizes)), x)

    def pad(self, x: Value, amounts: Pairs) -> Value:
        """Zeros around images (N, H, W, C)."""
        return x if amounts == ((0, 0), (0, 0)) else self.apply(Pad(((0, 0), *amounts, (0, 0))), x)

    def grouped_product(self, rows: Value, weights: Value, groups: int, parts: int, shape: Sequence[Size]) -> Value:
        """rows (…, parts · groups · K), weights (parts · K, groups · O) → `shape`, (…, groups · O): each group by its own weights.

        A row has `parts` pieces, one for each element of a window, and each of these all channels, those of a group together.
        """
        count, depth, outputs = product(rows.shape[:-1]), weights.shape[0], number(weights.shape[1]) // groups
        if groups == 1:
            return self.reshape(self.apply(BatchMatMul(), self.reshape(rows, count, depth), weights), *shape)
        apart = self.reshape(rows, count, parts, groups, number(depth) // parts)
        left = self.reshape(self.apply(Transpose((2, 0, 1, 3)), apart), groups, count, depth)
        right = self.apply(Transpose((1, 0, 2)), self.reshape(weights, depth, groups, outputs))
        result = self.apply(BatchMatMul(), left, right)
        return self.reshape(self.apply(Transpose((1, 0, 2)), result), *shape)

    def patches(self, x: Value, places: Places, strides: tuple[int, int], size: tuple[Size, Size]) -> Value:
        """Padded images (N, H, W, C) → (N, *size, places · C): what the windows, `strides` apart, have at each of `places`."""
        # Behind the last window, blocks of `strides` pixels may be cut off at the image's end.
        x = self.pad(x, ((0, strides[0] - 1), (0, strides[1] - 1)))
        parts = [self._every(x, place, strides, size) for place in places]
        return parts[0] if len(parts) == 1 else self.apply(Concat(3), *parts)

    def _every(self, x: Value, place: tuple[int, int], strides: tuple[int, int], size: tuple[Size, Size]) -> Value:
        """The pixels `strides` apart, from `place` on: each is the first one of a block."""
        batch, channels = x.shape[0], x.shape[3]
        (height, width), (down, right) = size, strides
        x = self.cut(x, (0, *place, 0), (batch, height * down, width * right, channels))
        blocks = self.reshape(x, batch, height, down, width, right, channels)
        firsts = self.cut(blocks, (0,) * 6, (batch, height, 1, width, 1, channels))
        return self.reshape(firsts, batch, height, width, channels)


def _convolution(make: _Maker, node: Node) -> Value:
    """A depthwise kernel (H, W, C, M) is one of as many groups as there are channels."""
    op = node.op
    x, weights = node.inputs[:2]
    height, width, channels, last = weights.shape
    if isinstance(op, Conv2D):
        groups, depth, outputs = op.groups, channels, last
    elif isinstance(op, DepthwiseConv2D):
        groups, depth, outputs = number(channels), 1, channels * last
    else:
        raise TypeError(f"{op} is no convolution")
    places = _places(weights, op.dilation)
    size = op.spatial(x.shape, weights.shape)
    rows = make.patches(make.pad(x, op.padding), places, op.strides, size)
    matrix = make.reshape(weights, height * width * depth, outputs)
    return make.grouped_product(rows, matrix, groups, len(places), (x.shape[0], *size, outputs))


def _transposed(make: _Maker, node: Node) -> Value:
    op = node.op
    if not isinstance(op, Conv2DTranspose):
        raise TypeError(f"{op} is no transposed convolution")
    x, weights = node.inputs[:2]
    height, width, channels, outputs = weights.shape
    batch, rows, columns, _ = x.shape
    down, right = op.strides
    apart = make.reshape(x, batch, rows, 1, columns, 1, channels)
    if op.strides != (1, 1):
        apart = make.apply(Pad(((0, 0), (0, 0), (0, down - 1), (0, 0), (0, right - 1), (0, 0))), apart)
    spaced = make.reshape(apart, batch, rows * down, columns * right, channels)
    # A pixel of the full result meets the kernel's last element first.
    reach = [(number(k) - 1) * d for k, d in zip((height, width), op.dilation, strict=True)]
    full = (rows - 1) * down + reach[0] + 1, (columns - 1) * right + reach[1] + 1
    places = [(reach[0] - i, reach[1] - j) for i, j in _places(weights, op.dilation)]
    windows = make.patches(make.pad(spaced, ((reach[0], reach[0]), (reach[1], reach[1]))), places, (1, 1), full)
    matrix = make.reshape(weights, height * width * channels, outputs)
    result = make.grouped_product(windows, matrix, 1, len(places), (batch, *full, outputs))
    return _cropped(make, result, op.crop)


def _cropped(make: _Maker, x: Value, crop: Pairs) -> Value:
    """`x` (N, H, W, C) without what `crop` cuts off; a negative crop, which is a number, adds zeros."""
    add = tuple(tuple(-c if isinstance(c, int) and c < 0 else 0 for c in pair) for pair in crop)
    (top, bottom), (left, right) = (
        (pair[0] + more[0], pair[1] + more[1]) for pair, more in zip(crop, add, strict=True)
    )
    batch, height, width, channels = x.shape
    x = make.cut(x, (0, top, left, 0), (batch, height - top - bottom, width - left - right, channels))
    return make.pad(x, (add[0], add[1]))  # type: ignore[arg-type]


def _places(weights: Value, dilation: tuple[int, int]) -> list[tuple[int, int]]:
    """Where the elements of a kernel lie in its window, in their order."""
    height, width = weights.shape[:2]
    if not isinstance(height, int) or not isinstance(width, int):
        raise UnsupportedError(f"a convolution by computed weights {weights.type}, whose window must have a fixed size")
    return [(i * dilation[0], j * dilation[1]) for i in range(height) for j in range(width)]


def _dense(make: _Maker, node: Node) -> Value:
    x, weights = node.inputs[:2]
    rows = x if x.type.rank > 1 else make.reshape(x, 1, x.shape[0])
    return make.reshape(make.apply(BatchMatMul(), rows, weights), *x.shape[:-1], weights.shape[1])


def _finished(node: Node, total: Value) -> Value:
    """What the epilogue of `node` makes of its sums."""
    op = node.op
    if not isinstance(op, WithEpilogue) or op.program is None:
        return total
    return apply(Elementwise(op.program), total, *node.inputs[op.main :], origin=node.origin)


EXPANSIONS: Mapping[type[Op], Callable[[_Maker, Node], Value]] = {
    Conv2D: _convolution,
    Conv2DTranspose: _transposed,
    DepthwiseConv2D: _convolution,
    MatMul: _dense,
}
