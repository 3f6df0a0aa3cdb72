"""Matrix products, and the convolutions that are matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webdnn.backend.builder import Builder
from webdnn.backend.operands import operand_kind
from webdnn.backend.webgpu.dialect import render
from webdnn.backend.webgpu.emit import FOLD, Operand, can_be_vector, emit, folded
from webdnn.backend.webgpu.lower_map import broadcast
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size, ceil_divide, evaluate, minimum, product, symbols_of
from webdnn.graph.graph import Node
from webdnn.graph.ops import Conv2D, Conv2DTranspose, MatMul
from webdnn.graph.program import Program


@dataclass(frozen=True)
class Tile:
    """A workgroup of threads_x × threads_y invocations, each of which computes `rows` rows of `vectors` four-column vectors."""

    threads_x: int
    threads_y: int
    rows: int
    vectors: int

    @property
    def tile_rows(self) -> int:
        return self.threads_y * self.rows

    @property
    def tile_columns(self) -> int:
        return self.threads_x * self.vectors * 4


# Largest first: the first that gives WORKGROUPS workgroups is taken, else the last.
TILES = (Tile(16, 16, 8, 2), Tile(16, 16, 4, 1), Tile(8, 8, 4, 1))
WORKGROUPS = 128

MATVEC_ROWS = 4
"""Rows of one workgroup of the kernel for few rows, and how many make it the better one."""
MATVEC = Tile(4, 32, MATVEC_ROWS, 1)


@dataclass(frozen=True)
class Extra:
    """A further operand of an epilogue."""

    name: str
    kind: str


@dataclass(frozen=True)
class Epilogue:
    """An epilogue whose operands are bound: what the templates need."""

    operands: list[Operand]
    context: dict[str, object]


def bind_epilogue(
    builder: Builder,
    program: Program | None,
    views: Sequence[View],
    output: View,
    vector: bool,
    origin: tuple[str, ...],
) -> Epilogue:
    """Operands that broadcast otherwise than by column are repeated in memory first."""
    operands, extras = [], []
    for position, view in enumerate(views, start=1):
        kind = operand_kind(view.shape, output.shape)
        if kind == "general":
            view, kind = broadcast(builder, view, output.shape, origin), "full"
        operands.append(Operand(f"e{position}", view, vector and kind != "scalar"))
        extras.append(Extra(f"e{position}", kind))
    names = [f"v{position}" for position in range(len(views) + 1)]
    statements, result = render(program, names, "Value") if program else ([], names[0])
    context = {"extras": extras, "statements": statements, "result": result, "used": " ".join(statements)}
    return Epilogue(operands, context)


def can_store_vectors(views: Sequence[View], output: View) -> bool:
    """Whether the result and every epilogue operand can be read and written in vectors of four columns."""
    return can_be_vector(output) and all(
        can_be_vector(view) for view in views if operand_kind(view.shape, output.shape) in ("full", "column")
    )


def _for_one(size: Size) -> int:
    """`size` with every placeholder 1, a guess at which tile fits."""
    return evaluate(size, dict.fromkeys(symbols_of(size), 1))


def choose_tile(rows: Size, columns: int) -> Tile:
    known = _for_one(rows)
    for tile in TILES[:-1]:
        if -(-known // tile.tile_rows) * -(-columns // tile.tile_columns) >= WORKGROUPS:
            return tile
    return TILES[-1]


def is_few(rows: Size) -> bool:
    """Whether a matrix product has so few rows that reading the weights is what takes time. A symbolic batch is taken to be small."""
    return rows <= MATVEC_ROWS if isinstance(rows, int) else _for_one(rows) == 1


def emit_product(
    builder: Builder,
    node: Node,
    inputs: list[View],
    output: View,
    program: Program | None,
    window: str = "",
    window_args: dict[str, Size] | None = None,
) -> None:
    """output = epilogue(x · w), where x is a matrix or, with `window`, what the windows of a convolution meet."""
    x, w, *extras = inputs
    rows, columns, depth = output.rows, int(w.shape[-1]), int(product(w.shape[:-1]))  # type: ignore[arg-type]
    vector = can_be_vector(w) and can_store_vectors(extras, output)
    epilogue = bind_epilogue(builder, program, extras, output, vector, node.origin)
    few = not window and is_few(rows)
    x_vector = not few and can_be_vector(x)
    args: dict[str, Size] = {"rows": rows, "columns": columns, "depth": depth, **(window_args or {})}
    if few:
        tile = MATVEC if rows != 1 else Tile(MATVEC.threads_x, MATVEC.threads_y, 1, 1)
        groups = ceil_divide(rows, tile.rows)
        dispatch: tuple[Size, ...] = (-(-columns // tile.tile_columns), *folded(groups))
    else:
        tile = choose_tile(rows, columns)
        groups = ceil_divide(rows, tile.tile_rows)
        dispatch = (minimum(groups, FOLD), -(-columns // tile.tile_columns), ceil_divide(groups, FOLD))
    emit(
        builder,
        "matvec" if few else "matmul",
        [Operand("x", x, x_vector), Operand("w", w, vector), *epilogue.operands],
        Operand("y", output, vector),
        args,
        dispatch,
        node.origin,
        node.op.name.lower(),
        threads_x=tile.threads_x,
        threads_y=tile.threads_y,
        rows=tile.rows,
        vectors=tile.vectors,
        window=window,
        x_vector=x_vector,
        **epilogue.context,
    )


def lower_matmul(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    assert isinstance(node.op, MatMul)
    emit_product(builder, node, inputs, output, node.op.epilogue)


def lower_conv2d(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    op = node.op
    assert isinstance(op, Conv2D)
    x, w = inputs[:2]
    if w.shape[:2] == (1, 1) and op.strides == (1, 1) and op.padding == ((0, 0), (0, 0)):
        emit_product(builder, node, inputs, output, op.epilogue)
        return
    (top, _), (left, _) = op.padding
    args = window_args(x, w, output, op.strides, op.dilation, top, left)
    emit_product(builder, node, inputs, output, op.epilogue, "conv", args)


def lower_conv2d_transpose(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    op = node.op
    assert isinstance(op, Conv2DTranspose)
    x, w = inputs[:2]
    (top, _), (left, _) = op.crop
    args = window_args(x, w, output, op.strides, op.dilation, top, left)
    emit_product(builder, node, inputs, output, op.epilogue, "transposed", args)


def window_args(
    x: View, w: View, output: View, strides: tuple[int, int], dilation: tuple[int, int], top: Size, left: Size
) -> dict[str, Size]:
    """What a kernel needs to know about windows on an image. `top` and `left` are padding, or crop of a transposed convolution."""
    return {
        "height": x.shape[1],
        "width": x.shape[2],
        "channels": x.shape[3],
        "image_pixels": output.shape[1] * output.shape[2],
        "out_width": output.shape[2],
        "kernel_height": w.shape[0],
        "kernel_width": w.shape[1],
        "stride_y": strides[0],
        "stride_x": strides[1],
        "dilation_y": dilation[0],
        "dilation_x": dilation[1],
        "top": top,
        "left": left,
    }
