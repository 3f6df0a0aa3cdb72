"""Sizes that a model leaves open and cannot compute with: the message names them, what the model needs, and sizes that fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from harness.node import run_in_node
from harness.page import PageError, job
from webdnn.cli.convert_keras import main
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model
from webdnn.graph.errors import ModelError, UnsupportedError

ROOT = Path(__file__).resolve().parents[3]


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
    model = keras.Model(x, [short, layers.JaxLayer(lambda inputs: inputs, name="reader")(x)])
    with pytest.raises(UnsupportedError, match="has 2 layers that cannot be converted") as caught:
        from_model(model, [parse_input_shape("(1,3,3)")])
    assert "'short'" in str(caught.value)


def test_b4_a_size_that_is_too_small_is_refused_by_name(tmp_path, monkeypatch):
    """From a file through the command to the runtime, here in Node."""
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential([keras.Input((None, 4)), keras.layers.Conv1D(2, 3, name="conv")])
    model.save("m.keras")
    assert main(["m.keras", "--input_shape", "(1,T,4)", "--backend", "fallback", "--quiet"]) == 0
    report = json.loads(Path("output.report.json").read_text())
    assert report["constraints"] == ["3 <= T (conv)"]
    assert report["sample"] == {"T": 3}
    x = np.random.default_rng(0).standard_normal((1, 3, 4)).astype(np.float32)
    jobs = [job(str(tmp_path / "output"), "fallback", [({"T": size}, [x[:, :size]])]) for size in (2, 3)]
    refused, answered = run_in_node(ROOT / "webdnn_js/dist/webdnn.mjs", jobs)
    assert isinstance(refused, PageError)
    assert "T = 2 does not fit the model, which needs 3 <= T, such as 3 (needed by conv)" in str(refused)
    assert not isinstance(answered, PageError)
    assert np.abs(answered[0][0] - np.asarray(model(x))).max() < 1e-6


def test_b4_the_report_of_a_model_with_a_large_minimum(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = keras.Input((None, 2))
    keras.Model(x, keras.layers.Cropping1D((9000, 1000))(x)).save("m.keras")
    assert main(["m.keras", "--input_shape", "(1,T,2)", "--backend", "fallback", "--quiet"]) == 0
    report = json.loads(Path("output.report.json").read_text())
    assert report["sample"] == {"T": 10001}
    assert report["backends"]["fallback"]["activation_bytes"] >= 4 * 2 * 10001
    assert report["backends"]["fallback"]["dispatches"] == 1


def test_b4_sizes_that_nothing_satisfies_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    keras.Sequential([keras.Input((None, 4)), keras.layers.Conv1D(2, 3, name="conv")]).save("m.keras")
    assert main(["m.keras", "--input_shape", "(1,T<=2,4)"]) == 1
    assert "'conv' needs 3 <= T, which T <= 2 forbids" in capsys.readouterr().err


def test_b5_a_model_of_nothing_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    x = keras.Input(batch_shape=(0, 4), name="nothing")
    keras.Model(x, keras.layers.Dense(2)(x)).save("m.keras")
    assert main(["m.keras"]) == 1
    assert "input 'nothing' has shape (0, 4) in the model; every size must be at least 1" in capsys.readouterr().err


def test_sizes_for_which_nothing_is_known() -> None:
    """A trial with open sizes fails like the sizes given: the message names the layer, and proposes none."""
    x = keras.Input((None, None, 3), name="image")
    with pytest.raises(
        ModelError, match=r"\(1,5,5,3\) does not fit [\s\S]*75 elements[\s\S]*choose sizes that these layers"
    ):
        from_model(keras.Model(x, layers.Reshape((7,))(x)), [parse_input_shape("(1,5,5,3)")])
