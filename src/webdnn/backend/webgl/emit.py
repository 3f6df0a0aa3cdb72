"""Kernels from templates, and the steps that call them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from webdnn.backend.builder import Builder
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size
from webdnn.graph.errors import UnsupportedError

TEXEL = 4
"""Columns in a texel."""
MOST_INPUTS = 16
"""Every WebGL 2 device lets a fragment shader read this many textures."""

_ENVIRONMENT = Environment(
    loader=PackageLoader("webdnn.backend.webgl", "kernels"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,
)


def whole_texels(*sizes: Size) -> bool:
    """Whether these offsets or lengths surely consist of whole texels."""
    return all(size % TEXEL == 0 for size in sizes)


@lru_cache(maxsize=1024)
def render(template: str, inputs: int, sizes: tuple[str, ...], **constants: Hashable) -> str:
    """The GLSL of a kernel, without its comments. `sizes` names the parameters that follow the views' (offset, pitch) pairs."""
    text = _ENVIRONMENT.get_template(f"{template}.glsl.jinja").render(inputs=inputs, sizes=sizes, **constants)
    lines = (line.split("//")[0].rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def emit(
    b: Builder,
    template: str,
    inputs: Sequence[View],
    output: View,
    sizes: Mapping[str, Size],
    origin: tuple[str, ...],
    **constants: Hashable,
) -> None:
    """One step: the kernel `template`, specialised by `constants`, with `sizes` as its arguments."""
    if len(inputs) > MOST_INPUTS:
        raise UnsupportedError(
            f"webgl: {template} '{', '.join(origin)}' reads {len(inputs)} tensors, a fragment shader at most {MOST_INPUTS}; "
            f"convert with --optimize 0, or without the backend webgl"
        )
    arguments = {"ROWS": output.rows, "COLUMNS": output.columns, **sizes}
    kernel = b.kernel(template, source=render(template, len(inputs), tuple(arguments), **constants))
    b.step(kernel, inputs, [output], list(arguments.values()), origin=origin)


def axis_sizes(prefix: str, sizes: Sequence[Size]) -> dict[str, Size]:
    """`{prefix_0: …, prefix_1: …}`."""
    return {f"{prefix}_{axis}": size for axis, size in enumerate(sizes)}
