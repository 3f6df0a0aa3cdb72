"""What WebGPU is to the common lowering."""

from __future__ import annotations

from collections.abc import Mapping

from webdnn.backend.capabilities import Capabilities
from webdnn.backend.target import Target, merge_tables
from webdnn.backend.webgpu import (
    lower_convolution,
    lower_elementwise,
    lower_indexing,
    lower_matmul,
    lower_pooling,
    lower_reduction,
    lower_resize,
    lower_shape,
)
from webdnn.backend.webgpu.emit import KERNELS, SUFFIX
from webdnn.descriptor.schema import Plan

CAPABILITIES = Capabilities(memory="slots", strided_write=True, in_place=False, same_buffer_io=False, alignment=4)


def finish(plan: Plan, target: Target, options: Mapping[str, object]) -> None:
    """Nothing to compile: the browser does it."""


TARGET = Target(
    "webgpu",
    CAPABILITIES,
    merge_tables(
        lower_convolution.LOWERINGS,
        lower_elementwise.LOWERINGS,
        lower_indexing.LOWERINGS,
        lower_matmul.LOWERINGS,
        lower_pooling.LOWERINGS,
        lower_reduction.LOWERINGS,
        lower_resize.LOWERINGS,
        lower_shape.LOWERINGS,
    ),
    lower_shape.copy,
    lower_shape.move,
    finish,
    kernels=KERNELS,
    suffix=SUFFIX,
)
