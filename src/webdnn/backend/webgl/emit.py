"""Kernels from templates, and the steps that call them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from webdnn.backend.builder import Builder
from webdnn.backend.templates import loader, template_of
from webdnn.backend.webgl.dialect import CELLS, Cells, cut
from webdnn.descriptor.schema import Kernel, View
from webdnn.graph.dim import Size, product
from webdnn.graph.errors import UnsupportedError

TEXEL = 4
"""Columns in a texel."""
ROWS_AT_ONCE = 4
"""Every WebGL 2 device draws into this many layers at once."""
FEW_ROWS = 8
LAYER = 2048 * 2048
"""Texels in the layers of every WebGL 2 device."""
MOST_INPUTS = 16
"""Every WebGL 2 device lets a fragment shader read this many textures."""

KERNELS = Path(__file__).parent / "kernels"
SUFFIX = ".glsl.jinja"


@lru_cache(16)
def _environment(folders: tuple[Path, ...]) -> Environment:
    environment = Environment(
        loader=loader(KERNELS, folders),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["cut"] = cut
    return environment


@dataclass(frozen=True)
class Shader(Kernel):
    """A fragment shader. `targets` is how many rows a fragment computes, each for a layer of its own."""

    source: str
    targets: int = 1

    def to_json(self) -> dict[str, Any]:
        more = {"targets": self.targets} if self.targets > 1 else {}
        return {"name": self.name, "source": self.source, **more}


def levels(steps: Size, most: int = 64) -> int:
    """How many levels of partial sums (`sums` in macros.glsl.jinja) a sum of so many steps gets, so that none is longer than `most`
    unless there are more than a million. `most` is 64, or 256 where registers matter more."""
    if not isinstance(steps, int):
        return 3
    return 1 if steps <= most else 2 if steps <= 64 * most else 3


def rows_at_once(builder: Builder, output: View) -> int:
    """How many rows of `output` one fragment computes: each goes to a layer of its own of the result's texture, at the same place.

    They need the same weights, which are read once for all: with four rows, eight texels are read for 64 products, and five for 16 with
    one. A kernel that does so writes its whole buffer, padding and all."""
    whole = output.offset == 0 and whole_texels(output.pitch)
    if not whole or output.rows * output.pitch != builder.plan.buffers[output.buffer].elements:
        return 1
    texels = output.rows * output.pitch // TEXEL
    if isinstance(texels, int) and texels > ROWS_AT_ONCE * LAYER:
        return 1
    return 1 if isinstance(output.rows, int) and output.rows < FEW_ROWS else ROWS_AT_ONCE


def whole_texels(*sizes: Size) -> bool:
    """Whether these offsets or lengths surely consist of whole texels."""
    return all(size % TEXEL == 0 for size in sizes)


def render(
    folders: tuple[Path, ...],
    template: str,
    inputs: tuple[Cells, ...],
    output: Cells,
    sizes: tuple[str, ...],
    targets: int,
    **constants: Hashable,
) -> str:
    """The GLSL of a kernel, without its comments.

    `inputs` and `output` say what textures hold; `sizes` names the parameters that follow the views' (offset, pitch) pairs;
    `folders` have templates besides KERNELS.
    """
    template_ = template_of(_environment(folders), f"{template}{SUFFIX}", folders)
    text = template_.render(inputs=inputs, output=output, sizes=sizes, targets=targets, **constants)
    lines = (line.split("//")[0].rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line) + "\n"


_render_own = lru_cache(maxsize=1024)(render)
"""Without plugins, whose files may change."""


def emit(
    builder: Builder,
    template: str,
    inputs: Sequence[View],
    output: View,
    sizes: Mapping[str, Size],
    origin: tuple[str, ...],
    targets: int = 1,
    **constants: Hashable,
) -> None:
    """One step: the kernel `template`, specialised by `constants`, with `sizes` as its arguments; a fragment computes `targets` rows."""
    if len(inputs) > MOST_INPUTS:
        raise UnsupportedError(
            f"webgl: {template} '{', '.join(origin)}' reads {len(inputs)} tensors, a fragment shader at most {MOST_INPUTS}; "
            f"convert with --optimize 0, or without the backend webgl"
        )
    arguments = {"ROWS": output.rows, "COLUMNS": output.columns, **sizes}
    read, written = [CELLS[builder.storage(view)] for view in inputs], CELLS[builder.storage(output)]
    folders = builder.target.templates
    rendered = render if folders else _render_own
    source = rendered(folders, template, tuple(read), written, tuple(arguments), targets, **constants)
    kernel = builder.kernel(Shader(template, source, targets))
    builder.step(kernel, inputs, [output], list(arguments.values()), origin=origin)


def axis_sizes(prefix: str, sizes: Sequence[Size]) -> dict[str, Size]:
    """`{prefix_0: …, prefix_1: …}`."""
    return {f"{prefix}_{axis}": size for axis, size in enumerate(sizes)}


def image_sizes(x: View, y: View) -> dict[str, Size]:
    """Height and width of the image that a kernel reads, and of the one that it writes."""
    return {"HEIGHT": x.shape[1], "WIDTH": x.shape[2], "OUT_HEIGHT": y.shape[1], "OUT_WIDTH": y.shape[2]}


def is_last(view: View, axis: int) -> bool:
    """Whether `axis` is that of the columns."""
    return axis == len(view.shape) - 1


def inner_rows(view: View, axis: int) -> Size:
    """Rows between two neighbours along `axis`, which is not the last one."""
    return product(view.shape[axis + 1 : -1])
