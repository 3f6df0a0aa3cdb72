"""Trained models, some written by Keras 2, against outputs of the framework that trained them.

The files are no part of the project: WEBDNN_TEST_MODELS names the folder that has them.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from harness.metric import error
from webdnn.frontend.input_shape import InputShape, parse_input_shape
from webdnn.frontend.keras import load
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.interpreter import interpret

ROOT = os.environ.get("WEBDNN_TEST_MODELS")
pytestmark = pytest.mark.skipif(ROOT is None, reason="WEBDNN_TEST_MODELS does not name the folder of trained models")
FOLDER = Path(ROOT or ".") / "keras"
EMOTION = "emotion_mini_xception"


@pytest.mark.parametrize(
    ("model", "reference", "shape"),
    [
        (f"{EMOTION}/fer2013_mini_XCEPTION.102-0.66.hdf5", f"{EMOTION}/fer2013_mini_XCEPTION.102-0.66_ref.npz", None),
        (f"{EMOTION}/fer2013_big_XCEPTION.54-0.66.hdf5", f"{EMOTION}/fer2013_big_XCEPTION.54-0.66_ref.npz", None),
        (f"{EMOTION}/gender_mini_XCEPTION.21-0.95.hdf5", f"{EMOTION}/gender_mini_XCEPTION.21-0.95_ref.npz", None),
        ("esrgan_slim_upscale/esrgan_slim_x2.h5", "esrgan_slim_upscale/esrgan_slim_x2_ref.npz", "(1,H,W,3)"),
        ("nsfwjs_mobilenet_v2/mobilenet_v2_nsfwjs.h5", "nsfwjs_mobilenet_v2/coffee_ref.npz", None),
    ],
)
def test_same_output(model: str, reference: str, shape: str | None) -> None:
    graph = load(FOLDER / model, [parse_input_shape(shape)] if shape else [])
    with np.load(FOLDER / reference) as arrays:
        x, want = arrays["x0"], arrays["y"]
    assert error(interpret(graph, [x])[0], want) <= 1e-5


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_accuracy_on_digits(suffix: str) -> None:
    folder = FOLDER / "mnist5k_selftrained"
    with np.load(folder / "val500.npz") as arrays:
        x, labels = arrays["x"], arrays["y"]
    graph = load(folder / f"mnist_cnn{suffix}", [InputShape(None, x.shape)])
    (y,) = interpret(graph, [x])
    assert round(float((y.argmax(1) == labels).mean()), 3) == 0.964


def test_autoencoder_removes_noise() -> None:
    folder = FOLDER / "mnist5k_selftrained"
    with np.load(folder / "val500.npz") as arrays:
        x = arrays["x"][:50]
    noisy = np.clip(x + np.random.default_rng(0).normal(0, 0.35, x.shape).astype(np.float32), 0, 1)
    (y,) = interpret(load(folder / "mnist_denoise_ae.keras", [InputShape(None, x.shape)]), [noisy])
    assert ((y - x) ** 2).mean() < 0.25 * ((noisy - x) ** 2).mean()


def test_stored_bytecode_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="not been run, in 'lambda', 'lambda_1', 'lambda_2', 'strided_slice'"):
        load(FOLDER / "slimnet_portrait_seg" / "slim_reshape_v2_ORIG_py36_lambda.h5")
