"""The GPU part of example/benchmark: weights of few bits, and the table of what pages posted."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "example" / "benchmark"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(FOLDER)
    return {name: importlib.import_module(name) for name in ("few_bits", "gpu_report")}


def test_weights_become_exact_wherever_they_lie_and_nothing_else_changes(modules: dict[str, Any]) -> None:
    few_bits = modules["few_bits"]
    random = np.random.default_rng(0)
    weights = few_bits.round_to(random.standard_normal(500).astype("<f4"), 1)
    assert len({*np.frexp(weights)[0]}) == 4  # ±1/2, ±3/4
    off = (weights * np.float32(1 + 1e-7)).astype("<f4")
    biases = random.standard_normal(300).astype("<f4")
    head, tail = b'{"name": 1}', np.arange(1000, dtype="<i4").tobytes()
    content = head + off.tobytes() + biases.tobytes() + tail
    assert (off != weights).any()
    assert few_bits.snap(content, 1) == head + weights.tobytes() + biases.tobytes() + tail


def record(job: str, *times: float, **more: Any) -> dict[str, Any]:
    return {"job": f"job={job}", "times": times, "firstRun": 2.0, "firstAnswer": 100.0, "error": 1e-6, **more}


def test_table_of_rounds(modules: dict[str, Any]) -> None:
    text = modules["gpu_report"].markdown(
        [
            record("net@64/webgpu", 1.0, 2.0, 3.0, gpuTimes=[0.5]),
            record("net@64/litert-webgpu", 8.0, firstAnswer=300.0),
            record("net@64/webgpu", 2.0, 2.0, 4.0, gpuTimes=[0.7]),
            record("net@64/onnxruntime-webgpu", 1.0, error=0.2),
            {"job": "job=net@64/webgl", "error": "no result in 120 s", "log": ""},
        ]
    )
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| net")]
    ours, litert, wrong, silent = cells
    assert ours[:6] == ["net@64", "WebDNN, webgpu", "2.00", "1.00", "2.00 2.00", "–"]
    assert ours[9] == "0.600"
    assert litert[5] == "4.00"
    assert litert[8] == "3.00"
    assert wrong[2] == silent[2] == "failed"
    assert "wrong: the error against Keras is 2.0e-01" in text
    assert "no result in 120 s" in text
