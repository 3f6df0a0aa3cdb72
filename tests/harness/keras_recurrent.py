"""Recurrent layers in models of one layer, with arguments that are not the default."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from harness.keras_layers import Build, Sizes

LENGTH, CHANNELS = 6, 4
SEQUENCE = (LENGTH, CHANNELS)


@keras.saving.register_keras_serializable("tests")
class Minimal(layers.Layer):
    """A cell of the user's, whose output is no state and which holds a layer of Keras."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.state_size, self.output_size = units, [units, 3], 2 * units
        self.inner = layers.Dense(units, activation="tanh", name="inner")

    def build(self, shape: Any) -> None:
        self.inner.build((shape[0], shape[-1] + self.units))
        self.mixing = self.add_weight(shape=(self.units, 3), name="mixing")

    def call(self, x: Any, states: Any) -> Any:
        h, slow = states
        new = self.inner(ops.concatenate([x, h], -1))
        slow = 0.5 * slow + ops.matmul(new, self.mixing)
        return ops.concatenate([new, h * ops.mean(slow, -1, keepdims=True)], -1), [new, slow]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("tests")
class Single(layers.Layer):
    """A cell of the user's with one state that is no list, and none at first of its own."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = self.state_size = units

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
        self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")

    def call(self, x: Any, states: Any, training: bool = False) -> Any:
        y = ops.relu(ops.matmul(x, self.kernel) + ops.matmul(states[0], self.recurrent))
        return y, [y]

    def get_initial_state(self, batch_size: Any = None) -> Any:
        return ops.ones((batch_size, self.units)) * 0.5

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def masked(build: Any) -> Build:
    """Steps that are 0 do not count. `sequence` has such steps at the start, in the middle and at the end."""
    return lambda x: fresh(build)(layers.Masking()(x))


def fresh(build: Any) -> Any:
    return type(build).from_config(build.get_config()) if isinstance(build, layers.Layer) else build


def started(layer: Any, count: int, units: int, scale: float = 0.5) -> Build:
    """With initial states that are computed from the sequence."""

    def build(x: Any) -> Any:
        start = [layers.Dense(units, activation="tanh")(x[:, number]) * scale for number in range(count)]
        return fresh(layer)(x, initial_state=start if count > 1 else start[0])

    return build


def both(layer: Any, **options: Any) -> Any:
    return layers.Bidirectional(layer, **options)


EVERYTHING = {"return_sequences": True, "return_state": True}
CELLS: dict[str, Build] = {
    "simple": layers.SimpleRNN(5),
    "simple of everything": layers.SimpleRNN(
        5, activation="relu", use_bias=False, dropout=0.2, recurrent_dropout=0.3, go_backwards=True, **EVERYTHING
    ),
    "LSTM": layers.LSTM(5),
    "LSTM of everything": layers.LSTM(
        5, activation="softsign", recurrent_activation="hard_sigmoid", use_bias=False, dropout=0.2, **EVERYTHING
    ),
    "LSTM backwards": layers.LSTM(5, go_backwards=True, return_sequences=True, recurrent_dropout=0.4),
    "LSTM unrolled": layers.LSTM(5, go_backwards=True, unroll=True, unit_forget_bias=False, **EVERYTHING),
    "LSTM with a start": started(layers.LSTM(5, **EVERYTHING), 2, 5),
    "GRU": layers.GRU(5),
    "GRU of everything": layers.GRU(
        5, activation="elu", recurrent_activation="tanh", dropout=0.2, recurrent_dropout=0.1, **EVERYTHING
    ),
    "GRU reset before": layers.GRU(5, reset_after=False, return_sequences=True, go_backwards=True),
    "GRU reset before, without bias": layers.GRU(5, reset_after=False, use_bias=False, recurrent_dropout=0.1),
    "GRU without bias": layers.GRU(5, use_bias=False, unroll=True),
    "GRU with a start": started(layers.GRU(5, return_state=True, go_backwards=True), 1, 5),
    "cells": layers.RNN([layers.LSTMCell(3), layers.GRUCell(4), layers.SimpleRNNCell(5)], **EVERYTHING),
    "stacked cells": layers.RNN(
        layers.StackedRNNCells([layers.GRUCell(4, dropout=0.3), layers.LSTMCell(3)]), go_backwards=True
    ),
    "one cell": layers.RNN(layers.LSTMCell(4, recurrent_dropout=0.2), return_state=True),
    "own cell": layers.RNN(Minimal(4), **EVERYTHING),
    "own cell, last output": layers.RNN(Minimal(4), go_backwards=True),
    "own cell of one state": layers.RNN(Single(4), return_sequences=True),
    "own cells": layers.RNN([Minimal(3), Single(4)], **EVERYTHING),
    "both ways": both(layers.LSTM(5, return_sequences=True)),
    "both ways, sum of ends": both(layers.GRU(5), merge_mode="sum"),
    "both ways, products": both(layers.LSTM(5, **EVERYTHING), merge_mode="mul"),
    "both ways, averages": both(layers.SimpleRNN(5, return_sequences=True), merge_mode="ave"),
    "both ways, apart": both(layers.GRU(5, **EVERYTHING), merge_mode=None),
    "both ways, other layers": both(
        layers.LSTM(5, return_sequences=True),
        backward_layer=layers.GRU(3, return_sequences=True, go_backwards=True),
    ),
    "both ways, the first backwards": both(
        layers.GRU(5, return_sequences=True, go_backwards=True), backward_layer=layers.GRU(5, return_sequences=True)
    ),
    "both ways with a start": started(both(layers.LSTM(5, **EVERYTHING)), 4, 5),
}
MASKED: dict[str, Build] = {
    f"masked: {name}": masked(build)
    for name, build in {
        **{name: build for name, build in CELLS.items() if isinstance(build, layers.Layer)},
        "zeros": layers.RNN(layers.LSTMCell(5), zero_output_for_mask=True, **EVERYTHING),
        "zeros backwards": layers.RNN(
            layers.GRUCell(5), zero_output_for_mask=True, go_backwards=True, return_sequences=True
        ),
        "zeros, own cell": layers.RNN(Minimal(4), zero_output_for_mask=True, **EVERYTHING),
        "both ways, cells": both(layers.RNN([layers.LSTMCell(3), layers.LSTMCell(3)], return_sequences=True)),
        "layers": lambda x: layers.LSTM(3)(layers.GRU(4, return_sequences=True)(x)),
    }.items()
    # JAX cannot tell the output of a masked step of these, since it is not like the first state.
    if "own cell" not in name or name in ("own cell of one state", "zeros, own cell")
}
CONVOLUTIONS: dict[str, tuple[Build, Sizes]] = {
    "1D": (layers.ConvLSTM1D(3, 3, padding="same", **EVERYTHING), (5, 7, 2)),
    "1D, strides": (layers.ConvLSTM1D(3, 2, strides=2, activation="relu", use_bias=False, dropout=0.2), (4, 7, 2)),
    "1D, dilation": (layers.ConvLSTM1D(2, 3, dilation_rate=2, go_backwards=True, return_sequences=True), (4, 9, 3)),
    "2D": (layers.ConvLSTM2D(3, (3, 2), padding="same", return_sequences=True), (4, 6, 5, 2)),
    "2D, valid": (
        layers.ConvLSTM2D(
            3, 3, strides=(2, 1), recurrent_activation="hard_sigmoid", recurrent_dropout=0.3, **EVERYTHING
        ),
        (3, 7, 6, 2),
    ),
    "2D, channels first": (
        layers.ConvLSTM2D(3, 2, data_format="channels_first", padding="same", unit_forget_bias=False),
        (3, 2, 5, 4),
    ),
    "3D": (layers.ConvLSTM3D(2, 2, padding="same", return_sequences=True), (3, 4, 3, 5, 2)),
    "both ways": (both(layers.ConvLSTM2D(2, 3, padding="same", return_sequences=True)), (3, 5, 4, 2)),
}


def sequence(batch: int, length: int = LENGTH) -> np.ndarray:
    """Random steps. Some of each example are 0: at the start, in the middle, and at the end, and all of the last example's."""
    x = np.random.default_rng(batch).normal(0, 1, (batch, length, CHANNELS)).astype(np.float32)
    x[0, :2] = 0
    x[:, 3] = 0
    x[1:, -2:] = 0
    x[2:] = 0
    return x


