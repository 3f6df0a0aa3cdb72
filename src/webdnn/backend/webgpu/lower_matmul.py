"""Matrix products, and the convolutions that are matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from webdnn.backend.builder import Builder
from webdnn.backend.operands import batch_strides, operand_kind
from webdnn.backend.webgpu.dialect import render
from webdnn.backend.webgpu.emit import FOLD, Operand, can_be_vector, divisible, emit, folded, items
from webdnn.backend.webgpu.lower_map import broadcast, merge_axes
from webdnn.backend.webgpu.tiles import FEW, MANY, MOST_PARTS, SLICE, SMALLEST_COLUMNS, Division, Tile, divide
from webdnn.descriptor.schema import MANY_WORKGROUPS, View
from webdnn.graph.dim import Dim, Size, ceil_divide, evaluate, minimum, product, symbols_of
from webdnn.graph.graph import Node
from webdnn.graph.ops import Conv2D, Conv2DTranspose, MatMul
from webdnn.graph.program import Program

ON_LARGE_DEVICES = Dim({(MANY_WORKGROUPS,): 1})
ON_SMALL_DEVICES = 1 - ON_LARGE_DEVICES
"""How often steps run that are meant for one kind of device: once there, never elsewhere."""

MATVEC_ROWS = 4
"""Rows of one workgroup of the kernel for few rows, and how many make it the better one."""
MATVEC = Tile(4, 32, MATVEC_ROWS, 1)


GROUPED_PIXELS = 4
"""Output pixels of one invocation of the kernel for small groups of channels: they share the loads of the weights."""


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


def is_few(rows: Size) -> bool:
    """Whether a matrix product has so few rows that reading the weights is what takes time. A symbolic batch is taken to be small."""
    return rows <= MATVEC_ROWS if isinstance(rows, int) else _for_one(rows) == 1


@dataclass(frozen=True)
class Product:
    """output = epilogue(x · w), where x is a matrix or, with `window`, what the windows of a convolution meet."""

    builder: Builder
    node: Node
    x: View
    w: View
    extras: list[View]
    output: View
    program: Program | None
    window: str = ""
    window_args: dict[str, Size] = field(default_factory=dict)
    group_columns: int | None = None
    """Output channels of a group, for a grouped convolution; w then has the rows of one group."""

    @property
    def columns(self) -> int:
        return int(self.w.shape[-1])  # type: ignore[arg-type]

    @property
    def depth(self) -> int:
        return int(product(self.w.shape[:-1]))  # type: ignore[arg-type]

    def emit(self) -> None:
        rows = self.output.rows
        if not self.window and is_few(rows):
            tile = MATVEC if rows != 1 else replace(MATVEC, rows=1)
            groups = folded(ceil_divide(rows, tile.rows))
            self._emit_sums("matvec", tile, (-(-self.columns // tile.tile_columns), *groups))
            return
        # A symbolic number of rows is not split: the sums would need memory for every part of every sample.
        most_parts = MOST_PARTS if isinstance(rows, int) else 1
        sizes = _for_one(rows), self.columns, self.depth
        few, many = (divide(*sizes, busy, self.group_columns, most_parts=most_parts) for busy in (FEW, MANY))
        if few == many:
            self._emit_divided(few)
            return
        for division, devices in ((many, ON_LARGE_DEVICES), (few, ON_SMALL_DEVICES)):
            with self.builder.loop(devices):
                self._emit_divided(division)

    def _emit_divided(self, division: Division) -> None:
        rows, tile = self.output.rows, division.tile
        across = -(-self.columns // tile.tile_columns)
        down = ceil_divide(rows, tile.tile_rows)
        if division.parts == 1:
            self._emit_sums("matmul", tile, (minimum(down, FOLD), across, ceil_divide(down, FOLD)))
            return
        part_depth = -(-self.depth // (division.parts * SLICE)) * SLICE
        parts = -(-self.depth // part_depth)
        sums = self.builder.temporary((parts, rows, self.columns))
        first = replace(self, extras=[], output=sums, program=None)
        first._emit_sums("matmul", tile, (down, across, parts), {"rows": rows, "part_depth": part_depth})
        self._emit_join(sums, parts)

    def _emit_sums(
        self, template: str, tile: Tile, dispatch: tuple[Size, ...], more: dict[str, Size] | None = None
    ) -> None:
        args: dict[str, Size] = {"rows": self.output.rows, "columns": self.columns, "depth": self.depth}
        vector = can_be_vector(self.w) and can_store_vectors(self.extras, self.output)
        x_vector = template == "matmul" and can_be_vector(self.x) and divisible(self.w.shape[-2])
        epilogue = self._epilogue(vector)
        emit(
            self.builder,
            template,
            [Operand("x", self.x, x_vector), Operand("w", self.w, vector), *epilogue.operands],
            Operand("y", self.output, vector),
            args | self.window_args | (more or {}),
            dispatch,
            self.node.origin,
            self.node.op.name.lower(),
            threads_x=tile.threads_x,
            threads_y=tile.threads_y,
            rows=tile.rows,
            vectors=tile.vectors,
            slice_depth=SLICE,
            prefetch=x_vector or not self.window,
            window=self.window,
            grouped=self.group_columns is not None,
            split=more is not None,
            x_vector=x_vector,
            **epilogue.context,
        )

    def _emit_join(self, sums: View, parts: int) -> None:
        vector = can_be_vector(sums) and can_store_vectors(self.extras, self.output)
        epilogue = self._epilogue(vector)
        count = self.output.elements
        emit(
            self.builder,
            "join",
            [Operand("x", sums, vector), *epilogue.operands],
            Operand("y", self.output, vector),
            {"rows": self.output.rows, "columns": self.columns, "parts": parts},
            items(count // 4 if vector else count),
            self.node.origin,
            f"{self.node.op.name.lower()}_join",
            **epilogue.context,
        )

    def _epilogue(self, vector: bool) -> Epilogue:
        return bind_epilogue(self.builder, self.program, self.extras, self.output, vector, self.node.origin)


def lower_matmul(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    assert isinstance(node.op, MatMul)
    x, w, *extras = inputs
    Product(builder, node, x, w, extras, output, node.op.epilogue).emit()


def lower_batch_matmul(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    """A plain kernel: every element of the result reads a row of x and a column of y."""
    batch = output.shape[:-2]
    axes = merge_axes(batch, [batch_strides(view, batch) for view in inputs])
    args: dict[str, Size] = {
        "count": output.elements,
        "rows": output.shape[-2],
        "columns": output.columns,
        "depth": inputs[0].columns,
    }
    for axis, (size, (x_step, y_step)) in enumerate(axes):
        args |= {f"size_{axis}": size, f"x_stride_{axis}": x_step, f"y_stride_{axis}": y_step}
    emit(
        builder,
        "batch_matmul",
        [Operand("x", inputs[0]), Operand("y", inputs[1])],
        Operand("z", output),
        args,
        items(output.elements),
        node.origin,
        axes=len(axes),
    )


def lower_conv2d(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    op = node.op
    assert isinstance(op, Conv2D)
    x, w, *extras = inputs
    if op.groups == 1 and w.shape[:2] == (1, 1) and op.strides == (1, 1) and op.padding == ((0, 0), (0, 0)):
        Product(builder, node, x, w, extras, output, op.epilogue).emit()
        return
    (top, _), (left, _) = op.padding
    args = window_args(x, w, output, op.strides, op.dilation, top, left)
    if op.groups > 1:
        _lower_groups(builder, node, inputs, output, args)
        return
    Product(builder, node, x, w, extras, output, op.epilogue, "conv", args).emit()


def _lower_groups(builder: Builder, node: Node, inputs: list[View], output: View, args: dict[str, Size]) -> None:
    """Groups of as many columns as a tile has, or a multiple, are products; smaller ones are summed without shared memory."""
    op = node.op
    assert isinstance(op, Conv2D)
    x, w, *extras = inputs
    group_columns = int(output.columns) // op.groups  # type: ignore[arg-type]
    args = {**args, "channels": w.shape[2], "group_columns": group_columns}
    if group_columns % SMALLEST_COLUMNS == 0:
        Product(builder, node, x, w, extras, output, op.epilogue, "conv", args, group_columns).emit()
        return
    vector = divisible(group_columns) and can_be_vector(w) and can_store_vectors(extras, output)
    x_vector = vector and can_be_vector(x) and divisible(w.shape[2])
    epilogue = bind_epilogue(builder, op.epilogue, extras, output, vector, node.origin)
    emit(
        builder,
        "grouped",
        [Operand("x", x, x_vector), Operand("w", w, vector), *epilogue.operands],
        Operand("y", output, vector),
        {"rows": output.rows, "columns": output.columns} | args,
        items(ceil_divide(output.rows, GROUPED_PIXELS) * (output.columns // 4 if vector else output.columns)),
        node.origin,
        "grouped_conv2d",
        pixels=GROUPED_PIXELS,
        x_vector=x_vector,
        **epilogue.context,
    )


def lower_conv2d_transpose(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    op = node.op
    assert isinstance(op, Conv2DTranspose)
    x, w, *extras = inputs
    (top, _), (left, _) = op.crop
    args = window_args(x, w, output, op.strides, op.dilation, top, left)
    Product(builder, node, x, w, extras, output, op.epilogue, "transposed", args).emit()


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
