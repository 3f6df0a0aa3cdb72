"""From a template to a step: operands become bindings, named sizes become fields of the parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from webdnn.backend.builder import Builder
from webdnn.backend.templates import loader, template_of
from webdnn.descriptor.schema import Kernel, View
from webdnn.graph.dim import Size, ceil_divide, minimum

WORKGROUP = 64
"""Invocations of a workgroup, in kernels that give every invocation one item."""

FOLD = 32768
"""A dimension of a dispatch has at most 65,535 workgroups; longer ones are folded at this many."""

WINDOW = 2**25
"""Elements that every device can bind at once: 128 MiB. A larger buffer is bound as several windows of so many elements."""

MOST_BINDINGS = 8
"""How many storage buffers a kernel can have on every device."""

ELEMENTS = {"float": "f32", "int": "i32"}
"""The type of a cell in WGSL, by storage class."""


@dataclass(frozen=True)
class Variant:
    """A shader for devices that have all of these WebGPU features."""

    features: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Shader(Kernel):
    """WGSL with one entry point `main`. `windows` says how many bindings each operand has; it is empty where each has one.

    A device takes the first of `variants` whose features it has, and `source` if there is none.
    """

    source: str
    windows: tuple[int, ...] = ()
    variants: tuple[Variant, ...] = ()

    @property
    def text(self) -> str:
        return self.source

    def to_json(self) -> dict[str, Any]:
        result = super().to_json() | {"source": self.source}
        if self.windows:
            result["windows"] = list(self.windows)
        if self.variants:
            result["variants"] = [{"features": list(v.features), "source": v.source} for v in self.variants]
        return result


@dataclass(frozen=True)
class Operand:
    """A view that a kernel reads or writes. With `vector` its buffer is an array of vectors of four elements."""

    name: str
    view: View
    vector: bool = False
    element: str = "f32"
    """f32 or i32; `emit` sets it."""
    written: bool = False
    windows: int = 1
    """Bindings of its buffer, one for each WINDOW elements."""

    @property
    def type(self) -> str:
        return wide(self.element, self.vector)


def wide(element: str, vector: bool) -> str:
    """The type of one element, or of a vector of four: f32 or vec4f, i32 or vec4i."""
    return f"vec4{element[0]}" if vector else element


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


def _bound(builder: Builder, operands: Sequence[Operand], moves: bool) -> list[Operand]:
    """`operands` with the types of their elements, and as many windows as their buffers need.

    Where that would be more bindings than a kernel may have, each operand has one, and only devices that can bind so much at once run the
    kernel. A buffer of symbolic size has one as well, since kernels do not depend on sizes.
    """
    buffers = [builder.plan.buffers[operand.view.buffer] for operand in operands]
    windows = [-(-b.elements // WINDOW) if isinstance(b.elements, int) else 1 for b in buffers]
    if sum(windows) > MOST_BINDINGS:
        windows = [1] * len(operands)
    return [
        replace(operand, element="i32" if moves else ELEMENTS[buffer.storage], windows=count)
        for operand, buffer, count in zip(operands, buffers, windows, strict=True)
    ]


KERNELS = Path(__file__).parent / "kernels"
SUFFIX = ".wgsl.jinja"


@lru_cache(16)
def _environment(folders: tuple[Path, ...]) -> Environment:
    return Environment(
        loader=loader(KERNELS, folders),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render_template(template: str, folders: tuple[Path, ...] = (), **context: object) -> str:
    """The text of `kernels/<template>.wgsl.jinja`, or of that name in one of `folders`."""
    return template_of(_environment(folders), f"{template}{SUFFIX}", folders).render(context)


def emit(
    builder: Builder,
    template: str,
    inputs: Sequence[Operand],
    output: Operand,
    args: Mapping[str, Size],
    dispatch: Sequence[Size],
    origin: tuple[str, ...],
    name: str | None = None,
    *,
    computes: str | None = None,
    moves: bool = False,
    more: Sequence[Operand] = (),
    **context: object,
) -> None:
    """Emits a step that runs `template`. `more` are results besides `output`.

    `Value` in the template is what it computes on, f32 or i32 (`computes`; the result's type where that is not given), or a vector of four where
    the result is one. A kernel that `moves` sees all cells as integers, so that the bits of floats stay as they are: a GPU may flush denormals
    and change NaNs that it handles as floats.

    WebGPU does not let a step read and write one buffer, nor write it through two bindings: a result that shares one with an operand or an
    earlier result goes through a buffer of its own.
    """
    taken = [operand.view.buffer for operand in inputs]
    results: list[Operand] = []
    for result in (output, *more):
        view = _beside(builder, result.view) if result.view.buffer in taken else result.view
        results.append(replace(result, view=view, written=True))
        taken.append(view.buffer)
    operands = _bound(builder, [*inputs, *results], moves)
    computed = wide(computes or operands[len(inputs)].element, output.vector)
    folders = builder.target.templates
    kernel = builder.kernel(_shader(template, name or template, folders, operands, args, Value=computed, **context))
    reads, writes = ([operand.view for operand in views] for views in (inputs, results))
    builder.step(kernel, reads, writes, list(args.values()), origin=origin, dispatch=dispatch)
    for have, want in zip(writes, (output, *more), strict=True):
        if have != want.view:
            builder.copy(have, want.view, origin)


def _shader(
    template: str,
    name: str,
    folders: tuple[Path, ...],
    operands: Sequence[Operand],
    args: Iterable[str],
    **context: object,
) -> Shader:
    """The kernel of `template` whose parameters are the places of the operands, the last of which is a result, and `args`."""
    places = [f"{operand.name}_{part}" for operand in operands for part in ("offset", "pitch")]
    source = render_template(
        template,
        folders,
        operands=operands,
        parameters=[*places, *args],
        vector=operands[-1].vector,
        workgroup=WORKGROUP,
        fold=FOLD,
        window_elements=WINDOW,
        **context,
    )
    windows = tuple(operand.windows for operand in operands)
    return Shader(name, source, windows if max(windows) > 1 else ())


def _beside(builder: Builder, view: View) -> View:
    """A buffer of its own for what `view` holds, whose rows are as far apart, so that the parameters of a step hold for both."""
    own = builder.temporary((*view.shape[:-1], view.pitch), builder.storage(view))
    return View(own.buffer, 0, view.pitch, view.shape)
