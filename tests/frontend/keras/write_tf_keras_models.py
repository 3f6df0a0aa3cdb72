"""Writes models with tf_keras, and its answers: `python write_tf_keras_models.py FOLDER`, in an environment that has tf_keras."""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras

layers = keras.layers
SMALL, IMAGE = (8, 8, 4), (32, 32, 3)


def fill(model, generator):
    """Weights with which answers neither vanish nor grow."""
    for weight in model.weights:
        value = generator.normal(size=weight.shape).astype("f4") * 0.3
        if "variance" in weight.name:
            value = abs(value) + 0.5
        elif "gamma" in weight.name:
            value = value + 1
        elif "kernel" in weight.name:
            taps = weight.shape[:2] if "depthwise" in weight.name else weight.shape[:-1]
            value = value / 0.3 / np.sqrt(max(1, np.prod(taps)))
        weight.assign(value)


def block(name="inner"):
    x = keras.Input(SMALL)
    y = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x))
    return keras.Model(x, layers.Add()([x, y]), name=name)


def nested():
    x = keras.Input((8, 8, 3), name="image")
    yield "functional", keras.Model(x, layers.Dense(2)(layers.Flatten()(block()(layers.Conv2D(4, 1)(x)))))
    inner = block()
    yield "shared", keras.Model(x, inner(inner(layers.Conv2D(4, 1)(x))))
    middle = keras.Sequential([block("deep"), layers.ReLU()], name="middle")
    outer = keras.Model(x, middle(layers.Conv2D(4, 1)(x)), name="outer")
    z = keras.Input((8, 8, 3))
    yield "three_deep", keras.Model(z, outer(z))
    yield "sequential", keras.Sequential([keras.Input(SMALL), block(), layers.Flatten(), layers.Dense(3)])
    yield "sequential_first", keras.Sequential([block(), layers.Flatten(), layers.Dense(3)])
    y = keras.Input(SMALL)
    inner = keras.Sequential([layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(6.0)])
    yield "deferred", keras.Model(y, layers.Flatten()(inner(y)))
    inner = block("frozen")
    inner.trainable = False
    yield "frozen", keras.Model(y, layers.Conv2D(2, 3)(inner(y)))
    steps = keras.Input((5, *SMALL))
    yield "time_distributed", keras.Model(steps, layers.TimeDistributed(block())(steps))
    several = keras.Model(y, [block("p")(y), block("q")(y)])
    yield "several_outputs", keras.Model(y, layers.Concatenate()(several(y)))


def single():
    x = keras.Input((8, 8, 3))
    y = layers.SeparableConv2D(4, 3, depth_multiplier=2)(x)
    y = layers.LeakyReLU(0.1)(layers.PReLU(shared_axes=[1, 2])(y))
    y = layers.GroupNormalization(2)(layers.LayerNormalization()(y))
    y = layers.UpSampling2D(interpolation="bilinear")(layers.Conv2DTranspose(3, 3, strides=2)(y))
    y = layers.GaussianNoise(0.1)(layers.SpatialDropout2D(0.2)(y))
    y = layers.ThresholdedReLU(0.2)(layers.ELU(0.7)(layers.Activation("swish")(y)))
    yield "layers", keras.Model(x, layers.Softmax()(y))
    y = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0])(layers.Rescaling(2.0, 1.0)(x))
    y = layers.Reshape((-1,))(layers.CenterCrop(2, 2)(layers.Resizing(4, 4)(y)))
    y = layers.Permute((2, 1))(layers.RepeatVector(3)(layers.UnitNormalization()(y)))
    yield "more_layers", keras.Model(x, layers.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d")(y))
    y = tf.nn.relu(x) * 2.0 - 1.0
    y = tf.concat([1.0 - y, x / 3.0], axis=3)
    y = tf.image.resize(tf.reshape(y, (-1, 4, 16, 6)), (16, 16))
    yield "operations", keras.Model(x, tf.reduce_mean(tf.math.sigmoid(y), axis=[1, 2]))
    z = keras.Input((4,))
    first = layers.Dense(4, name="a/a")(z)
    yield "slashes", keras.Model(z, layers.Concatenate()([first, layers.Dense(4, name="a/b")(first)]))
    w = keras.Input((4,))
    yield "two_inputs", keras.Model([z, w], [layers.Subtract()([z, w]), layers.Dot(axes=1)([z, w])])


def applications():
    found = keras.applications
    yield "mobilenet_v2", found.MobileNetV2(IMAGE, alpha=0.35, weights=None, classes=5)
    yield "densenet", found.DenseNet121(input_shape=IMAGE, weights=None, classes=3)
    base = found.MobileNet(IMAGE, alpha=0.25, include_top=False, weights=None)
    x = keras.Input(IMAGE)
    yield "transfer", keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(base(x, training=False))))


def main(folder):
    generator = np.random.default_rng(0)
    for family in (nested, single, applications):
        for name, model in family():
            fill(model, generator)
            inputs = [generator.normal(size=[1, *x.shape[1:]]).astype("f4") for x in model.inputs]
            outputs = tf.nest.flatten(model(inputs if len(inputs) > 1 else inputs[0], training=False))
            arrays = {f"x{k}": x for k, x in enumerate(inputs)} | {
                f"y{k}": np.asarray(y) for k, y in enumerate(outputs)
            }
            np.savez(folder / f"{name}.npz", **arrays)
            for suffix in (".h5", ".keras"):
                model.save(folder / f"{name}{suffix}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
