"""Layers that users wrote for Keras 1, Keras 2 and TensorFlow convert as they are; what cannot is named with what to write in its place."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from harness.keras_models import noise
from harness.metric import error
from webdnn.frontend.keras import load
from webdnn.frontend.keras.loading import old_code
from webdnn.frontend.keras.old_backend import old_functions
from webdnn.frontend.keras.tensorflow_stand_in import functions
from webdnn.graph.errors import ModelError, UnsupportedError
from webdnn.graph.interpreter import interpret

Array = np.ndarray
GAIN = np.array([0.5, -2.0, 3.0], np.float32)

BIAS = """
from keras import backend as K
from keras.engine.topology import Layer

class Mine(Layer):
    def __init__(self, **kwargs):
        super(Mine, self).__init__(**kwargs)

    def build(self, input_shape):
        self.gain = self.add_weight((input_shape[-1],), initializer='zeros', name='gain')
        super(Mine, self).build(input_shape)

    def call(self, x):
        return x + self.gain

    def get_config(self):
        return super(Mine, self).get_config()
"""


def variant(*changes: tuple[str, str]) -> str:
    text = BIAS
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


IMPORT, WEIGHT, CALL = (
    "from keras.engine.topology import Layer",
    "self.add_weight((input_shape[-1],), initializer='zeros', name='gain')",
    "    def call(self, x):\n        return x + self.gain",
)
IMPORTS = [
    "from keras.engine import Layer, InputSpec",
    "from keras.engine.base_layer import Layer",
    "from keras.layers.core import Layer, Lambda\nfrom keras.layers.convolutional import Conv2D\nfrom keras.layers.merge import add",
    "import keras.layers.recurrent\nfrom keras.layers.normalization import BatchNormalization\nfrom keras.layers import Layer",
    "from keras.utils.generic_utils import get_custom_objects\nfrom keras.utils.np_utils import to_categorical\nfrom keras.layers import Layer",
    "from keras.utils import conv_utils\nfrom keras import initializers, regularizers\nfrom keras.engine.topology import *",
    "import tensorflow as tf\nLayer = tf.keras.layers.Layer",
    "from tensorflow.keras.layers import Layer\nfrom tensorflow.keras import backend as K\nimport tensorflow.keras.models",
    "from tensorflow.python.keras.engine.base_layer import Layer",
    "import tensorflow.compat.v1 as tf\ntf.disable_eager_execution()\nfrom tensorflow.python.keras.layers import Layer",
    "import keras\nfrom keras.legacy import interfaces\nLayer = keras.layers.Layer",
]
WEIGHTS = [
    "self.add_weight('gain', (input_shape[-1],))",
    "self.add_weight('gain', shape=[input_shape[-1]], dtype='float32')",
    "self.add_weight('gain', (input_shape[-1],), 'float32', 'zeros', None, True)",
    "self.add_weight((input_shape[-1],), 'zeros', 'gain', True, None)",
    "self.add_weight((input_shape[-1],), 'zeros', name='gain', partitioner=None)",
    "self.add_weight(name='gain', shape=(input_shape[-1],), initializer='zeros', trainable=True)",
    "K.variable(np.zeros((input_shape[-1],)), name='gain')\n        self.trainable_weights = [self.gain]",
]
CALLS = [
    "    def call(self, x, mask=None):\n        return K.bias_add(x, self.gain)",
    "    def call(self, x, mask=None):\n        return x + self.gain\n    def get_output_shape_for(self, input_shape):\n        return input_shape",
    "    def call(self, inputs, training=None, **kwargs):\n        return K.in_train_phase(inputs * 0, inputs + self.gain, training=training)",
    "    def call(self, x):\n        import keras\n        return keras.backend.sum(keras.backend.stack([x, x * 0 + self.gain]), axis=0)",
    "    @tf.function\n    def call(self, x):\n        return tf.nn.bias_add(x, self.gain)",
]
CODES = [
    BIAS,
    *(variant((IMPORT, text)) for text in IMPORTS),
    *(variant((WEIGHT, text), (IMPORT, f"{IMPORT}\nimport numpy as np")) for text in WEIGHTS),
    *(variant((CALL, text), (IMPORT, f"{IMPORT}\nimport tensorflow as tf")) for text in CALLS),
]


class Plain(layers.Layer):
    """The layer that each of them is."""

    def build(self, shape: Any) -> None:
        self.gain = self.add_weight(shape=(shape[-1],), initializer="zeros", name="gain")

    def call(self, x: Any) -> Any:
        return x + self.gain


Plain.__name__ = "Mine"
Plain.__module__ = "mine"


def saved(file: Path) -> Path:
    x = keras.Input((4, None, 3), name="x")
    layer = Plain(name="bias")
    model = keras.Model(x, layer(layers.Rescaling(2.0)(x)))
    layer.gain.assign(GAIN)
    model.save(file)
    return file


@pytest.mark.parametrize("number", range(len(CODES)))
def test_a_layer_in_every_way_in_which_it_was_written(number: int, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(CODES[number])
    before = set(sys.modules), set(dir(keras)), set(dir(keras.backend)), set(dir(keras.layers))
    graph = load(
        saved(tmp_path / f"model{('.keras', '.h5')[number % 2]}"), "(N,4,W,3)", custom_objects=[tmp_path / "mine.py"]
    )
    (x,) = noise([(2, 4, 5, 3)])
    assert error(interpret(graph.bind({"N": 2, "W": 5}), [x])[0], x * 2 + GAIN) <= 1e-6
    assert not {name for name in set(sys.modules) - before[0] if name.startswith(("keras.engine", "tensorflow"))}
    assert (set(dir(keras)), set(dir(keras.backend)), set(dir(keras.layers))) == before[1:]


def converted(call: str, tmp_path: Path, imports: str = "") -> Any:
    text = f"from keras import backend as K\nimport keras\n{imports}\nclass Mine(keras.layers.Layer):\n    def build(self, shape):\n"
    text += "        self.gain = self.add_weight(shape=(shape[-1],), name='gain')\n    def call(self, x):\n"
    text += textwrap.indent(f"return {call}", " " * 8) + "\n"
    text += "    def compute_output_shape(self, shape):\n        return shape\n"
    (tmp_path / "mine.py").write_text(text)
    return load(saved(tmp_path / "model.keras"), "(2,4,5,3)", custom_objects=[tmp_path / "mine.py"])


SOFT = lambda x, axis: np.exp(x) / np.exp(x).sum(axis, keepdims=True)  # noqa: E731
# What a call gives for x (2, 4, 5, 3), with an independent answer.
K_CALLS: dict[str, Callable[[Array], Array]] = {
    "K.sum(x, axis=1, keepdims=True)": lambda x: x.sum(1, keepdims=True),
    "K.mean(x > 0, axis=-1)": lambda x: (x > 0).mean(-1),
    "K.dot(x, K.constant([[1., 2.], [3., -4.], [0., 5.]]))": lambda x: x @ np.array([[1, 2], [3, -4], [0, 5]]),
    "K.batch_dot(x[:, 0], x[:, 1], axes=2)": lambda x: np.einsum("ntc,nuc->ntu", x[:, 0], x[:, 1]),
    "K.batch_dot(x[:, 0], K.permute_dimensions(x[:, 1], (0, 2, 1)))": lambda x: np.einsum(
        "ntc,nuc->ntu", x[:, 0], x[:, 1]
    ),
    "K.batch_dot(x[:, 0, 0], x[:, 1, 1], 1)": lambda x: (x[:, 0, 0] * x[:, 1, 1]).sum(1, keepdims=True),
    "K.reshape(x, (K.shape(x)[0], K.int_shape(x)[1], -1))": lambda x: x.reshape(2, 4, 15),
    "K.batch_flatten(x)": lambda x: x.reshape(2, 60),
    "K.expand_dims(K.permute_dimensions(x, (0, 3, 1, 2)))": lambda x: x.transpose(0, 3, 1, 2)[..., None],
    "K.switch(K.greater(K.sum(x, (1, 2, 3)), 0), x, lambda: -x * K.epsilon())": lambda x: np.where(
        (x.sum((1, 2, 3)) > 0)[:, None, None, None], x, -x * 1e-7
    ),
    "K.softmax(x, axis=1)": lambda x: SOFT(x, 1),
    "K.l2_normalize(x, axis=-1)": lambda x: x / np.sqrt((x * x).sum(-1, keepdims=True)),
    "K.concatenate([x, K.zeros_like(x)], axis=2)": lambda x: np.concatenate([x, 0 * x], 2),
    "K.stack([x, 1 - x], axis=-1)": lambda x: np.stack([x, 1 - x], -1),
    "K.cast(K.argmax(x), 'float32')": lambda x: x.argmax(-1).astype(np.float32),
    "K.one_hot(K.cast(K.argmax(x), 'int32'), 3)": lambda x: np.eye(3)[x.argmax(-1)],
    "x * K.cast(K.arange(3), 'float32')": lambda x: x * np.arange(3),
    "K.gather(K.constant([[1., 2.], [3., 4.], [5., 6.]]), K.argmax(x))": lambda x: np.array([[1, 2], [3, 4], [5, 6]])[
        x.argmax(-1)
    ],
    "K.clip(x, 0.5, 0.25)": lambda x: np.full_like(x, 0.5),
    "K.relu(x, alpha=0.25, max_value=0.5)": lambda x: np.where(x > 0, np.minimum(x, 0.5), 0.25 * x),
    "K.hard_sigmoid(x)": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "K.repeat_elements(x, 2, axis=1)": lambda x: x.repeat(2, 1),
    "K.repeat(x[:, 0, 0], 4)": lambda x: np.stack([x[:, 0, 0]] * 4, 1),
    "K.reverse(x, 2)": lambda x: x[:, :, ::-1],
    "K.tile(x, [1, 2, 1, 1])": lambda x: np.tile(x, (1, 2, 1, 1)),
    "K.spatial_2d_padding(x, ((1, 0), (0, 2)))": lambda x: np.pad(x, ((0, 0), (1, 0), (0, 2), (0, 0))),
    "K.resize_images(x, 2, 3, 'channels_last')": lambda x: x.repeat(2, 1).repeat(3, 2),
    "K.pool2d(x, (2, 2), strides=(2, 2), pool_mode='avg')": lambda x: (
        x[:, :, :4].reshape(2, 2, 2, 2, 2, 3).mean((2, 4))
    ),
    "K.batch_normalization(x, K.constant([1., 2., 3.]), K.constant([4., 1., 9.]), epsilon=0)": lambda x: (
        (x - np.array([1, 2, 3])) / np.array([2, 1, 3])
    ),
    "K.any(x > 1, axis=-1)": lambda x: (x > 1).any(-1),
    "K.std(x, axis=(1, 2)) + K.learning_phase()": lambda x: x.std((1, 2)),
}
TF_CALLS: dict[str, Callable[[Array], Array]] = {
    "tf.reduce_mean(x, axis=[1, 2], keepdims=True)": lambda x: x.mean((1, 2), keepdims=True),
    "tf.math.reduce_max(tf.abs(x), -1)": lambda x: np.abs(x).max(-1),
    "tf.nn.leaky_relu(x)": lambda x: np.where(x > 0, x, 0.2 * x),
    "tf.concat([x, tf.nn.relu(x)], axis=-1, name='both')": lambda x: np.concatenate([x, np.maximum(x, 0)], -1),
    "tf.reshape(x, [tf.shape(x)[0], -1, 3])": lambda x: x.reshape(2, 20, 3),
    "tf.matmul(x, x, transpose_b=True)": lambda x: x @ x.transpose(0, 1, 3, 2),
    "tf.transpose(x, perm=[0, 2, 1, 3])": lambda x: x.transpose(0, 2, 1, 3),
    "tf.split(x, [1, 2], axis=-1)[1]": lambda x: x[..., 1:],
    "tf.where(x > 0.5, tf.zeros_like(x), tf.cast(x, tf.float32))": lambda x: np.where(x > 0.5, 0, x),
    "tf.pad(x, [[0, 0], [1, 1], [2, 2], [0, 0]], mode='REFLECT')": lambda x: np.pad(
        x, ((0, 0), (1, 1), (2, 2), (0, 0)), mode="reflect"
    ),
    "tf.clip_by_value(x, -0.5, 0.25) * tf.constant(2.0)": lambda x: 2 * np.clip(x, -0.5, 0.25),
    "tf.one_hot(tf.argmax(x, axis=-1), 3)": lambda x: np.eye(3)[x.argmax(-1)],
    "tf.math.l2_normalize(x, -1)": lambda x: x / np.sqrt((x * x).sum(-1, keepdims=True)),
    "tf.stack(tf.unstack(x, axis=1)[::-1], axis=1)": lambda x: x[:, ::-1],
    "tf.keras.activations.tanh(tf.keras.backend.square(x))": lambda x: np.tanh(x * x),
    "tf.gather(x, [2, 0], axis=-1)": lambda x: x[..., [2, 0]],
    "tf.compat.v1.squeeze(tf.expand_dims(x, 1), axis=1)": lambda x: x,
    "tf.nn.softmax(x, axis=1) + tf.math.softplus(x)": lambda x: SOFT(x, 1) + np.log1p(np.exp(x)),
}


@pytest.mark.parametrize("call", [*K_CALLS, *TF_CALLS])
def test_functions_of_keras_2_and_tensorflow(call: str, tmp_path: Path) -> None:
    graph = converted(call, tmp_path, "import tensorflow as tf")
    (x,) = noise([(2, 4, 5, 3)])
    want = {**K_CALLS, **TF_CALLS}[call](2 * x)
    (have,) = interpret(graph, [x])
    assert have.shape == want.shape
    assert error(have.astype(np.float64), want.astype(np.float64)) <= 3e-6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("tf.signal.stft(x, 4, 2)", r"'bias' \(Mine\).*mine.py line 8.*it calls tf.signal.stft; write keras.ops.stft"),
        ("tf.raw_ops.Relu(features=x)", r"it calls tf.raw_ops.Relu; write it with functions of keras.ops"),
        ("tf.linalg.det(x)", r"it calls tf.linalg.det; write keras.ops.linalg.det in its place|keras.ops.det"),
        ("x + tf.random.normal((3,))", r"it calls tf.random.normal; outside training .* no random numbers"),
        ("x + K.random_normal((3,))", r"it calls K.random_normal, which draws random numbers"),
        ("x + keras.random.normal((3,))", r"'bias' \(Mine\).*it draws random numbers"),
        ("K.update(self.gain, x)", r"it calls K.update, which changes a variable"),
        ("tf.gather(x, [0], batch_dims=1)", r"tf.gather with batch_dims; use keras.ops.take_along_axis"),
    ],
)
def test_what_cannot_be_converted_is_named(call: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=message):
        converted(call, tmp_path, "import tensorflow as tf")


def test_what_a_file_takes_from_torch_is_listed(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"torch\.cat.*keras\.ops\.concatenate.*torch\.nn\.functional\.gelu.*keras\.ops\.gelu"
    ):
        converted("torch.cat([F.gelu(x)], 1)", tmp_path, "import torch\nimport torch.nn.functional as F")


def test_names_of_the_stand_ins_are_functions_of_keras() -> None:
    """A name in a table that keras.ops has not would be found only by whoever calls it."""
    with old_code():
        found = {**old_functions(keras), **functions(keras)}
    x = np.ones((2, 3), np.float32)
    assert len(found) > 150
    for name in ("abs", "square", "tanh", "math.softplus", "nn.relu6", "ones_like", "sign"):
        assert found[name](x).shape == (2, 3)
