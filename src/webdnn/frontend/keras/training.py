"""What `training=True` in the calls of layers means: what the model's predict() makes of it.

predict() calls a Functional or Sequential model with training=False, and Keras passes that on to all layers in it, models inside included, in place
of what their calls say. So the flag has no effect there, which is worth a warning. In code of the user, which calls its layers itself, it has: such
a layer is refused where it computes something else in training.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from webdnn.frontend.keras.calls import LayerCall, call_parameters
from webdnn.frontend.keras.core import TRAINING_ONLY
from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.tracing import has_own_graph, is_own
from webdnn.graph.errors import ModelWarning, UnsupportedError

_DIFFERENT_IN_TRAINING = ("BatchNormalization", "SpectralNormalization", *TRAINING_ONLY)


def training_counts(call: LayerCall, context: Context) -> bool:
    """Whether a call says `training=True` with effect. Where predict() overrules it, the layer is noted; where it changes what a layer of Keras
    computes, UnsupportedError is raised."""
    if not call.training:
        return False
    differs = any(map(_differs, call.layer._flatten_layers()))
    if context.is_inference:
        # A default of True, as RandomFlip has, looks like a flag that the user set, and is nothing to warn of.
        context.overruled.extend([context.path] if differs and not call.training_is_default else [])
        return False
    if differs and (has_own_graph(call.layer) or not is_own(call.layer)):
        raise UnsupportedError("called with training=True by code that predict() runs as it is; leave the argument out")
    return True


def warn_of_training(model_name: str, paths: Sequence[str]) -> None:
    """Says which layers are converted for inference though their calls say otherwise, if there are any."""
    if paths:
        names = ", ".join(map(repr, dict.fromkeys(paths)))
        text = f"model {model_name!r}: training=True in the calls of {names} has no effect, as in the model's predict()"
        warnings.warn(text, ModelWarning, stacklevel=4)


def _differs(layer: Any) -> bool:
    return type(layer).__name__ in _DIFFERENT_IN_TRAINING or (is_own(layer) and "training" in call_parameters(layer))
