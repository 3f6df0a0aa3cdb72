"""Which function lowers which op to WebGPU."""

from __future__ import annotations

from collections.abc import Mapping

from webdnn.backend.target import Capabilities, Target
from webdnn.backend.webgpu.emit import lowering
from webdnn.backend.webgpu.lower_indexing import (
    lower_arg_reduce,
    lower_arg_sort,
    lower_cumulative_sum,
    lower_gather,
    lower_gather_elements,
)
from webdnn.backend.webgpu.lower_map import copy, lower_elementwise, lower_pad, lower_slice, lower_transpose
from webdnn.backend.webgpu.lower_matmul import lower_batch_matmul, lower_conv2d, lower_conv2d_transpose, lower_matmul
from webdnn.backend.webgpu.lower_reduction import lower_reduce, lower_softmax
from webdnn.backend.webgpu.lower_window import lower_depthwise_conv2d, lower_pool2d, lower_resize2d
from webdnn.descriptor.schema import Plan
from webdnn.graph.ops import (
    ArgReduce,
    ArgSort,
    BatchMatMul,
    Conv2D,
    Conv2DTranspose,
    CumulativeSum,
    DepthwiseConv2D,
    Elementwise,
    Gather,
    GatherElements,
    MatMul,
    Pad,
    Pool2D,
    Reduce,
    Resize2D,
    Slice,
    Softmax,
    Transpose,
)

LOWERINGS = {
    ArgReduce: lowering(lower_arg_reduce),
    ArgSort: lowering(lower_arg_sort),
    BatchMatMul: lowering(lower_batch_matmul),
    Conv2D: lowering(lower_conv2d),
    Conv2DTranspose: lowering(lower_conv2d_transpose),
    CumulativeSum: lowering(lower_cumulative_sum),
    DepthwiseConv2D: lowering(lower_depthwise_conv2d),
    Elementwise: lowering(lower_elementwise),
    Gather: lowering(lower_gather),
    GatherElements: lowering(lower_gather_elements),
    MatMul: lowering(lower_matmul),
    Pad: lowering(lower_pad),
    Pool2D: lowering(lower_pool2d),
    Reduce: lowering(lower_reduce),
    Resize2D: lowering(lower_resize2d),
    Slice: lowering(lower_slice),
    Softmax: lowering(lower_softmax),
    Transpose: lowering(lower_transpose),
}


def finish(plan: Plan, options: Mapping[str, object]) -> None:
    """Nothing to compile: the browser does it."""


CAPABILITIES = Capabilities(memory="slots", strided_write=True, in_place=False, same_buffer_io=False, alignment=4)

TARGET = Target("webgpu", CAPABILITIES, LOWERINGS, copy, finish)
