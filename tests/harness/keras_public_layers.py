"""The public classes of keras.layers: which are no layers of their own; all others are converted or refused."""

from __future__ import annotations

import keras

# What others are made of, the beginning of a model, and code of the user's, which is traced.
NO_LAYERS = ("InputLayer", "InputSpec", "Lambda", "Layer", "Wrapper")


def public_layers() -> dict[str, type]:
    """By the names under which Keras exports them, of which a class may have several."""
    found = {name: getattr(keras.layers, name) for name in dir(keras.layers) if not name.startswith("_")}
    return {name: value for name, value in found.items() if isinstance(value, type)}
