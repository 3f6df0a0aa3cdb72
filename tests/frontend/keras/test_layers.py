"""Every layer against Keras's own prediction, with fixed and with symbolic sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import pytest
from keras import layers

from harness.keras_cases import ACTIVATION_CASES, LAYER_CASES, SUBCLASSED_CASES, KerasCase, check_graphs
from harness.keras_compare import errors
from harness.keras_layers import CONVOLUTIONS, LINES, RANDOM, SPATIAL, VOLUMES, keras_model
from harness.keras_models import noise
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import audio, contrast, encoding, from_model, lookups
from webdnn.frontend.keras.support import LAYERS
from webdnn.graph.cost import count_ops

TOLERANCE = 3e-6  # Keras itself computes in float32


# --tier=fast sees these with symbolic sizes, or in other files.
SLOW = ("2D", "1D", "3D", "image", "channels first", "subclassed")


def in_tiers(cases: Sequence[KerasCase]) -> list[Any]:
    return [pytest.param(c, id=c.name, marks=[pytest.mark.slow] if c.name.startswith(SLOW) else []) for c in cases]


@pytest.mark.parametrize("case", in_tiers([*LAYER_CASES, *ACTIVATION_CASES, *SUBCLASSED_CASES]))
def test_layer(case: KerasCase) -> None:
    check_graphs(case)


@pytest.mark.parametrize("name", [*CONVOLUTIONS, *(name for name in SPATIAL if name not in ("flatten", "reshape"))])
def test_spatial_layer_with_symbolic_sizes(name: str) -> None:
    model = keras_model({**CONVOLUTIONS, **SPATIAL}[name], (None, None, 4))
    graph = from_model(model, [parse_input_shape("(N,H,W,4)")])
    for shape in ((2, 7, 10, 4), (1, 12, 9, 4)):
        assert errors(graph, model, noise([shape])) <= TOLERANCE


@pytest.mark.parametrize("name", [name for name in LINES if "adaptive" not in name])
def test_line_with_symbolic_sizes(name: str) -> None:
    model = keras_model(LINES[name], (None, 4))
    graph = from_model(model, [parse_input_shape("(N,L,4)")])
    for shape in ((2, 11, 4), (3, 8, 4)):
        assert errors(graph, model, noise([shape])) <= TOLERANCE


@pytest.mark.parametrize("name", [name for name in VOLUMES if "adaptive" not in name])
def test_volume_with_symbolic_sizes(name: str) -> None:
    model = keras_model(VOLUMES[name], (None, None, None, 3))
    graph = from_model(model, [parse_input_shape("(N,D,H,W,3)")])
    for shape in ((2, 5, 6, 7, 3), (1, 4, 9, 5, 3)):
        assert errors(graph, model, noise([shape])) <= TOLERANCE


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_padding_gives_one_size_whatever_the_kernel(stride: int) -> None:
    """Branches of a residual block then have equal symbolic sizes, so that they need no constraint."""
    x = keras.Input((None, None, 3))
    sums = [layers.Conv2D(2, kernel, strides=stride, padding="same")(x) for kernel in (1, 3, 4, 5)]
    sums.append(layers.MaxPooling2D(3, strides=stride, padding="same")(layers.Conv2D(2, 1)(x)))
    graph = from_model(keras.Model(x, layers.Add()(sums)), [parse_input_shape("(1,H,W,3)")])
    assert graph.constraints == ()


@pytest.mark.parametrize(
    ("layer", "shape", "op"),
    [
        (layers.Conv1D(12, 3, groups=3), (11, 6), "Conv2D"),
        (layers.Conv2D(64, 3, groups=32, padding="same"), (7, 6, 64), "Conv2D"),
        (layers.Conv2D(8, 3, groups=4), (7, 6, 4), "DepthwiseConv2D"),
        (layers.Conv3D(8, 3, groups=2), (5, 6, 7, 4), "Conv2D"),
    ],
    ids=["1D", "2D", "depthwise", "3D"],
)
def test_groups_are_one_convolution(layer: Any, shape: tuple[int, ...], op: str) -> None:
    x = keras.Input(shape)
    graph = from_model(keras.Model(x, layer(x)))
    counts = count_ops(graph)
    assert {name: counts[name] for name in counts if "Conv" in name} == {op: 1}
    assert "Slice" not in counts or isinstance(layer, layers.Conv3D)


def test_every_layer_class_is_tested() -> None:
    tested = {type(case.build).__name__ for case in LAYER_CASES} | {class_.__name__ for class_, _ in RANDOM}
    # test_dtypes.py has embeddings. "noise" has three of the training-only layers, and "repeat" another layer; the others are in the same list.
    others = {
        "ActivityRegularization",
        "AlphaDropout",
        "Dropout",
        "Embedding",
        "GaussianDropout",
        "GaussianNoise",
        "RepeatVector",
    }
    # test_preprocessing.py and test_lookups.py have these.
    others |= {"Equalization", "MaxNumBoundingBoxes", "Pipeline"}
    others |= {*audio.LOWERINGS, *contrast.LOWERINGS, *encoding.LOWERINGS, *lookups.LOWERINGS}
    assert set(LAYERS) - tested == others
