"""Matrix products."""

from __future__ import annotations

from dataclasses import dataclass, replace

from webdnn.backend.builder import Builder
from webdnn.backend.operands import Axis, Matrices, matrices, merge_axes
from webdnn.backend.target import Lowerings
from webdnn.backend.webgpu.emit import Operand, divisible, emit, folded, items
from webdnn.backend.webgpu.epilogue import Epilogue
from webdnn.backend.webgpu.product import MATVEC_ROWS, Product, emit_for_devices, guess, tile_context
from webdnn.backend.webgpu.tiles import FEW, MANY, Division, divide
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size, ceil_divide, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import BatchMatMul, MatMul

TYPICAL_LENGTH = 128
"""What a placeholder in the size of a matrix is taken to be when a tile is chosen: such sizes are lengths of sequences."""


def lower_matmul(builder: Builder, node: Node, op: MatMul) -> None:
    if node.inputs[0].dtype == "float32":
        Product.of(builder, node, op).emit()
        return
    x, w = map(builder.view, node.inputs[:2])
    left = Matrices((), x.rows, x.columns, x.pitch, 1)
    right = Matrices((), w.rows, w.columns, w.pitch, 1)
    BatchProduct(builder, node, x, w, left, right, (), Epilogue.of(builder, node, op)).emit_plain()


def lower_batch_matmul(builder: Builder, node: Node, op: BatchMatMul) -> None:
    x, w = map(builder.view, node.inputs[:2])
    batch = node.outputs[0].shape[:-2]
    left, right = matrices(x, op.left, batch), matrices(w, op.right, batch)
    BatchProduct(builder, node, x, w, left, right, batch, Epilogue.of(builder, node, op)).emit()


@dataclass(frozen=True)
class BatchProduct:
    """epilogue(x · w) for every pair of matrices that `left` and `right` see in x and w."""

    builder: Builder
    node: Node
    x: View
    w: View
    left: Matrices
    right: Matrices
    batch: tuple[Size, ...]
    epilogue: Epilogue

    @property
    def axes(self) -> list[Axis]:
        """Those that number the products, with the distances between neighbouring matrices of x and w."""
        return merge_axes(self.batch, [self.left.batch, self.right.batch])

    @property
    def count(self) -> Size:
        """How many products there are."""
        return product(self.batch)

    def emit(self) -> None:
        """Integers, and so few rows that a tile would be almost empty, take the plain kernel."""
        rows, depth = self.left.rows, self.left.columns
        if self.epilogue.dtypes[0] != "float32" or (isinstance(rows, int) and rows <= MATVEC_ROWS):
            self.emit_plain()
            return
        height, width, length = (guess(size, TYPICAL_LENGTH) for size in (rows, self.right.columns, depth))
        count = guess(self.count)
        few, many = (divide(height, width, length, busy, most_parts=1, matrices=count) for busy in (FEW, MANY))
        emit_for_devices(self.builder, few, many, self._emit_tiles)

    def emit_plain(self) -> None:
        output = self.epilogue.output
        epilogue = self.epilogue.bind(False)
        emit(
            self.builder,
            "plain_matmul",
            [Operand("x", self.x), Operand("w", self.w), *epilogue.operands],
            Operand("y", output),
            {"count": output.elements} | self._args() | epilogue.args,
            items(output.elements),
            self.node.origin,
            self.node.op.name.lower(),
            computes="f32",
            batch=len(self.axes),
            **epilogue.context,
        )

    def _emit_tiles(self, division: Division) -> None:
        tile = division.tile
        vector = self.epilogue.can_be_vector()
        x_vector = self._is_vector(self.x, self.left, 0) and divisible(self.left.columns)
        w_vector = self._is_vector(self.w, self.right, 1) and divisible(self.right.columns)
        turned = replace(self.right, row_stride=self.right.column_stride, column_stride=self.right.row_stride)
        w_across = not w_vector and self._is_vector(self.w, turned, 1) and divisible(self.left.columns)
        epilogue = self.epilogue.bind(vector)
        row_tiles = ceil_divide(self.left.rows, tile.tile_rows)
        across = ceil_divide(self.right.columns, tile.tile_columns)
        down = folded(self.count * row_tiles)
        emit(
            self.builder,
            "matmul",
            [Operand("x", self.x, x_vector), Operand("w", self.w, w_vector or w_across), *epilogue.operands],
            Operand("y", self.epilogue.output, vector),
            self._args() | {"matrices": self.count, "row_tiles": row_tiles} | epilogue.args,
            (down[0], across, down[1]),
            self.node.origin,
            self.node.op.name.lower(),
            computes="f32",
            window="",
            grouped=False,
            split=False,
            strided=True,
            batch=len(self.axes),
            x_vector=x_vector,
            w_vector=w_vector,
            w_across=w_across,
            prefetch=True,
            **tile_context(tile),
            **epilogue.context,
        )

    def _is_vector(self, view: View, seen: Matrices, factor: int) -> bool:
        """Whether four neighbours in a row of every matrix lie together, at a multiple of four."""
        steps = [strides[factor] for _, strides in self.axes]
        return seen.column_stride == 1 and divisible(view.offset, seen.row_stride, *steps)

    def _args(self) -> dict[str, Size]:
        args: dict[str, Size] = {"rows": self.left.rows, "columns": self.right.columns, "depth": self.left.columns}
        args |= {"x_row": self.left.row_stride, "x_step": self.left.column_stride}
        args |= {"w_row": self.right.row_stride, "w_step": self.right.column_stride}
        for axis, (size, (x_step, w_step)) in enumerate(self.axes):
            args |= {f"size_{axis}": size} if axis else {}
            args |= {f"x_stride_{axis}": x_step, f"w_stride_{axis}": w_step}
        return args


LOWERINGS: Lowerings = {BatchMatMul: lower_batch_matmul, MatMul: lower_matmul}
