"""Convolutions of keras.ops by kernels that the model computes, against Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest
from keras import ops

from harness.keras_models import noise
from harness.metric import error
from webdnn.frontend.keras import from_model
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.interpreter import interpret
from webdnn.optimizer import optimize

Build = Callable[..., Any]
TOLERANCE = 3e-6  # Keras itself computes in float32

# Shapes of the image without its batch, and of kernels; and what is computed from them.
CASES: dict[str, tuple[tuple[int, ...], tuple[tuple[int, ...], ...], Build]] = {
    "one axis": ((9, 4), ((3, 4, 6),), lambda x, k: ops.conv(x, k, 2, "same")),
    "two axes": ((7, 8, 3), ((3, 2, 3, 5),), lambda x, k: ops.conv(x, k, (2, 1), "same")),
    "dilation": ((7, 8, 3), ((3, 2, 3, 5),), lambda x, k: ops.conv(x, k, 1, "valid", dilation_rate=(2, 3))),
    "three axes": ((5, 4, 6, 4), ((3, 2, 2, 4, 6),), lambda x, k: ops.conv(x, k, (2, 1, 2), "same")),
    "transposed, one axis": ((5, 3), ((4, 2, 3),), lambda x, k: ops.conv_transpose(x, k, 3, "same")),
    "transposed": (
        (4, 5, 3),
        ((3, 2, 4, 3),),
        lambda x, k: ops.conv_transpose(x, k, (2, 3), "valid", output_padding=(1, 2)),
    ),
    "transposed, three axes": ((3, 4, 3, 2), ((2, 3, 2, 3, 2),), lambda x, k: ops.conv_transpose(x, k, 2, "same")),
    "depthwise": ((6, 7, 3), ((3, 2, 3, 2),), lambda x, k: ops.depthwise_conv(x, k, 2, "same")),
    "depthwise, one axis": ((9, 3), ((3, 3, 2),), lambda x, k: ops.depthwise_conv(x, k, 1, "valid", dilation_rate=2)),
    "separable": (
        (6, 7, 3),
        ((3, 3, 3, 2), (1, 1, 6, 4)),
        lambda x, k, p: ops.separable_conv(x, k, p, 1, "same"),
    ),
}


def model_of(image: tuple[int, ...], kernels: tuple[tuple[int, ...], ...], build: Build, batch: int | None) -> Any:
    """Of an image and of kernels with a batch of 1, from which the kernels are computed."""
    x = keras.Input(image, batch_size=batch)
    sources = [keras.Input(shape, batch_size=1) for shape in kernels]
    return keras.Model([x, *sources], build(x, *(ops.tanh(s)[0] for s in sources)))


@pytest.mark.parametrize("name", CASES)
def test_computed_kernels(name: str) -> None:
    image, kernels, build = CASES[name]
    inputs = noise([(2, *image), *((1, *shape) for shape in kernels)], seed=3)
    # Called at once: as an operation of a model, Keras itself cannot run conv_transpose.
    want = ops.convert_to_numpy(build(inputs[0], *(ops.tanh(source)[0] for source in inputs[1:])))
    for batch in (2, "N"):
        model = model_of(image, kernels, build, batch if batch == 2 else None)
        graph = optimize(from_model(model, [(batch, *image), *((1, *shape) for shape in kernels)]))
        (have,) = interpret(graph, inputs)
        assert have.shape == want.shape
        assert error(have, want) < TOLERANCE


def test_a_kernel_made_of_variables_is_a_constant() -> None:
    x = keras.Input((5, 5, 2), batch_size=1)
    graph = optimize(from_model(keras.Model(x, WeightStandardized()(x))))
    assert "Conv2D" in {node.op.name for node in graph.nodes()}


@keras.saving.register_keras_serializable()
class WeightStandardized(keras.layers.Layer):
    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(3, 3, shape[-1], 4), initializer="glorot_uniform")

    def call(self, x: Any) -> Any:
        deviation = ops.std(self.kernel, axis=(0, 1, 2), keepdims=True)
        return ops.conv(x, (self.kernel - ops.mean(self.kernel, axis=(0, 1, 2), keepdims=True)) / deviation, 1, "same")


def test_a_kernel_of_symbolic_size_is_refused() -> None:
    x, source = keras.Input((8, 3), batch_size=1), keras.Input((3, 4), batch_size=None)
    with pytest.raises(UnsupportedError, match="sizes must be fixed"):
        from_model(keras.Model([x, source], ops.conv(x, source, 1, "same")), [(1, 8, 3), ("K", 3, 4)])
