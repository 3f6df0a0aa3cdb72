"""Every public layer of the installed Keras is converted, or stands in the table of refusals with its reason."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

from harness.keras_compare import fixed, predict, refused
from harness.keras_entries import entry
from harness.keras_files import write_archive
from harness.keras_models import noise
from harness.keras_public_layers import NO_LAYERS, public_layers
from harness.metric import error
from webdnn.frontend.keras import from_model, load
from webdnn.frontend.keras.refusals import LAYER_REFUSALS
from webdnn.frontend.keras.support import LAYERS, TRACED
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.interpreter import interpret

REASONS = "strings|another framework"  # others would be work that is not done


def test_every_public_layer_is_converted_or_refused() -> None:
    known = {*LAYERS, *TRACED, *LAYER_REFUSALS, *NO_LAYERS}
    assert {name for name, class_ in public_layers().items() if not {name, class_.__name__} & known} == set()


def test_refusals_are_of_public_layers_that_are_not_converted() -> None:
    assert set(LAYER_REFUSALS) <= set(public_layers())
    assert not set(LAYER_REFUSALS) & {*LAYERS, *TRACED}


@pytest.mark.parametrize("name", LAYER_REFUSALS)
def test_a_refusal_has_a_reason_that_nothing_can_mend(name: str) -> None:
    assert re.search(REASONS, LAYER_REFUSALS[name])


@pytest.mark.parametrize("name", ["StringLookup", "TextVectorization"])
def test_text_is_refused_with_the_way_out(name: str, tmp_path: Path) -> None:
    """Without TensorFlow, which Keras wants for it."""
    write_archive(tmp_path / "model.keras", entry(name, {}, 1, dtype="string"), {}, "3.15.1")
    with pytest.raises(UnsupportedError, match=r"'looked_up' \(\w+\): it reads strings.*get_layer.*docs/keras\.md"):
        load(tmp_path / "model.keras")


def test_the_way_out_is_one() -> None:
    """A model without its first layers, as the message says how to cut it."""
    x = keras.Input((6,), dtype="int32")
    y = layers.CategoryEncoding(9, output_mode="one_hot", name="first")(x)
    model = keras.Model(x, layers.Dense(3)(layers.Flatten()(y)))
    rest = keras.Model(model.get_layer("first").output, model.output)
    inputs = noise([(2, 6, 9)])
    (found,) = interpret(from_model(rest, fixed(inputs)), inputs)
    assert error(found, predict(rest, inputs)[0]) <= 3e-6


def test_foreign_code_is_refused() -> None:
    def doubled(params: Any, state: Any, inputs: Any) -> Any:
        return inputs * 2, state

    x = keras.Input((4,))
    refused(keras.Model(x, layers.JaxLayer(doubled, params={}, state={})(x)), "write it with keras.ops")
