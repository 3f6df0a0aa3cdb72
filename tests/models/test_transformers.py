"""Transformers, a U-Net with attention gates and a model of columns, with sizes that the page chooses, on every backend, against Keras in float64."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from harness.batches import Answers, Batches
from harness.descriptors import check_answer
from harness.keras_sized import MODELS, Sized
from harness.metric import error
from harness.selection import Selected
from webdnn.graph.cost import count_ops
from webdnn.graph.interpreter import interpret

DEVICES = {
    "fallback": {},
    "webassembly": {"variant": "relaxed-simd"},
    "webgpu": {},
    "webgl": {},
}
EVERY_MODEL = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


@EVERY_MODEL
def test_graph(model: Sized) -> None:
    """As the frontend writes it, and optimized."""
    for graph in (model.source[0], model.graph):
        for run, symbols in enumerate(model.runs):
            found = interpret(graph, model.inputs(run), symbols)
            for have, want in zip(found, model.expected(run), strict=True):
                assert error(have, want) <= 3e-6, f"{model.name}, {symbols}"


@pytest.fixture(scope="module")
def answers(
    browser: Any, serve_session: Any, tmp_path_factory: pytest.TempPathFactory, selected: Selected
) -> Callable[[str], Answers]:
    """Those of the models that this run tests, each device in one page."""

    def on(device: str) -> Answers:
        target = importlib.import_module(f"webdnn.backend.{device}").TARGET
        batches = Batches(target, selected(__name__, "model", device=device), tmp_path_factory.mktemp(device))
        return batches.run(browser, serve_session, **DEVICES[device])

    return cache(on)


def in_tiers() -> list[Any]:
    """On SwiftShader the default tier has the model whose ops are new to it."""
    return [
        pytest.param(model, device, id=f"{model.name}-{device}", marks=[] if default else [pytest.mark.exhaustive])
        for model in MODELS
        for device in DEVICES
        for default in [
            model.name == "gpt" or (device in ("fallback", "webassembly") and model.name in ("vit", "bert"))
        ]
    ]


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize(("model", "device"), in_tiers())
def test_on_every_backend(answers: Callable[[str], Answers], model: Sized, device: str) -> None:
    check_answer(model, answers(device)[model.name], device)  # type: ignore[arg-type]


def test_a_layer_of_an_encoder_is_few_ops() -> None:
    """Three projections, two products of attention, its softmax, the projection back and two dense layers, with biases, scale, activations and
    residual additions in them; two norms; and the heads side by side again."""
    (model,) = (m for m in MODELS if m.name == "vit")
    counts = count_ops(model.graph)
    assert counts["MatMul"] == 2 * 6 + 2
    assert counts["BatchMatMul"] == 2 * 2
    assert counts["Softmax"] == 2
    assert counts["Normalize"] == 2 * 2 + 1
    assert counts["Transpose"] == 1 + 2  # the patches', and one a layer
    assert counts["Elementwise"] <= 1
