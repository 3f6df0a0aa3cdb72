"""Kernels → the C source of a module."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import jinja2

from webdnn.backend.webassembly.dialect import VECTORS
from webdnn.backend.webassembly.emit import NO_EPILOGUE, SCRATCH_ELEMENTS, ProductKernel
from webdnn.backend.webassembly.lower_convolution import PackWinogradKernel, WinogradKernel
from webdnn.backend.webassembly.winograd import GAP
from webdnn.backend.webassembly.winograd_transforms import Transforms
from webdnn.descriptor.schema import Kernel

HEADERS = (
    "old_compilers.h.jinja",
    "simd.h.jinja",
    "work.h.jinja",
    "team.h.jinja",
    "math.h.jinja",
    "integers.h.jinja",
    "gemm.h.jinja",
    "winograd.h.jinja",
    "move.h.jinja",
)


@lru_cache(1)
def _templates() -> jinja2.Environment:
    folder = Path(__file__).parent / "kernels"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), undefined=jinja2.StrictUndefined, trim_blocks=False, autoescape=False
    )
    environment.globals["vectors"] = VECTORS
    return environment


def render_module(kernels: Sequence[Kernel]) -> str:
    """The C source of all kernels, in their order."""
    tiles = (kernel.tile for kernel in kernels if isinstance(kernel, PackWinogradKernel | WinogradKernel))
    return (
        _templates()
        .get_template("module.c.jinja")
        .render(
            headers=HEADERS,
            sources=[render_kernel(index, kernel) for index, kernel in enumerate(kernels)],
            scratch_elements=SCRATCH_ELEMENTS,
            gap=GAP,
            winograd=Transforms.of(tiles),
            plain_product=ProductKernel("winograd", NO_EPILOGUE),
        )
    )


def render_kernel(index: int, kernel: Kernel) -> str:
    """The C source of the kernel with the number `index`."""
    return _templates().get_template(f"{kernel.name}.c.jinja").render(index=index, kernel=kernel)
