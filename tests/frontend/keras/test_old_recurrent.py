"""Recurrent layers in files of Keras 1 and 2: their settings and the layouts of their weights, against today's layers with the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from frontend.keras.test_old_formats import check, drawn, image, old_layer, old_model, read
from harness.keras_compare import fixed
from harness.keras_files import Array, write_hdf5
from harness.keras_models import noise
from webdnn.frontend.keras import load
from webdnn.graph.interpreter import interpret

CHANNELS, UNITS = 4, 3
SEQUENCE = (2, 5, CHANNELS)


def write(file: Path, class_name: str, weights: list[tuple[str, Array]], version: str, **config: Any) -> Path:
    layer = old_layer(class_name, "memory", read("x"), **config)
    model = old_model("net", [image("x", (None, *SEQUENCE[1:])), layer], ["memory", 0, 0])
    return write_hdf5(file, model, {"x": [], "memory": weights}, keras_version=version, backend="tensorflow")


def today(layer: Any, *weights: Array) -> Any:
    x = keras.Input(SEQUENCE[1:])
    model = keras.Model(x, layer(x))
    layer.set_weights(weights)
    return model


def by_gates(order: str) -> dict[str, tuple[Array, Array, Array]]:
    """The weights of each gate: of the input, of the state, and the bias."""
    random = np.random.default_rng(len(order))
    shapes = ((CHANNELS, UNITS), (UNITS, UNITS), (UNITS,))
    return {gate: tuple(random.normal(size=shape).astype("f4") for shape in shapes) for gate in order}  # type: ignore[misc]


def side_by_side(gates: dict[str, tuple[Array, Array, Array]], order: str) -> list[Array]:
    return [np.concatenate([gates[gate][number] for gate in order], -1) for number in range(3)]


def old_sigmoid(x: Any) -> Any:
    return ops.clip(0.2 * x + 0.5, 0, 1)


@pytest.mark.parametrize("consumed", ["cpu", "gpu"])
@pytest.mark.parametrize(("name", "stored", "order"), [("LSTM", "icfo", "ifco"), ("GRU", "zrh", "zrh")])
def test_keras_1(name: str, stored: str, order: str, consumed: str, tmp_path: Path) -> None:
    gates = by_gates(stored)
    arrays = side_by_side(gates, order)
    weights = [(f"memory_{kind}_{gate}:0", gates[gate][k]) for gate in stored for k, kind in enumerate("WUb")]
    if consumed == "gpu":
        weights = [(f"memory_{kind}:0", array) for kind, array in zip("WUb", arrays, strict=True)]
    settings = {
        **{"output_dim": UNITS, "activation": "tanh", "inner_activation": "hard_sigmoid", "consume_less": consumed},
        **{"dropout_W": 0.2, "dropout_U": 0.1, "input_dim": CHANNELS, "input_length": None, "U_regularizer": None},
        **{"inner_init": "orthogonal", "forget_bias_init": "one", "go_backwards": True, "return_sequences": True},
    }
    if name == "GRU":
        del settings["forget_bias_init"]
    file = write(tmp_path / "m.h5", name, weights, "1.2.2", **settings)
    options = {"reset_after": False} if name == "GRU" else {}
    same = {"recurrent_activation": old_sigmoid, "go_backwards": True, "return_sequences": True}
    check(file, today(getattr(layers, name)(UNITS, **same, **options), *arrays), (1, *SEQUENCE[1:]))


@pytest.mark.parametrize("reset_after", [None, True])
def test_gru_of_keras_2(reset_after: bool | None, tmp_path: Path) -> None:
    """Without the setting, the reset gate stands before the product."""
    arrays = [drawn(CHANNELS, 3 * UNITS), drawn(UNITS, 3 * UNITS), drawn(*((2,) if reset_after else ()), 3 * UNITS)]
    names = [f"memory/{kind}:0" for kind in ("kernel", "recurrent_kernel", "bias")]
    config = {} if reset_after is None else {"reset_after": True}
    settings = {"units": UNITS, "recurrent_activation": "hard_sigmoid", "implementation": 1, "time_major": False}
    file = write(tmp_path / "m.h5", "GRU", list(zip(names, arrays, strict=True)), "2.1.6", **settings, **config)
    layer = layers.GRU(UNITS, recurrent_activation=old_sigmoid, reset_after=bool(reset_after))
    check(file, today(layer, *arrays), (1, *SEQUENCE[1:]))


def cudnn(gates: int) -> list[Array]:
    return [drawn(CHANNELS, gates * UNITS), drawn(UNITS, gates * UNITS), drawn(2 * gates * UNITS)]


def of_cudnn(state: Array, x: Array, arrays: list[Array], gates: int) -> tuple[Array, Array]:
    """The sums of one step, of the input and of the state, (N, gates, units), as cuDNN computes them: it reads the memory of each array as matrices
    (gate, units, inputs), which begins with those of the first gate."""
    kernel, recurrent, bias = arrays
    by_input = np.stack([part.reshape(UNITS, -1) for part in np.split(kernel, gates, 1)])
    by_state = np.stack([part.reshape(UNITS, -1) for part in np.split(recurrent, gates, 1)])
    first, second = bias.reshape(2, gates, UNITS)
    return np.einsum("nc,guc->ngu", x, by_input) + first, np.einsum("nc,guc->ngu", state, by_state) + second


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm_by_hand(x: Array, arrays: list[Array]) -> Array:
    h = c = np.zeros((len(x), UNITS))
    for t in range(x.shape[1]):
        i, f, g, o = np.moveaxis(sum(of_cudnn(h, x[:, t], arrays, 4)), 1, 0)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return h


def gru_by_hand(x: Array, arrays: list[Array]) -> Array:
    h = np.zeros((len(x), UNITS))
    for t in range(x.shape[1]):
        given, kept = (np.moveaxis(part, 1, 0) for part in of_cudnn(h, x[:, t], arrays, 3))
        z, r = sigmoid(given[0] + kept[0]), sigmoid(given[1] + kept[1])
        h = z * h + (1 - z) * np.tanh(given[2] + r * kept[2])
    return h


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(("name", "gates", "by_hand"), [("LSTM", 4, lstm_by_hand), ("GRU", 3, gru_by_hand)])
def test_cudnn(name: str, gates: int, by_hand: Any, wrapped: bool, tmp_path: Path) -> None:

    kinds = ("kernel", "recurrent_kernel", "bias")
    forward, backward = cudnn(gates), [a[::-1].copy() for a in cudnn(gates)]
    settings: dict[str, Any] = {"units": UNITS, "return_sequences": False, "stateful": False, "go_backwards": False}
    weights = [(f"memory/{kind}:0", array) for kind, array in zip(kinds, forward, strict=True)]
    class_name = f"CuDNN{name}"
    if wrapped:
        weights = [(f"memory/forward/{kind}:0", array) for kind, array in zip(kinds, forward, strict=True)]
        weights += [(f"memory/backward/{kind}:0", array) for kind, array in zip(kinds, backward, strict=True)]
        settings = {
            "layer": {"class_name": class_name, "config": {"name": "inner", **settings}},
            "merge_mode": "concat",
        }
        class_name = "Bidirectional"
    file = write(tmp_path / "m.h5", class_name, weights, "2.2.4", **settings)
    (x,) = noise([SEQUENCE])
    want = by_hand(x, forward)
    if wrapped:
        want = np.concatenate([want, by_hand(x[:, ::-1], backward)], -1)
    (have,) = interpret(load(file, fixed([x])), [x])
    assert np.abs(have - want).max() <= 1e-5
