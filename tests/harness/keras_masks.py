"""Models that show what Keras makes of masks: a masked sequence, a layer, and behind it a layer that tells which mask it sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from harness.keras_attention import ATTENTION
from harness.keras_layers import TABLES

Masked = Callable[[Any], Any]
LENGTH, CHANNELS = 6, 4
SHAPE = (LENGTH, CHANNELS)


class MaskOf(layers.Layer):
    """The mask of a tensor as numbers, and −1 where it has none."""

    def call(self, x: Any, mask: Any = None) -> Any:
        return ops.zeros_like(x[..., :1]) - 1.0 if mask is None else ops.cast(mask, "float32")

    def compute_output_shape(self, shape: Any) -> Any:
        return (*shape[:-1], 1)


class Passing(layers.Layer):
    """Of the user's: hands masks on, and does not look at them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def call(self, x: Any) -> Any:
        return x * 2.0


class Losing(layers.Layer):
    """Of the user's: without a word about masks."""

    def call(self, x: Any) -> Any:
        return x - 1.0


class Halving(layers.Layer):
    """Of the user's: a mask of its own, made of the one that it gets."""

    def call(self, x: Any, mask: Any = None) -> Any:
        return x if mask is None else ops.where(mask[..., None], x, -x)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return None if mask is None else ops.logical_and(mask, x[..., 0] > 0)


class Halved(layers.Dense):
    """With weights, and another result where it sees a mask."""

    def call(self, x: Any, mask: Any = None) -> Any:
        return super().call(x if mask is None else x * ops.cast(mask, "float32")[..., None] / 2)


def shown(build: Masked) -> Callable[[Any], Any]:
    """A model's outputs: what `build` gives for x, masked where a step is 0, and the masks of that."""

    def outputs(x: Any) -> Any:
        found = keras.tree.flatten(build(layers.Masking(name="first")(x)))
        return [*found, *(MaskOf()(y) for y in found)]

    return outputs


def one_input() -> Iterator[tuple[str, Masked]]:
    """Layers of the common tables that take sequences."""
    for table in ("1D", "any rank"):
        for name, build in TABLES[table][0].items():
            if isinstance(build, layers.Layer) and name not in UNFIT:
                yield f"{table}: {name}", fresh(build)


# Softmax wants masks of the rank of its input, which those of sequences have not; the others are written for other sizes.
UNFIT = (
    *(
        "softmax",
        "softmax axis",
        "normalization",
        "group norm axis",
        "layer scale",
        "einsum dense",
        "einsum dense heads",
    ),
)


def fresh(layer: Any, **options: Any) -> Masked:
    """A copy of the layer for each model: it has weights of the sequence's size."""
    made, given = type(layer), layer.get_config()
    return lambda *xs: made.from_config(given)(*xs, **options)


def attentive(name: str) -> Masked:
    build, shapes = ATTENTION[name]
    return lambda x: build([x] * len(shapes))


MERGES = (
    layers.Add,
    layers.Average,
    layers.Concatenate,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.Subtract,
)
PARTS: dict[str, Masked] = {
    "masked": lambda x: [x, layers.Masking(0.25)(ops.round(x * 2) / 2 + 0.25)],
    "masked and not": lambda x: [x, Losing()(x)],
    "not and masked": lambda x: [Losing()(x), x],
    "three": lambda x: [x, layers.Masking(0.5)(ops.round(x)), Losing()(x)],
}


def merged(merge: type, parts: Masked) -> Masked:
    return lambda x: merge()(parts(x))


