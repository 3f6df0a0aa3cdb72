"""Kernels → the C source of a module."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import jinja2

from webdnn.backend.templates import loader, template_of
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


KERNELS = Path(__file__).parent / "kernels"
SUFFIX = ".c.jinja"


@lru_cache(16)
def _environment(folders: tuple[Path, ...]) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=loader(KERNELS, folders), undefined=jinja2.StrictUndefined, trim_blocks=False, autoescape=False
    )
    environment.globals["vectors"] = VECTORS
    return environment


def render_module(kernels: Sequence[Kernel], folders: tuple[Path, ...] = ()) -> str:
    """The C source of all kernels, in their order; `folders` have templates besides KERNELS."""
    tiles = (kernel.tile for kernel in kernels if isinstance(kernel, PackWinogradKernel | WinogradKernel))
    return (
        _environment(folders)
        .get_template("module.c.jinja")
        .render(
            headers=HEADERS,
            sources=[render_kernel(index, kernel, folders) for index, kernel in enumerate(kernels)],
            scratch_elements=SCRATCH_ELEMENTS,
            gap=GAP,
            winograd=Transforms.of(tiles),
            plain_product=ProductKernel("winograd", NO_EPILOGUE),
        )
    )


def render_kernel(index: int, kernel: Kernel, folders: tuple[Path, ...] = ()) -> str:
    """The C source of the kernel with the number `index`."""
    template = template_of(_environment(folders), f"{kernel.name}{SUFFIX}", folders)
    return template.render(index=index, kernel=kernel)
