from __future__ import annotations

import keras
import numpy as np
import pytest

from harness.metric import error
from webdnn.frontend.preprocess import apply_preprocess
from webdnn.graph.dim import symbol
from webdnn.graph.errors import ModelError
from webdnn.graph.graph import Graph, Input, Placeholder, apply
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.types import TensorType
from webdnn.graph.verify import verify


def doubled(shape: tuple[object, ...], dtype: str = "float32") -> Graph:
    x = apply(Input("image", TensorType(shape, dtype)))
    return Graph((x,), (elementwise("add", x, x),), ("y",), placeholders={"N": Placeholder()})


@pytest.mark.parametrize("mode", ["none", "caffe", "tf", "torch"])
def test_same_as_keras(mode: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3)).astype(np.float32)
    graph = apply_preprocess(doubled((symbol("N"), 5, 7, 3)), mode)
    verify(graph)
    assert [v.op.label for v in graph.inputs] == ["image"]
    want = image
    if mode != "none":
        want = keras.applications.imagenet_utils.preprocess_input(image.astype(np.float64), mode=mode)
    assert error(interpret(graph, [image])[0], 2 * np.asarray(want)) <= 3e-7
    assert error(interpret(graph, [image], dtype="float64")[0], 2 * np.asarray(want)) <= 1e-7


def test_swapping_the_channels_is_exact() -> None:
    image = np.random.default_rng(0).uniform(0, 255, (1, 4, 4, 3)).astype(np.float32)
    want = 2 * (image[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32))
    assert np.array_equal(interpret(apply_preprocess(doubled((1, 4, 4, 3)), "caffe"), [image])[0], want)


def test_an_input_that_is_also_an_output_is_preprocessed() -> None:
    x = apply(Input("image", TensorType((1, 2, 2, 3))))
    graph = apply_preprocess(Graph((x,), (x,), ("y",)), "tf")
    assert error(interpret(graph, [np.full((1, 2, 2, 3), 255, np.float32)])[0], np.ones((1, 2, 2, 3))) <= 1e-7


@pytest.mark.parametrize("shape", [(1, 5, 7, 1), (1, 3, 5, 7), (1, 5, 3)])
def test_refuses_what_is_no_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"preprocessing 'caffe' wants every input .* input 'image' is float32\["):
        apply_preprocess(doubled(shape), "caffe")


def test_refuses_an_unknown_mode() -> None:
    with pytest.raises(ModelError, match="'pytorch' is not one of none, caffe, tf, torch"):
        apply_preprocess(doubled((1, 5, 7, 3)), "pytorch")
