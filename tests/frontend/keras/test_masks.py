"""Masks go where they go in Keras: through layers, into what looks at them, and they are lost where Keras loses them."""

from __future__ import annotations

import keras
import pytest

from harness.calibrate import randomize
from harness.keras_cases import building
from harness.keras_compare import errors, fixed
from harness.keras_masks import FEW, MASKS, SHAPE, sequence, shown
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model

TOLERANCE = 3e-6
IN_TIERS = [pytest.param(name, marks=[] if name in FEW else [pytest.mark.exhaustive]) for name in MASKS]


@pytest.mark.parametrize("name", IN_TIERS)
def test_masks(name: str) -> None:
    """Values and masks behind every layer are those of Keras."""
    with building(name):
        x = keras.Input(SHAPE)
        model = keras.Model(x, shown(MASKS[name])(x))
        randomize(model)
        inputs = [sequence(2)]
        assert errors(from_model(model, fixed(inputs)), model, inputs) <= TOLERANCE
        graph = from_model(model, [parse_input_shape("(N,6,4)")])
        inputs = [sequence(3)]
        assert errors(graph, model, inputs) <= TOLERANCE
