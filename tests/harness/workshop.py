"""Models saved, converted and answered by Keras, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.applications import APPLICATIONS
from harness.keras_models import MODELS, noise
from harness.reference import keras_float64
from webdnn.cli.convert_keras import main as convert_keras

Array = np.ndarray


@dataclass
class Converted:
    """A model on disk, its Descriptor, one input and Keras's answer in float64."""

    file: Path
    descriptor: Path
    inputs: list[Array]
    wanted: list[Array]


class Workshop:
    """Makes `Converted` models, each once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[tuple[object, ...], Converted] = {}

    def application(self, name: str, size: int) -> Converted:
        return self._get((name, size), lambda: APPLICATIONS[name](size), [(1, size, size, 3)])

    def small(self, name: str) -> Converted:
        build, shapes = MODELS[name]
        return self._get((name,), build, shapes)

    def _get(self, key: tuple[object, ...], build: Any, shapes: Sequence[tuple[int, ...]]) -> Converted:
        if key not in self.known:
            stem = "-".join(map(str, key))
            # Keras cannot read all of what it writes as HDF5, so it answers from the other format.
            file, descriptor = self.folder / f"{stem}.keras", self.folder / stem
            model = build()
            model.save(file)
            model.save(file.with_suffix(".h5"))
            convert(file.with_suffix(".h5"), descriptor, [str(shape) for shape in shapes])
            inputs = noise(shapes, seed=7)
            self.known[key] = Converted(file, descriptor, inputs, keras_float64(file, inputs))
        return self.known[key]


def convert(file: Path, out: Path, shapes: Sequence[str], *more: str) -> None:
    """What `bin/convert_keras.py` does."""
    arguments = [str(file), "--out", str(out), "--quiet", *more]
    for shape in shapes:
        arguments += ["--input_shape", shape]
    assert convert_keras(arguments) == 0
