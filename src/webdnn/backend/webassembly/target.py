"""The target: what it can do, and its tables."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from webdnn.backend.capabilities import Capabilities
from webdnn.backend.target import Target, merge_tables
from webdnn.backend.webassembly import (
    lower_convolution,
    lower_elementwise,
    lower_indexing,
    lower_matmul,
    lower_pooling,
    lower_reduction,
    lower_resize,
    lower_shape,
)
from webdnn.backend.webassembly.module import KERNELS, SUFFIX, render_module
from webdnn.backend.webassembly.toolchain import INSTRUCTION_SETS, find_toolchain
from webdnn.descriptor.schema import Plan


def finish(plan: Plan, target: Target, options: Mapping[str, object]) -> None:
    """Compiles the plan's kernels: one module for each variant."""
    toolchain = find_toolchain(options.get("toolchain", "zig"))
    plan.source = source = render_module(plan.kernels, target.templates)
    with ThreadPoolExecutor(len(INSTRUCTION_SETS)) as pool:
        modules = pool.map(lambda instructions: toolchain.modules(source, instructions), toolchain.instruction_sets)
    plan.files = {variant: content for files in modules for variant, content in files.items()}
    plan.toolchain = toolchain.name
    plan.notice = toolchain.notice


TARGET = Target(
    name="webassembly",
    capabilities=Capabilities(memory="arena", strided_write=True, in_place=True, same_buffer_io=True),
    lowerings=merge_tables(
        lower_convolution.LOWERINGS,
        lower_elementwise.LOWERINGS,
        lower_indexing.LOWERINGS,
        lower_matmul.LOWERINGS,
        lower_pooling.LOWERINGS,
        lower_reduction.LOWERINGS,
        lower_resize.LOWERINGS,
        lower_shape.LOWERINGS,
    ),
    copy=lower_shape.copy,
    move=lower_shape.move,
    finish=finish,
    kernels=KERNELS,
    suffix=SUFFIX,
)
