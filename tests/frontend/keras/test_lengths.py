"""Sizes that traced code computes with: right for every size, or refused."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from harness.calibrate import randomize
from harness.keras_compare import errors
from harness.keras_lengths import LENGTHS, REFUSED, Computed
from harness.keras_models import noise
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model
from webdnn.frontend.keras.operations import OPERATIONS
from webdnn.graph.errors import UnsupportedError

TOLERANCE = 3e-6
SHAPES = ((2, 6, 4), (3, 10, 4), (1, 2, 4))


def model_of(function: Any) -> Any:
    x = keras.Input((None, 4))
    model = keras.Model(x, Computed(function)(x))
    randomize(model)
    return model


# The others take the same ways through other functions.
FEW = (
    *(
        "broadcast_to",
        "tile of symbolic",
        "repeat of symbolic",
        "arange down",
        "full of a tensor",
        "tril and triu",
        "windows",
    ),
    *(
        "slice of weights",
        "slice from the end",
        "numbers",
        "of what is computed",
        "sizes in a tensor",
        "rotary positions",
    ),
)
IN_TIERS = [pytest.param(name, marks=[] if name in FEW else [pytest.mark.exhaustive]) for name in LENGTHS]


@pytest.mark.parametrize("name", IN_TIERS)
def test_lengths(name: str) -> None:
    """One graph, several sizes."""
    model = model_of(LENGTHS[name])
    graph = from_model(model, [parse_input_shape("(N,T,4)")])
    for shape in SHAPES:
        assert errors(graph, model, noise([shape])) <= TOLERANCE, shape


@pytest.mark.parametrize("name", REFUSED)
def test_what_depends_on_the_number_is_refused(name: str) -> None:
    function, message = REFUSED[name]
    with pytest.raises(UnsupportedError, match=message):
        from_model(model_of(function), [parse_input_shape("(N,T,4)")])


@pytest.mark.parametrize("name", [name for name in REFUSED if name not in ("equality", "truth", "values")])
def test_with_the_number_it_is_converted(name: str) -> None:
    model = model_of(REFUSED[name][0])
    graph = from_model(model, [parse_input_shape("(2,6,4)")])
    assert errors(graph, model, noise([(2, 6, 4)])) <= TOLERANCE


def test_a_table_that_is_too_short_is_a_limit() -> None:
    model = model_of(LENGTHS["slice of weights"])
    graph = from_model(model, [parse_input_shape("(N,T,4)")])
    assert [(str(c.left), c.relation, c.right) for c in graph.constraints] == [("T", "<=", 20)]


def test_sizes_of_a_subclassed_model() -> None:
    """Also in a model's own `call`, and in layers that layers call."""

    class Inner(layers.Layer):
        def call(self, x: Any) -> Any:
            return ops.concatenate([x, ops.zeros((ops.shape(x)[0], ops.shape(x)[1], 1))], -1)

    class Outer(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.dense = Inner(), layers.Dense(3)

        def call(self, x: Any) -> Any:
            y = self.dense(self.inner(x))
            return ops.reshape(y, (ops.shape(y)[0], -1, 1)) * ops.shape(y)[1]

    model = Outer()
    model(np.zeros((1, 2, 4), np.float32))
    randomize(model)
    graph = from_model(model, [parse_input_shape("(N,T,4)")])
    for shape in SHAPES:
        assert errors(graph, model, noise([shape])) <= TOLERANCE, shape


def test_a_tensor_whose_size_is_asked_for_but_that_cannot_be_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is about that operation, and about it alone."""
    monkeypatch.delitem(OPERATIONS, "Sinh")

    class Asking(layers.Layer):
        def call(self, x: Any) -> Any:
            y = ops.sinh(x)
            return ops.reshape(y, (ops.shape(y)[0], -1))

    x = keras.Input((4, 4))
    with pytest.raises(UnsupportedError) as caught:
        from_model(keras.Model(x, Asking(name="asking")(x)), [parse_input_shape("(N,4,4)")])
    assert "has a layer that cannot be converted" in str(caught.value)
    assert "(Sinh): not supported" in str(caught.value)
