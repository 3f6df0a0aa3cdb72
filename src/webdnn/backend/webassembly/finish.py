"""Kernels of a plan → C → WebAssembly modules, one per variant."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2

from webdnn.backend.webassembly.dialect import literal, render_program
from webdnn.backend.webassembly.lower_convolution import SCRATCH_ELEMENTS
from webdnn.backend.webassembly.operands import split_bias
from webdnn.backend.webassembly.toolchain import INSTRUCTION_SETS, find_toolchain
from webdnn.backend.webassembly.winograd import GAP
from webdnn.backend.webassembly.winograd_transforms import header_fields, kernel_fields
from webdnn.descriptor.schema import Plan

HEADERS = (
    "old_compilers.h.jinja",
    "simd.h.jinja",
    "work.h.jinja",
    "team.h.jinja",
    "math.h.jinja",
    "gemm.h.jinja",
    "winograd.h.jinja",
    "move.h.jinja",
)


def finish(plan: Plan, options: Mapping[str, object]) -> None:
    """Compiles the plan's kernels; what remains of a kernel's record is its name."""
    toolchain = find_toolchain(options.get("toolchain", "zig"))
    plan.source = source = render_module(plan.kernels)
    plan.kernels = [{"name": kernel["name"]} for kernel in plan.kernels]
    with ThreadPoolExecutor(len(INSTRUCTION_SETS)) as pool:
        modules = pool.map(lambda instructions: toolchain.modules(source, instructions), toolchain.instruction_sets)
    plan.files = {variant: content for files in modules for variant, content in files.items()}
    plan.toolchain = toolchain.name
    plan.notice = toolchain.notice


@lru_cache(1)
def _templates() -> jinja2.Environment:
    folder = Path(__file__).parent / "kernels"
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), undefined=jinja2.StrictUndefined, trim_blocks=False, autoescape=False
    )


def render_module(kernels: list[dict[str, Any]]) -> str:
    """The C source of all kernels, in their order."""
    sources = [_render_kernel(index, kernel) for index, kernel in enumerate(kernels)]
    template = _templates().get_template("module.c.jinja")
    return template.render(
        headers=HEADERS,
        sources=sources,
        scratch_elements=SCRATCH_ELEMENTS,
        gap=GAP,
        winograd=header_fields(kernels),
    )


def _render_kernel(index: int, kernel: dict[str, Any]) -> str:
    fields: dict[str, Any] = {"index": index, "kernel": kernel, "program": "", "bias": None}
    if calls := kernel.get("program"):
        is_epilogue = kernel["name"] != "elementwise"
        inputs = len(kernel["operands"]) + is_epilogue
        fields["program"] = render_program(f"program_{index}", inputs, calls)
        bias = fields["bias"] = split_bias(calls, kernel["operands"]) if is_epilogue else None
        if bias and bias.rest:
            fields["program"] += "\n" + render_program(f"after_bias_{index}", inputs, bias.rest)
    if "m" in kernel:
        fields["tile"] = kernel_fields(kernel)
    if "value" in kernel:
        fields["literal"] = literal(kernel["value"])
    return _templates().get_template(kernel["template"]).render(fields)
