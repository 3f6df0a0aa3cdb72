"""From a template to a step: operands become bindings, named sizes become fields of the parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowering
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size, ceil_divide, minimum
from webdnn.graph.graph import Node

WORKGROUP = 64
"""Invocations of a workgroup, in kernels that give every invocation one item."""

FOLD = 32768
"""A dimension of a dispatch has at most 65,535 workgroups; longer ones are folded at this many."""


WINDOW = 2**25
"""Elements that every device can bind at once: 128 MiB. A larger buffer is bound as several windows of so many elements."""

MOST_BINDINGS = 8
"""Of storage buffers, as every device allows."""


@dataclass(frozen=True)
class Operand:
    """A view that a kernel reads or writes. With `vector` its buffer is an array of vec4f."""

    name: str
    view: View
    vector: bool = False
    written: bool = False
    windows: int = 1
    """Bindings of its buffer, one for each WINDOW elements."""

    @property
    def type(self) -> str:
        return "vec4f" if self.vector else "f32"


def divisible(*sizes: Size) -> bool:
    """Whether all sizes are known to be multiples of four."""
    return all(size % 4 == 0 for size in sizes)


def can_be_vector(view: View) -> bool:
    """Whether every row of `view` starts at a multiple of four and is one long."""
    return divisible(view.columns, view.offset) and (view.rows == 1 or divisible(view.pitch))


def folded(groups: Size) -> tuple[Size, Size]:
    """`groups` workgroups in two dimensions; the kernel finds its number as x + y · FOLD."""
    return minimum(groups, FOLD), ceil_divide(groups, FOLD)


def items(count: Size) -> tuple[Size, Size]:
    """The dispatch of one invocation for each of `count` items."""
    return folded(ceil_divide(count, WORKGROUP))


def _with_windows(builder: Builder, operands: Sequence[Operand]) -> list[Operand]:
    """`operands` with as many windows as their buffers need, if a kernel may have so many bindings; else only devices with large ones can
    run it. So it is with a buffer of symbolic size, since kernels do not depend on sizes."""
    sizes = [builder.plan.buffers[operand.view.buffer].elements for operand in operands]
    windows = [-(-size // WINDOW) if isinstance(size, int) else 1 for size in sizes]
    if sum(windows) > MOST_BINDINGS:
        return list(operands)
    return [replace(operand, windows=count) for operand, count in zip(operands, windows, strict=True)]


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("webdnn.backend.webgpu", "kernels"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render_template(template: str, **context: object) -> str:
    """The text of `kernels/<template>.wgsl.jinja`."""
    return _environment().get_template(f"{template}.wgsl.jinja").render(context)


def emit(
    builder: Builder,
    template: str,
    inputs: Sequence[Operand],
    output: Operand,
    args: Mapping[str, Size],
    dispatch: Sequence[Size],
    origin: tuple[str, ...],
    name: str | None = None,
    **context: object,
) -> None:
    """Emits a step that runs `template`."""
    operands = _with_windows(builder, [*inputs, replace(output, written=True)])
    names = [f"{operand.name}_{part}" for operand in operands for part in ("offset", "pitch")]
    source = render_template(
        template,
        operands=operands,
        parameters=[*names, *args],
        Value=output.type,
        vector=output.vector,
        workgroup=WORKGROUP,
        fold=FOLD,
        window_elements=WINDOW,
        **context,
    )
    windows = [operand.windows for operand in operands]
    more = {"windows": windows} if max(windows) > 1 else {}
    kernel = builder.kernel(name or template, source=source, **more)
    views = [operand.view for operand in inputs]
    builder.step(kernel, views, [output.view], list(args.values()), origin=origin, dispatch=dispatch)


Lower: TypeAlias = "Callable[[Builder, Node, list[View], View], None]"


def lowering(lower: Lower) -> Lowering:
    """`lower(builder, node, inputs, output)` as the common builder wants it.

    No step may read and write one buffer, so a result that shares one with an input goes through a buffer of its own.
    """

    def emit_node(builder: Builder, node: Node) -> None:
        inputs = [builder.view(value) for value in node.inputs]
        output = builder.view(node.outputs[0])
        if all(view.buffer != output.buffer for view in inputs):
            lower(builder, node, inputs, output)
            return
        own = builder.temporary(output.shape)
        lower(builder, node, inputs, own)
        builder.copy(own, output, node.origin)

    return emit_node
