"""Trained models, converted by the command and run on every backend in a real browser, against outputs of the framework that trained them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.keras_models import noise
from harness.metric import error

ROOT = os.environ.get("WEBDNN_TEST_MODELS")
pytestmark = [
    pytest.mark.skipif(ROOT is None, reason="WEBDNN_TEST_MODELS does not name the folder of trained models"),
    pytest.mark.slow,
]
FOLDER = Path(ROOT or ".") / "keras"
BACKENDS = ("webassembly", "fallback", "webgpu", "webgl")
EMOTION = "emotion_mini_xception"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("model", "reference"),
    [
        (f"{EMOTION}/fer2013_mini_XCEPTION.102-0.66.hdf5", f"{EMOTION}/fer2013_mini_XCEPTION.102-0.66_ref.npz"),
        (f"{EMOTION}/fer2013_big_XCEPTION.54-0.66.hdf5", f"{EMOTION}/fer2013_big_XCEPTION.54-0.66_ref.npz"),
        (f"{EMOTION}/gender_mini_XCEPTION.21-0.95.hdf5", f"{EMOTION}/gender_mini_XCEPTION.21-0.95_ref.npz"),
        ("nsfwjs_mobilenet_v2/mobilenet_v2_nsfwjs.h5", "nsfwjs_mobilenet_v2/coffee_ref.npz"),
    ],
)
def test_same_output(workshop: Any, run_in_page: Any, model: str, reference: str, backend: str) -> None:
    with np.load(FOLDER / reference) as arrays:
        x, want = arrays["x0"], arrays["y"]
    descriptor = workshop.converted(FOLDER / model, [str(x.shape)])
    ((y,),) = run_in_page(descriptor, backend, [({}, [x])])
    assert error(y, want) <= 1e-5


@pytest.mark.parametrize("backend", BACKENDS)
def test_upscaler_of_any_size(workshop: Any, run_in_page: Any, backend: str) -> None:
    """64×64 as stored, 50×70 against Keras; one Descriptor. It produces pictures, so 2e-5."""
    file = FOLDER / "esrgan_slim_upscale" / "esrgan_slim_x2.h5"
    with np.load(FOLDER / "esrgan_slim_upscale" / "esrgan_slim_x2_ref.npz") as arrays:
        x, want = arrays["x0"], arrays["y"]
    descriptor = workshop.converted(file, ["(1,H,W,3)"])
    other = np.abs(noise([(1, 50, 70, 3)])[0]) * 80
    runs = [({"H": 64, "W": 64}, [x]), ({"H": 50, "W": 70}, [other])]
    (first,), (second,) = run_in_page(descriptor, backend, runs)
    assert error(first, want) <= 2e-5
    assert error(second, workshop.answers(file, [[other]])[0][0]) <= 2e-5


@pytest.mark.parametrize("backend", BACKENDS)
def test_digits(workshop: Any, run_in_page: Any, backend: str) -> None:
    """The classifier's accuracy, and an autoencoder that takes noise away."""
    folder = FOLDER / "mnist5k_selftrained"
    with np.load(folder / "val500.npz") as arrays:
        x, labels = arrays["x"], arrays["y"]
    classifier = workshop.converted(folder / "mnist_cnn.h5", ["(N,28,28,1)"])
    autoencoder = workshop.converted(folder / "mnist_denoise_ae.keras", ["(N,28,28,1)"])
    ((y,),) = run_in_page(classifier, backend, [({"N": len(x)}, [x])])
    assert round(float((y.argmax(1) == labels).mean()), 3) == 0.964
    clean = x[:20]
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 0.35, clean.shape).astype(np.float32), 0, 1)
    ((y,),) = run_in_page(autoencoder, backend, [({"N": len(clean)}, [noisy])])
    assert ((y - clean) ** 2).mean() < 0.25 * ((noisy - clean) ** 2).mean()
