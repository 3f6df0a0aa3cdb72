"""Weights of recurrent layers as Keras 1 and the layers of cuDNN stored them, in today's layout: a kernel, a recurrent kernel and a bias, in which
the gates stand side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

Array = np.ndarray
Named: TypeAlias = "tuple[str, Array]"
_OF_GATE = re.compile(r"(.*)_([WUb])_([ifcozrh])(:0)?")
_GATES = ("ifco", "zrh")  # of an LSTM and a GRU, in today's order


def arranged(weights: Sequence[Named]) -> list[Named]:
    """The weights of a layer of a file, of which those of recurrent layers are in today's layout; there may be several such layers."""
    return _of_cudnn(_joined(weights))


def _joined(weights: Sequence[Named]) -> list[Named]:
    """Keras 1 stored an array for each gate, `lstm_1_W_i`, `lstm_1_U_i`, `lstm_1_b_i` …"""
    gates: dict[tuple[str, str], dict[str, Array]] = {}
    for name, array in weights:
        if match := _OF_GATE.fullmatch(name):
            gates.setdefault((match[1], match[2]), {})[match[3]] = array
    result: list[Named] = []
    for name, array in weights:
        match = _OF_GATE.fullmatch(name)
        found = gates.pop((match[1], match[2]), None) if match else {}
        order = next((gate for gate in _GATES if found and set(gate) == set(found)), None)
        if match and found and order:
            result.append((f"{match[1]}_{match[2]}", np.concatenate([found[gate] for gate in order], axis=-1)))
        elif not match or found is not None:
            result.append((name, array))
    return result


def _of_cudnn(weights: Sequence[Named]) -> list[Named]:
    """Layers of cuDNN have two biases for each gate in one row, which no other layer has: (8u) for kernels (C, 4u) and (u, 4u)."""
    result = list(weights)
    for place in range(len(result) - 2):
        (first, kernel), (second, recurrent), (third, bias) = result[place : place + 3]
        if kernel.ndim != 2 or recurrent.ndim != 2 or bias.shape != (2 * kernel.shape[1],):
            continue
        units = recurrent.shape[0]
        gates = kernel.shape[1] // units
        # cuDNN has the matrix of each gate by rows (units, inputs), and Keras kept that memory under the transposed shape.
        inputs = [part.reshape(units, -1).T for part in np.split(kernel, gates, 1)]
        states = [part.T for part in np.split(recurrent, gates, 1)]
        both = bias.reshape(2, -1)
        result[place : place + 3] = [
            (first, np.concatenate(inputs, 1)),
            (second, np.concatenate(states, 1)),
            (third, both.sum(0) if gates == len(_GATES[0]) else both),
        ]
    return result
