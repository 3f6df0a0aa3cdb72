"""Every layer against Keras's own prediction, with fixed and with symbolic sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from harness.calibrate import randomize
from harness.keras_compare import compare, errors
from harness.keras_models import noise
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model
from webdnn.frontend.keras.activation import ACTIVATIONS
from webdnn.frontend.keras.support import LAYERS

TOLERANCE = 3e-6  # Keras itself computes in float32
Build = Callable[[Any], Any]


def keras_model(build: Build, *shapes: tuple[int | None, ...]) -> Any:
    """A model of one layer (a fresh copy) or function, with random weights."""
    if isinstance(build, keras.Layer):
        build = type(build).from_config(build.get_config())
    inputs = [keras.Input(shape) for shape in shapes]
    arguments = inputs[0] if len(inputs) == 1 else inputs
    model = keras.Model(arguments, build(arguments))
    randomize(model)
    return model


CONVOLUTIONS: dict[str, Build] = {
    "valid": layers.Conv2D(4, 3),
    "same": layers.Conv2D(4, (3, 2), padding="same", activation="relu"),
    "even kernel": layers.Conv2D(4, 4, padding="same"),
    "stride 2": layers.Conv2D(4, 3, strides=2, padding="same"),
    "stride 2, 5": layers.Conv2D(4, 5, strides=(2, 3), padding="same", use_bias=False),
    "1×1 stride 2": layers.Conv2D(4, 1, strides=2, padding="same"),
    "2×2 stride 3": layers.Conv2D(4, 2, strides=3, padding="same"),
    "dilation": layers.Conv2D(4, 3, dilation_rate=(2, 1), padding="same"),
    "dilation valid": layers.Conv2D(4, 2, dilation_rate=3),
    "groups": layers.Conv2D(4, 3, groups=2, strides=2, padding="same"),
    "groups of one": layers.Conv2D(8, 3, groups=4),
    "depthwise": layers.DepthwiseConv2D(3, padding="same", activation="sigmoid"),
    "depthwise multiplier": layers.DepthwiseConv2D((3, 2), strides=2, depth_multiplier=3, padding="same"),
    "depthwise dilation": layers.DepthwiseConv2D(2, dilation_rate=2),
    "separable": layers.SeparableConv2D(5, 3, strides=2, padding="same", depth_multiplier=2, activation="tanh"),
    "transposed": layers.Conv2DTranspose(5, 3),
    "transposed stride 2": layers.Conv2DTranspose(5, 3, strides=2),
    "transposed same": layers.Conv2DTranspose(5, 3, strides=2, padding="same", activation="relu"),
    "transposed same even": layers.Conv2DTranspose(5, 4, strides=2, padding="same"),
    "transposed small kernel": layers.Conv2DTranspose(5, 2, strides=3),
    "transposed small same": layers.Conv2DTranspose(5, 2, strides=3, padding="same"),
    "transposed 1×1 same": layers.Conv2DTranspose(5, 1, strides=2, padding="same"),
    "transposed output padding": layers.Conv2DTranspose(5, 3, strides=3, output_padding=(0, 2)),
    "transposed same output padding": layers.Conv2DTranspose(5, 4, strides=3, padding="same", output_padding=1),
    "transposed dilation": layers.Conv2DTranspose(5, 3, dilation_rate=2),
    "transposed dilation same": layers.Conv2DTranspose(5, 3, dilation_rate=(2, 1), padding="same"),
}
SPATIAL: dict[str, Build] = {
    "max": layers.MaxPooling2D(),
    "max same": layers.MaxPooling2D(3, strides=2, padding="same"),
    "max 2×3": layers.MaxPooling2D((2, 3), strides=(1, 2)),
    "max same wide stride": layers.MaxPooling2D(2, strides=3, padding="same"),
    "average": layers.AveragePooling2D(2),
    "average same": layers.AveragePooling2D(3, strides=2, padding="same"),
    "global average": layers.GlobalAveragePooling2D(),
    "global average kept": layers.GlobalAveragePooling2D(keepdims=True),
    "global max": layers.GlobalMaxPooling2D(),
    "zero padding": layers.ZeroPadding2D(((1, 2), (0, 3))),
    "cropping": layers.Cropping2D(((1, 2), (0, 3))),
    "nearest": layers.UpSampling2D((2, 3)),
    "bilinear": layers.UpSampling2D((3, 2), interpolation="bilinear"),
    "flatten": layers.Flatten(),
    "permute": layers.Permute((3, 1, 2)),
    "reshape": layers.Reshape((-1, 2)),
    "batch norm": layers.BatchNormalization(),
    "batch norm without": layers.BatchNormalization(center=False, scale=False, epsilon=0.1),
    "rescaling": layers.Rescaling([0.5, 2.0, 1.0, -3.0], [1.0, 0.0, -1.0, 2.0]),
    "dropout": layers.SpatialDropout2D(0.4),
    "negative threshold": lambda x: keras.activations.relu(x, threshold=-0.5, negative_slope=0.5),
    "slices": lambda x: x[:, 1:-1, ..., :2],
}


@pytest.mark.parametrize("name", [*CONVOLUTIONS, *SPATIAL])
def test_spatial_layer_with_fixed_sizes(name: str) -> None:
    model = keras_model({**CONVOLUTIONS, **SPATIAL}[name], (7, 10, 4))
    compare(model, noise([(2, 7, 10, 4)]), TOLERANCE)


@pytest.mark.parametrize("name", [*CONVOLUTIONS, *(name for name in SPATIAL if name not in ("flatten", "reshape"))])
def test_spatial_layer_with_symbolic_sizes(name: str) -> None:
    model = keras_model({**CONVOLUTIONS, **SPATIAL}[name], (None, None, 4))
    graph = from_model(model, [parse_input_shape("(N,H,W,4)")])
    for shape in ((2, 7, 10, 4), (1, 12, 9, 4)):
        assert errors(graph, model, noise([shape])) <= TOLERANCE


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_padding_gives_one_size_whatever_the_kernel(stride: int) -> None:
    """Branches of a residual block then have equal symbolic sizes, so that they need no constraint."""
    x = keras.Input((None, None, 3))
    sums = [layers.Conv2D(2, kernel, strides=stride, padding="same")(x) for kernel in (1, 3, 4, 5)]
    sums.append(layers.MaxPooling2D(3, strides=stride, padding="same")(layers.Conv2D(2, 1)(x)))
    graph = from_model(keras.Model(x, layers.Add()(sums)), [parse_input_shape("(1,H,W,3)")])
    assert graph.constraints == ()


LAST_AXIS: dict[str, Build] = {
    "dense": layers.Dense(5),
    "dense relu": layers.Dense(5, activation="relu", use_bias=False),
    "dense layer activation": layers.Dense(5, activation=layers.LeakyReLU(0.3)),
    "activation": layers.Activation("softplus"),
    "relu": layers.ReLU(),
    "relu6": layers.ReLU(6.0),
    "relu slope": layers.ReLU(negative_slope=0.2),
    "relu slope max": layers.ReLU(1.0, negative_slope=0.2),
    "relu threshold": layers.ReLU(threshold=0.3),
    "relu all": layers.ReLU(1.5, 0.2, 0.3),
    "leaky relu": layers.LeakyReLU(0.1),
    "elu": layers.ELU(0.7),
    "prelu": layers.PReLU(),
    "prelu shared": layers.PReLU(shared_axes=[1]),
    "softmax": layers.Softmax(),
    "softmax axis": layers.Softmax(axis=1),
    "batch norm axis": layers.BatchNormalization(axis=1),
    "normalization": layers.Normalization(mean=[0.5, -1.0, 2.0], variance=[0.5, 2.0, 3.0]),
    "normalization weights": layers.Normalization(),
    "normalization inverted": layers.Normalization(mean=0.5, variance=3.0, invert=True),
    "rescaling": layers.Rescaling(1 / 127.5, -1),
    "noise": lambda x: layers.GaussianNoise(0.1)(layers.ActivityRegularization(0.1)(layers.GaussianDropout(0.1)(x))),
    "identity": layers.Identity(),
}


@pytest.mark.parametrize("name", LAST_AXIS)
def test_layer_of_any_rank(name: str) -> None:
    model = keras_model(LAST_AXIS[name], (5, 3))
    compare(model, noise([(2, 5, 3)]), TOLERANCE)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activation(name: str) -> None:
    function = getattr(keras.activations, name, None) or getattr(keras.ops, name)
    if name == "threshold":
        pytest.skip("needs arguments: see the operations")
    values = np.concatenate([np.linspace(-9, 9, 37), [0.5, -0.5, 1.0, -1.0, 1e-6, 30.0, -30.0]]).astype(np.float32)
    compare(keras_model(layers.Activation(function), (44,)), [values[None]], TOLERANCE)


MERGES: dict[str, tuple[Build, tuple[tuple[int, ...], ...]]] = {
    "add": (layers.Add(), ((3, 5), (3, 5), (3, 5))),
    "add of another rank": (layers.Add(), ((4, 3, 5), (5,))),
    "subtract": (layers.Subtract(), ((3, 5), (3, 5))),
    "multiply": (layers.Multiply(), ((3, 4, 5), (1, 1, 5))),
    "average": (layers.Average(), ((3, 5), (3, 5), (3, 5))),
    "maximum": (layers.Maximum(), ((3, 5), (3, 5))),
    "minimum": (layers.Minimum(), ((3, 5), (3, 5))),
    "concatenate": (layers.Concatenate(), ((3, 5), (3, 2), (3, 1))),
    "concatenate axis": (layers.Concatenate(axis=1), ((3, 5), (2, 5))),
}


@pytest.mark.parametrize("name", MERGES)
def test_merge(name: str) -> None:
    build, shapes = MERGES[name]
    compare(keras_model(build, *shapes), noise([(2, *shape) for shape in shapes]), TOLERANCE)


OPERATIONS: dict[str, Build] = {
    "operators": lambda x: 1 - (x * 2 + 3) / (-x * x - 2) ** 2,
    "array": lambda x: x * np.array([1.0, -2.0, 3.0], np.float32) + abs(x),
    "relu": lambda x: keras.ops.relu(x) + keras.activations.relu(x, negative_slope=0.1, max_value=0.5),
    "unary": lambda x: keras.ops.exp(keras.ops.sin(keras.ops.cos(x))) + keras.ops.sqrt(keras.ops.square(x) + 1),
    "rounding": lambda x: keras.ops.floor(x) + keras.ops.ceil(x) * keras.ops.sign(x),
    "clip": lambda x: keras.ops.clip(x, -0.5, 0.25),
    "extrema": lambda x: keras.ops.maximum(x, 0.1) + keras.ops.minimum(x, 0.2),
    "gelu": lambda x: keras.ops.gelu(x, approximate=True) + keras.ops.gelu(x, approximate=False),
    "parameters": lambda x: keras.ops.leaky_relu(x, 0.3) + keras.ops.elu(x, 0.5) + keras.ops.celu(x, 0.5),
    "threshold": lambda x: keras.ops.threshold(x, 0.2, -3.0) + keras.ops.hard_shrink(x, 0.3),
    "softmax": lambda x: keras.ops.softmax(x, axis=1) + keras.ops.log_softmax(x, axis=-1),
    "reductions": lambda x: keras.ops.mean(x, axis=-1, keepdims=True) + keras.ops.max(x, axis=(1, 2), keepdims=True),
    "sum": lambda x: keras.ops.sum(x, axis=1) - keras.ops.min(x, axis=-2),
    "shape": lambda x: keras.ops.squeeze(keras.ops.expand_dims(keras.ops.transpose(x, (0, 2, 1)), (1, -1)), 1),
    "reshape": lambda x: keras.ops.reshape(x, (-1, 15)),
    "concatenate": lambda x: keras.ops.concatenate([x, x * 2], axis=1),
    "index": lambda x: x[:, 1] + x[:, -1] + x[..., 2, :],
    "new axis": lambda x: x[:, None, 1:3, -2:],
    "scalar first": lambda x: keras.ops.subtract(2.0, x) / 3,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name: str) -> None:
    compare(keras_model(OPERATIONS[name], (5, 3)), noise([(2, 5, 3)]), TOLERANCE)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(5, 3, strides=2, padding="same", data_format="channels_first"),
        layers.Conv2DTranspose(5, 3, strides=2, padding="same", data_format="channels_first"),
        layers.SeparableConv2D(5, 3, data_format="channels_first", activation="relu"),
        layers.AveragePooling2D(2, data_format="channels_first"),
        layers.GlobalMaxPooling2D(data_format="channels_first"),
        layers.ZeroPadding2D((1, 2), data_format="channels_first"),
        layers.UpSampling2D(data_format="channels_first"),
        layers.Flatten(data_format="channels_first"),
        layers.BatchNormalization(axis=1),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_channels_first(layer: Any) -> None:
    compare(keras_model(layer, (4, 7, 10)), noise([(2, 4, 7, 10)]), TOLERANCE)


def test_every_layer_class_is_tested() -> None:
    tables = [*CONVOLUTIONS.values(), *SPATIAL.values(), *LAST_AXIS.values(), *(build for build, _ in MERGES.values())]
    tested = {type(build).__name__ for build in tables}
    # "noise" has three of the training-only layers; the others are in the same list.
    others = {"ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise"}
    assert set(LAYERS) - tested - others == {"SpatialDropout1D", "SpatialDropout3D"}
