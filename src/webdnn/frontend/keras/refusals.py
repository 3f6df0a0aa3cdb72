"""What of Keras is not converted, and why, in words that name the way out.

Every public layer of Keras is in LAYERS or here, and a test compares the two with the installed Keras.
"""

from __future__ import annotations

_RANDOM = "it draws random numbers, also at inference; a converted model gives the same answer each time"
_TEXT = (
    "it reads strings, which tensors of a page cannot hold; look tokens up in the page and convert the rest, "
    "`keras.Model(model.get_layer(NAME).output, model.output)` with this layer's name (docs/keras.md#text shows how)"
)
_COMPLEX = "its result is complex; keep the real and the imaginary part as two tensors, as keras.ops.fft does"
_FRAMEWORK = "its computation is code of another framework; write it with keras.ops"

LAYER_REFUSALS: dict[str, str] = {
    "FlaxLayer": _FRAMEWORK,
    "JaxLayer": _FRAMEWORK,
    "StringLookup": _TEXT,
    "TFSMLayer": _FRAMEWORK,
    "TextVectorization": _TEXT,
    "TorchModuleWrapper": _FRAMEWORK,
}
OPERATION_REFUSALS: dict[str, str] = {
    "CTCLoss": "a loss of training, which a model that only infers does not need",
    "Eig": f"{_COMPLEX}; of symmetric matrices, keras.ops.eigh has real ones",
    "ElasticTransform": _RANDOM,
    "JVP": "derivatives are for training; write the derivative out",
    "Nonzero": "it has as many results as there are numbers other than 0; multiply by a mask, or take so many by keras.ops.top_k",
    "Polar": _COMPLEX,
    "ViewAsComplex": _COMPLEX,
    "ViewAsReal": _COMPLEX,
}
