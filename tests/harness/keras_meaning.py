"""Models of Keras whose calls give more than one tensor to a layer: constants beside it, masks, activation functions of the user's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops

Build = Callable[..., Any]
Array = np.ndarray
_RANDOM = np.random.default_rng(7)
ROW = _RANDOM.normal(size=(1, 3)).astype(np.float32)
ROWS = _RANDOM.normal(size=(2, 3)).astype(np.float32)
LOWER = np.tril(np.ones((4, 4), bool))
STEPS = np.array([[1, 1, 0, 0], [0, 1, 1, 1]], bool)
# Sequences of which some steps are 0 in all elements.
PADDED = _RANDOM.normal(size=(2, 4, 3)).astype(np.float32)
PADDED[0, 2:] = PADDED[1, 1] = 0
MERGING = (layers.Add, layers.Average, layers.Maximum, layers.Minimum, layers.Multiply, layers.Subtract)


def gelu(x: Any) -> Any:
    """Not what Keras calls by that name."""
    return 2 * x * ops.sigmoid(x) + 1


class Scaled(layers.Layer):
    """Three arguments, of which tests give some as constants."""

    def call(self, x: Any, other: Any, scale: Any = 1.0) -> Any:
        return x * scale - other

    def compute_output_shape(self, x_shape: Any, other_shape: Any = None, scale_shape: Any = None) -> Any:
        return x_shape


class Unchanged(layers.Layer):
    """As many users write augmentation."""

    def call(self, x: Any, training: bool | None = None) -> Any:
        return x * 2 if training else x


class Parts(layers.Layer):
    """Computed tensors, inputs as they are, and a constant."""

    def call(self, x: Any) -> Any:
        return {"same": x, "double": x * 2, "one": ops.ones((1, 3))}

    def compute_output_shape(self, shape: Any) -> Any:
        return {"same": shape, "double": shape, "one": (1, 3)}


class Exchanged(layers.Layer):
    def call(self, xs: Any) -> Any:
        return xs[1], xs[0]


class Counted(layers.Layer):
    """Looks at the mask that layers before it hand on."""

    def call(self, x: Any, mask: Any = None) -> Any:
        return x + 1 if mask is None else x * 3 + ops.cast(mask, "float32")[..., None]


class Marked(layers.Layer):
    """Attaches a mask to what it gives, as Keras's own layers do."""

    def call(self, x: Any) -> Any:
        return x + 1

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return ops.any(x > 0, axis=-1)


