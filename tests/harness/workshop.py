"""Models saved, converted and answered by Keras, each once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness import applications, calibrate, keras_models, reference
from harness.cache import Cache, key_of
from harness.keras_models import noise
from webdnn.cli.convert_keras import main as convert_keras
from webdnn.frontend.keras import loading

Array = np.ndarray

MODULES = (applications, calibrate, keras_models, reference, loading)
PACKAGES = ("keras", "jax", "jaxlib", "numpy", "h5py")


def open_cache(root: Path) -> Cache:
    """The cache in `root` for what this version of the harness makes."""
    return Cache(root, key_of([Path(str(module.__file__)) for module in MODULES], PACKAGES))


@dataclass
class Model:
    """A model as Keras saves it, `inputs` for it, and what is made of it when it is asked for."""

    workshop: Workshop
    name: str
    folder: Path
    inputs: list[Array]

    @property
    def file(self) -> Path:
        """The .keras file."""
        return self.folder / "model.keras"

    @property
    def hdf5(self) -> Path:
        return self.folder / "model.h5"

    @property
    def shapes(self) -> list[str]:
        """What `--input_shape` takes."""
        return [str(x.shape) for x in self.inputs]

    @cached_property
    def wanted(self) -> list[Array]:
        """Keras's answer to `inputs`, in float64."""
        return self.workshop.answers(self.file, [self.inputs])[0]

    @property
    def descriptor(self) -> Path:
        """For all backends. Made from the HDF5 file: Keras, which cannot read all of what it writes as HDF5, answers from the other one."""
        return self.workshop.converted(self.hdf5, self.shapes)


class Workshop:
    """Makes models. Files of Keras and its answers stay in `cache`; Descriptors, whose compiler is under test, in `folder`."""

    def __init__(self, cache: Cache, folder: Path) -> None:
        self.cache = cache
        self.folder = folder
        self.known: dict[str, Model] = {}
        self.descriptors: dict[tuple[str, ...], Path] = {}

    def application(self, name: str, size: int) -> Model:
        build = applications.APPLICATIONS[name]
        return self._get(f"{name}-{size}", lambda: build(size), applications.inputs_of(name, size))

    def small(self, name: str) -> Model:
        build, shapes = keras_models.MODELS[name]
        return self._get(name, build, noise(shapes, seed=7))

    def converted(self, file: Path, shapes: Sequence[str]) -> Path:
        """The Descriptor of the model in `file` for inputs of these shapes, for all backends."""
        key = (str(file), *shapes)
        if key not in self.descriptors:
            folder = self.folder / str(len(self.descriptors))
            convert(file, folder, shapes)
            self.descriptors[key] = folder
        return self.descriptors[key]

    def answers(self, file: Path, runs: Sequence[Sequence[Array]]) -> list[list[Array]]:
        """Keras's answers to several runs of the model in `file`, in float64."""
        digest = hashlib.sha256(file.read_bytes())
        for array in (array for inputs in runs for array in inputs):
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.tobytes())

        def make(folder: Path) -> None:
            for number, outputs in enumerate(reference.keras_float64(file, runs)):
                np.savez(folder / f"{number}.npz", *outputs)

        folder = self.cache.get(f"answers-{digest.hexdigest()[:32]}", make)
        return [_read(folder / f"{number}.npz") for number in range(len(runs))]

    def _get(self, name: str, build: Callable[[], Any], inputs: list[Array]) -> Model:
        def make(folder: Path) -> None:
            import keras

            with loading.without_initializers(keras):
                model = build()
            model.save(folder / "model.keras")
            model.save(folder / "model.h5")

        if name not in self.known:
            self.known[name] = Model(self, name, self.cache.get(name, make), inputs)
        return self.known[name]


def _read(file: Path) -> list[Array]:
    with np.load(file) as arrays:
        return [arrays[name] for name in arrays.files]


def convert(file: Path, out: Path, shapes: Sequence[str], *more: str) -> None:
    """What `bin/convert_keras.py` does."""
    arguments = [str(file), "--out", str(out), "--quiet", *more]
    for shape in shapes:
        arguments += ["--input_shape", shape]
    assert convert_keras(arguments) == 0