class Centred(layers.Layer):
    """Of the user's: what a sample is more than the mean of its batch."""

    def call(self, x: Any) -> Any:
        return x - ops.mean(x, axis=0, keepdims=True)

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


class Marked(layers.Layer):
    """Of the user's: looks at the mask of each step, (N)."""

    def call(self, x: Any, mask: Any = None) -> Any:
        return x * 2 if mask is None else ops.where(mask[:, None], x, -x - 1)

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


def of_steps(layer: Any) -> Build:
    return lambda x: layers.TimeDistributed(fresh(layer))(x)


def with_operations(x: Any) -> Any:
    inner = keras.Input((CHANNELS,))
    centred = layers.Dense(CHANNELS)(inner) - ops.max(inner, axis=0)
    return layers.TimeDistributed(keras.Model(inner, centred))(x)


STEPS: dict[str, tuple[Build, Sizes]] = {
    "of the batch": (lambda x: layers.TimeDistributed(Centred())(x), SEQUENCE),
    "along the batch": (of_steps(layers.Softmax(axis=0)), SEQUENCE),
    "operations along the batch": (with_operations, SEQUENCE),
    "function along the batch": (
        lambda x: layers.TimeDistributed(layers.Lambda(lambda y: y / (1 + ops.max(y, axis=0))))(x),
        SEQUENCE,
    ),
    "with masks": (lambda x: layers.TimeDistributed(Marked())(layers.Masking()(x)), SEQUENCE),
    "masks behind": (lambda x: layers.LSTM(3)(layers.TimeDistributed(layers.Dense(5))(layers.Masking()(x))), SEQUENCE),
    "own cell": (of_steps(layers.RNN(Minimal(3))), (3, 5, 4)),
    "recurrent": (of_steps(layers.GRU(3, return_sequences=True, go_backwards=True)), (3, 5, 4)),
    "steps of steps": (of_steps(layers.TimeDistributed(layers.Conv2D(2, 2, strides=2))), (3, 2, 5, 6, 2)),
    "both ways": (of_steps(both(layers.LSTM(2))), (2, 4, 3)),
}