class Pooled(layers.Layer):
    """Masks between layers that it holds."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.masking, self.pool = layers.Masking(), layers.GlobalAveragePooling1D()

    def call(self, x: Any) -> Any:
        return self.pool(self.masking(x))


def difference() -> Any:
    """A model inside models, with inputs that have names."""
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    return keras.Model([left, right], left - 2 * right)


def average(x: Any) -> Any:
    return layers.GlobalAveragePooling1D()(x)


CONSTANTS: dict[str, Build] = {
    **{f"{merge.__name__} with a row": lambda x, merge=merge: merge()([x, ROW]) for merge in MERGING},
    **{
        f"{merge.__name__} with a variable": lambda x, merge=merge: merge()([x, keras.Variable(ROWS)])
        for merge in MERGING
    },
    "tensor of the framework": lambda x: layers.Multiply()([x, ops.convert_to_tensor(ROWS)]),
    "whole numbers": lambda x: layers.Add()([x, np.arange(3)[None], ROW.astype(np.float64)]),
    "Concatenate": lambda x: layers.Concatenate()([x, np.ones((2, 3), np.float32), x]),
    "Dot": lambda x: layers.Dot(axes=1)([x, ROWS]),
    "Dot normalized": lambda x: layers.Dot(axes=1, normalize=True)([x, ROWS]),
    "model inside": lambda x: difference()([x, ops.convert_to_tensor(ROWS)]),
    "subclassed": lambda x: Scaled()(x, ROWS, scale=3.0),
    "subclassed, by keywords": lambda x: Scaled()(x, other=np.arange(3)[None], scale=keras.Variable(2.0)),
    "Lambda": lambda x: layers.Lambda(lambda xs: xs[0] - 2 * xs[1])([x, ROW]),
}
SOFTMAX: dict[str, Build] = {
    "constant": lambda x: layers.Softmax()(x, mask=LOWER),
    "floats": lambda x: layers.Softmax()(x, mask=LOWER.astype(np.float32) * 0.7),
    "computed": lambda x: layers.Softmax(axis=1)(x, mask=x > 0.2),
    "computed floats": lambda x: layers.Softmax()(x, mask=x),
    "whole numbers": lambda x: layers.Softmax()(x, mask=ops.cast(x > 0, "int32")),
    "several axes": lambda x: layers.Softmax(axis=(1, 2))(x, mask=x > -1),
    "a row of nothing": lambda x: layers.Softmax()(x, mask=np.eye(4, dtype=bool)[[0, 1, 1, 2]] & (np.arange(4) < 2)),
}
POOLING: dict[str, Build] = {
    "constant": lambda x: layers.GlobalAveragePooling1D()(x, mask=STEPS),
    "computed": lambda x: layers.GlobalAveragePooling1D(keepdims=True)(x, mask=ops.any(ops.abs(x) > 1e-3, axis=-1)),
    "handed on": lambda x: average(layers.Masking()(x)),
    "over layers": lambda x: average(layers.Activation("tanh")(layers.Dropout(0.2)(layers.Masking()(x)))),
    "over normalization": lambda x: average(layers.BatchNormalization()(layers.Masking()(x))),
    "over time": lambda x: average(layers.TimeDistributed(layers.Dense(2))(layers.Masking()(x))),
    "over Dense": lambda x: average(layers.Dense(3)(layers.Masking()(x))),
    "over Add": lambda x: average(layers.Add()([layers.Masking()(x), layers.Masking()(x)])),
    "Add of one without": lambda x: average(layers.Add()([layers.Masking()(x), x])),
    "ends at an operation": lambda x: average(layers.Masking()(x) + 1),
    "out of a model": lambda x: average(keras.Sequential([keras.Input((4, 3)), layers.Masking()])(x)),
    "into a model": lambda x: keras.Sequential([keras.Input((4, 3)), layers.ReLU(), layers.GlobalAveragePooling1D()])(
        layers.Masking()(x)
    ),
    "to a subclassed layer": lambda x: Counted()(layers.Masking()(x)),
    "from a subclassed layer": lambda x: average(Marked()(x)),
    "inside a subclassed layer": lambda x: Pooled()(x),
}
ACTIVATIONS: dict[str, Build] = {
    "ops.gelu": layers.Dense(4, activation=ops.gelu),
    "partial": lambda x: layers.Dense(4, activation=partial(keras.activations.gelu, approximate=True))(x),
    "partial of ops": lambda x: layers.Dense(4, activation=partial(ops.leaky_relu, negative_slope=0.3))(x),
    "own": lambda x: layers.Dense(4, activation=gelu)(x),
    "own, no change": lambda x: layers.Dense(4, activation=lambda y: y)(x),
    "Activation": lambda x: layers.Activation(gelu)(x),
    "over time": lambda x: layers.TimeDistributed(layers.Dense(4, activation=gelu))(x[:, None]),
    "softmax of all": lambda x: ops.softmax(x, axis=None),
}
UNCHANGED: dict[str, Build] = {
    "layer": lambda x: Unchanged()(x),
    "Lambda": lambda x: layers.Lambda(lambda y: y)(x) * 2,
    "parts": lambda x: (lambda parts: parts["double"] - 3 * parts["same"] + parts["one"])(Parts()(x)),
    "exchanged": lambda x: (lambda pair: pair[0] - 3 * pair[1])(Exchanged()([x, x * x])),
    "Identity of several": lambda x: (lambda pair: pair[0] - 3 * pair[1])(layers.Identity()([x, x * x])),
}


def meaning_cases() -> dict[str, tuple[Build, tuple[tuple[int, ...], ...], tuple[Array, ...]]]:
    """Name → function or layer, shapes of its inputs without the batch, which is 2, and inputs in place of random ones."""
    families: list[tuple[str, dict[str, Build], tuple[int, ...], tuple[Array, ...]]] = [
        ("constant among arguments", CONSTANTS, (3,), ()),
        ("mask of Softmax", SOFTMAX, (4, 4), ()),
        ("mask of pooling", POOLING, (4, 3), (PADDED,)),
        ("activation function", ACTIVATIONS, (3,), ()),
        ("unchanged", UNCHANGED, (3,), ()),
    ]
    return {
        f"{family}: {name}": (build, (shape,), given)
        for family, cases, shape, given in families
        for name, build in cases.items()
    }
