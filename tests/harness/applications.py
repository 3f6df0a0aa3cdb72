"""Well-known networks with random, calibrated weights, giving logits: see DESIGN section 12 for why default weights would test nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.keras_models import prepared

Shape = tuple[int, ...]


def resnet50(size: int = 224) -> Any:
    import keras

    model = keras.applications.ResNet50(weights=None, input_shape=(size, size, 3), classifier_activation=None)
    return prepared(model, [(2, size, size, 3)])


def mobilenet_v2(size: int = 224) -> Any:
    import keras

    model = keras.applications.MobileNetV2(weights=None, input_shape=(size, size, 3), classifier_activation=None)
    return prepared(model, [(2, size, size, 3)])


def vgg16(size: int = 224) -> Any:
    import keras

    model = keras.applications.VGG16(weights=None, input_shape=(size, size, 3), classifier_activation=None)
    return prepared(model, [(2, size, size, 3)])


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


APPLICATIONS: dict[str, Callable[[int], Any]] = {
    "mobilenet_v2": mobilenet_v2,
    "resnet50": resnet50,
    "unet": unet,
    "vgg16": vgg16,
}
NATIVE = {"mobilenet_v2": 224, "resnet50": 224, "unet": 128}
REDUCED = {"mobilenet_v2": 64, "resnet50": 64, "unet": 32}
