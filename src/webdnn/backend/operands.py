"""How the operands of an elementwise program or an epilogue lie against the result."""

from __future__ import annotations

from dataclasses import dataclass

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


def batch_strides(view: View, batch: tuple[Size, ...]) -> tuple[Size, ...]:
    """Distance between neighbouring matrices (the last two axes) of `view` along each axis of `batch`, to which its other axes broadcast."""
    own, steps = view.shape[:-2], view.strides()
    missing = len(batch) - len(own)
    return (0,) * missing + tuple(
        0 if size == 1 and want != 1 else step for size, want, step in zip(own, batch[missing:], steps, strict=False)
    )
