"""Whole models against Keras's own prediction."""

from __future__ import annotations

import dataclasses
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from harness import keras_models
from harness.calibrate import randomize
from harness.keras_compare import compare, errors, fixed
from harness.keras_models import MODELS, noise
from harness.metric import error
from webdnn.frontend.input_shape import InputShape, parse_input_shape
from webdnn.frontend.keras import from_model, load
from webdnn.graph.errors import GraphError, UnsupportedError
from webdnn.graph.graph import Constant, Graph, Input, Node, Value
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops.convolution import Conv2D

TOLERANCE = 1e-5


@lru_cache
def build(name: str) -> Any:
    """A model that several tests read, and none changes."""
    return keras_models.build(name)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_model(name: str) -> None:
    compare(build(name), noise(MODELS[name][1]), TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_saved_model(name: str, suffix: str, tmp_path: Path) -> None:
    model = build(name)
    model.save(tmp_path / f"model{suffix}")
    inputs = noise(MODELS[name][1])
    graph = load(tmp_path / f"model{suffix}", fixed(inputs))
    assert errors(graph, model, inputs) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MODELS))
def test_symbolic_batch(name: str) -> None:
    model, shapes = build(name), MODELS[name][1]
    batch = parse_input_shape("(N<=8,)")
    graph = from_model(model, [InputShape(None, batch.shape + shape[1:], batch.placeholders) for shape in shapes])
    assert not graph.constraints
    for count in (1, 3):
        assert errors(graph, model, noise([(count, *shape[1:]) for shape in shapes])) <= TOLERANCE


