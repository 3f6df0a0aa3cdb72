"""Builds a model with random, calibrated weights, and Keras's answer to one input.

usage: python make_model.py NAME SIZE FOLDER, in the checkout's environment; SIZE 0 is for the small models of the tests

Writes model.h5, input.npy and reference.npy, the answer in float64.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

import numpy as np

from harness.applications import APPLICATIONS
from harness.keras_models import MODELS, build, noise
from harness.reference import keras_float64


def main(name: str, size: str, folder: str) -> None:
    if int(size):
        model, shape = APPLICATIONS[name](int(size)), (int(size), int(size), 3)
    else:
        model, shape = build(name), MODELS[name][1][0][1:]
    file, inputs = Path(folder, "model.h5"), noise([(1, *shape)], seed=7)
    model.save(file)
    ((reference,),) = keras_float64(file, [inputs])
    np.save(file.with_name("input.npy"), inputs[0])
    np.save(file.with_name("reference.npy"), reference)


if __name__ == "__main__":
    main(*sys.argv[1:])
