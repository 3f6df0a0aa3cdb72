"""Many layers and functions as one model, which is made, saved and loaded once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np

from harness.calibrate import randomize
from harness.keras_compare import fixed
from harness.keras_models import noise
from harness.metric import error
from webdnn.frontend.keras import from_model, load
from webdnn.graph.interpreter import interpret

FORMATS = (".keras", ".h5")
Array = np.ndarray
Build = Callable[[Any], Any]
Shape = tuple[int, ...]
Case = tuple[Build, tuple[Shape, ...]]


def applied(name: str, build: Any, inputs: Sequence[Any]) -> list[Any]:
    """The results of a layer, a copy named after its case, or of a function."""
    if isinstance(build, keras.Layer):
        allowed = "".join(letter if letter.isalnum() else "_" for letter in name)
        build = type(build).from_config({**build.get_config(), "name": f"case_{allowed}"})
    return keras.tree.flatten(build(inputs[0] if len(inputs) == 1 else list(inputs)))


class Together:
    """`cases`, layers and functions with the shapes of their inputs without the batch of 2, as one model with random weights and inputs."""

    def __init__(self, cases: Mapping[str, Case]) -> None:
        shapes = list(dict.fromkeys(shape for _, own in cases.values() for shape in own))
        most = {shape: max(own.count(shape) for _, own in cases.values()) for shape in shapes}
        places = [(shape, number) for shape in shapes for number in range(most[shape])]
        inputs = {place: keras.Input(place[0], batch_size=2) for place in places}
        results = {
            name: applied(name, build, [inputs[shape, own[:i].count(shape)] for i, shape in enumerate(own)])
            for name, (build, own) in cases.items()
        }
        tensors = list(inputs.values())
        self.model = keras.Model(
            tensors[0] if len(tensors) == 1 else tensors, keras.tree.flatten(list(results.values()))
        )
        randomize(self.model)
        self.arrays = noise([(2, *shape) for shape, _ in places], seed=0)
        self.names = [name for name, ys in results.items() for _ in ys]
        """The case of each of the model's outputs."""

    def check_with_keras(self, tolerance: float) -> None:
        """What is converted from memory agrees with what Keras computes, in its dtypes."""
        found = interpret(from_model(self.model, fixed(self.arrays)), self.arrays)
        wrong = []
        for name, have, want in zip(self.names, found, self.compiled_answers(), strict=True):
            worst = error(have, want)
            if have.dtype != want.dtype or worst > tolerance:
                wrong.append(f"{name}: {worst:.2e}, {have.dtype} for {want.dtype}")
        assert not wrong, "\n".join(wrong)

    def compiled_answers(self) -> list[Array]:
        """What Keras gives. One compilation of all cases takes a third of the time of one for each operation."""

        def answer(*inputs: Array) -> list[Array]:
            found = self.model(inputs[0] if len(inputs) == 1 else list(inputs), training=False)
            return list(keras.tree.flatten(found))

        return [np.asarray(y) for y in jax.jit(answer)(*self.arrays)]

    def check_files(self, folder: Path) -> None:
        """Saved and converted, the model gives exactly what it gives when it is converted from memory."""
        wanted = interpret(from_model(self.model, fixed(self.arrays)), self.arrays)
        for suffix in FORMATS:
            self.model.save(folder / f"model{suffix}")
            found = interpret(load(folder / f"model{suffix}", fixed(self.arrays)), self.arrays)
            pairs = zip(self.names, found, wanted, strict=True)
            wrong = [name for name, have, want in pairs if not np.array_equal(have, want, equal_nan=True)]
            assert not wrong, f"{suffix}: {', '.join(wrong)}"


def check_files(cases: Mapping[str, Case], folder: Path) -> None:
    """All cases as one model, saved and converted, give exactly what it gives when it is converted from memory."""
    with np.errstate(all="ignore"):
        Together(cases).check_files(folder)
