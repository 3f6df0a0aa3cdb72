"""In which dtype a layer takes its inputs. Keras casts floats alone, so that whole numbers and truth get into every layer: some keep them, as those
that move elements or merge do, and all others compute in float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.operation_dtypes import HALF_RANGES, HALVES, SMALL, graph_dtype
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value


def inputs_as_taken(layer: Any, inputs: Sequence[Value], context: Context) -> list[Value]:
    """The inputs of a layer of Keras in the dtype in which it takes them: that which they share, int32 for indices, or float32."""
    name = type(layer).__name__
    if name in (*KEEPING, *MERGING):
        return list(inputs)
    whole = next((x.dtype for x in inputs if x.dtype != "float32"), None)
    if whole and (name.startswith(SUMMING) or (name == "Softmax" and whole in SMALL)):
        raise UnsupportedError(f"an input of {whole}, in which Keras adds up and overflows; cast to float32 first")
    if name in CASTING_BACK and any(x.dtype != "float32" for x in inputs):
        raise UnsupportedError(
            f"an input of {inputs[0].dtype}, to which Keras casts the result back; cast to float32 first"
        )
    return [context.cast(x, "int32" if name in TAKING_INDICES else "float32") for x in inputs]


def shared_dtype(values: Sequence[Value]) -> str:
    """The dtype that numbers of several dtypes share in Keras. Raises UnsupportedError for int16, that of uint8 and int8: it would be forgotten."""
    import keras

    dtypes = [x.dtype for x in values]
    shared = str(keras.backend.result_type(*dtypes))
    if shared in HALVES:
        raise UnsupportedError(f"inputs of {' and '.join(sorted(set(dtypes)))}; cast them to int32 or float32 first")
    return graph_dtype(shared)


def dtype_loss(layer: Any, tensors: Sequence[Any], results: Sequence[Any]) -> str | None:
    """Why the dtypes of a layer's inputs, Keras's tensors, would be forgotten behind it, or None."""
    narrow = [t.dtype for t in tensors if t.dtype in (*HALVES, *HALF_RANGES)]
    if not narrow or type(layer).__name__ not in (*KEEPING, *MERGING) or all(t.dtype == narrow[0] for t in results):
        return None
    return f"dtype {narrow[0]}; cast to int32 or float32 first"


# Their dtype is that of classes, which may be a whole number.
ENCODING = ("CategoryEncoding", "Discretization", "HashedCrossing", "Hashing", "IntegerLookup")
# Their lowerings say what becomes of several dtypes.
MERGING = ("Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract")
SUMMING = ("AdaptiveAveragePooling", "AveragePooling")  # of one to three axes
TAKING_INDICES = ("Embedding", "IntegerLookup")
CASTING_BACK = ("GroupNormalization", "LayerNormalization", "RMSNormalization", "SpectralNormalization")
KEEPING = (
    *(
        "CategoryEncoding",
        "ContrastLimitedAdaptiveHistogramEqualization",
        "Equalization",
        "HashedCrossing",
        "Hashing",
        "MaxNumBoundingBoxes",
        "Pipeline",
    ),
    *("Activation", "Flatten", "Identity", "Masking", "Permute", "ReLU", "RepeatVector", "Reshape", "Resizing"),
    *("ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "StochasticDepth"),
    *("MixUp", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomCrop"),
    *("RandomGrayscale", "RandomHue", "RandomInvert", "RandomPosterization", "RandomSaturation", "TimeDistributed"),
    *(
        f"{name}{rank}"
        for rank in ("1D", "2D", "3D")
        for name in ("AdaptiveMaxPooling", "Cropping", "GlobalMaxPooling")
    ),
    *(f"{name}{rank}" for rank in ("1D", "2D", "3D") for name in ("MaxPooling", "SpatialDropout", "UpSampling")),
    *(f"ZeroPadding{rank}" for rank in ("1D", "2D", "3D")),
)
