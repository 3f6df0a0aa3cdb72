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


CLASSIFIERS = [
    (f"{EMOTION}/fer2013_mini_XCEPTION.102-0.66.hdf5", f"{EMOTION}/fer2013_mini_XCEPTION.102-0.66_ref.npz"),
    (f"{EMOTION}/fer2013_big_XCEPTION.54-0.66.hdf5", f"{EMOTION}/fer2013_big_XCEPTION.54-0.66_ref.npz"),
    (f"{EMOTION}/gender_mini_XCEPTION.21-0.95.hdf5", f"{EMOTION}/gender_mini_XCEPTION.21-0.95_ref.npz"),
    ("nsfwjs_mobilenet_v2/mobilenet_v2_nsfwjs.h5", "nsfwjs_mobilenet_v2/coffee_ref.npz"),
]


def on_backends() -> list[Any]:
    """(model, reference, backend). SwiftShader takes half a minute for each: in the default tier webgl has the first only, webgpu none."""
    return [
        pytest.param(
            *model, name, marks=[pytest.mark.exhaustive] if name == "webgpu" or (name == "webgl" and number) else []
        )
        for number, model in enumerate(CLASSIFIERS)
        for name in BACKENDS
    ]


@pytest.mark.parametrize(("model", "reference", "backend"), on_backends())
def test_same_output(workshop: Any, run_in_page: Any, model: str, reference: str, backend: str) -> None:
    with np.load(FOLDER / reference) as arrays:
        x, want = arrays["x0"], arrays["y"]
    descriptor = workshop.converted(FOLDER / model, [str(x.shape)])
    ((y,),) = run_in_page(descriptor, backend, [({}, [x])])
    assert error(y, want) <= 1e-5


UPSCALER = FOLDER / "esrgan_slim_upscale"


@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(
            name, marks=[pytest.mark.exhaustive] if name in ("webgpu", "webgl") else []
        )  # minutes on SwiftShader
        for name in BACKENDS
    ],
)
def test_upscaler(workshop: Any, run_in_page: Any, backend: str) -> None:
    """64×64 as stored. It produces pictures, so 2e-5."""
    with np.load(UPSCALER / "esrgan_slim_x2_ref.npz") as arrays:
        x, want = arrays["x0"], arrays["y"]
    descriptor = workshop.converted(UPSCALER / "esrgan_slim_x2.h5", ["(1,H,W,3)"])
    ((y,),) = run_in_page(descriptor, backend, [({"H": 64, "W": 64}, [x])])
    assert error(y, want) <= 2e-5


@pytest.mark.parametrize(
    "backend", [pytest.param(name, marks=[pytest.mark.exhaustive] if name == "webgpu" else []) for name in BACKENDS]
)
def test_upscaler_of_any_size(workshop: Any, run_in_page: Any, backend: str) -> None:
    """One Descriptor, two sizes, against Keras."""
    file = UPSCALER / "esrgan_slim_x2.h5"
    descriptor = workshop.converted(file, ["(1,H,W,3)"])
    inputs = [np.abs(noise([(1, height, width, 3)])[0]) * 80 for height, width in ((16, 16), (13, 22))]
    runs = [({"H": x.shape[1], "W": x.shape[2]}, [x]) for x in inputs]
    answers = run_in_page(descriptor, backend, runs)
    for (have,), (want,) in zip(answers, workshop.answers(file, [[x] for x in inputs]), strict=True):
        assert error(have, want) <= 2e-5


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
