"""Well-known networks with random, calibrated weights, giving logits: see DESIGN section 12 for why default weights would test nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest

from harness.keras_models import Array, noise, prepared, prepared_for

Shape = tuple[int, ...]


# They bring bytes to a scale of their own. Of noise around 0 they would make a grey almost without contrast, and their first batch
# normalisation would take a number from others that differ in the third digit: Keras itself would be wrong by 6e-6.
TAKE_BYTES = ("ConvNeXtTiny", "EfficientNetB0", "EfficientNetV2B0", "MobileNetV3Small")


def pictures(name: str, batch: int, size: int, seed: int) -> Array:
    """Noise (batch, size, size, 3) in the range that `name` of keras.applications expects, and a little beyond."""
    (x,) = noise([(batch, size, size, 3)], seed)
    return 127.5 + 60 * x if name in TAKE_BYTES else x


def application(name: str, size: int, **options: Any) -> Any:
    """`name` of keras.applications for pictures (size, size, 3)."""
    import keras

    build = getattr(keras.applications, name)
    model = build(weights=None, input_shape=(size, size, 3), classifier_activation=None, **options)
    batch = 2 if size > 128 else 8  # statistics of the last layers, of a pixel or four, need more than two pictures
    return prepared_for(model, [pictures(name, batch, size, seed=1)])


def unet(size: int = 128, depth: int = 4, filters: int = 16) -> Any:
    """(N, H, W, 3) → (N, H, W, 1): Ronneberger's shape, up by transposed convolutions and by UpSampling2D in turn."""
    from keras import Input, Model, layers

    def twice(x: Any, width: int) -> Any:
        for _ in range(2):
            x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
        return x

    x = inputs = Input((None, None, 3), name="image")
    skips = []
    for level in range(depth):
        skips.append(twice(x, filters << level))
        x = layers.MaxPooling2D()(skips[-1])
    x = twice(x, filters << depth)
    for level in reversed(range(depth)):
        width = filters << level
        if level % 2:
            x = layers.Conv2DTranspose(width, 2, strides=2, padding="same")(x)
        else:
            x = layers.Conv2D(width, 1)(layers.UpSampling2D(interpolation="bilinear")(x))
        x = twice(layers.Concatenate()([skips[level], x]), width)
    return prepared(Model(inputs, layers.Conv2D(1, 1, name="mask")(x), name="unet"), [(1, size, size, 3)])


# Name → (name in keras.applications, native size, reduced size). Of 96 pixels, InceptionV3 would leave one at its end, and
# nothing to average: rounding errors of Keras itself would be 9e-6 there; of 139 pixels they are 2e-6.
KERAS: dict[str, tuple[str, int, int]] = {
    "convnext_tiny": ("ConvNeXtTiny", 224, 64),
    "densenet121": ("DenseNet121", 224, 64),
    "efficientnet_b0": ("EfficientNetB0", 224, 64),
    "efficientnet_v2_b0": ("EfficientNetV2B0", 224, 64),
    "inception_resnet_v2": ("InceptionResNetV2", 299, 139),
    "inception_v3": ("InceptionV3", 299, 139),
    "mobilenet": ("MobileNet", 224, 64),
    "mobilenet_v2": ("MobileNetV2", 224, 64),
    "mobilenet_v3_small": ("MobileNetV3Small", 224, 64),
    "nasnet_mobile": ("NASNetMobile", 224, 64),
    "resnet50": ("ResNet50", 224, 64),
    "resnet50_v2": ("ResNet50V2", 224, 64),
    "vgg16": ("VGG16", 224, 32),
    "xception": ("Xception", 299, 96),
}
APPLICATIONS: dict[str, Callable[[int], Any]] = {
    **{name: partial(application, keras_name) for name, (keras_name, _, _) in KERAS.items()},
    "unet": unet,
}
NATIVE = {**{name: native for name, (_, native, _) in KERAS.items()}, "unet": 128}
REDUCED = {**{name: reduced for name, (_, _, reduced) in KERAS.items()}, "unet": 32}
IN_DEFAULT_TIER = ("mobilenet_v2", "resnet50", "unet")
"""The others take a machine of two cores too long: they run in `--tier all`."""


def inputs_of(name: str, size: int) -> list[Array]:
    """A picture for APPLICATIONS[name](size)."""
    return [pictures(KERAS[name][0] if name in KERAS else name, 1, size, seed=7)]


def in_tiers(names: Iterable[str]) -> list[Any]:
    """Those of IN_DEFAULT_TIER are slow, the others exhaustive."""
    return [
        pytest.param(name, marks=pytest.mark.slow if name in IN_DEFAULT_TIER else pytest.mark.exhaustive)
        for name in names
    ]
