"""Ops → steps. A kernel reads sizes off the shapes of its operands; what else may be symbolic is an argument; the rest is an attribute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from webdnn.backend.builder import Builder
from webdnn.backend.fallback.dialect import render
from webdnn.backend.target import Lowering
from webdnn.descriptor.schema import Plan, View
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node, Op
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
from webdnn.graph.program import literal_to_json

Attributes = Mapping[str, object]


def _step_of(
    kernel: str,
    attributes: Callable[[Any], Attributes] = lambda op: {},
    args: Callable[[Any], Sequence[Size]] = lambda op: (),
) -> Lowering:
    """The lowering of an op that is one call of `kernel`; `attributes` and `args` take the op."""

    def lower(builder: Builder, node: Node) -> None:
        builder.step(
            builder.kernel(kernel, attributes=dict(attributes(node.op))),
            [builder.view(value) for value in node.inputs],
            [builder.view(value) for value in node.outputs],
            args(node.op),
            origin=node.origin,
        )

    return lower


def _convolution_attributes(op: Conv2D | Conv2DTranspose | DepthwiseConv2D) -> Attributes:
    return {"strides": op.strides, "dilation": op.dilation, "epilogue": render(op.epilogue)}


def _top_left(op: Conv2D | DepthwiseConv2D | Pool2D) -> Sequence[Size]:
    return [before for before, _ in op.padding]


def _pooling_attributes(op: Pool2D) -> Attributes:
    return {"kind": op.kind, "size": op.size, "strides": op.strides, "count_padding": op.count_padding}


def _lower_resize2d(builder: Builder, node: Node) -> None:
    op = node.op
    assert isinstance(op, Resize2D)
    x, y = builder.view(node.inputs[0]), builder.view(node.outputs[0])
    attributes: dict[str, object] = {"mode": op.mode}
    if op.mode == "bicubic":
        attributes |= {"cubic": op.cubic, "exclude_outside": op.exclude_outside}
    places = [op.positions(axis, x.shape[1 + axis]) for axis in range(2)]
    args = [part for p in places for part in (p.step, p.start, p.divisor)]
    builder.step(builder.kernel("resize2d", attributes=attributes), [x], [y], args, origin=node.origin)


def copy(builder: Builder, source: View, destination: View, origin: tuple[str, ...]) -> None:
    builder.step(builder.kernel("copy", attributes={}), [source], [destination], origin=origin)


def finish(plan: Plan, options: Mapping[str, object]) -> None:
    """Nothing has to be compiled."""


LOWERINGS: dict[type[Op], Lowering] = {
    ArgReduce: _step_of("arg_reduce", lambda op: {"kind": op.kind, "axis": op.axis}),
    ArgSort: _step_of("arg_sort"),
    BatchMatMul: _step_of("batch_matmul"),
    Conv2D: _step_of("conv2d", lambda op: {**_convolution_attributes(op), "groups": op.groups}, _top_left),
    Conv2DTranspose: _step_of(
        "conv2d_transpose", _convolution_attributes, lambda op: [before for before, _ in op.crop]
    ),
    CumulativeSum: _step_of(
        "cumulative_sum", lambda op: {"axis": op.axis, "exclusive": op.exclusive, "reverse": op.reverse}
    ),
    DepthwiseConv2D: _step_of("depthwise_conv2d", _convolution_attributes, _top_left),
    Elementwise: _step_of("elementwise", lambda op: {"program": render(op.program)}),
    Gather: _step_of("gather", lambda op: {"axis": op.axis}),
    GatherElements: _step_of("gather_elements"),
    MatMul: _step_of("matmul", lambda op: {"epilogue": render(op.epilogue)}),
    Pad: _step_of(
        "pad", lambda op: {"value": literal_to_json(op.value)}, lambda op: [before for before, _ in op.amounts]
    ),
    Pool2D: _step_of("pool2d", _pooling_attributes, _top_left),
    Reduce: _step_of("reduce", lambda op: {"kind": op.kind, "axes": op.axes}),
    Resize2D: _lower_resize2d,
    Slice: _step_of("slice", args=lambda op: op.starts),
    Softmax: _step_of("softmax"),
    Transpose: _step_of("transpose", lambda op: {"permutation": op.permutation}),
}
