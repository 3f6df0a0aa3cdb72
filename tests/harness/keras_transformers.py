"""Transformers and other models with attention, as tutorials write them: layers that compute with `ops.shape` of a symbolic batch or length;
also a file for --custom_objects."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

register = keras.saving.register_keras_serializable(package="transformers")


@register
class Patches(layers.Layer):
    """(N, H, W, C) → (N, patches, pixels of a patch)."""

    def __init__(self, size: int, **options: Any) -> None:
        super().__init__(**options)
        self.size = size

    def call(self, images: Any) -> Any:
        batch, height, width, channels = ops.shape(images)
        rows, columns = height // self.size, width // self.size
        cut = ops.reshape(images, (batch, rows, self.size, columns, self.size, channels))
        cut = ops.transpose(cut, (0, 1, 3, 2, 4, 5))
        return ops.reshape(cut, (batch, rows * columns, self.size * self.size * channels))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@register
class PatchEncoder(layers.Layer):
    """Projects patches and adds what is learned for each place; a class token comes first."""

    def __init__(self, patches: int, width: int, token: str = "broadcast", **options: Any) -> None:
        super().__init__(**options)
        self.patches, self.width, self.token = patches, width, token
        self.project = layers.Dense(width)
        self.place = layers.Embedding(patches + 1, width)

    def build(self, shape: Any) -> None:
        self.project.build(shape)
        self.place.build((1, self.patches + 1))
        self.cls = self.add_weight(shape=(1, 1, self.width), name="cls")

    def call(self, patches: Any) -> Any:
        batch = ops.shape(patches)[0]
        if self.token == "broadcast":
            cls = ops.broadcast_to(self.cls, (batch, 1, self.width))
        elif self.token == "tile":
            cls = ops.tile(self.cls, [batch, 1, 1])
        else:
            cls = ops.repeat(self.cls, batch, axis=0)
        x = ops.concatenate([cls, self.project(patches)], axis=1)
        return x + self.place(ops.expand_dims(ops.arange(start=0, stop=self.patches + 1, step=1), axis=0))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "patches": self.patches, "width": self.width, "token": self.token}


@register
class RandomDepth(layers.Layer):
    """Stochastic depth: nothing outside of training."""

    def __init__(self, rate: float, **options: Any) -> None:
        super().__init__(**options)
        self.rate = rate
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x: Any, training: bool | None = None) -> Any:
        if training:
            shape = (ops.shape(x)[0],) + (1,) * (len(x.shape) - 1)
            kept = ops.floor(1 - self.rate + keras.random.uniform(shape, 0, 1, seed=self.seeds))
            return x / (1 - self.rate) * kept
        return x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}


def encoder(x: Any, heads: int, width: int, hidden: int, rate: float = 0.1, **attention: Any) -> Any:
    """A layer with its norms first, as in ViT."""
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    y = layers.MultiHeadAttention(heads, width // heads, dropout=rate)(y, y, **attention)
    x = layers.Add()([RandomDepth(rate)(y), x])
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    y = layers.Dense(hidden, activation=keras.activations.gelu)(y)
    y = layers.Dropout(rate)(layers.Dense(width)(y))
    return layers.Add()([RandomDepth(rate)(y), x])


def vit(token: str = "broadcast") -> Any:
    images = keras.Input((16, 16, 3))
    x = PatchEncoder(16, 24, token)(Patches(4)(images))
    for _ in range(2):
        x = encoder(x, 3, 24, 40)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    return keras.Model(images, layers.Dense(10)(layers.Dropout(0.5)(x[:, 0])), name="vit")


@register
class Places(layers.Layer):
    """What is learned for each step, of as many steps as there are."""

    def __init__(self, most: int, **options: Any) -> None:
        super().__init__(**options)
        self.most = most

    def build(self, shape: Any) -> None:
        self.places = self.add_weight(shape=(self.most, shape[-1]), name="embeddings")

    def call(self, x: Any) -> Any:
        shape = ops.shape(x)
        places = ops.slice(ops.convert_to_tensor(self.places), (0, 0), (shape[-2], shape[-1]))
        return ops.broadcast_to(places, shape)

    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "most": self.most}


@register
class SequencePooling(layers.Layer):
    """The average of steps by weights that they have for themselves."""

    def build(self, shape: Any) -> None:
        self.attention = layers.Dense(1)
        self.attention.build(shape)

    def call(self, x: Any) -> Any:
        weights = ops.transpose(ops.softmax(self.attention(x), axis=1), axes=(0, 2, 1))
        return ops.squeeze(ops.matmul(weights, x), -2)


def cct() -> Any:
    """A compact convolutional transformer."""
    images = x = keras.Input((16, 16, 3))
    for filters in (12, 24):
        x = layers.Conv2D(filters, 3, padding="valid", use_bias=False, activation="relu")(layers.ZeroPadding2D(1)(x))
        x = layers.MaxPooling2D(3, 2, "same")(x)
    x = layers.Reshape((16, 24))(x)
    x = layers.Add()([x, Places(20)(x)])
    for rate in (0.0, 0.1):
        x = encoder(x, 2, 24, 48, rate)
    return keras.Model(images, layers.Dense(7)(SequencePooling()(layers.LayerNormalization()(x))), name="cct")


@register
class TokensAndPlaces(layers.Layer):
    def __init__(self, most: int, words: int, width: int, mask_zero: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.given = {"most": most, "words": words, "width": width, "mask_zero": mask_zero}
        self.supports_masking = True
        self.token = layers.Embedding(words, width, mask_zero=mask_zero)
        self.place = layers.Embedding(most, width)

    def build(self, shape: Any) -> None:
        self.token.build(shape)
        self.place.build(shape)

    def call(self, x: Any) -> Any:
        places = ops.arange(0, ops.shape(x)[-1], 1)
        return self.token(x) + self.place(places)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return self.token.compute_mask(x)

    def compute_output_shape(self, shape: Any) -> Any:
        return (*shape, self.given["width"])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.given}


def bert() -> Any:
    """Four layers with their norms last; padding is masked, and each token has a type."""
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    types = keras.Input((None,), dtype="int32", name="types")
    x = layers.Add()([TokensAndPlaces(32, 50, 24, mask_zero=True)(tokens), layers.Embedding(2, 24)(types)])
    x = layers.LayerNormalization(epsilon=1e-12)(x)
    mask = ops.cast(ops.not_equal(tokens, 0), "float32")[:, None, None, :]
    for _ in range(4):
        y = layers.MultiHeadAttention(4, 6, dropout=0.1)(x, x, attention_mask=mask[:, 0])
        x = layers.LayerNormalization(epsilon=1e-12)(layers.Add()([x, layers.Dropout(0.1)(y)]))
        y = layers.Dense(24)(layers.Dense(48, activation="gelu")(x))
        x = layers.LayerNormalization(epsilon=1e-12)(layers.Add()([x, layers.Dropout(0.1)(y)]))
    pooled = layers.Dense(24, activation="tanh")(x[:, 0])
    return keras.Model([tokens, types], [x, layers.Dense(3)(pooled)], name="bert")


def causal_mask(batch: Any, rows: Any, columns: Any) -> Any:
    i, j = ops.arange(rows)[:, None], ops.arange(columns)
    mask = ops.reshape(ops.cast(i >= j - columns + rows, "bool"), (1, rows, columns))
    return ops.tile(mask, (batch, 1, 1))


@register
class Decoder(layers.Layer):
    """A block of GPT that makes its own mask."""

    def __init__(self, heads: int, width: int, **options: Any) -> None:
        super().__init__(**options)
        self.heads, self.width = heads, width
        self.attend = layers.MultiHeadAttention(heads, width // heads)
        self.feed = keras.Sequential([layers.Dense(2 * width, activation="gelu"), layers.Dense(width)])
        self.norms = [layers.LayerNormalization(epsilon=1e-5) for _ in range(2)]

    def build(self, shape: Any) -> None:
        self.attend.build(shape, shape)
        for layer in (self.feed, *self.norms):
            layer.build(shape)

    def call(self, x: Any) -> Any:
        batch, length, _ = ops.shape(x)
        y = self.norms[0](x)
        x = x + self.attend(y, y, attention_mask=causal_mask(batch, length, length))
        return x + self.feed(self.norms[1](x))

    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads, "width": self.width}


@register
class GPT(keras.Model):
    """Tokens → logits of the next; what embeds tokens tells them, too. One block with a mask of its own, one with Keras's."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.embed = layers.ReversibleEmbedding(41, 24, logit_soft_cap=30.0)
        self.place = layers.Embedding(32, 24)
        self.own = Decoder(3, 24)
        self.norm, self.last = layers.RMSNormalization(), layers.LayerNormalization()
        self.attend = layers.GroupQueryAttention(8, 3, 1)

    def call(self, tokens: Any, training: bool | None = None) -> Any:
        places = ops.arange(tokens.shape[1])
        x = self.own(self.embed(tokens) + self.place(places)[None])
        y = self.norm(x)
        x = x + self.attend(y, y, use_causal_mask=True)
        return self.embed(self.last(x), reverse=True)


