"""Products of a matrix and weights, where the matrix may be what the windows of a convolution meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from webdnn.backend.builder import Builder
from webdnn.backend.webgpu.emit import FOLD, Operand, can_be_vector, divisible, emit, folded, items
from webdnn.backend.webgpu.epilogue import Epilogue
from webdnn.backend.webgpu.tiles import FEW, MANY, MOST_PARTS, SLICE, Division, Tile, divide
from webdnn.descriptor.schema import MANY_WORKGROUPS, View
from webdnn.graph.dim import Dim, Size, ceil_divide, evaluate, minimum, product, symbols_of
from webdnn.graph.graph import Node
from webdnn.graph.ops.elementwise import WithEpilogue

ON_LARGE_DEVICES = Dim({(MANY_WORKGROUPS,): 1})
ON_SMALL_DEVICES = 1 - ON_LARGE_DEVICES
"""How often steps run that are meant for one kind of device: once there, never elsewhere."""

MATVEC_ROWS = 4
"""How many rows a workgroup of the kernel for few rows computes. Products of at most so many rows take that kernel."""
MATVEC = Tile(4, 32, MATVEC_ROWS, 1)


def guess(size: Size, placeholder: int = 1) -> int:
    """`size` with this value for every placeholder: a guess at which tile fits."""
    return evaluate(size, dict.fromkeys(symbols_of(size), placeholder))


def is_few(rows: Size) -> bool:
    """Whether a matrix product has so few rows that reading the weights is what takes time. A symbolic batch is taken to be small."""
    return rows <= MATVEC_ROWS if isinstance(rows, int) else guess(rows) == 1


@dataclass(frozen=True)
class Product:
    """epilogue(x · w), where x is a matrix or, with `window`, what the windows of a convolution meet. All are floats until the epilogue."""

    builder: Builder
    node: Node
    x: View
    w: View
    epilogue: Epilogue
    window: str = ""
    window_args: Mapping[str, Size] = field(default_factory=dict)
    group_columns: int | None = None
    """Output channels of a group, for a grouped convolution; w then has the rows of one group."""

    @staticmethod
    def of(
        builder: Builder,
        node: Node,
        op: WithEpilogue,
        window: str = "",
        window_args: Mapping[str, Size] | None = None,
        group_columns: int | None = None,
    ) -> Product:
        """The product of the first two inputs of `node`."""
        x, w = map(builder.view, node.inputs[:2])
        epilogue = Epilogue.of(builder, node, op)
        return Product(builder, node, x, w, epilogue, window, window_args or {}, group_columns)

    @property
    def output(self) -> View:
        return self.epilogue.output

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
        sizes = guess(rows), self.columns, self.depth
        few, many = (divide(*sizes, busy, self.group_columns, most_parts=most_parts) for busy in (FEW, MANY))
        emit_for_devices(self.builder, few, many, self._emit_divided)

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
        first = replace(self, epilogue=Epilogue(None, self.epilogue.dtypes[:1], (), sums))
        first._emit_sums("matmul", tile, (down, across, parts), {"rows": rows, "part_depth": part_depth})
        self._emit_join(sums, parts)

    def _emit_sums(
        self, template: str, tile: Tile, dispatch: tuple[Size, ...], more: dict[str, Size] | None = None
    ) -> None:
        args: dict[str, Size] = {"rows": self.output.rows, "columns": self.columns, "depth": self.depth}
        vector = can_be_vector(self.w) and self.epilogue.can_be_vector()
        x_vector = template == "matmul" and can_be_vector(self.x) and divisible(self.w.shape[-2])
        epilogue = self.epilogue.bind(vector)
        emit(
            self.builder,
            template,
            [Operand("x", self.x, x_vector), Operand("w", self.w, vector), *epilogue.operands],
            Operand("y", self.output, vector),
            {**args, **self.window_args, **(more or {}), **epilogue.args},
            dispatch,
            self.node.origin,
            self.node.op.name.lower(),
            computes="f32",
            window=self.window,
            grouped=self.group_columns is not None,
            split=more is not None,
            strided=False,
            x_vector=x_vector,
            w_vector=vector,
            w_across=False,
            prefetch=x_vector or not self.window,
            **tile_context(tile),
            **epilogue.context,
        )

    def _emit_join(self, sums: View, parts: int) -> None:
        vector = can_be_vector(sums) and self.epilogue.can_be_vector()
        epilogue = self.epilogue.bind(vector)
        args: dict[str, Size] = {"rows": self.output.rows, "columns": self.columns, "parts": parts}
        count = self.output.elements
        emit(
            self.builder,
            "join",
            [Operand("x", sums, vector), *epilogue.operands],
            Operand("y", self.output, vector),
            args | epilogue.args,
            items(count // 4 if vector else count),
            self.node.origin,
            f"{self.node.op.name.lower()}_join",
            computes="f32",
            **epilogue.context,
        )


def tile_context(tile: Tile) -> dict[str, Any]:
    """What the templates need to know of a tile."""
    return {
        "threads_x": tile.threads_x,
        "threads_y": tile.threads_y,
        "rows": tile.rows,
        "vectors": tile.vectors,
        "slice_depth": SLICE,
    }


def emit_for_devices(builder: Builder, few: Division, many: Division, emit_divided: Callable[[Division], None]) -> None:
    """The steps of one division, or those of both, each for the kind of device that it suits."""
    if few == many:
        emit_divided(few)
        return
    for division, devices in ((many, ON_LARGE_DEVICES), (few, ON_SMALL_DEVICES)):
        with builder.loop(devices):
            emit_divided(division)
