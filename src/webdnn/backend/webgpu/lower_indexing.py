"""Ops that take or give indices, and cumulative sums."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.operands import lines_along
from webdnn.backend.webgpu.emit import Operand, emit, items
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size, product
from webdnn.graph.graph import Node
from webdnn.graph.ops import ArgReduce, ArgSort, CumulativeSum, Gather


def lower_gather(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    assert isinstance(node.op, Gather)
    x, indices = inputs
    axis = node.op.axis
    if axis == len(x.shape) - 1:
        _gather_columns(builder, node, x, indices, output, index_pitch=0)
        return
    args: dict[str, Size] = {
        "count": output.elements,
        "columns": output.columns,
        "inner": product(x.shape[axis + 1 : -1]),
        "length": output.shape[axis],
        "size": x.shape[axis],
    }
    operands = [Operand("x", x), Operand("indices", indices)]
    emit(builder, "gather", operands, Operand("y", output), args, items(args["count"]), node.origin, columns=False)


def lower_gather_elements(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    x, indices = inputs
    _gather_columns(builder, node, x, indices, output, indices.pitch)


def _gather_columns(builder: Builder, node: Node, x: View, indices: View, output: View, index_pitch: Size) -> None:
    args: dict[str, Size] = {
        "count": output.elements,
        "columns": output.columns,
        "index_pitch": index_pitch,
        "size": x.columns,
    }
    operands = [Operand("x", x), Operand("indices", indices)]
    dispatch = items(output.elements)
    emit(builder, "gather", operands, Operand("y", output), args, dispatch, node.origin, "gather_columns", columns=True)


def _line_args(**views: tuple[View, int]) -> dict[str, Size]:
    """Sizes of the lines of the first view along its axis, and the strides of all."""
    lines = {name: lines_along(view, axis) for name, (view, axis) in views.items()}
    first = next(iter(lines.values()))
    args: dict[str, Size] = {
        "count": first.count,
        "inner": first.inner,
        "columns": first.columns,
        "length": first.length,
    }
    for name, own in lines.items():
        args |= {f"{name}_outer": own.outer_stride, f"{name}_inner": own.inner_stride, f"{name}_step": own.step}
    return args


def lower_arg_reduce(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    op = node.op
    assert isinstance(op, ArgReduce)
    (x,) = inputs
    args = _line_args(x=(x, op.axis)) | {"y_columns": output.columns}
    dispatch = items(args["count"])
    name = f"arg_{op.kind}"
    emit(
        builder, "arg_reduce", [Operand("x", x)], Operand("y", output), args, dispatch, node.origin, name, kind=op.kind
    )


def lower_cumulative_sum(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    op = node.op
    assert isinstance(op, CumulativeSum)
    (x,) = inputs
    args = _line_args(x=(x, op.axis), y=(output, op.axis))
    emit(
        builder,
        "cumulative_sum",
        [Operand("x", x)],
        Operand("y", output),
        args,
        items(args["count"]),
        node.origin,
        exclusive=op.exclusive,
        reverse=op.reverse,
    )


def lower_arg_sort(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    assert isinstance(node.op, ArgSort)
    (x,) = inputs
    args: dict[str, Size] = {"count": x.elements, "size": x.columns, "columns": output.columns}
    emit(builder, "arg_sort", [Operand("x", x)], Operand("y", output), args, items(x.elements), node.origin)
