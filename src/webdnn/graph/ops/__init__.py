"""Every op of the graph, by family."""

from webdnn.graph.graph import Op
from webdnn.graph.ops import control, convolution, elementwise, indexing, matmul, pooling, reduction, resize, shape
from webdnn.graph.ops.control import Repeat
from webdnn.graph.ops.convolution import Conv2D, Conv2DTranspose, DepthwiseConv2D
from webdnn.graph.ops.elementwise import Elementwise, JointElementwise
from webdnn.graph.ops.indexing import ArgReduce, ArgSort, Gather, GatherElements, ScatterElements, ScatterRows
from webdnn.graph.ops.matmul import BatchMatMul, MatMul
from webdnn.graph.ops.pooling import Pool2D
from webdnn.graph.ops.reduction import CumulativeSum, GroupNormalize, Normalize, Reduce, Softmax
from webdnn.graph.ops.resize import Resize2D
from webdnn.graph.ops.shape import Concat, Fill, Iota, Pad, Reshape, Slice, Transpose

# A family's file ends with the table of its ops, so that a new one has its place in one file.
_FAMILIES = (control, convolution, elementwise, indexing, matmul, pooling, reduction, resize, shape)
OPS: tuple[type[Op], ...] = tuple(sorted((op for family in _FAMILIES for op in family.OPS), key=lambda op: op.__name__))

__all__ = [
    "OPS",
    "ArgReduce",
    "ArgSort",
    "BatchMatMul",
    "Concat",
    "Conv2D",
    "Conv2DTranspose",
    "CumulativeSum",
    "DepthwiseConv2D",
    "Elementwise",
    "Fill",
    "Gather",
    "GatherElements",
    "GroupNormalize",
    "Iota",
    "JointElementwise",
    "MatMul",
    "Normalize",
    "Pad",
    "Pool2D",
    "Reduce",
    "Repeat",
    "Reshape",
    "Resize2D",
    "ScatterElements",
    "ScatterRows",
    "Slice",
    "Softmax",
    "Transpose",
]
