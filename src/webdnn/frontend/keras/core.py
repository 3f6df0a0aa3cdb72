"""Dense, and the layers that do nothing once a model is trained."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.frontend.keras.convolution import finish
from webdnn.frontend.keras.lowering import Context, Layer
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.matmul import MatMul


def lower_dense(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    if getattr(layer, "quantization_mode", None):
        raise UnsupportedError(f"quantization {layer.quantization_mode!r}")
    return finish(layer, context.apply(MatMul(), inputs[0], context.weight(layer, "kernel")), context)


def lower_nothing(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return inputs[0]


# Without effect outside training: `training=True` in a call makes them unsupported.
TRAINING_ONLY = (
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
)

LOWERINGS = {"Dense": lower_dense, "Identity": lower_nothing, **dict.fromkeys(TRAINING_ONLY, lower_nothing)}
