"""Layers of the user's that compute with sizes which are symbolic: `ops.shape(x)[0]`, `x.shape[1]`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

Call = Callable[[Any, Any], Any]


class Computed(layers.Layer):
    """`function(layer, x)`, of a layer with some weights and arrays."""

    def __init__(self, function: Call) -> None:
        super().__init__()
        self.function = function
        self.table = np.linspace(-1, 1, 80).reshape(20, 4).astype(np.float32)

    def build(self, shape: Any) -> None:
        self.cls = self.add_weight(shape=(1, 1, 4), name="cls")
        self.places = self.add_weight(shape=(20, 4), name="places")

    def call(self, x: Any) -> Any:
        return self.function(self, x)

    def compute_output_spec(self, x: Any) -> Any:
        """Keras's own way to find it out knows less of sizes."""
        return keras.KerasTensor((None,) * 3)


def sinusoidal(layer: Any, x: Any) -> Any:
    """Positions as sines and cosines of many wavelengths."""
    length, width = ops.shape(x)[1], x.shape[-1]
    place = ops.cast(ops.arange(length), "float32")[:, None]
    rate = 1.0 / 10000.0 ** (ops.cast(ops.arange(width // 2), "float32") * 2 / width)
    angle = place * rate[None]
    return x + ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1)[None]


def rotary(layer: Any, x: Any) -> Any:
    """Pairs of channels turned by an angle that grows with the place."""
    _, length, width = ops.shape(x)
    rate = 1.0 / ops.power(100.0, ops.arange(0, width, 2, dtype="float32") / width)
    angle = ops.einsum("i,j->ij", ops.arange(length, dtype="float32"), rate)
    cos, sin = (ops.repeat(f(angle), 2, axis=-1)[None] for f in (ops.cos, ops.sin))
    first, second = x[..., ::2], x[..., 1::2]
    turned = ops.reshape(ops.stack([-second, first], axis=-1), ops.shape(x))
    return x * cos + turned * sin


def windows(layer: Any, x: Any) -> Any:
    """Of an even number of steps: pairs of them side by side, and back."""
    batch, length, width = x.shape
    pairs = ops.reshape(x, (batch, length // 2, 2 * width))
    return ops.reshape(pairs[..., ::-1], (-1, length, width))


def causal(layer: Any, x: Any) -> Any:
    """A mask for each example, whose sizes are put together as a tensor."""
    batch, rows, columns = ops.shape(x)[0], ops.shape(x)[1], ops.shape(x)[1]
    i, j = ops.arange(rows)[:, None], ops.arange(columns)
    mask = ops.reshape(ops.cast(i >= j - columns + rows, "float32"), [1, rows, columns])
    times = ops.concatenate([ops.expand_dims(batch, -1), ops.convert_to_tensor([1, 1])], 0)
    return ops.matmul(ops.tile(mask, times), x)


# For (N, T, 4) with an even T.
LENGTHS: dict[str, Call] = {
    "broadcast_to": lambda s, x: ops.concatenate([ops.broadcast_to(s.cls, (ops.shape(x)[0], 1, 4)), x], 1),
    "broadcast_to of x.shape": lambda s, x: ops.concatenate([ops.broadcast_to(s.cls, (x.shape[0], 2, 4)), x], 1),
    "tile": lambda s, x: ops.concatenate([x, ops.tile(s.cls, [ops.shape(x)[0], 1, 1])], 1),
    "tile of two": lambda s, x: ops.tile(s.places[:2], [ops.shape(x)[0], ops.shape(x)[1], 2]),
    "tile of symbolic": lambda s, x: ops.tile(x, (1, ops.shape(x)[0] + 1, 1)),
    "repeat": lambda s, x: ops.concatenate([ops.repeat(s.cls, ops.shape(x)[0], axis=0), x], 1),
    "repeat of symbolic": lambda s, x: ops.repeat(ops.repeat(x, 3, axis=1), ops.shape(x)[1], axis=2),
    "repeat of all": lambda s, x: ops.reshape(ops.repeat(x, 2), (ops.shape(x)[0], -1, 8)),
    "arange": lambda s, x: x + ops.arange(ops.shape(x)[1], dtype="float32")[None, :, None],
    "arange between": lambda s, x: x * ops.arange(2, 2 + ops.shape(x)[1] * 3, 3)[:, None],
    "arange down": lambda s, x: x * ops.arange(x.shape[1] - 1, -1, -1)[:, None],
    "zeros": lambda s, x: ops.concatenate([x, ops.zeros((ops.shape(x)[0], 2, 4))], 1),
    "ones": lambda s, x: ops.concatenate([ops.ones((x.shape[0], x.shape[1], 3)), x], -1),
    "full": lambda s, x: ops.concatenate([ops.full((ops.shape(x)[0], 1, 4), 2.5), x], 1),
    "full of a tensor": lambda s, x: ops.concatenate([ops.full((ops.shape(x)[0], 1, 4), ops.max(x)), x], 1),
    "eye": lambda s, x: ops.matmul(ops.eye(x.shape[1]) + ops.eye(x.shape[1], k=1), x),
    "tri": lambda s, x: ops.matmul(ops.tri(ops.shape(x)[1], k=-1, dtype="float32"), x),
    "tril and triu": lambda s, x: (lambda y: ops.tril(y, 1) - ops.triu(y, 2) * 3)(ops.matmul(x, ops.swapaxes(x, 1, 2))),
    "reshape": lambda s, x: ops.reshape(x, (ops.shape(x)[0], ops.shape(x)[1] * 2, 2)),
    "windows": windows,
    "slice of half": lambda s, x: x[:, ops.shape(x)[1] // 2 :] - x[:, : x.shape[1] // 2],
    "slice from the end": lambda s, x: x[:, -(ops.shape(x)[1] // 2 + 1) :, None][:, :, 0],
    "slice beyond the end": lambda s, x: x[:, : ops.shape(x)[1] + 3],
    "element": lambda s, x: x - x[:, ops.shape(x)[1] - 1][:, None],
    "slice of weights": lambda s, x: x + s.places[: ops.shape(x)[1]],
    "ops.slice": lambda s, x: x + ops.slice(ops.convert_to_tensor(s.places), (1, 0), (ops.shape(x)[1], 4)),
    "slice of an array": lambda s, x: x + ops.convert_to_tensor(s.table)[: ops.shape(x)[1]],
    "numbers": lambda s, x: x * ops.shape(x)[1] / (ops.shape(x)[0] + 2) - x.shape[1] % 3 + 2 * x.shape[0],
    "root": lambda s, x: x / ops.sqrt(ops.cast(ops.shape(x)[1], "float32")) + x.shape[1] ** 0.5,
    "numbers of whole": lambda s, x: x * ops.cast(ops.cast(x, "int32") // ops.shape(x)[1] + x.shape[1] ** 2, "float32"),
    "extrema": lambda s, x: x * ops.maximum(ops.shape(x)[1], 5) - ops.minimum(4, x.shape[0] * 2),
    "stack of sizes": lambda s, x: x * ops.prod(ops.cast(ops.stack([ops.shape(x)[0], 3, x.shape[1]]), "float32")),
    "of what is computed": lambda s, x: (
        lambda y: y + ops.arange(ops.shape(y)[1], dtype="float32")[:, None] * ops.shape(y)[0]
    )(ops.concatenate([x, x[:, 1:]], axis=1)),
    "a number after all": lambda s, x: sum(
        x * i for i in range(ops.shape(ops.reshape(x, (ops.shape(x)[0], ops.shape(x)[1], -1)))[2])
    ),
    "condition that always holds": lambda s, x: x * 2 if ops.shape(x)[1] >= 1 and x.shape[0] == ops.shape(x)[0] else x,
    "sizes in a tensor": causal,
    "computed sizes in a list": lambda s, x: ops.reshape(
        ops.repeat(x, 2, 1), (ops.shape(x)[0], ops.cast(ops.maximum(ops.shape(x)[1], 1), "int32") * 2, 4)
    ),
    "sinusoidal positions": sinusoidal,
    "rotary positions": rotary,
    "layers": lambda s, x: layers.Add()([x, layers.Softmax()(ops.broadcast_to(s.cls, ops.shape(x)))]),
}
# What depends on a size in a way that a graph does not have, and what the error says.
REFUSED: dict[str, tuple[Call, str]] = {
    "loop": (
        lambda s, x: sum(x[:, i] for i in range(ops.shape(x)[1]))[:, None],
        r"wants the size T as a number.*--input_shape",
    ),
    "branch": (lambda s, x: x if ops.shape(x)[1] > 4 else -x, r"depends on whether T > 4"),
    "equality": (lambda s, x: x if ops.shape(x)[1] == x.shape[0] else -x, r"depends on whether T == N"),
    "one": (lambda s, x: x if x.shape[0] == 1 else -x, r"depends on whether N == 1"),
    "truth": (lambda s, x: x if x.shape[1] - 3 else -x, r"depends on whether T - 3 == 0"),
    "float": (lambda s, x: x * float(ops.shape(x)[1]), r"wants the size T as a number"),
    "NumPy": (lambda s, x: x * np.arange(ops.shape(x)[1])[:, None], r"T"),
    "a place at both ends": (
        lambda s, x: x[:, -(ops.shape(x)[1] // 2) :],
        r"-T // 2, which counts from the start for some",
    ),
    "values": (
        lambda s, x: ops.broadcast_to(s.cls, (ops.argmax(x[0, 0]) + 1, 1, 4)),
        r"computed from the values of a tensor",
    ),
    "settings": (lambda s, x: ops.one_hot(ops.argmax(x, -1), ops.shape(x)[1]), r"OneHot with the symbolic size T"),
    "linspace": (
        lambda s, x: x * ops.linspace(0.0, 1.0, ops.shape(x)[1])[:, None],
        r"keras.ops.linspace with a symbolic size",
    ),
    "fractions": (lambda s, x: x * ops.arange(0.5, x.shape[1])[:, None], r"arange\(0.5, T, 1\) of a symbolic length"),
}
