"""The target: its tables of lowerings, and what its memory and kernels can do."""

from __future__ import annotations

from collections.abc import Mapping

from webdnn.backend.capabilities import Capabilities
from webdnn.backend.fallback import (
    lower_convolution,
    lower_elementwise,
    lower_indexing,
    lower_matmul,
    lower_pooling,
    lower_reduction,
    lower_resize,
    lower_shape,
)
from webdnn.backend.target import Target, merge_tables
from webdnn.descriptor.schema import Plan


def finish(plan: Plan, target: Target, options: Mapping[str, object]) -> None:
    """Nothing has to be compiled."""


TARGET = Target(
    name="fallback",
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
)
