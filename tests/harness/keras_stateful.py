"""Models whose recurrent layers keep their states from call to call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from harness.calibrate import randomize
from harness.keras_recurrent import Minimal

BATCH, LENGTH, CHANNELS = 2, 5, 4
LETTERS = 27


class Ones(layers.SimpleRNNCell):
    """A cell whose new state is no zero."""

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        return [ops.full((batch_size, self.state_size), 0.5)]


def _twice(x: Any) -> Any:
    """The second call goes on where the first has ended."""
    layer = layers.GRU(3, stateful=True, return_sequences=True, name="twice")
    return layer(layer(layers.Dense(4)(x)) @ ops.ones((3, 4)))


def _nested(x: Any) -> Any:
    y = keras.Input(batch_shape=(BATCH, LENGTH, CHANNELS))
    inner = keras.Model(y, layers.SimpleRNN(3, stateful=True, return_sequences=True)(y), name="inner")
    return layers.LSTM(2, stateful=True)(inner(x))


class Own(layers.Layer):
    """Code of the user's that calls a layer which keeps its states."""

    def build(self, shape: Any) -> None:
        self.memory = layers.LSTM(3, stateful=True, return_state=True)
        self.memory.build(shape)

    def call(self, x: Any) -> Any:
        y, h, c = self.memory(x)
        return ops.concatenate([y, h - 1.0, c], -1)


STATEFUL: dict[str, Callable[[Any], Any]] = {
    "SimpleRNN": lambda x: layers.SimpleRNN(3, stateful=True)(x),
    "LSTM": lambda x: layers.LSTM(3, stateful=True, return_sequences=True, use_bias=False)(x),
    "LSTM of everything": lambda x: layers.LSTM(
        3, stateful=True, return_state=True, return_sequences=True, go_backwards=True, recurrent_activation="relu"
    )(x),
    "GRU": lambda x: layers.GRU(3, stateful=True, reset_after=False, return_state=True)(x),
    "GRU unrolled, masked": lambda x: layers.GRU(3, stateful=True, unroll=True)(layers.Masking(0.0)(x)),
    "stacked cells": lambda x: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], stateful=True)(x),
    "own cell": lambda x: layers.RNN(Minimal(3), stateful=True)(x),
    "a cell that begins with others than zeros": lambda x: layers.RNN(Ones(3), stateful=True)(x),
    "both ways": lambda x: layers.Bidirectional(layers.LSTM(3, stateful=True, return_sequences=True), merge_mode="mul")(
        x
    ),
    "given a state": lambda x: layers.GRU(4, stateful=True)(x, initial_state=x[:, 0]),
    "ConvLSTM": lambda x: layers.ConvLSTM1D(2, 2, stateful=True)(layers.Reshape((LENGTH, 2, 2))(x)),
    "called twice": _twice,
    "in a model": _nested,
    "in own code": lambda x: Own()(x),
}


def stateful_model(name: str) -> Any:
    x = keras.Input(batch_shape=(BATCH, LENGTH, CHANNELS), name="x")
    model = keras.Model(x, STATEFUL[name](x), name="stateful")
    randomize(model)
    return model


def writer_model() -> Any:
    """What is said of the next letter by those up to this one: letters one at a time, int32 → probabilities."""
    x = keras.Input(batch_shape=(1, 1), dtype="int32", name="letter")
    y = layers.Embedding(LETTERS, 8)(x)
    y = layers.LSTM(16, stateful=True, return_sequences=True)(y)
    y = layers.Dense(LETTERS, activation="softmax")(layers.LSTM(16, stateful=True)(y))
    model = keras.Model(x, y, name="writer")
    randomize(model)
    for layer in model.layers:
        layer.set_weights([2.0 * w for w in layer.get_weights()])  # opinions that differ
    return model


def reset(model: Any) -> None:
    """All states of a model as in a new one."""
    for layer in model._flatten_layers():
        if isinstance(layer, layers.RNN) and layer.stateful:
            fresh = layer.get_initial_state(int(keras.tree.flatten(layer.states)[0].shape[0]))
            for variable, value in zip(keras.tree.flatten(layer.states), keras.tree.flatten(fresh), strict=True):
                variable.assign(value)
