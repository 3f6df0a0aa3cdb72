"""Weights that make a test see: with default ones, well-known classifiers saturate and batch normalisation does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def all_layers(model: Any) -> Iterator[Any]:
    """Layers of a Keras model and of the models in it."""
    stack = list(reversed(model.layers))
    while stack:
        layer = stack.pop()
        if hasattr(layer, "layers"):
            stack += reversed(layer.layers)
        else:
            yield layer


def residual_norms(model: Any) -> set[Any]:
    """Batch normalisations that end the last input of an Add: residual branches."""
    adds = [layer for layer in all_layers(model) if type(layer).__name__ == "Add"]
    ends = {node.arguments.keras_tensors[-1]._keras_history.operation for add in adds for node in add._inbound_nodes}
    return {layer for layer in ends if type(layer).__name__ == "BatchNormalization"}


def randomize(model: Any, seed: int = 0) -> None:
    """Sets every weight: kernels by He's rule, biases around 0, β around 1, γ and variances between ½ and 1½.

    β of 1 lets most of what follows a batch normalisation through its ReLU: with β around 0, deep networks without residual branches multiply
    rounding errors from layer to layer, in InceptionV3 and NASNetMobile to 3e-5 in Keras itself.

    γ of residual branches is 0.3 times that, as small as in trained networks: where every branch weighs as much as the
    trunk, rounding errors grow from block to block, in ResNet50 to 1e-5 in Keras itself.
    """
    random = np.random.default_rng(seed)
    for layer in all_layers(model):
        for variable in layer.weights:
            shape, name = tuple(variable.shape), variable.name
            if name in ("gamma", "moving_variance", "variance"):
                value = random.uniform(0.5, 1.5, shape)
            elif len(shape) > 1:
                inputs = np.prod(shape[:-1]) if name != "depthwise_kernel" else np.prod(shape[:2])
                value = random.normal(0, np.sqrt(2 / inputs), shape)
            else:
                value = random.normal(1.0 if name == "beta" else 0.0, 0.3, shape)
            if variable.dtype == "float32":
                variable.assign(value.astype(np.float32))
        if type(layer).__name__ == "Normalization":
            layer.finalize_state()
    for layer in residual_norms(model):
        layer.gamma.assign(np.asarray(layer.gamma) * np.float32(0.3))


def calibrate(model: Any, inputs: Any) -> None:
    """Sets the moving mean and variance of every batch normalisation to those of one forward pass on `inputs`."""
    norms = [layer for layer in all_layers(model) if type(layer).__name__ == "BatchNormalization"]
    if not norms:
        return
    momenta = [layer.momentum for layer in norms]
    try:
        for layer in norms:
            layer.momentum = 0.0
        model(inputs, training=True)
    finally:
        for layer, momentum in zip(norms, momenta, strict=True):
            layer.momentum = momentum
