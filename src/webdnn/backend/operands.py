"""How the operands of an elementwise program or an epilogue lie against the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size, product


def operand_kind(operand: tuple[Size, ...], result: tuple[Size, ...]) -> str:
    """`full`: as large as the result. `column`: one value a column (a bias). `scalar`: one value. `general`: any other broadcast."""
    if all(size == 1 for size in operand):
        return "full" if all(size == 1 for size in result) else "scalar"
    if all(size == 1 for size in operand[:-1]) and operand[-1] == result[-1]:
        return "full" if all(size == 1 for size in result[:-1]) else "column"
    if len(operand) == len(result) and operand == result:
        return "full"
    return "general"


def broadcast_strides(view: View, result: tuple[Size, ...]) -> tuple[Size, ...]:
    """Distance in elements between neighbours of `view` along every axis of the result; 0 where it is repeated."""
    missing = len(result) - len(view.shape)
    own = view.strides()
    return (0,) * missing + tuple(
        0 if size == 1 and want != 1 else step
        for size, want, step in zip(view.shape, result[missing:], own, strict=True)
    )


Axis: TypeAlias = "tuple[Size, tuple[Size, ...]]"
"""A size, and each operand's distance in elements between neighbours along it."""


def merge_axes(shape: Sequence[Size], strides: Sequence[Sequence[Size]]) -> list[Axis]:
    """The fewest axes that walk the operands in the order of `shape`'s axes; `strides[k]` belongs to operand k.

    Axes of size 1 go, and an axis that continues its inner neighbour in every operand becomes one with it.
    """
    axes: list[Axis] = []
    for axis, size in enumerate(shape):
        inner = tuple(own[axis] for own in strides)
        if size == 1:
            continue
        if axes and all(outer == step * size for outer, step in zip(axes[-1][1], inner, strict=True)):
            axes[-1] = (axes[-1][0] * size, inner)
        else:
            axes.append((size, inner))
    return axes or [(1, (0,) * len(strides))]


@dataclass(frozen=True)
class Lines:
    """A tensor seen as outer · inner · columns lines along one axis.

    Line (o, i, c) begins at o · outer_stride + i · inner_stride + c; its `length` elements are `step` apart. In this order lines are in
    row-major order of the other axes.
    """

    outer: Size
    inner: Size
    columns: Size
    length: Size
    outer_stride: Size
    inner_stride: Size
    step: Size

    @property
    def count(self) -> Size:
        return self.outer * self.inner * self.columns


def lines_along(view: View, axis: int) -> Lines:
    """`view` as lines along `axis`."""
    shape = view.shape
    if axis == len(shape) - 1:
        return Lines(view.rows, 1, 1, shape[axis], view.pitch, 0, 1)
    inner = product(shape[axis + 1 : -1])
    step = inner * view.pitch
    return Lines(product(shape[:axis]), inner, view.columns, shape[axis], shape[axis] * step, view.pitch, step)


@dataclass(frozen=True)
class Matrices:
    """A factor of a batched product: matrices of `rows` × `columns` whose elements stand `row_stride` and `column_stride` apart.

    `batch` holds the distance between neighbouring matrices along each axis of the result before its last two; 0 where they are repeated.
    """

    batch: tuple[Size, ...]
    rows: Size
    columns: Size
    row_stride: Size
    column_stride: Size


def matrices(view: View, permutation: tuple[int, ...] | None, batch: tuple[Size, ...]) -> Matrices:
    """`view` seen under `permutation` (None: as it lies), as matrices whose other axes broadcast to `batch`."""
    order = permutation or tuple(range(len(view.shape)))
    own = view.strides()
    shape, steps = [view.shape[axis] for axis in order], [own[axis] for axis in order]
    missing = len(batch) - (len(shape) - 2)
    outer = tuple(
        0 if size == 1 and want != 1 else step
        for size, want, step in zip(shape[:-2], batch[missing:], steps, strict=False)
    )
    return Matrices((0,) * missing + outer, shape[-2], shape[-1], steps[-2], steps[-1])
