"""A plugin: one step of the Haar wavelet transform, a Keras layer and an op with two results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import keras
import numpy as np

from webdnn.backend.builder import Builder
from webdnn.backend.fallback.emit import emit_registered
from webdnn.backend.webgl import emit as webgl
from webdnn.backend.webgpu import emit as webgpu
from webdnn.descriptor.schema import Kernel
from webdnn.frontend.keras.lowering import Context
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Node, Op, Value
from webdnn.graph.types import TensorType
from webdnn.plugin import Plugin


class Haar(keras.layers.Layer):
    """(…, 2n) → the scaled sums and differences of neighbours, both (…, n)."""

    def __init__(self, scale=0.5**0.5, **others):
        super().__init__(**others)
        self.scale = scale

    def call(self, x):
        even, odd = x[..., ::2], x[..., 1::2]
        return (even + odd) * self.scale, (even - odd) * self.scale

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


@dataclass(frozen=True, eq=False)
class HaarStep(Op):
    """The sums of neighbours along the last axis, and their differences, times `scale`."""

    outputs: ClassVar[int] = 2
    scale: float

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = inputs
        if x.rank < 1 or x.dtype != "float32" or x.shape[-1] % 2 != 0:
            raise GraphError(f"data must be float32 with an even last axis, got {x}")
        half = TensorType((*x.shape[:-1], x.shape[-1] // 2), x.dtype)
        return half, half

    def evaluate(self, inputs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        even, odd = inputs[0][..., ::2], inputs[0][..., 1::2]
        return (even + odd) * self.scale, (even - odd) * self.scale


def convert_haar(layer: Haar, inputs: Sequence[Value], context: Context) -> Sequence[Value]:
    low = context.apply(HaarStep(float(layer.scale)), inputs[0])
    return low.node.outputs


def on_webgpu(builder: Builder, node: Node, op: HaarStep) -> None:
    x, low, high = map(builder.view, (*node.inputs, *node.outputs))
    webgpu.emit(
        builder,
        "haar",
        [webgpu.Operand("x", x)],
        webgpu.Operand("low", low),
        {"count": low.elements, "columns": low.columns},
        webgpu.items(low.elements),
        node.origin,
        more=[webgpu.Operand("high", high)],
        scale=op.scale,
    )


def on_webgl(builder: Builder, node: Node, op: HaarStep) -> None:
    """A fragment writes to one texture, so each result is drawn by itself."""
    x = builder.view(node.inputs[0])
    for sign, result in zip("+-", node.outputs, strict=True):
        webgl.emit(builder, "haar", [x], builder.view(result), {}, node.origin, sign=sign, scale=op.scale)


@dataclass(frozen=True)
class HaarKernel(Kernel):
    """Its template sees this record as `kernel`."""

    scale: float


def on_webassembly(builder: Builder, node: Node, op: HaarStep) -> None:
    x, low, high = map(builder.view, (*node.inputs, *node.outputs))
    kernel = builder.kernel(HaarKernel("haar", op.scale))
    builder.step(kernel, [x], [low, high], [low.rows, low.columns], origin=node.origin)


def on_fallback(builder: Builder, node: Node, op: HaarStep) -> None:
    emit_registered(builder, node, "haar", script="haar.js", scale=op.scale)


def register(plugin: Plugin) -> None:
    plugin.layer(Haar, convert_haar)
    plugin.templates("kernels")
    plugin.lowering("webgpu", HaarStep, on_webgpu)
    plugin.lowering("webgl", HaarStep, on_webgl)
    plugin.lowering("webassembly", HaarStep, on_webassembly)
    plugin.lowering("fallback", HaarStep, on_fallback)
