"""Builds a model with random, calibrated weights, and Keras's answer to one input.

usage: python make_model.py NAME SIZE FOLDER [BITS], in the checkout's environment; SIZE 0 is for the small models of the tests

Writes model.h5, input.npy and reference.npy, the answer in float64. With BITS, weights have so few bits after the first one: such a
model can be packed to a seventh, and no runtime is faster or slower for it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

import numpy as np
from few_bits import round_to

from harness.applications import APPLICATIONS
from harness.calibrate import all_layers, calibrate
from harness.keras_models import MODELS, build, noise
from harness.reference import keras_float64


def shorten(model: Any, shape: tuple[int, ...], bits: int) -> None:
    """Rounds every kernel, and makes powers of two of what a converter multiplies it with when it takes a batch normalisation in."""
    for layer in all_layers(model):
        for variable in layer.weights:
            if len(variable.shape) > 1:
                variable.assign(round_to(np.asarray(variable), bits))
    calibrate(model, noise([(2, *shape)], seed=1)[0])
    for layer in all_layers(model):
        if type(layer).__name__ == "BatchNormalization":
            deviation = np.sqrt(np.asarray(layer.moving_variance, np.float64) + layer.epsilon)
            factor = np.exp2(np.round(np.log2(np.asarray(layer.gamma) / deviation)))
            layer.gamma.assign((factor * deviation).astype(np.float32))


def main(name: str, size: str, folder: str, bits: str | None = None) -> None:
    if int(size):
        model, shape = APPLICATIONS[name](int(size)), (int(size), int(size), 3)
    else:
        model, shape = build(name), MODELS[name][1][0][1:]
    if bits is not None:
        shorten(model, shape, int(bits))
    file, inputs = Path(folder, "model.h5"), noise([(1, *shape)], seed=7)
    model.save(file)
    ((reference,),) = keras_float64(file, [inputs])
    np.save(file.with_name("input.npy"), inputs[0])
    np.save(file.with_name("reference.npy"), reference)


if __name__ == "__main__":
    main(*sys.argv[1:])
