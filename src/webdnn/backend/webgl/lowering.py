"""Which function lowers which op.

Views are read and written texel by texel: four columns from an offset that is a multiple of four. What stands in a row behind its last column
is padding, of any value: a kernel that combines columns (products, reductions, softmax, gathers) never lets it into a result. The padding of
weights is zero.
"""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowering
from webdnn.backend.webgl.emit import emit
from webdnn.backend.webgl.epilogue import describe
from webdnn.backend.webgl.lower_indexing import (
    lower_arg_reduce,
    lower_arg_sort,
    lower_cumulative_sum,
    lower_gather,
    lower_gather_elements,
)
from webdnn.backend.webgl.lower_movement import lower_concat, lower_pad, lower_slice, lower_transpose
from webdnn.backend.webgl.lower_products import (
    lower_batch_matmul,
    lower_conv2d,
    lower_conv2d_transpose,
    lower_depthwise_conv2d,
    lower_matmul,
)
from webdnn.backend.webgl.lower_windows import lower_pool2d, lower_reduce, lower_resize2d, lower_softmax
from webdnn.graph.graph import Node, Op
from webdnn.graph.ops import (
    ArgReduce,
    ArgSort,
    BatchMatMul,
    Concat,
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


def lower_elementwise(b: Builder, node: Node) -> None:
    assert isinstance(node.op, Elementwise)
    views = [b.view(value) for value in node.inputs]
    output = b.view(node.outputs[0])
    epilogue = describe(node.op.program, views, output.shape, first=0, sampler=0)
    emit(b, "elementwise", views, output, epilogue.sizes, node.origin, epilogue=epilogue, used=epilogue.used)


LOWERINGS: dict[type[Op], Lowering] = {
    ArgReduce: lower_arg_reduce,
    ArgSort: lower_arg_sort,
    BatchMatMul: lower_batch_matmul,
    Concat: lower_concat,
    Conv2D: lower_conv2d,
    Conv2DTranspose: lower_conv2d_transpose,
    CumulativeSum: lower_cumulative_sum,
    DepthwiseConv2D: lower_depthwise_conv2d,
    Elementwise: lower_elementwise,
    Gather: lower_gather,
    GatherElements: lower_gather_elements,
    MatMul: lower_matmul,
    Pad: lower_pad,
    Pool2D: lower_pool2d,
    Reduce: lower_reduce,
    Resize2D: lower_resize2d,
    Slice: lower_slice,
    Softmax: lower_softmax,
    Transpose: lower_transpose,
}
