"""Subclassed layers and models of Keras, as users write them; also a file for --custom_objects."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

register = keras.saving.register_keras_serializable(package="harness")


@register
class Squeeze(layers.Layer):
    """Channels weighed by what the whole image looks like: sublayers, keras.ops, and variables on either side of an operator."""

    def __init__(self, ratio: int = 2, **options: Any) -> None:
        super().__init__(**options)
        self.ratio = ratio

    def build(self, shape: Any) -> None:
        channels = shape[-1]
        self.reduce = layers.Dense(channels // self.ratio, activation="relu", name="dense")
        self.reduce.build((shape[0], channels))
        self.expand = self.add_weight(shape=(channels // self.ratio, channels), name="kernel")
        self.gain = self.add_weight(shape=(channels,), name="gamma")

    def call(self, x: Any) -> Any:
        pooled = ops.mean(x, axis=(1, 2))
        weight = ops.sigmoid(ops.matmul(self.reduce(pooled), self.expand))
        return self.gain * x * ops.reshape(weight, (-1, 1, 1, ops.shape(x)[-1])) + (1 - self.gain)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "ratio": self.ratio}


@register
class Block(layers.Layer):
    """A residual block. Sublayers of two blocks have the same names."""

    def __init__(self, filters: int, stride: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.filters, self.stride = filters, stride
        self.first = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False, name="first")
        self.norm = layers.BatchNormalization(name="norm")
        self.second = layers.Conv2D(filters, 3, padding="same", name="second")
        self.squeeze = Squeeze(name="squeeze")
        self.drop = layers.Dropout(0.5)
        self.shortcut = layers.Conv2D(filters, 1, strides=stride, name="shortcut") if stride > 1 else None

    def call(self, x: Any, training: bool | None = None) -> Any:
        y = ops.relu(self.norm(self.first(x), training=training))
        y = self.squeeze(self.second(self.drop(y, training=training)))
        return ops.relu(y + (self.shortcut(x) if self.shortcut else x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "stride": self.stride}


@register
class ResidualNet(keras.Model):
    """Images → logits, with blocks in a list and Python's loop over it."""

    def __init__(self, classes: int = 5, **options: Any) -> None:
        super().__init__(**options)
        self.classes = classes
        self.blocks = [Block(8, 2), Block(8)]
        self.head = layers.Dense(classes)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        x = inputs
        for block in self.blocks:
            x = block(x, training=training)
        batch, _, width, channels = ops.shape(x)
        return self.head(ops.reshape(ops.max(x, axis=1), (batch, width * channels)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "classes": self.classes}


@register
class Pair(keras.Model):
    """Two arguments, a dictionary of results."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.dense = layers.Dense(3)

    def call(self, left: Any, right: Any) -> Any:
        return {"product": self.dense(left) * right, "left": left - 1}


class Doubled(layers.Dense):
    """A layer of Keras with another `call`; not registered."""

    def call(self, x: Any) -> Any:
        return 2.0 * super().call(x) + ops.convert_to_tensor(x)[..., :1]


class Enlarged(layers.Conv1DTranspose):
    """`ops.conv_transpose`, which Keras itself cannot run as an operation of a Functional model."""

    def call(self, x: Any) -> Any:
        return ops.tanh(super().call(x))


class Gate(layers.Layer):
    """Cannot be traced: what it does depends on values."""

    def call(self, x: Any) -> Any:
        if ops.sum(x) > 0:
            return x
        return -x
