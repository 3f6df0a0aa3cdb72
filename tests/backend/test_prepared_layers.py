"""Functions of pictures and layers that prepare inputs, on every backend: those that give backends what no other case does.

What they become is compared with Keras in tests/frontend/keras; a backend has to give what the interpreter makes of the same graph.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from harness.descriptors import check_answer, run_cases, write_cases
from harness.keras_cases import KerasCase
from harness.keras_image_functions import IMAGE_CASES, SHAPE
from harness.keras_preprocessing import PREPROCESSING

FUNCTIONS = (
    *("affine_transform, modes", "affine_transform, nearest", "affine_transform, computed", "map_coordinates, modes"),
    *("map_coordinates, computed", "map_coordinates, whole numbers", "perspective_transform, one"),
    *("resize, whole numbers", "ssim, sizes", "fold"),
)
LAYERS = (
    *("contrast of one level", "local contrast", "discretization of nothing", "classes weighted", "mel"),
    *("spectrogram, log", "spectrogram, angle"),
)
CASES = [
    *(KerasCase(f"image: {name}", IMAGE_CASES[name], (SHAPE,)) for name in FUNCTIONS),
    *(KerasCase(f"preparing: {name}", PREPROCESSING[name][0], (PREPROCESSING[name][1],)) for name in LAYERS),
]


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize(
    "backend",
    ["webassembly", *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("webgpu", "webgl", "fallback"))],
)
def test_prepared_layers(backend: str, browser: Any, serve_session: Any, tmp_path: Path) -> None:
    folders = write_cases(importlib.import_module(f"webdnn.backend.{backend}").TARGET, CASES, tmp_path)
    answers = run_cases(browser, serve_session, CASES, tmp_path, folders, backend)
    wrong = []
    for case in CASES:
        try:
            check_answer(case, answers[case.name], backend, case.interpreted)
        except AssertionError as error:
            wrong.append(f"{case.name}: {error}")
    assert not wrong, "\n".join(wrong)
