"""Ops that take or give indices."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings
from webdnn.backend.webgpu.dialect import cut
from webdnn.backend.webgpu.emit import ELEMENTS, Operand, emit, items
from webdnn.backend.webgpu.lower_reduction import line_args
from webdnn.graph.dim import Size, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import ArgReduce, ArgSort, Gather, GatherElements, ScatterElements, ScatterRows


def lower_gather(builder: Builder, node: Node, op: Gather) -> None:
    x, output = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    if op.axis == len(x.shape) - 1:
        _gather_columns(builder, node, index_pitch=0)
        return
    args: dict[str, Size] = {
        "count": output.elements,
        "columns": output.columns,
        "inner": product(x.shape[op.axis + 1 : -1]),
        "length": output.shape[op.axis],
        "size": x.shape[op.axis],
    }
    operands = [Operand("x", x), Operand("indices", builder.view(node.inputs[1]))]
    emit(
        builder,
        "gather",
        operands,
        Operand("y", output),
        args,
        items(args["count"]),
        node.origin,
        moves=True,
        columns=False,
    )


def lower_gather_elements(builder: Builder, node: Node, op: GatherElements) -> None:
    _gather_columns(builder, node, builder.view(node.inputs[1]).pitch)


def _gather_columns(builder: Builder, node: Node, index_pitch: Size) -> None:
    x, indices, output = map(builder.view, (*node.inputs, *node.outputs))
    args: dict[str, Size] = {
        "count": output.elements,
        "columns": output.columns,
        "index_pitch": index_pitch,
        "size": x.columns,
    }
    operands = [Operand("x", x), Operand("indices", indices)]
    emit(
        builder,
        "gather",
        operands,
        Operand("y", output),
        args,
        items(output.elements),
        node.origin,
        "gather_columns",
        moves=True,
        columns=True,
    )


def lower_arg_reduce(builder: Builder, node: Node, op: ArgReduce) -> None:
    x, output = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    emit(
        builder,
        "arg_reduce",
        [Operand("x", x)],
        Operand("y", output),
        line_args(op.axis, x=x) | {"y_columns": output.columns},
        items(output.elements),
        node.origin,
        f"arg_{op.kind}",
        computes=ELEMENTS[builder.storage(x)],
        kind=op.kind,
    )


def lower_arg_sort(builder: Builder, node: Node, op: ArgSort) -> None:
    x, output = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    args: dict[str, Size] = {"count": x.elements, "size": x.columns, "columns": output.columns}
    emit(
        builder,
        "arg_sort",
        [Operand("x", x)],
        Operand("y", output),
        args,
        items(x.elements),
        node.origin,
        computes=ELEMENTS[builder.storage(x)],
    )


JOINS = {
    "float": {
        "add": "value + update",
        "mul": "value * update",
        "max": "maximum(value, update)",
        "min": "minimum(value, update)",
    },
    "int": {"add": "value + update", "mul": "value * update", "max": "max(value, update)", "min": "min(value, update)"},
}
"""How a scattered update joins the value where it goes, by storage class and reduction."""


def lower_scatter_elements(builder: Builder, node: Node, op: ScatterElements) -> None:
    x, indices, output = map(builder.view, (*node.inputs[:2], *node.outputs))
    args: dict[str, Size] = {
        "count": output.elements,
        "columns": output.columns,
        "size": x.columns,
        "updates": indices.columns,
    }
    _emit_scatter(builder, node, op.reduction, args, columns=True)


def lower_scatter_rows(builder: Builder, node: Node, op: ScatterRows) -> None:
    x, rows, output = map(builder.view, (*node.inputs[:2], *node.outputs))
    args: dict[str, Size] = {
        "count": output.elements,
        "columns": output.columns,
        "size": x.rows,
        "updates": rows.elements,
    }
    _emit_scatter(builder, node, op.reduction, args, columns=False)


def _emit_scatter(builder: Builder, node: Node, reduction: str, args: dict[str, Size], *, columns: bool) -> None:
    x, indices, updates, output = map(builder.view, (*node.inputs, *node.outputs))
    moves = reduction == "none"
    emit(
        builder,
        "scatter",
        [Operand("x", x), Operand("indices", indices), Operand("updates", updates)],
        Operand("y", output),
        args,
        items(output.elements),
        node.origin,
        f"scatter_{reduction}",
        moves=moves,
        columns=columns,
        joined="update" if moves else JOINS[builder.storage(x)][reduction],
        result="value" if moves else cut("value", node.outputs[0].dtype, "i32", "u32"),
    )


LOWERINGS: Lowerings = {
    ArgReduce: lower_arg_reduce,
    ArgSort: lower_arg_sort,
    Gather: lower_gather,
    GatherElements: lower_gather_elements,
    ScatterElements: lower_scatter_elements,
    ScatterRows: lower_scatter_rows,
}
