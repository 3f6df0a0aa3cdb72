"""Models with layers of the user's own, as they are written; also a file for --custom_objects, in the style of Keras 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import backend, layers, ops

register = keras.saving.register_keras_serializable(package="own")


@register
class Sampling(layers.Layer):
    """Of a variational autoencoder: draws in training, and takes the mean otherwise."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seeds = keras.random.SeedGenerator(3)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        mean, log_variance = inputs
        if not training:
            return mean
        return mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean), seed=self.seeds)


@register
class Autoencoder(keras.Model):
    """An encoder and a decoder, each a model with layers of its own; gives the picture and what the latent numbers cost."""

    def __init__(self, latent: int = 3, **options: Any) -> None:
        super().__init__(**options)
        self.latent = latent
        self.encoder = keras.Sequential(
            [layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"), layers.Flatten(), layers.Dense(6)]
        )
        self.mean, self.log_variance = layers.Dense(latent, name="mean"), layers.Dense(latent, name="log_variance")
        self.sampling = Sampling()
        self.decoder = [layers.Dense(4 * 4 * 2, activation="relu"), layers.Reshape((4, 4, 2))]
        self.decoder += [layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="sigmoid")]

    def call(self, x: Any, training: bool | None = None) -> Any:
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        y = self.sampling([mean, log_variance], training=training)
        self.add_loss(ops.mean(ops.exp(log_variance)))
        for layer in self.decoder:
            y = layer(y)
        return {"picture": y, "cost": ops.sum(ops.square(mean) + ops.exp(log_variance), axis=-1)}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "latent": self.latent}


@register
class PixelNorm(layers.Layer):
    """Of GANs' generators: each pixel's channels have the length 1, on average."""

    def __init__(self, epsilon: float = 1e-8, **options: Any) -> None:
        super().__init__(**options)
        self.epsilon = epsilon

    def call(self, x: Any) -> Any:
        return x * ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}


@register
def leaky(x: Any) -> Any:
    """An activation function of the user's own."""
    return ops.where(x > 0, x, 0.125 * x)


@dataclass(frozen=True)
class Settings:
    """What a layer keeps as one thing."""

    scale: float
    shift: tuple[float, ...]


@register
class Containers(layers.Layer):
    """Layers in lists, tuples and dictionaries; settings in a dataclass; weights in a list; a layer inside that is its own, too."""

    def __init__(self, units: int = 4, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.settings = Settings(0.5, (1.0, -1.0))
        self.stages = [layers.Dense(units, activation=leaky, name=f"stage_{i}") for i in range(2)]
        self.heads = {
            "left": layers.Dense(units, name="left"),
            "right": (layers.Dense(units, name="right"), PixelNorm()),
        }

    def build(self, shape: Any) -> None:
        for layer in (*self.stages, self.heads["left"], self.heads["right"][0]):
            layer.build((*shape[:-1], self.units if layer is not self.stages[0] else shape[-1]))
        self.gains = [self.add_weight(shape=(self.units,), name=f"gain_{i}") for i in range(2)]

    def call(self, x: Any) -> Any:
        for stage, gain, shift in zip(self.stages, self.gains, self.settings.shift, strict=True):
            x = stage(x) * gain * self.settings.scale + shift
        dense, norm = self.heads["right"]
        return {"left": self.heads["left"](x), "both": [norm(dense(x)), x]}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@register
class Same(layers.Layer):
    """Gives its input back."""

    def call(self, x: Any) -> Any:
        return x


def generator(size: int) -> Any:
    """Noise (N, 8) to a picture (N, size, size, 3): small numbers of channels at large sizes, and a last convolution to three."""
    x = keras.Input((8,), name="noise")
    y = layers.Reshape((4, 4, 8))(layers.Dense(128)(x))
    while y.shape[1] < size:
        y = PixelNorm()(layers.Conv2D(8, 3, padding="same", activation=leaky)(layers.UpSampling2D()(y)))
    return keras.Model(x, layers.Conv2D(3, 3, padding="same", activation="tanh")(Same()(y)), name="generator")


def nested() -> Any:
    """Layers with layers, inside a model inside a model, and a keras.Function called like a layer."""
    x = keras.Input((6,), name="x")
    inner = keras.Model(x, Containers(name="boxes")(x), name="inner")
    z = keras.Input((6,), name="z")
    found = inner(z)
    return keras.Model(z, [found["left"] * backend.epsilon() + found["both"][0], found["both"][1]], name="outer")
