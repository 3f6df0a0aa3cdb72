"""Layers that attend, which are traced through Keras's own code: against Keras, from memory and from both kinds of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from harness import keras_transformers
from harness.calibrate import randomize
from harness.keras_attention import ATTENTION
from harness.keras_cases import building
from harness.keras_compare import errors, fixed
from harness.keras_layers import keras_model
from harness.keras_models import noise
from harness.keras_sized import MODELS
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model, load, recurrent
from webdnn.frontend.keras.support import LAYERS, TRACED
from webdnn.graph.errors import ModelWarning
from webdnn.graph.interpreter import interpret

TOLERANCE = 3e-6


def built(name: str) -> tuple[Any, list[np.ndarray]]:
    build, shapes = ATTENTION[name]
    with building(name):
        model = keras_model(build, *shapes)
    return model, noise([(2, *shape) for shape in shapes])


@pytest.mark.parametrize("name", ATTENTION)
def test_attention(name: str) -> None:
    model, inputs = built(name)
    assert errors(from_model(model, fixed(inputs)), model, inputs) <= TOLERANCE


SYMBOLIC = [name for name, (_, shapes) in ATTENTION.items() if all(len(shape) == 2 for shape in shapes)]
FEW = (
    "heads, causal",
    "heads in a window",
    "groups, causal",
    "one head, causal with scores",
    "additive without a scale",
)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in FEW else [pytest.mark.exhaustive]) for n in SYMBOLIC]
)
def test_attention_with_symbolic_sizes(name: str) -> None:
    """Queries and values of lengths that the page chooses; some layers want both of one length."""
    build, shapes = ATTENTION[name]
    lengths = ["T" if shape[0] == shapes[0][0] else "S" for shape in shapes]
    with building(name):
        model = keras_model(build, *((None, shape[1]) for shape in shapes))
    given = [parse_input_shape(f"(N,{a},{shape[1]})") for a, shape in zip(lengths, shapes, strict=True)]
    graph = from_model(model, given)
    for sizes in ({"N": 2, "T": 5, "S": 6}, {"N": 3, "T": 7, "S": 2}):
        inputs = noise([(sizes["N"], sizes[a], shape[1]) for a, shape in zip(lengths, shapes, strict=True)])
        assert errors(graph, model, inputs) <= TOLERANCE, sizes


DOT_PRODUCTS: dict[str, Any] = {
    "causal": lambda q, k: ops.dot_product_attention(q, k, k * 2, is_causal=True),
    "bias": lambda q, k: ops.dot_product_attention(
        q, k, k, bias=ops.mean(q) - ops.cast(k[:, None, None, :, 0, 0], "float32")
    ),
    "mask and scale": lambda q, k: ops.dot_product_attention(q, k, k, mask=k[:, None, None, :, 0, 0] > -1, scale=0.7),
    "causal and mask": lambda q, k: ops.dot_product_attention(
        q, k, k, mask=k[:, None, None, :, 0, 0] > -9, is_causal=True, flash_attention=False
    ),
}


@pytest.mark.parametrize("name", DOT_PRODUCTS)
def test_dot_product_attention_of_symbolic_sizes(name: str) -> None:
    q, k = keras.Input((None, 4, 3)), keras.Input((None, 2, 3))
    model = keras.Model([q, k], DOT_PRODUCTS[name](q, k))
    graph = from_model(model, [parse_input_shape("(N,T,4,3)"), parse_input_shape("(N,S,2,3)")])
    for batch, rows, columns in ((2, 5, 6), (1, 7, 3)):
        inputs = noise([(batch, rows, 4, 3), (batch, columns, 2, 3)])
        assert errors(graph, model, inputs) <= TOLERANCE


EQUATIONS = {
    "abc,cd->abd": ((None, 5), "d"),
    "ab...,bc->ac...": ((6, None), None),
    "...x,xy->...y": ((6, 5), "y"),
    "abc,cde->abde": ((None, 5, 3), "de"),
    "abcd,cde->abe": ((None, 7), "e"),
    "abc,cde->aebd": ((4, None, 3), "ed"),
}


@pytest.mark.parametrize("equation", EQUATIONS)
def test_equations_of_einsum_dense(equation: str) -> None:
    size, bias = EQUATIONS[equation]
    shape = {"ab...,bc->ac...": (5, 4), "abcd,cde->abe": (6, 3, 2)}.get(equation, (6, 4))
    x = keras.Input(shape)
    model = keras.Model(x, layers.EinsumDense(equation, size, bias_axes=bias, activation="gelu")(x))
    randomize(model)
    text = ",".join(map(str, shape))
    graph = from_model(model, [parse_input_shape(f"(N,{text})")])
    for batch in (1, 3):
        assert errors(graph, model, noise([(batch, *shape)])) <= TOLERANCE


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", ["vit", "bert"])
def test_transformers_of_files(name: str, suffix: str, tmp_path: Path) -> None:
    (case,) = (model for model in MODELS if model.name == name)
    model = case.build()
    randomize(model)
    model.save(tmp_path / f"model{suffix}")
    shapes = [parse_input_shape(shape) for shape in case.shapes]
    graph = load(tmp_path / f"model{suffix}", shapes, custom_objects=[keras_transformers.__file__])
    assert errors(graph, model, case.inputs(0)) <= TOLERANCE


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("name", ["heads of other sizes", "groups, causal", "one head", "additive"])
def test_attention_of_files(name: str, suffix: str, tmp_path: Path) -> None:
    model, inputs = built(name)
    model.save(tmp_path / f"model{suffix}")
    graph = load(tmp_path / f"model{suffix}", fixed(inputs))
    for have, want in zip(interpret(graph, inputs), interpret(from_model(model, fixed(inputs)), inputs), strict=True):
        assert np.array_equal(have, want)


def test_a_traced_layer_has_no_lowering() -> None:
    """Its code is what is converted; a lowering beside it would never run."""
    assert not TRACED & set(LAYERS)


def test_every_traced_layer_is_tested() -> None:
    tested = {type(layer).__name__ for name in ATTENTION for layer in built(name)[0].layers}
    elsewhere = {"ReversibleEmbedding"}  # in keras_transformers.py, both ways, and in keras_masks.py
    names = {"GroupQueryAttention", *recurrent.TRACED}  # the name of GroupedQueryAttention in files
    assert tested >= TRACED - elsewhere - names


def test_a_quantised_part_of_a_traced_layer() -> None:
    """What one of its parts multiplies with is what the whole numbers stand for, as where Keras rounds no inputs."""
    x = keras.Input((4, 6))
    layer = layers.MultiHeadAttention(2, 3, name="attend")
    model = keras.Model(x, layer(x, x), name="net")
    layer.query_dense.quantize("int8")
    with pytest.warns(ModelWarning, match="'net' quantises the inputs of 1 layer "):
        graph = from_model(model, (2, 4, 6))
    layer.query_dense.inputs_quantizer = None
    assert errors(graph, model, noise([(2, 4, 6)])) <= 3e-6


def test_inside_time_distributed() -> None:
    class OfItself(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.attend = layers.MultiHeadAttention(2, 3)

        def build(self, shape: Any) -> None:
            self.attend.build(shape, shape)

        def call(self, x: Any) -> Any:
            return self.attend(x, x)

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    x = keras.Input((3, 4, 6))
    model = keras.Model(x, layers.TimeDistributed(OfItself())(x))
    randomize(model)
    inputs = noise([(2, 3, 4, 6)])
    assert errors(from_model(model, fixed(inputs)), model, inputs) <= TOLERANCE
