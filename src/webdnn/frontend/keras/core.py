"""Dense, the layers that hold another layer, and those that do nothing once a model is trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from webdnn.frontend.keras.activation import activate
from webdnn.frontend.keras.convolution import finish
from webdnn.frontend.keras.lowering import Context, Layer, array_of
from webdnn.frontend.keras.operation_indices import from_the_start
from webdnn.frontend.products import einsum
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.indexing import Gather
from webdnn.graph.ops.matmul import MatMul
from webdnn.graph.ops.reduction import Reduce


def lower_dense(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    return finish(layer, context.apply(MatMul(), inputs[0], context.weight(layer, "kernel")), context)


def lower_einsum_dense(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    y = einsum(context, layer.equation, inputs[0], context.weight(layer, "kernel"))
    if layer.bias is not None:
        y = context.elementwise("add", y, context.weight(layer, "bias"))
    return activate(layer.activation, y, context)


def lower_nothing(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    if len(inputs) != 1:
        raise UnsupportedError(f"called with {len(inputs)} tensors; one is supported")
    return inputs[0]


def lower_identity(layer: Layer, inputs: Sequence[Value], context: Context) -> Value | list[Value]:
    """One tensor or several, as they are."""
    return inputs[0] if len(inputs) == 1 else list(inputs)


def lower_spectral_normalization(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """The layer inside: its kernel was divided by its spectral norm during training."""
    return context.lower_layer(layer.layer, inputs, context.inside(layer.layer.name))


def lower_masking(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """0 at the steps whose elements all are `mask_value`; the mask itself goes on beside the tensor."""
    (x,), e = inputs, context.elementwise
    x = context.cast(x, "int32") if x.dtype == "bool" else x
    value = array_of(layer.mask_value).astype(np.float32)
    excluded = float(value) if value.ndim == 0 else context.constant(layer, "mask_value", lambda: value)
    is_whole = isinstance(excluded, float) and excluded.is_integer() and abs(excluded) < 2**7
    counts = e("not_equal", x if is_whole and x.dtype == "int32" else context.cast(x, "float32"), excluded)
    return e("where", context.apply(Reduce("max", (x.type.rank - 1,), True), counts), x, 0.0)


def lower_embedding(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """Rows of the table at indices, of which negative ones count from its end; one that it has not is moved to the nearest it has, where Keras gives
    NaN. `mask_zero` is about the mask that goes on beside."""
    _ = layer.mask_zero
    (x,) = inputs
    table = context.constant(layer, "embeddings", lambda: array_of(layer.embeddings))
    rows = context.apply(
        Gather(0), table, context.reshape(from_the_start(context, x, table.shape[0]), (x.type.elements,))
    )
    return context.reshape(rows, (*x.shape, table.shape[1]))


def lower_layer_scale(layer: Layer, inputs: Sequence[Value], context: Context) -> Value:
    """x · γ, of ConvNeXt."""
    return context.elementwise("mul", inputs[0], context.weight(layer, "gamma"))


# Without effect outside training, whatever their arguments are.
TRAINING_ONLY = (
    "ActivityRegularization",
    "AlphaDropout",
    "AugMix",
    "CutMix",
    "Dropout",
    "Equalization",
    "GaussianDropout",
    "GaussianNoise",
    "MixUp",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Solarization",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "StochasticDepth",
)

LOWERINGS = {
    "Dense": lower_dense,
    "Embedding": lower_embedding,
    "EinsumDense": lower_einsum_dense,
    "Identity": lower_identity,
    "LayerScale": lower_layer_scale,
    "Masking": lower_masking,
    "SpectralNormalization": lower_spectral_normalization,
    **dict.fromkeys(TRAINING_ONLY, lower_nothing),
}
