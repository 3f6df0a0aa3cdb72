"""Windows on channels-last images that do not mix channels: depthwise convolution, pooling, resizing."""

from __future__ import annotations

from webdnn.backend.builder import Builder
from webdnn.backend.webgpu.dialect import literal
from webdnn.backend.webgpu.emit import Operand, can_be_vector, emit, items
from webdnn.backend.webgpu.lower_matmul import bind_epilogue, can_store_vectors, window_args
from webdnn.descriptor.schema import View
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node
from webdnn.graph.ops import DepthwiseConv2D, Pool2D, Resize2D
from webdnn.graph.ops.resize import TAPS


def lower_depthwise_conv2d(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    op = node.op
    assert isinstance(op, DepthwiseConv2D)
    x, w, *extras = inputs
    multiplier = w.shape[3]
    vector = multiplier == 1 and can_be_vector(x) and can_store_vectors(extras, output)
    epilogue = bind_epilogue(builder, op.epilogue, extras, output, vector, node.origin)
    (top, _), (left, _) = op.padding
    args: dict[str, Size] = {"rows": output.rows, "columns": output.columns, "multiplier": multiplier}
    args |= window_args(x, w, output, op.strides, op.dilation, top, left)
    emit(
        builder,
        "depthwise",
        [Operand("x", x, vector), Operand("w", w, vector), *epilogue.operands],
        Operand("y", output, vector),
        args,
        items(output.elements // 4 if vector else output.elements),
        node.origin,
        "depthwiseconv2d",
        kernel_height=w.shape[0],
        kernel_width=w.shape[1],
        **epilogue.context,
    )


def lower_pool2d(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    op = node.op
    assert isinstance(op, Pool2D)
    (x,) = inputs
    vector = can_be_vector(x) and can_be_vector(output)
    (top, _), (left, _) = op.padding
    args: dict[str, Size] = {
        "rows": output.rows,
        "columns": output.columns,
        "height": x.shape[1],
        "width": x.shape[2],
        "image_pixels": output.shape[1] * output.shape[2],
        "out_width": output.shape[2],
        "window_height": op.size[0],
        "window_width": op.size[1],
        "stride_y": op.strides[0],
        "stride_x": op.strides[1],
        "top": top,
        "left": left,
    }
    emit(
        builder,
        "pool",
        [Operand("x", x, vector)],
        Operand("y", output, vector),
        args,
        items(output.elements // 4 if vector else output.elements),
        node.origin,
        f"{op.kind}_pool2d",
        kind=op.kind,
        count_padding=op.count_padding,
    )


def lower_resize2d(builder: Builder, node: Node, inputs: list[View], output: View) -> None:
    op = node.op
    assert isinstance(op, Resize2D)
    (x,) = inputs
    vector = can_be_vector(x) and can_be_vector(output)
    args: dict[str, Size] = {
        "rows": output.rows,
        "columns": output.columns,
        "height": x.shape[1],
        "width": x.shape[2],
        "out_height": output.shape[1],
        "out_width": output.shape[2],
    }
    for axis, name in enumerate("yx"):
        places = op.positions(axis, x.shape[1 + axis])
        args |= {f"{name}_step": places.step, f"{name}_start": places.start, f"{name}_divisor": places.divisor}
    emit(
        builder,
        "resize",
        [Operand("x", x, vector)],
        Operand("y", output, vector),
        args,
        items(output.elements // 4 if vector else output.elements),
        node.origin,
        f"resize2d_{op.mode}",
        taps=TAPS[op.mode],
        cubic=literal(op.cubic),
        exclude_outside=op.exclude_outside,
    )
