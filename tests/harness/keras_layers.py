"""Every layer of Keras in models of one layer: the table that tests of the frontend and of the backends share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from keras.src.applications.convnext import LayerScale, StochasticDepth
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

from harness.calibrate import randomize
from harness.keras_operations import OPERATION_TABLES

Build = Callable[[Any], Any]
Shape = tuple[int | None, ...]
Sizes = tuple[int, ...]


def keras_model(build: Build, *shapes: Shape) -> Any:
    """A model of one layer (a fresh copy) or function, with random weights; shapes are without the batch."""
    if isinstance(build, keras.Layer):
        build = type(build).from_config(build.get_config())
    inputs = [keras.Input(shape) for shape in shapes]
    arguments = inputs[0] if len(inputs) == 1 else inputs
    model = keras.Model(arguments, build(arguments))
    randomize(model)
    return model


# Two spatial axes: (7, 10, 4).
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
    "groups dilated": layers.Conv2D(6, 3, groups=2, dilation_rate=2, padding="same", activation="relu"),
    "groups 1×1": layers.Conv2D(10, 1, groups=2, use_bias=False),
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

# One: (11, 4).
LINES: dict[str, Build] = {
    "valid": layers.Conv1D(5, 3),
    "same": layers.Conv1D(5, 4, padding="same", strides=2, activation="relu"),
    "causal": layers.Conv1D(5, 3, padding="causal", dilation_rate=2),
    "causal stride": layers.Conv1D(5, 3, padding="causal", strides=3),
    "groups": layers.Conv1D(6, 3, groups=2, use_bias=False),
    "groups of one": layers.Conv1D(8, 3, groups=4, padding="same"),
    "groups causal": layers.Conv1D(4, 3, groups=2, padding="causal", dilation_rate=2, activation="tanh"),
    "depthwise": layers.DepthwiseConv1D(3, strides=2, padding="same", depth_multiplier=2),
    "depthwise dilation": layers.DepthwiseConv1D(2, dilation_rate=3),
    "separable": layers.SeparableConv1D(5, 3, padding="same", activation="tanh"),
    "transposed": layers.Conv1DTranspose(5, 3, strides=2),
    "transposed same": layers.Conv1DTranspose(5, 4, strides=3, padding="same", output_padding=1),
    "transposed dilation": layers.Conv1DTranspose(5, 3, dilation_rate=2, padding="same"),
    "max": layers.MaxPooling1D(3, strides=2, padding="same"),
    "max valid": layers.MaxPooling1D(2),
    "average": layers.AveragePooling1D(3, strides=2, padding="same"),
    "global average": layers.GlobalAveragePooling1D(),
    "global max": layers.GlobalMaxPooling1D(keepdims=True),
    "adaptive average": layers.AdaptiveAveragePooling1D(4),
    "adaptive max": layers.AdaptiveMaxPooling1D(4),
    "up sampling": layers.UpSampling1D(3),
    "zero padding": layers.ZeroPadding1D((1, 2)),
    "cropping": layers.Cropping1D((2, 1)),
    "dropout": layers.SpatialDropout1D(0.3),
    "time distributed": layers.TimeDistributed(layers.Dense(3, activation="relu")),
}

# Three: (5, 6, 7, 3).
VOLUMES: dict[str, Build] = {
    "valid": layers.Conv3D(4, 3),
    "same": layers.Conv3D(4, (3, 2, 4), padding="same", activation="relu"),
    "stride": layers.Conv3D(4, 3, strides=(2, 1, 3), padding="same"),
    "stride valid": layers.Conv3D(4, 2, strides=2, use_bias=False),
    "dilation": layers.Conv3D(4, 2, dilation_rate=(2, 1, 3), padding="same"),
    "groups": layers.Conv3D(6, 3, groups=3, padding="same"),
    "groups flat": layers.Conv3D(6, (1, 2, 2), groups=3),
    "1×1×1": layers.Conv3D(4, 1, strides=2, padding="same"),
    "transposed": layers.Conv3DTranspose(4, 3),
    "transposed stride": layers.Conv3DTranspose(4, (3, 2, 3), strides=(2, 3, 1)),
    "transposed same": layers.Conv3DTranspose(4, 3, strides=2, padding="same", activation="relu"),
    "transposed output padding": layers.Conv3DTranspose(4, 4, strides=3, padding="same", output_padding=(1, 0, 2)),
    "max": layers.MaxPooling3D(2),
    "max same": layers.MaxPooling3D(3, strides=2, padding="same"),
    "average": layers.AveragePooling3D((2, 3, 2), strides=(1, 2, 2)),
    "average same": layers.AveragePooling3D(3, strides=2, padding="same"),
    "global average": layers.GlobalAveragePooling3D(),
    "global max": layers.GlobalMaxPooling3D(keepdims=True),
    "adaptive average": layers.AdaptiveAveragePooling3D((2, 3, 4)),
    "adaptive max": layers.AdaptiveMaxPooling3D((2, 3, 4)),
    "up sampling": layers.UpSampling3D((2, 1, 3)),
    "zero padding": layers.ZeroPadding3D(((1, 2), (0, 1), (2, 0))),
    "cropping": layers.Cropping3D(((1, 2), (0, 1), (2, 0))),
    "dropout": layers.SpatialDropout3D(0.3),
}

# Layers that do nothing outside training, and their arguments.
RANDOM: tuple[tuple[type, tuple[float, ...]], ...] = (
    *((layers.AugMix, ()), (layers.CutMix, ()), (layers.MixUp, ()), (layers.RandAugment, ())),
    *((layers.RandomBrightness, (0.4,)), (layers.RandomColorDegeneration, (0.4,)), (layers.RandomColorJitter, ())),
    *(
        (layers.RandomContrast, (0.4,)),
        (layers.RandomCrop, (9, 12)),
        (layers.RandomElasticTransform, ()),
        (layers.RandomErasing, ()),
    ),
    *((layers.RandomFlip, ()), (layers.RandomGaussianBlur, ()), (layers.RandomGrayscale, ())),
    *((layers.RandomHue, (0.2,)), (layers.RandomInvert, ()), (layers.RandomPerspective, ())),
    *((layers.RandomPosterization, (4,)), (layers.RandomRotation, (0.2,)), (layers.RandomSaturation, (0.3,))),
    *((layers.RandomSharpness, (0.4,)), (layers.RandomShear, (0.2,)), (layers.RandomTranslation, (0.1, 0.1))),
    *((layers.RandomZoom, (0.2,)), (layers.Solarization, (0.3,))),
)


def random_layers(x: Any) -> Any:
    for class_, arguments in RANDOM:
        x = class_(*arguments)(x)
    return x


# Layers that need sizes known at conversion: (9, 12, 3).
IMAGES: dict[str, Build] = {
    "adaptive average": layers.AdaptiveAveragePooling2D((4, 5)),
    "adaptive average regular": layers.AdaptiveAveragePooling2D((3, 4)),
    "adaptive max": layers.AdaptiveMaxPooling2D((4, 5)),
    "adaptive max regular": layers.AdaptiveMaxPooling2D(3),
    "bicubic up": layers.UpSampling2D(2, interpolation="bicubic"),
    "lanczos up": layers.UpSampling2D((2, 3), interpolation="lanczos5"),
    "resize bilinear": layers.Resizing(5, 17),
    "resize bilinear antialias": layers.Resizing(5, 17, antialias=True),
    "resize nearest": layers.Resizing(5, 17, interpolation="nearest"),
    "resize nearest whole": layers.Resizing(3, 24, interpolation="nearest"),
    "resize nearest double": layers.Resizing(18, 24, interpolation="nearest"),
    "resize bicubic": layers.Resizing(7, 13, interpolation="bicubic"),
    "resize bicubic antialias": layers.Resizing(4, 5, interpolation="bicubic", antialias=True),
    "resize lanczos3": layers.Resizing(13, 7, interpolation="lanczos3", antialias=True),
    "resize crop": layers.Resizing(6, 6, crop_to_aspect_ratio=True),
    "resize pad": layers.Resizing(6, 6, pad_to_aspect_ratio=True, fill_value=-0.5),
    "resize pad columns": layers.Resizing(5, 12, pad_to_aspect_ratio=True),
    "centre": layers.CenterCrop(4, 5),
    "centre of a small image": layers.CenterCrop(10, 5),
    "random": random_layers,
    "normalization": layers.Normalization(axis=(1, 3)),
}
# (5, 3)
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
    "masking": layers.Masking(),
    "layer norm": layers.LayerNormalization(),
    "layer norm axes": layers.LayerNormalization(axis=(1, 2), epsilon=0.1),
    "layer norm first axis": layers.LayerNormalization(axis=1, center=False),
    "layer norm unscaled": layers.LayerNormalization(scale=False),
    "layer norm variance": lambda x: layers.LayerNormalization(rms_scaling=True)(x),
    "rms norm": layers.RMSNormalization(),
    "rms norm axes": layers.RMSNormalization(axis=(1, 2), epsilon=0.1),
    "unit norm": layers.UnitNormalization(),
    "unit norm axes": layers.UnitNormalization(axis=(1, 2)),
    "group norm of all": layers.GroupNormalization(1),
    "instance norm": layers.GroupNormalization(-1, epsilon=0.2),
    "group norm axis": layers.GroupNormalization(5, axis=1, scale=False),
    "einsum dense": layers.EinsumDense("abc,cd->abd", (5, 4), activation="relu", bias_axes="d"),
    "einsum dense heads": layers.EinsumDense("abc,cde->adeb", (2, 3, 5), bias_axes="de"),
    "spectral norm": layers.SpectralNormalization(layers.Dense(4, activation="relu")),
    "repeat": lambda x: layers.RepeatVector(4)(layers.Flatten()(x)),
    "layer scale": LayerScale(0.5, 3),
    "stochastic depth": StochasticDepth(0.3),
}

# channels_first: (4, 7, 10) and (4, 11) and (3, 5, 6, 7).
FIRST = {"data_format": "channels_first"}
CHANNELS_FIRST: dict[str, tuple[Build, Sizes]] = {
    "convolution": (layers.Conv2D(5, 3, strides=2, padding="same", **FIRST), (4, 7, 10)),
    "groups": (layers.Conv2D(6, 3, groups=2, padding="same", **FIRST), (4, 7, 10)),
    "volume of groups": (layers.Conv3D(6, 2, groups=2, strides=2, **FIRST), (4, 3, 4, 5)),
    "transposed": (layers.Conv2DTranspose(5, 3, strides=2, padding="same", **FIRST), (4, 7, 10)),
    "depthwise": (layers.DepthwiseConv2D(3, **FIRST), (4, 7, 10)),
    "separable": (layers.SeparableConv2D(5, 3, activation="relu", **FIRST), (4, 7, 10)),
    "average": (layers.AveragePooling2D(2, **FIRST), (4, 7, 10)),
    "max": (layers.MaxPooling2D(2, **FIRST), (4, 7, 10)),
    "global max": (layers.GlobalMaxPooling2D(**FIRST), (4, 7, 10)),
    "zero padding": (layers.ZeroPadding2D((1, 2), **FIRST), (4, 7, 10)),
    "cropping": (layers.Cropping2D((1, 2), **FIRST), (4, 7, 10)),
    "up sampling": (layers.UpSampling2D(**FIRST), (4, 7, 10)),
    "flatten": (layers.Flatten(**FIRST), (4, 7, 10)),
    "batch norm": (layers.BatchNormalization(axis=1), (4, 7, 10)),
    "group norm": (layers.GroupNormalization(2, axis=1), (4, 7, 10)),
    "layer norm": (layers.LayerNormalization(axis=1), (4, 7, 10)),
    "adaptive": (layers.AdaptiveMaxPooling2D((3, 4), **FIRST), (4, 7, 10)),
    "resizing": (layers.Resizing(9, 5, **FIRST), (4, 7, 10)),
    "centre": (layers.CenterCrop(4, 5, **FIRST), (4, 7, 10)),
    "line": (layers.Conv1D(5, 3, **FIRST), (4, 11)),
    "line transposed": (layers.Conv1DTranspose(5, 3, strides=2, **FIRST), (4, 11)),
    "line separable": (layers.SeparableConv1D(5, 3, **FIRST), (4, 11)),
    "line max": (layers.MaxPooling1D(2, **FIRST), (4, 11)),
    "line zero padding": (layers.ZeroPadding1D((1, 2), **FIRST), (4, 11)),
    "line global average": (layers.GlobalAveragePooling1D(**FIRST), (4, 11)),
    "volume": (layers.Conv3D(5, 3, strides=2, padding="same", **FIRST), (3, 5, 6, 7)),
    "volume transposed": (layers.Conv3DTranspose(5, 3, strides=2, padding="same", **FIRST), (3, 5, 6, 7)),
    "volume average": (layers.AveragePooling3D(2, **FIRST), (3, 5, 6, 7)),
    "volume global max": (layers.GlobalMaxPooling3D(**FIRST), (3, 5, 6, 7)),
    "volume up sampling": (layers.UpSampling3D(2, **FIRST), (3, 5, 6, 7)),
    "volume zero padding": (layers.ZeroPadding3D((1, 2, 0), **FIRST), (3, 5, 6, 7)),
    "volume cropping": (layers.Cropping3D((1, 2, 0), **FIRST), (3, 5, 6, 7)),
}

MERGES: dict[str, tuple[Build, tuple[Sizes, ...]]] = {
    "add": (layers.Add(), ((3, 5), (3, 5), (3, 5))),
    "add of another rank": (layers.Add(), ((4, 3, 5), (5,))),
    "subtract": (layers.Subtract(), ((3, 5), (3, 5))),
    "multiply": (layers.Multiply(), ((3, 4, 5), (1, 1, 5))),
    "average": (layers.Average(), ((3, 5), (3, 5), (3, 5))),
    "maximum": (layers.Maximum(), ((3, 5), (3, 5))),
    "minimum": (layers.Minimum(), ((3, 5), (3, 5))),
    "dot": (layers.Dot(axes=1), ((4, 3), (4, 5))),
    "dot of rows": (layers.Dot(axes=(2, 1)), ((4, 3), (3,))),
    "dot of vectors": (layers.Dot(axes=-1, normalize=True), ((5,), (5,))),
    "dot of volumes": (layers.Dot(axes=(3, 2), normalize=True), ((2, 3, 4), (5, 4, 2))),
    "scaled sum": (CustomScaleLayer(0.17), ((3, 5), (3, 5))),
    "concatenate": (layers.Concatenate(), ((3, 5), (3, 2), (3, 1))),
    "concatenate axis": (layers.Concatenate(axis=1), ((3, 5), (2, 5))),
}

ROW = np.array([0.5, -1.0, 2.0], np.float32)
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
    "comparisons": lambda x: ops.cast(x > 0.2, "float32") + ops.cast(ops.equal(ops.round(x), 1), "float32") * 3,
    "logic": lambda x: ops.where(ops.logical_and(x > -0.5, ops.logical_not(x >= 0.5)), x * 2, -1.0),
    "select": lambda x: ops.select([x > 1, x > 0], [x, x * 3], default=-0.5),
    "truncation": lambda x: ops.trunc(x * 3) + ops.cast(ops.cast(x * 2, "int32"), "float32"),
    "mod": lambda x: ops.mod(x, 0.7) + ops.floor_divide(x, 0.3) + ops.round(x, 1),
    "inverse functions": lambda x: (
        ops.arctan(x) + ops.arcsin(ops.tanh(x)) + ops.arccos(ops.tanh(x) * 0.9) + ops.arcsinh(x)
    ),
    "hyperbolic functions": lambda x: ops.sinh(x) + ops.cosh(x) + ops.tan(x * 0.5) + ops.arctanh(ops.tanh(x) * 0.9),
    "logarithms": lambda x: (
        ops.log2(abs(x) + 1) + ops.log10(abs(x) + 1) + ops.log1p(abs(x)) + ops.expm1(x) + ops.exp2(x)
    ),
    "log of sums": lambda x: ops.logaddexp(x, x * 2) + ops.logsumexp(x, axis=-1, keepdims=True),
    "divide no nan": lambda x: ops.divide_no_nan(x, ops.maximum(x, 0.0)) + ops.ones_like(x) + ops.full_like(x, 2.0),
    "hardly": lambda x: (
        ops.hard_tanh(x) + ops.squareplus(x, 2) + ops.sparse_sigmoid(x) + ops.glu(ops.concatenate([x, x * 2], -1))
    ),
    "softmax of axes": lambda x: ops.softmax(x, axis=(1, 2)),
    "deviation": lambda x: (
        ops.std(x, axis=1, keepdims=True) + ops.var(x, axis=(1, 2), keepdims=True) + ops.ptp(x, -1, True)
    ),
    "moments": lambda x: ops.moments(x, axes=[1])[0] - ops.moments(x, axes=[1])[1] + ops.average(x, 1),
    "norms": lambda x: ops.norm(x, axis=(1, 2)) + ops.norm(x),
    "product": lambda x: (
        ops.prod(x, axis=1) + ops.count_nonzero(x > 0, axis=1) + ops.cast(ops.any(x > 2, axis=1), "float32")
    ),
    "stack": lambda x: ops.stack([x, x * 2], axis=2)[:, :, 1] + ops.unstack(x, axis=1)[2][:, None],
    "split": lambda x: (
        ops.split(x, 3, axis=-1)[1] + ops.split(x, [1, 4], axis=1)[0] + ops.array_split(x, 2, axis=1)[1][:, :1]
    ),
    "pad": lambda x: ops.pad(x, [[0, 0], [1, 2], [0, 3]], constant_values=-0.5),
    "pad reflect": lambda x: ops.pad(x, [[0, 0], [2, 1], [1, 0]], mode="reflect"),
    "pad symmetric": lambda x: ops.pad(x, [[0, 0], [2, 1], [1, 0]], mode="symmetric"),
    "flip": lambda x: ops.flip(x, axis=(1, 2)) + ops.roll(x, 2, axis=1) - ops.roll(x, -1, axis=(1, 2)) + ops.roll(x, 3),
    "repeat": lambda x: ops.repeat(x, 2, axis=1) + ops.tile(x, (1, 2, 1)),
    "take": lambda x: ops.take(x, [3, 0, -1], axis=1) + x[:, ::2] - x[:, 3:0:-1],
    "take by another": lambda x: ops.take_along_axis(x, ops.argsort(x, axis=1), axis=1),
    "axes": lambda x: (
        ops.swapaxes(ops.moveaxis(x, 1, -1), -1, -2) + ops.broadcast_to(ops.mean(x, 1, keepdims=True), (2, 5, 3))
    ),
    "joins": lambda x: ops.hstack([x, x]) - ops.vstack([x, x])[:2, :1] + ops.reshape(ops.ravel(x), (2, 5, 3))[:, :1],
    "triangles": lambda x: ops.triu(x) + ops.tril(x, -1) * 3 + ops.rot90(ops.rot90(x, axes=(1, 2)), axes=(2, 1)),
    "sort": lambda x: ops.sort(x, axis=1) + ops.sort(x),
    "largest": lambda x: ops.top_k(x, 2)[0] + ops.cast(ops.top_k(x, 2)[1], "float32"),
    "arg": lambda x: ops.cast(ops.argmax(x, axis=1) + ops.argmin(x, axis=1) * 10, "float32"),
    "one hot": lambda x: ops.one_hot(ops.argmax(x, axis=-1), 3) * x + ops.one_hot(ops.argmin(x, axis=1), 5, axis=1),
    "sums": lambda x: ops.cumsum(x, axis=1) + ops.diff(ops.pad(x, [[0, 0], [1, 0], [0, 0]]), axis=1),
    "matmul": lambda x: ops.matmul(x, ops.transpose(x, (0, 2, 1))) @ x + x @ np.eye(3, dtype="float32")[::-1],
    "vectors": lambda x: (
        ops.matmul(x, x[0, 0]) + ops.matmul(x[0, :, 0], x)[:, :1] + ops.dot(x, x[1, 1]) - ops.inner(x, x[1, 1])
    ),
    "einsum": lambda x: ops.einsum("bij,bkj->bik", x, x) + ops.einsum("bij->bi", x)[..., None],
    "einsum constant": lambda x: ops.einsum("...ij,jk->k...i", x, np.arange(6, dtype="float32").reshape(3, 2)),
    "tensordot": lambda x: ops.tensordot(x, ROW, axes=1)[:, :1] + ops.outer(x[:, 0, 0], x[:, 1, 1]),
    "normalize": lambda x: ops.normalize(x, axis=1) + ops.rms_normalization(x) + ops.layer_normalization(x),
    "resize": lambda x: ops.image.resize(x[..., None], (4, 7), interpolation="bicubic", antialias=True),
    "grayscale": lambda x: ops.image.rgb_to_grayscale(ops.stack([x, x * 2, x * 3], axis=-1)),
    "windows": lambda x: ops.max_pool(x, 2, 1, "same") + ops.average_pool(x, 3, 1, "same"),
    "adaptive windows": lambda x: ops.adaptive_max_pool(x, (1,)) + ops.adaptive_average_pool(x, (2,))[:, :1],
    "convolution": lambda x: ops.conv(x, (np.arange(24) / 16 - 0.75).reshape(2, 3, 4), 2, "same"),
    "batch norm": lambda x: ops.batch_normalization(x, ROW, abs(ROW) + 0.5, 2, ROW * 2, ROW * 3, epsilon=0.1),
    "depth to space": lambda x: ops.depth_to_space(ops.reshape(x[:, :4], (-1, 1, 3, 4)), 2),
    "space to depth": lambda x: ops.space_to_depth(ops.reshape(x[:, :4], (-1, 2, 6, 1)), 2),
}


# Name → (layers or functions, shape of their input).
TABLES: dict[str, tuple[dict[str, Build], Sizes]] = {
    "2D convolution": (CONVOLUTIONS, (7, 10, 4)),
    "2D": (SPATIAL, (7, 10, 4)),
    "1D": (LINES, (11, 4)),
    "3D": (VOLUMES, (5, 6, 7, 3)),
    "image": (IMAGES, (9, 12, 3)),
    "any rank": (LAST_AXIS, (5, 3)),
    "operation": (OPERATIONS, (5, 3)),
    **{name: (builds, (5, 3)) for name, builds in OPERATION_TABLES.items()},
    **{
        f"channels first {'×'.join(map(str, shape))}": (
            {n: b for n, (b, own) in CHANNELS_FIRST.items() if own == shape},
            shape,
        )
        for shape in dict.fromkeys(shape for _, shape in CHANNELS_FIRST.values())
    },
}


def layer_cases() -> dict[str, tuple[Build, tuple[Sizes, ...]]]:
    """Name → (layer or function, shapes of its inputs), of every table."""
    found = {
        f"{table}: {name}": (b, (shape,)) for table, (builds, shape) in TABLES.items() for name, b in builds.items()
    }
    return found | {f"merge: {name}": case for name, case in MERGES.items()}
