"""What webgl is to the common lowering."""

from __future__ import annotations

from collections.abc import Mapping

from webdnn.backend.capabilities import Capabilities
from webdnn.backend.target import Target, merge_tables
from webdnn.backend.webgl import (
    lower_convolution,
    lower_elementwise,
    lower_indexing,
    lower_matmul,
    lower_pooling,
    lower_reduction,
    lower_resize,
    lower_shape,
)
from webdnn.backend.webgl.emit import KERNELS, SUFFIX
from webdnn.descriptor.schema import Plan


def _finish(plan: Plan, target: Target, options: Mapping[str, object]) -> None:
    """Nothing to add: shaders are compiled in the page."""


TARGET = Target(
    name="webgl",
    capabilities=Capabilities(
        memory="slots", strided_write=False, in_place=False, same_buffer_io=False, alignment=4, pad_columns=True
    ),
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
    move=None,
    finish=_finish,
    kernels=KERNELS,
    suffix=SUFFIX,
)
