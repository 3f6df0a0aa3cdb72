"""Small Keras models that stand for the kinds that users have. Weights are random and calibrated; outputs are logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.calibrate import calibrate, randomize
from webdnn.frontend.keras.loading import without_initializers

Array = np.ndarray


def noise(shapes: Sequence[tuple[int, ...]], seed: int = 0) -> list[Array]:
    """Inputs with both signs."""
    random = np.random.default_rng(seed)
    return [random.normal(0, 1, shape).astype(np.float32) for shape in shapes]


def prepared(model: Any, shapes: Sequence[tuple[int, ...]]) -> Any:
    """`model` with random weights, calibrated on noise of these shapes."""
    return prepared_for(model, noise(shapes, seed=1))


def prepared_for(model: Any, inputs: Sequence[Array]) -> Any:
    """`model` with random weights, calibrated on `inputs`."""
    randomize(model)
    calibrate(model, inputs[0] if len(inputs) == 1 else list(inputs))
    return model


def residual() -> Any:
    """(N, 32, 32, 3) → 10 logits: convolution, batch norm and ReLU, strided shortcuts, a pre-activation block."""
    from keras import Input, Model, layers

    def unit(x: Any, filters: int, strides: int) -> Any:
        y = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(y))
        if strides > 1:
            x = layers.BatchNormalization()(layers.Conv2D(filters, 1, strides=strides)(x))
        return layers.ReLU()(layers.Add()([x, y]))

    x = inputs = Input((32, 32, 3), name="image")
    x = layers.ZeroPadding2D(3)(x)
    x = layers.Conv2D(8, 7, strides=2)(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(layers.Activation("relu")(layers.BatchNormalization()(x)))
    x = unit(unit(x, 8, 1), 16, 2)
    y = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Add()([x, layers.Conv2D(16, 3, padding="same")(y)])
    x = layers.GlobalAveragePooling2D()(x)
    return prepared(Model(inputs, layers.Dense(10, name="logits")(x), name="residual"), [(4, 32, 32, 3)])


def dense_block() -> Any:
    """(N, 16, 16, 3) → 5 logits: pre-activation layers whose outputs are all concatenated."""
    from keras import Input, Model, layers

    x = inputs = Input((16, 16, 3))
    x = layers.Conv2D(8, 3, padding="same")(x)
    for _ in range(3):
        y = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Concatenate()([x, layers.Conv2D(4, 3, padding="same", use_bias=False)(y)])
    x = layers.AveragePooling2D(2)(layers.Conv2D(6, 1)(layers.ReLU()(layers.BatchNormalization()(x))))
    return prepared(Model(inputs, layers.Dense(5)(layers.Flatten()(x)), name="dense_block"), [(4, 16, 16, 3)])


def mobile() -> Any:
    """(N, 17, 17, 3) → 5 logits: inverted residuals with depthwise convolutions and ReLU6."""
    from keras import Input, Model, layers

    x = inputs = Input((17, 17, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU(6)(layers.BatchNormalization()(x))
    for strides in (1, 2):
        y = layers.ReLU(6)(layers.BatchNormalization()(layers.Conv2D(24, 1, use_bias=False)(x)))
        y = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(y)
        y = layers.ReLU(6)(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(8, 1, use_bias=False)(y))
        x = layers.Add()([x, y]) if strides == 1 else y
    x = layers.Dropout(0.2)(layers.GlobalMaxPooling2D()(x))
    return prepared(Model(inputs, layers.Dense(5)(x), name="mobile"), [(4, 17, 17, 3)])


def unet() -> Any:
    """(N, H, W, 3) → (N, H, W, 2), H and W multiples of 4: one level up by a transposed convolution, one by resizing."""
    from keras import Input, Model, layers

    def twice(x: Any, filters: int) -> Any:
        for _ in range(2):
            x = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", activation="relu")(x))
        return x

    inputs = Input((None, None, 3), name="image")
    fine = twice(inputs, 6)
    middle = twice(layers.MaxPooling2D()(fine), 8)
    x = twice(layers.MaxPooling2D()(middle), 12)
    x = layers.Conv2DTranspose(8, 2, strides=2, padding="same")(x)
    x = twice(layers.Concatenate()([middle, x]), 8)
    x = layers.UpSampling2D(interpolation="bilinear")(x)
    x = twice(layers.Concatenate()([fine, x]), 6)
    return prepared(Model(inputs, layers.Conv2D(2, 1, name="mask")(x), name="unet"), [(2, 16, 24, 3)])


def three_inputs() -> Any:
    """An image (N, 9, 9, 3), a vector (N, 5) and another (N, 4) → classes (N, 3) and a score (N, 1)."""
    from keras import Input, Model, layers

    image, vector, other = Input((9, 9, 3), name="image"), Input((5,), name="vector"), Input((4,), name="other")
    a = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, activation="elu")(image))
    b = layers.Dense(6, activation="tanh")(vector)
    joined = layers.Concatenate()([layers.Multiply()([a, b]), layers.Dense(4, activation="silu")(other), other])
    outputs = [layers.Dense(3, name="classes")(joined), layers.Dense(1, name="score")(layers.Average()([a, b]))]
    return prepared(Model([image, vector, other], outputs, name="three_inputs"), [(4, 9, 9, 3), (4, 5), (4, 4)])


def shared_layer() -> Any:
    """Two images (N, 8, 8, 3) through the same convolution and batch norm → 4 logits."""
    from keras import Input, Model, layers

    left, right = Input((8, 8, 3), name="left"), Input((8, 8, 3), name="right")
    convolution, norm = layers.Conv2D(5, 3, padding="same"), layers.BatchNormalization()
    a, b = norm(convolution(left)), norm(convolution(right))
    x = layers.Flatten()(layers.Subtract()([a, layers.Maximum()([a, b])]))
    return prepared(Model([left, right], layers.Dense(4)(x), name="shared_layer"), [(4, 8, 8, 3), (4, 8, 8, 3)])


def nested() -> Any:
    """(N, 12, 12, 3) → 4 logits: a Functional model, used twice, and a Sequential one inside a Functional one."""
    from keras import Input, Model, Sequential, layers

    x = inner = Input((None, None, 3))
    x = layers.Conv2D(3, 3, padding="same", activation="relu", name="convolution")(x)
    block = Model(inner, layers.Add()([layers.BatchNormalization()(x), inner]), name="block")
    head = Sequential(
        [Input((12, 12, 3)), layers.MaxPooling2D(3, padding="same"), layers.Flatten(), layers.Dense(4)], name="head"
    )
    inputs = Input((12, 12, 3), name="image")
    return prepared(Model(inputs, head(block(block(inputs))), name="nested"), [(4, 12, 12, 3)])


def sequential() -> Any:
    """(N, 10, 9, 2) → 4 logits."""
    from keras import Input, Sequential, layers

    model = Sequential(
        [
            Input((10, 9, 2)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.AveragePooling2D(3, strides=2, padding="same"),
            layers.Permute((2, 3, 1)),
            layers.Reshape((-1, 8)),
            layers.Dense(6, activation="gelu"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(4),
        ],
        name="sequential",
    )
    return prepared(model, [(4, 10, 9, 2)])


def waveform() -> Any:
    """(N, 40, 3) → 4 logits: one-dimensional convolutions, causal, dilated, separable and transposed."""
    from keras import Input, Model, layers

    x = inputs = Input((40, 3), name="signal")
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv1D(8, 5, padding="causal", use_bias=False)(x)))
    x = layers.Add()([x, layers.Conv1D(8, 3, padding="causal", dilation_rate=4, activation="tanh")(x)])
    x = skip = layers.MaxPooling1D(3, strides=2, padding="same")(layers.ZeroPadding1D((1, 3))(x))
    x = layers.SeparableConv1D(12, 3, strides=2, padding="same", activation="elu")(x)
    x = layers.Conv1DTranspose(8, 4, strides=2, padding="same")(x)
    x = layers.Cropping1D((0, 1))(layers.Concatenate()([skip, x]))
    x = layers.UpSampling1D(2)(layers.AveragePooling1D(2)(x))
    x = layers.Concatenate()([layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)])
    return prepared(Model(inputs, layers.Dense(4)(x), name="waveform"), [(4, 40, 3)])


def volume() -> Any:
    """(N, 6, 9, 8, 2) → (N, 6, 9, 8, 2) and 3 logits: a small three-dimensional U-Net."""
    from keras import Input, Model, layers

    inputs = Input((6, 9, 8, 2), name="scan")
    fine = layers.BatchNormalization()(layers.Conv3D(4, 3, padding="same", activation="relu")(inputs))
    x = layers.Conv3D(6, (2, 3, 2), strides=(2, 3, 2), activation="relu")(fine)
    x = layers.MaxPooling3D(3, strides=1, padding="same")(x)
    logits = layers.Dense(3, name="logits")(layers.GlobalAveragePooling3D()(x))
    x = layers.Conv3DTranspose(4, (2, 3, 2), strides=(2, 3, 2))(x)
    x = layers.Conv3D(2, 1, name="mask")(layers.Concatenate()([fine, x]))
    return prepared(Model(inputs, [x, logits], name="volume"), [(2, 6, 9, 8, 2)])


def channels_first() -> Any:
    """(N, 3, 16, 15) → 5 logits, channels first throughout."""
    from keras import Input, Model, layers

    first = {"data_format": "channels_first"}
    x = inputs = Input((3, 16, 15), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, **first)(x)
    x = layers.ReLU()(layers.BatchNormalization(axis=1)(x))
    y = layers.Conv2D(8, 3, padding="same", **first)(layers.DepthwiseConv2D(3, padding="same", **first)(x))
    x = layers.Add()([x, layers.GroupNormalization(2, axis=1)(y)])
    x = layers.Concatenate(axis=1)([layers.MaxPooling2D(2, **first)(x), layers.AveragePooling2D(2, **first)(x)])
    x = layers.ZeroPadding2D(1, **first)(x)
    return prepared(Model(inputs, layers.Dense(5)(layers.Flatten()(x)), name="channels_first"), [(4, 3, 16, 15)])


def normalized() -> Any:
    """(N, 14, 14, 3) → 5 logits: ConvNeXt's block, group, RMS and unit normalisation, resizing, operators."""
    from keras import Input, Model, layers, ops

    inputs = Input((14, 14, 3), name="image")
    x = layers.Resizing(12, 12, interpolation="bicubic", antialias=True)(inputs)
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Conv2D(8, 3, strides=3)(x))
    y = layers.LayerNormalization(epsilon=1e-6)(layers.DepthwiseConv2D(7, padding="same")(x))
    y = layers.Dense(8)(layers.Dense(16, activation="gelu")(y))
    x = x + ops.multiply(y, 0.3)
    x = ops.where(x > 0, x, 0.2 * x)
    x = layers.GroupNormalization(4)(layers.AdaptiveAveragePooling2D(3)(x))
    x = layers.RMSNormalization()(layers.Reshape((-1, 8))(x))
    x = layers.Dot(axes=(1, 1))([x, layers.UnitNormalization()(x)])
    return prepared(Model(inputs, layers.Dense(5)(layers.Flatten()(x)), name="normalized"), [(4, 14, 14, 3)])


def build(name: str) -> Any:
    """The model `name` of MODELS."""
    import keras

    with without_initializers(keras):
        return MODELS[name][0]()


# Name → (model, shapes of its inputs for batch 2).
MODELS: dict[str, tuple[Callable[[], Any], list[tuple[int, ...]]]] = {
    "channels_first": (channels_first, [(2, 3, 16, 15)]),
    "dense_block": (dense_block, [(2, 16, 16, 3)]),
    "mobile": (mobile, [(2, 17, 17, 3)]),
    "nested": (nested, [(2, 12, 12, 3)]),
    "normalized": (normalized, [(2, 14, 14, 3)]),
    "residual": (residual, [(2, 32, 32, 3)]),
    "sequential": (sequential, [(2, 10, 9, 2)]),
    "shared_layer": (shared_layer, [(2, 8, 8, 3), (2, 8, 8, 3)]),
    "three_inputs": (three_inputs, [(2, 9, 9, 3), (2, 5), (2, 4)]),
    "unet": (unet, [(2, 16, 24, 3)]),
    "volume": (volume, [(2, 6, 9, 8, 2)]),
    "waveform": (waveform, [(2, 40, 3)]),
}