@pytest.mark.parametrize("name", ["residual", "unet"])
def test_the_comparison_sees_small_damage(name: str) -> None:
    """A lost bias and a shifted pad: what a blind harness lets pass."""
    model, inputs = build(name), noise(MODELS[name][1])
    graph = from_model(model, fixed(inputs))
    biases = [n for n in graph.nodes() if isinstance(n.op, Constant) and n.op.array.ndim == 1]
    for node in (biases[0], biases[len(biases) // 2]):
        damaged = substitute(graph, node, Constant(np.zeros_like(node.op.array)))
        assert errors(damaged, model, inputs) > 10 * TOLERANCE
    padded = [n for n in graph.nodes() if isinstance(n.op, Conv2D) and n.op.padding == ((1, 1), (1, 1))]
    for node in (padded[0], padded[-1]):
        damaged = substitute(graph, node, dataclasses.replace(node.op, padding=((2, 0), (1, 1))))
        assert errors(damaged, model, inputs) > 10 * TOLERANCE


def substitute(graph: Graph, target: Node, op: Any) -> Graph:
    """`graph` with the op of one node replaced."""
    moved: dict[Value, Value] = {}
    for node in graph.nodes():
        fresh = node
        if not isinstance(node.op, Input):
            fresh = Node(op if node is target else node.op, tuple(moved[v] for v in node.inputs), node.origin)
        moved.update(zip(node.outputs, fresh.outputs, strict=True))
    return dataclasses.replace(graph, outputs=tuple(moved[v] for v in graph.outputs))


def test_names_placeholders_and_origins() -> None:
    graph = from_model(build("nested"), [parse_input_shape("(2<=N<=8,12,12,3)")])
    assert [v.op.label for v in graph.inputs] == ["image"]
    assert graph.output_names == ("head",)
    assert graph.placeholders["N"].maximum == 8
    paths = {origin for node in graph.nodes() for origin in node.origin}
    assert {"block/convolution", "image"} <= paths
    assert any(path.startswith("head/") for path in paths)


def test_a_layer_called_twice_has_one_set_of_weights() -> None:
    graph = from_model(build("shared_layer"))
    kernels = [n for n in graph.nodes() if isinstance(n.op, Constant) and n.op.array.ndim == 4]
    assert len(kernels) == 1
    assert sum(isinstance(n.op, Conv2D) for n in graph.nodes()) == 2


def test_several_outputs_have_distinct_names() -> None:
    x = keras.Input((4,))
    layer = layers.Dense(4, name="dense")
    y = layer(x)
    graph = compare_names(keras.Model(x, [y, layer(y), y]))
    assert graph.output_names == ("dense", "dense_1", "dense_2")


def compare_names(model: Any) -> Graph:
    randomize(model)
    return compare(model, noise([(2, 4)]), TOLERANCE)


def test_inputs_in_a_dictionary() -> None:
    inputs = {"b": keras.Input((4,), name="b"), "a": keras.Input((3,), name="a")}
    model = keras.Model(inputs, layers.Concatenate()([inputs["b"], inputs["a"]]))
    graph = from_model(model)
    arrays = {name: noise([(1, n)], n)[0] for name, n in (("a", 3), ("b", 4))}
    (y,) = interpret(graph, [arrays[v.op.label] for v in graph.inputs])
    assert error(y, np.concatenate([arrays["b"], arrays["a"]], 1)) == 0


def test_unet_of_any_size_records_what_it_needs() -> None:
    model = build("unet")
    graph = from_model(model, [parse_input_shape("(N<=8,H,W,3)")])
    assert graph.constraints
    for shape in ((1, 16, 16, 3), (3, 20, 12, 3)):
        assert errors(graph, model, noise([shape])) <= TOLERANCE
    with pytest.raises(GraphError, match="does not hold"):
        interpret(graph, noise([(1, 18, 16, 3)]))


def test_sequential_that_has_not_seen_an_input() -> None:
    model = keras.Sequential([layers.Conv2D(3, 3), layers.GlobalMaxPooling2D()])
    graph = from_model(model, [parse_input_shape("(N,9,9,2)")])
    randomize(model)
    graph = from_model(model, [parse_input_shape("(N,9,9,2)")])
    assert errors(graph, model, noise([(2, 9, 9, 2)])) <= TOLERANCE


def test_lambda_of_a_live_model_is_traced() -> None:
    x = keras.Input((4, 3))
    inner = keras.Model(x, layers.Lambda(lambda y: y * 2 + keras.ops.mean(y, axis=1, keepdims=True))(x))
    model = keras.Model(x, layers.Lambda(lambda ys: ys[0] - ys[1])([inner(x), x]))
    compare(model, noise([(2, 4, 3)]), TOLERANCE)


def test_lambda_that_does_more_is_refused_by_name() -> None:
    def beyond(x: Any) -> Any:
        raise RuntimeError("no symbolic tensors here")

    x = keras.Input((4,))
    model = keras.Model(x, layers.Lambda(beyond, output_shape=(4,), name="strange")(x))
    with pytest.raises(UnsupportedError, match=r"'strange' \(Lambda\): .*no symbolic tensors here"):
        from_model(model)


@pytest.mark.slow
def test_chain_of_5000_layers(tmp_path: Path) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(50_000)  # Keras needs it to make the model, not we to read it
    try:
        x = y = keras.Input((4,))
        for number in range(5000):
            y = layers.Activation("relu" if number % 2 else "tanh")(y)
        keras.Model(x, y).save(tmp_path / "chain.keras")
    finally:
        sys.setrecursionlimit(limit)
    graph = load(tmp_path / "chain.keras")
    assert len(graph.nodes()) == 5001
    assert sys.getrecursionlimit() == limit


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), [("resnet50", 224), ("mobilenet_v2", 224), ("mobilenet_v2", 97)])
def test_application(workshop: Any, name: str, size: int) -> None:
    model = workshop.application(name, size)
    graph = load(model.file, fixed(model.inputs))
    (want,) = model.wanted
    assert want.std() > 0.01
    assert error(interpret(graph, model.inputs)[0], want) <= TOLERANCE
    assert error(interpret(graph, model.inputs, dtype="float64")[0], want) <= TOLERANCE
