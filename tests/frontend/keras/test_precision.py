"""Models that compute in float16, bfloat16 or float64, or with quantised weights, give the answers of the same model in float32."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from harness.keras_compare import predict
from harness.keras_models import noise
from harness.metric import error
from webdnn.frontend.keras import from_model, load
from webdnn.frontend.keras.custom import own_objects
from webdnn.frontend.keras.in_float32 import rounds_inputs
from webdnn.graph.errors import ModelWarning
from webdnn.graph.interpreter import interpret

Array = np.ndarray
TOLERANCE = 3e-6
RANDOM = np.random.default_rng(17)
OWN = '''
import keras

@keras.saving.register_keras_serializable(package="precision")
class Scaled(keras.layers.Layer):
    """Computes with its weight before it sees an input, with a layer inside, and in the dtype that its policy names."""

    def __init__(self, **options):
        super().__init__(**options)
        self.inner = keras.layers.Dense(5, name="inner")

    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), name="gain")
        self.inner.build(shape)

    def call(self, x):
        total = keras.ops.sum(keras.ops.exp(self.gain))
        return self.inner(x * keras.ops.cast(total, self.compute_dtype) + self.gain)
'''


@pytest.fixture
def code(tmp_path: Path) -> Path:
    file = tmp_path / "own.py"
    file.write_text(OWN)
    return file


def fill(model: Any) -> None:
    for weight in model.weights:
        weight.assign(RANDOM.uniform(0.1, 1.0, weight.shape))


def network(policy: str, own: Any) -> Any:
    x = keras.Input((9, 8, 3), name="image")
    options = {"dtype": policy}
    y = layers.Conv2D(4, 3, strides=2, activation="relu", name="conv", **options)(x)
    y = layers.BatchNormalization(name="norm", **options)(y)
    y = own(name="own", **options)(layers.Flatten(name="flat", **options)(y) / 8)
    return keras.Model(x, layers.Activation("softmax", dtype="float32", name="softmax")(y * 0.01), name="net")


def same_in_float32(model: Any, own: Any) -> Any:
    """The model with the same numbers in float32."""
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("float32")
        result = network("float32", own)
    finally:
        keras.config.set_dtype_policy(before)
    for mine, its in zip(result.weights, model.weights, strict=True):
        mine.assign(np.asarray(ops.cast(its.value, "float32")))
    return result


@pytest.mark.filterwarnings("ignore:.*float64.*not available")  # of JAX
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"])
def test_models_of_other_dtypes_compute_in_float32(policy: str, code: Path, tmp_path: Path) -> None:
    own = own_objects(keras, [code])["Scaled"]
    keras.config.set_dtype_policy(policy)  # of the layer inside the layer
    try:
        model = network(policy, own)
    finally:
        keras.config.set_dtype_policy("float32")
    fill(model)
    inputs = noise([(2, 9, 8, 3)])
    (want,) = predict(same_in_float32(model, own), inputs)
    (rounded,) = predict(model, inputs)
    dtype = policy.removeprefix("mixed_")
    assert policy == "float64" or error(rounded.astype(np.float32), want) > 10 * TOLERANCE
    file = ".h5" if policy in ("bfloat16", "mixed_float16") else ".keras"
    model.save(tmp_path / f"model{file}")
    told = rf"'net' computes in {dtype} in \d layers, and in float32"
    with pytest.warns(ModelWarning, match=told):
        graph = from_model(model, "(N,9,8,3)")
    with pytest.warns(ModelWarning, match=told):
        loaded = load(tmp_path / f"model{file}", "(N,9,8,3)", custom_objects=[code])
    for found in (graph, loaded):
        assert error(interpret(found.bind({"N": 2}), inputs)[0], want) <= TOLERANCE
    assert [layer.compute_dtype for layer in model.layers if layer.name == "conv"] == [dtype]
    assert {str(v.dtype) for v in model.get_layer("conv").weights} == {"float32" if "mixed" in policy else policy}


def test_a_cast_to_float16_in_a_model_of_float32_is_told_too() -> None:
    x = keras.Input((4,))
    half = layers.Dense(3, dtype="float16", name="half")(x)
    model = keras.Model(x, half, name="net")
    with pytest.warns(ModelWarning, match="computes in float16 in 1 layer,"):
        graph = from_model(model)
    assert graph.outputs[0].dtype == "float32"


def text_model(tied: bool = True) -> Any:
    """Embeddings, projections with kernels of three axes, and a head that multiplies with the embeddings."""
    table = layers.ReversibleEmbedding(7, 6, tie_weights=tied, logit_soft_cap=4.0, name="tokens")
    x = keras.Input((None,), dtype="int32", name="words")
    places = layers.Embedding(11, 6, name="places")(x)
    y = table(x) + places
    y = layers.EinsumDense("abc,cde->abde", (None, 3, 4), bias_axes="de", activation="relu", name="heads")(y)
    y = layers.EinsumDense("abde,def->abf", (None, 9), name="joined")(y)
    y = layers.Dense(7, activation="tanh", name="wide")(y)
    return keras.Model(x, table(layers.Dense(6, use_bias=False, name="narrow")(y), reverse=True), name="text")


INT4 = keras.quantizers.Int4QuantizationConfig
QUANTISED = {
    "int8": keras.quantizers.Int8QuantizationConfig(),
    "int8, weights alone": keras.quantizers.Int8QuantizationConfig(activation_quantizer=None),
    "int4": INT4(block_size=None),
    "int4 in groups": INT4(block_size=3),
}


def weights_alone(model: Any, inputs: list[Array]) -> Array:
    """What Keras itself answers where it rounds no inputs of layers."""
    quantised = [layer for layer in model._flatten_layers() if getattr(layer, "inputs_quantizer", None) is not None]
    kept = [layer.inputs_quantizer for layer in quantised]
    for layer in quantised:
        layer.inputs_quantizer = None
    (result,) = predict(model, inputs)
    for layer, quantizer in zip(quantised, kept, strict=True):
        layer.inputs_quantizer = quantizer
    return result


@pytest.mark.filterwarnings("ignore:.*does not have a `quantize` method")  # of Keras, which goes on
@pytest.mark.parametrize(
    ("kind", "tied"),
    list(zip(QUANTISED, (True, False, False, True), strict=True))
    + [
        pytest.param(kind, not tied, marks=pytest.mark.exhaustive)
        for kind, tied in zip(QUANTISED, (True, False, False, True), strict=True)
    ],
)
def test_quantised_weights_are_the_numbers_they_stand_for(kind: str, tied: bool, tmp_path: Path) -> None:
    model = text_model(tied)
    fill(model)
    words = RANDOM.integers(0, 7, (2, 5)).astype(np.int32)
    (exact,) = predict(model, [words])
    model.quantize(config=QUANTISED[kind])
    want = weights_alone(model, [words])
    assert error(want, exact) > 10 * TOLERANCE
    model.save(tmp_path / "model.keras")
    for source in (model, tmp_path / "model.keras"):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", ModelWarning)
            graph = load(source, "(N,T)") if isinstance(source, Path) else from_model(source, "(N,T)")
        assert error(interpret(graph.bind({"N": 2, "T": 5}), [words])[0], want) <= TOLERANCE
        rounds = any("quantises the inputs" in str(warning.message) for warning in told)
        assert rounds == any(rounds_inputs(layer) for layer in model.layers)
        assert rounds or kind != "int8"
    assert model.get_layer("wide").quantization_mode == kind[:4]


def test_float8_multiplies_with_the_nearest_numbers_of_eight_bits() -> None:
    x = keras.Input((6,))
    model = keras.Model(x, layers.Dense(5, name="dense")(x), name="net")
    fill(model)
    layer = model.get_layer("dense")
    layer.quantize("float8")
    layer.kernel_scale.assign(0.37)
    kernel = np.asarray(ops.cast(ops.cast(layer.kernel.value / 0.37, "float8_e4m3fn"), "float32")) * np.float32(0.37)
    (inputs,) = noise([(3, 6)])
    with pytest.warns(ModelWarning, match="'net' quantises the inputs of 1 layer"):
        graph = from_model(model, (3, 6))
    want = inputs @ kernel + np.asarray(layer.bias.value)
    assert error(interpret(graph, [inputs])[0], want) <= TOLERANCE
    assert error(inputs @ np.asarray(layer.kernel.value) + np.asarray(layer.bias.value), want) > 1e-3


@pytest.mark.parametrize(
    "policy", ["gptq/4/-1_from_float32", "gptq/4/4_from_float32", "gptq/8/4_from_float32", "awq/4/4_from_float32"]
)
def test_calibrated_weights_in_groups(policy: str) -> None:
    """From memory: Keras 3.15 leaves their zeros out of a file, and cannot load it either."""
    x = keras.Input((3, 8))
    y = layers.Dense(7, dtype=policy, name="dense")(x)
    model = keras.Model(
        x, layers.EinsumDense("abc,cde->abde", (None, 3, 2), dtype=policy, name="einsum")(y), name="net"
    )
    for layer in model.layers[1:]:
        for variable in layer.variables:
            whole = variable.dtype == "uint8"
            drawn = RANDOM.integers(0, 15, variable.shape) if whole else RANDOM.uniform(0.1, 1.0, variable.shape)
            if variable.name == "g_idx":
                groups = layer.kernel_scale.shape[1]
                drawn = np.sort(np.arange(variable.shape[0]) % groups)
            variable.assign(drawn)
        layer.is_gptq_calibrated = layer.is_awq_calibrated = True
    inputs = noise([(2, 3, 8)])
    (want,) = predict(model, inputs)
    assert error(interpret(from_model(model, (2, 3, 8)), inputs)[0], want) <= TOLERANCE


def test_numbers_of_int64_uint8_and_bool_go_in() -> None:
    """int64 as int32, which the page checks."""
    given = {
        "int64": np.array([[3, -7, 2**31 - 1]]),
        "uint8": np.array([[3, 255, 0]], np.uint8),
        "bool": np.array([[True, False, True]]),
    }
    inputs = [keras.Input((3,), dtype=dtype, name=dtype) for dtype in given]
    model = keras.Model(inputs, [ops.cast(x, "float32") * 0.5 for x in inputs])
    graph = from_model(model)
    assert [value.dtype for value in graph.inputs] == ["int32", "uint8", "bool"]
    arrays = [given["int64"].astype(np.int32), given["uint8"], given["bool"]]
    for have, want in zip(interpret(graph, arrays), given.values(), strict=True):
        np.testing.assert_array_equal(have, want.astype(np.float32) * np.float32(0.5))
