"""Kernels as Keras 1, and Keras 2 on Theano, stored them, in today's layout (window, input channels, output channels)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from webdnn.frontend.keras.old_layers import RENAMED_CLASSES
from webdnn.frontend.keras.support import layer_configs
from webdnn.graph.errors import ModelWarning

Array = np.ndarray
_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")
# Axes of Keras 1's kernels → today's: class, whether channels came first.
_AXES_OF_KERAS_1 = {
    ("Conv2D", True): (2, 3, 1, 0),
    ("Conv3D", True): (2, 3, 4, 1, 0),
    ("Conv2DTranspose", False): (0, 1, 3, 2),
    ("Conv2DTranspose", True): (2, 3, 0, 1),
    ("SeparableConv2D", True): (2, 3, 1, 0),
}


def converter(config: Mapping[str, Any], version: int, backend: str) -> Callable[[Any, Array], Array]:
    """The function that gives today's layout of a kernel of a layer, for a model file of that version of Keras on that backend.

    Theano convolves, with the window turned round; TensorFlow correlates. A file of Keras 1 may not say which it was.
    """
    turned = backend == "theano"
    classes = {RENAMED_CLASSES.get(layer.class_name, layer.class_name) for layer in layer_configs(config)}
    if version < 2 and not backend and classes & set(_CONVOLUTIONS):
        warnings.warn(
            "the file of Keras 1 does not say on which framework the model was trained, and TensorFlow is assumed; on Theano, "
            "the windows of convolutions would have to be turned by 180 degrees",
            ModelWarning,
            stacklevel=2,
        )

    def convert(layer: Any, kernel: Array) -> Array:
        name = type(layer).__name__
        if version < 2:
            kernel = _of_keras_1(layer, name, kernel)
        if turned and name in _CONVOLUTIONS:
            spatial = tuple(range(kernel.ndim - 2))
            kernel = np.flip(kernel, spatial)
        return np.ascontiguousarray(kernel)

    return convert


def _of_keras_1(layer: Any, name: str, kernel: Array) -> Array:
    if name == "Conv1D" and kernel.ndim == 4:  # was a window of (n, 1), by channels first or last
        if kernel.shape[1] != 1 or kernel.shape[3] != layer.filters:
            kernel = kernel.transpose(2, 3, 1, 0)
        return kernel[:, 0]
    axes = _AXES_OF_KERAS_1.get((name, getattr(layer, "data_format", None) == "channels_first"))
    return kernel.transpose(axes) if axes and kernel.ndim == len(axes) else kernel
