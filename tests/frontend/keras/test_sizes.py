"""Sizes that a model leaves open and cannot compute with: the message names them, what the model needs, and sizes that fit."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from keras import layers

from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model
from webdnn.graph.errors import ModelError, UnsupportedError


@pytest.fixture(scope="module")
def unet() -> Any:
    """Three levels: both sizes must be multiples of 8."""
    y = x = keras.Input((None, None, 3), name="image")
    skips = []
    for _ in range(3):
        y = layers.Conv2D(4, 3, padding="same", activation="relu")(y)
        skips.append(y)
        y = layers.MaxPooling2D()(y)
    for skip in reversed(skips):
        y = layers.Concatenate()([layers.UpSampling2D()(y), skip])
    return keras.Model(x, y, name="unet")


@pytest.mark.parametrize(
    ("given", "layer", "proposal"),
    [
        ("(1,50,40,3)", "Concatenate", "(1,48,40,3)"),
        ("(2,50,45,3)", "Concatenate", "(2,48,48,3)"),
        ("(1,4,64,3)", "MaxPooling2D", "(1,8,64,3)"),
    ],
)
def test_sizes_that_do_not_fit(unet: Any, given: str, layer: str, proposal: str) -> None:
    with pytest.raises(ModelError) as caught:
        from_model(unet, [parse_input_shape(given)])
    message = str(caught.value)
    assert message.startswith(f"the input shape image={given} does not fit the model 'unet':")
    assert f"({layer}): " in message
    assert "it needs H % 8 == 0 and W % 8 == 0 of image=" in message
    assert message.endswith(f"; such as --input_shape '{proposal}'")
    from_model(unet, [parse_input_shape(proposal)])


def test_one_size_of_two_is_open(unet: Any) -> None:
    with pytest.raises(
        ModelError,
        match=r"image=\(1,H,50,3\) does not fit .*\n.*\nit needs H % 8 == 0 and W % 8 == 0 of image=\(1,H,W,3\)",
    ):
        from_model(unet, [parse_input_shape("(1,H,50,3)")])


def test_sizes_of_two_inputs() -> None:
    left, right = keras.Input((None, 3), name="left"), keras.Input((None, 3), name="right")
    model = keras.Model([left, right], layers.Concatenate(axis=-1)([left, right]))
    with pytest.raises(ModelError, match=r"left=\(1,4,3\), right=\(1,5,3\) does not fit"):
        from_model(model, [parse_input_shape("(1,4,3)"), parse_input_shape("(1,5,3)")])


def test_unsupported_layers_come_first() -> None:
    """Another size would not help."""
    x = keras.Input((None, 3))
    short = layers.MaxPooling1D(4, name="short")(x)
    model = keras.Model(x, [short, layers.GRU(2, name="reader")(x)])
    with pytest.raises(UnsupportedError, match="has 2 layers that cannot be converted") as caught:
        from_model(model, [parse_input_shape("(1,3,3)")])
    assert "'short'" in str(caught.value)
