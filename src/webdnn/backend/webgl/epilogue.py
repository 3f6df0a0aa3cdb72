"""Elementwise programs inside kernels: where each operand of a result's texel is read."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from webdnn.backend.builder import Builder
from webdnn.backend.operands import broadcast_strides, operand_kind
from webdnn.backend.webgl.dialect import cells_of, functions_used, program_lines
from webdnn.backend.webgl.emit import TEXEL, emit, levels, rows_at_once
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node, Value
from webdnn.graph.ops.elementwise import WithEpilogue
from webdnn.graph.program import Program

MOST_STEPS = 256
"""Four products each, in the longest of the sums into which a product's sum is cut: each level takes four registers a row."""


@dataclass(frozen=True)
class Operand:
    """Value `value` of the program is read from sampler `input`, as a `type` of GLSL; `kind` as in `operand_kind`.

    A general operand moves along the axes `axes` of the result's rows; `one_column`: its last axis is repeated.
    """

    value: int
    input: int
    type: str
    kind: str
    axes: tuple[int, ...] = ()
    one_column: bool = False


@dataclass(frozen=True)
class Epilogue:
    """What macros.glsl.jinja needs: `axes` are those of the result's rows, if an operand moves along them; `sizes` its arguments.

    `sum` and `result` are GLSL's types of the program's first value and of its last.
    """

    sum: str
    result: str
    operands: tuple[Operand, ...]
    axes: tuple[int, ...]
    lines: tuple[str, ...]
    used: tuple[str, ...]
    sizes: dict[str, Size] = field(compare=False)


def describe(
    program: Program | None,
    dtypes: Sequence[str],
    views: Sequence[View],
    result: tuple[Size, ...],
    first: int,
    sampler: int,
) -> Epilogue:
    """`views` are the values `first`, `first` + 1, … of the program, and the samplers `sampler`, `sampler` + 1, …; `dtypes` are those of
    all its values."""
    operands = []
    sizes: dict[str, Size] = {}
    leading = tuple(range(len(result) - 1))
    for position, view in enumerate(views):
        value, kind = first + position, operand_kind(view.shape, result)
        type_ = cells_of(dtypes[value]).vector
        if kind != "general":
            operands.append(Operand(value, sampler + position, type_, kind))
            continue
        strides = broadcast_strides(view, result)
        axes = tuple(axis for axis in leading if strides[axis] != 0)
        sizes |= {f"STRIDE_{value}_{axis}": strides[axis] for axis in axes}
        operands.append(Operand(value, sampler + position, type_, kind, axes, strides[-1] == 0))
    general = any(operand.kind == "general" for operand in operands)
    if general:
        sizes |= {f"SIZE_{axis}": result[axis] for axis in leading[1:]}
    sum_, last = cells_of(dtypes[0]), cells_of(program.infer(dtypes) if program else dtypes[0])
    lines, used = tuple(program_lines(program, dtypes)), tuple(functions_used(program, dtypes))
    return Epilogue(sum_.vector, last.vector, tuple(operands), leading if general else (), lines, used, sizes)


def epilogue_of(
    builder: Builder, op: WithEpilogue, inputs: Sequence[Value], result: tuple[Size, ...]
) -> tuple[list[View], Epilogue]:
    """Views and description of the operands that follow the main ones; samplers 0 and 1 are what the kernel makes its sums from."""
    extra = inputs[op.main :]
    views = [builder.view(value) for value in extra]
    dtypes = [inputs[0].dtype, *(value.dtype for value in extra)]  # a sum has the dtype of the data
    return views, describe(op.program, dtypes, views, result, first=1, sampler=2)


def emit_product(
    builder: Builder,
    node: Node,
    op: WithEpilogue,
    template: str,
    weights: View,
    sizes: dict[str, Size],
    depth: Size,
    **constants: Hashable,
) -> None:
    """A kernel with an epilogue; `depth` is how many products an element of the result adds up."""
    output = builder.view(node.outputs[0])
    views, epilogue = epilogue_of(builder, op, node.inputs, output.shape)
    inputs = [builder.view(node.inputs[0]), weights, *views]
    sizes = {**sizes, **epilogue.sizes}
    constants |= {"epilogue": epilogue, "used": epilogue.used, "levels": product_levels(node, depth)}
    emit(builder, template, inputs, output, sizes, node.origin, rows_at_once(builder, output), **constants)


def product_levels(node: Node, depth: Size) -> int:
    """Levels of the sums of `depth` products; those of integers are exact in any order."""
    return levels(depth // TEXEL, most=MOST_STEPS) if node.inputs[0].dtype == "float32" else 1