def gpt() -> Any:
    model = GPT(name="gpt")
    model(np.zeros((2, 5), np.int32))
    return model


def attention_unet() -> Any:
    """A U-Net whose skip connections pass gates."""
    images = x = keras.Input((None, None, 3))
    skips = []
    for filters in (8, 12):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    for filters, skip in zip((12, 8), reversed(skips), strict=True):
        gate = layers.Conv2D(filters, 1)(layers.UpSampling2D()(x))
        weight = layers.Activation("relu")(layers.Add()([layers.Conv2D(filters, 1)(skip), gate]))
        weight = layers.Conv2D(1, 1, activation="sigmoid")(weight)
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = layers.Concatenate()([x, layers.Multiply()([skip, weight])])
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(layers.BatchNormalization()(x))
    return keras.Model(images, layers.Conv2D(2, 1)(x), name="attention_unet")


def tabular() -> Any:
    """Three columns of categories and five of numbers."""
    numbers = keras.Input((5,), name="numbers")
    columns = [keras.Input((1,), dtype="int32", name=f"column_{i}") for i in range(3)]
    embedded = [layers.Flatten()(layers.Embedding(7 + i, 3 + i)(c)) for i, c in enumerate(columns)]
    x = layers.Concatenate()([*embedded, layers.Normalization(mean=[1.0] * 5, variance=[2.0] * 5)(numbers)])
    stacked = layers.MultiHeadAttention(2, 4)(*[layers.Reshape((-1, 1))(x)] * 2)
    x = layers.Concatenate()([layers.Flatten()(stacked), x])
    return keras.Model(
        [numbers, *columns], layers.Dense(1, activation="sigmoid")(layers.Dense(16, activation="silu")(x))
    )