SEVERAL: dict[str, Masked] = {
    **{
        f"{merge.__name__} of {name}": merged(merge, parts)
        for merge in MERGES
        for name, parts in PARTS.items()
        if merge is not layers.Subtract or name != "three"
    },
    "Concatenate of steps": lambda x: layers.Concatenate(axis=1)([x, Losing()(x), x]),
    "Dot of masked": lambda x: layers.Dot(2)([x, x]),
    "user's: passing": lambda x: Passing()(x),
    "user's: losing": lambda x: Losing()(x),
    "user's: halving": lambda x: Halving()(Passing()(x)),
    "Lambda": lambda x: layers.Lambda(lambda y: y + 1.0)(x),
    "Lambda with a mask": lambda x: layers.Lambda(lambda y: y + 1.0, mask=lambda y, mask: ops.logical_not(mask))(x),
    "operation": lambda x: x * 2.0,
    "reshape": lambda x: layers.Reshape((CHANNELS, LENGTH))(x),
    "permute": lambda x: layers.Permute((2, 1))(x),
    "flatten": lambda x: layers.Flatten()(x),
    "spectral normalization": lambda x: layers.SpectralNormalization(Halved(3))(x),
    "activation with a layer": lambda x: layers.Activation(Halving())(x),
    "casts": lambda x: [ops.cast(x, "float32"), ops.convert_to_tensor(x), ops.cast(x, "int32")],
    "softmax of steps": lambda x: layers.Softmax(axis=1)(ops.mean(x, -1), mask=ops.any(x > 0.1, axis=-1)),
    "nested model": lambda x: keras.Sequential([keras.Input(SHAPE), layers.Dense(3), Halving()])(x),
    "attention and the masks it takes": lambda x: [
        layers.MultiHeadAttention(2, 3)(x, x),
        x + 0.0,
        layers.Dense(3)(x),
        layers.Add()([x, layers.Dropout(0.3)(x)]),
    ],
    "attention over a dropout": lambda x: layers.Add()([x, layers.MultiHeadAttention(1, 2)(layers.Dropout(0.2)(x), x)]),
    "attention with a mask": lambda x: layers.MultiHeadAttention(2, 3)(
        x, Losing()(x), attention_mask=ops.matmul(x, ops.transpose(x, (0, 2, 1))) > 0
    ),
    "attention with a padding mask": lambda x: layers.MultiHeadAttention(2, 3)(
        Losing()(x), Losing()(x), attention_mask=ops.any(x > 0, axis=-1)[:, None, :]
    ),
    "causal attention": lambda x: layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True),
    "causal groups": lambda x: layers.GroupQueryAttention(2, 4, 2)(x, x, use_causal_mask=True),
    "groups of others": lambda x: layers.GroupQueryAttention(2, 4, 2)(Losing()(x), x, x),
    "attention with masks": lambda x: layers.Attention()([x, x], mask=[ops.any(x > 0.5, axis=-1), None]),
    "causal additive": lambda x: layers.AdditiveAttention()([x, x], use_causal_mask=True),
    "embedding": lambda x: layers.Embedding(9, 3, mask_zero=True)(ops.cast(ops.abs(x[..., 0]) * 2, "int32")),
    "reversible embedding": lambda x: layers.ReversibleEmbedding(9, 3, mask_zero=True)(
        ops.cast(ops.abs(x[..., 0]) * 2, "int32")
    ),
    **{
        f"attention: {name}": attentive(name)
        for name, (_, shapes) in ATTENTION.items()
        if all(len(shape) == 2 for shape in shapes)
    },
}
MASKS: dict[str, Masked] = {**dict(one_input()), **SEVERAL}
# A mask of these is seen by a part that is converted with them.
FEW = (
    *(
        name
        for name in SEVERAL
        if name.startswith(("Maximum", "Concatenate", "user's", "attention and", "attention over"))
    ),
    *(
        "1D: global average",
        "any rank: stochastic depth",
        "any rank: masking",
        "any rank: dense",
        "causal groups",
        "embedding",
    ),
)


def sequence(batch: int) -> np.ndarray:
    """Random steps, of which some are 0 in each example, and the first example ends with several."""
    random = np.random.default_rng(3)
    x = random.normal(0, 1, (batch, LENGTH, CHANNELS)).astype(np.float32)
    x[:, 1] = 0
    x[0, 4:] = 0
    return x
