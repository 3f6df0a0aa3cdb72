"""Files that are damaged, hostile or not what they seem."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from keras.src.applications.convnext import LayerScale

from harness.calibrate import randomize
from harness.keras_compare import errors
from harness.keras_models import noise
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model, load
from webdnn.graph.errors import ModelError, UnsupportedError, WebDNNError
from webdnn.graph.interpreter import interpret


@pytest.fixture
def model() -> Any:
    x = keras.Input((8, 8, 3), name="image")
    made = keras.Model(x, layers.Dense(2)(layers.Flatten()(layers.Conv2D(4, 3)(x))))
    randomize(made)
    return made


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_missing_file(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"none\{suffix}' does not exist"):
        load(tmp_path / f"none{suffix}")


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is a directory; Keras 3 reads \.keras and \.h5 files"):
        load(tmp_path)


def test_unknown_ending(tmp_path: Path) -> None:
    (tmp_path / "model.pb").write_bytes(b"")
    with pytest.raises(ModelError, match=r"model.pb' is no Keras model by its name; .h5, .hdf5, .keras can be read"):
        load(tmp_path / "model.pb")


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_truncated_file(model: Any, suffix: str, part: float, tmp_path: Path) -> None:
    file = tmp_path / f"model{suffix}"
    model.save(file)
    content = file.read_bytes()
    file.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ModelError, match="damaged, cut off or another kind of file"):
        load(file)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_another_kind_of_file(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"model{suffix}"
    file.write_text("<!DOCTYPE html>" * 100)
    with pytest.raises(ModelError, match="damaged, cut off or another kind of file"):
        load(file)


def test_weights_only(model: Any, tmp_path: Path) -> None:
    model.save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ModelError, match=r"holds weights only.*save the whole model"):
        load(tmp_path / "model.weights.h5")


def test_weights_only_of_keras_2(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file.attrs["layer_names"] = [b"dense"]
    with pytest.raises(ModelError, match="holds weights only"):
        load(tmp_path / "weights.h5")


def test_hdf5_file_that_is_no_model(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.hdf5", "w") as file:
        file["data"] = np.zeros(3)
    with pytest.raises(ModelError, match="is an HDF5 file but no Keras model"):
        load(tmp_path / "data.hdf5")


def test_damaged_compressed_file(tmp_path: Path) -> None:
    file = tmp_path / "damaged.keras"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{}" * 1000)
    content = bytearray(file.read_bytes())
    start = 30 + len("config.json")  # of the compressed data, behind the entry's header
    content[start : start + 8] = b"\xff" * 8
    file.write_bytes(content)
    with pytest.raises(ModelError, match="it is damaged, cut off or another kind of file"):
        load(file)


def test_zip_file_that_is_no_model(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.keras", "w") as archive:
        archive.writestr("readme.txt", "")
    with pytest.raises(ModelError, match=r"no Keras model: config\.json is missing"):
        load(tmp_path / "data.keras")


@pytest.mark.parametrize("text", ["{", "[]", '{"class_name": "Model"}', "{}"])
def test_configuration_that_is_none(text: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["model_config"] = text
    with pytest.raises(WebDNNError):
        load(tmp_path / "model.h5")


def test_weights_missing_from_the_file(model: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        del file["model_weights"]
    with pytest.raises(ModelError, match="holds no weights: the group 'model_weights' is missing"):
        load(tmp_path / "model.h5")


def test_all_unsupported_layers_are_listed(tmp_path: Path) -> None:
    class Strange(layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    def wave(inputs: Any) -> Any:
        return inputs

    def doubled(params: Any, state: Any, inputs: Any) -> Any:
        return inputs * 2, state

    inner = keras.Sequential(
        [keras.Input((8, 3)), layers.JaxLayer(wave, name="reader"), Strange(name="odd")], name="inner"
    )
    x = keras.Input((8, 3))
    y = layers.JaxLayer(doubled, params={}, state={}, name="foreign")(inner(x))
    wrong = keras.Model(x, layers.Dense(2, activation=wave, name="gated")(y))
    want = [
        r"'inner/reader' \(JaxLayer\): its computation is code of another framework",
        r"'inner/odd' \(Strange\): custom layer",
        r"'foreign' \(JaxLayer\): its computation is code of another framework",
        r"'gated' \(Dense\): activation 'wave'",
    ]
    wrong.save(tmp_path / "model.keras")
    wrong.save(tmp_path / "model.h5")
    # The class and the function of a model in memory are there, and are traced; those of one in a file are not.
    for convert, patterns in (
        (lambda: from_model(wrong), [want[0], want[2]]),
        (lambda: load(tmp_path / "model.keras"), want),
    ):
        with pytest.raises(UnsupportedError, match=f"has {len(patterns)} layers that cannot be converted") as caught:
            convert()
        for pattern in patterns:
            assert pytest.raises(UnsupportedError, match=pattern).matches(caught.value), pattern
    with pytest.raises(UnsupportedError, match=r"'inner/odd' \(Strange\)"):
        load(tmp_path / "model.h5")


def test_initializer_with_a_value_is_no_code(tmp_path: Path) -> None:
    x = keras.Input((4,))
    start = keras.initializers.Constant(0.5)
    keras.Model(x, layers.Dense(2, bias_initializer=start)(x)).save(tmp_path / "model.keras")
    load(tmp_path / "model.keras")


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_operations_in_a_file(suffix: str, tmp_path: Path) -> None:
    """The layer Add and `x + 3`, which HDF5 files give one name; comparisons; a layer of keras.applications."""
    x = keras.Input((4,))
    y = layers.Add()([x + 3.0, keras.ops.where(x > 0, x, 0.1 * x)])
    model = keras.Model(x, LayerScale(0.5, 4)(y))
    model.layers[-1].gamma.assign([1.0, -2.0, 0.5, 3.0])
    model.save(tmp_path / f"model{suffix}")
    inputs = noise([(1, 4)])
    assert errors(load(tmp_path / f"model{suffix}"), model, inputs) <= 1e-6


def test_inputs_of_float16_are_float32() -> None:
    x = keras.Input((4,), dtype="float16", name="ids")
    graph = from_model(keras.Model(x, layers.Rescaling(2.0)(x)))
    (values,) = noise([(1, 4)])
    assert graph.inputs[0].dtype == "float32"
    assert np.array_equal(interpret(graph, [values])[0], values * 2)


def test_complex_numbers_are_refused() -> None:
    x = keras.Input((4,), dtype="complex64", name="waves")
    with pytest.raises(UnsupportedError, match=r"'waves' \(InputLayer\): dtype complex64; float32, bool, int8"):
        from_model(keras.Model(x, layers.Identity()(x)))


def test_unsupported_setting_names_the_layer() -> None:
    x = keras.Input((None, 4, 3))
    y = layers.UpSampling2D(interpolation="bicubic", name="up")(x)
    with pytest.raises(UnsupportedError, match=r"'up' \(UpSampling2D\): interpolation 'bicubic' from size H to 2\*H"):
        from_model(keras.Model(x, y), [parse_input_shape("(1,H,4,3)")])


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_code_in_a_file_is_run_only_when_allowed(suffix: str, tmp_path: Path) -> None:
    proof = str(tmp_path / "proof")
    x = keras.Input((4,))
    double = layers.Lambda(lambda y: y * (2 if open(proof, "w").close() is None else 0), name="code")
    model = keras.Model(x, double(x))
    file = tmp_path / f"model{suffix}"
    model.save(file)
    Path(proof).unlink()
    with pytest.raises(UnsupportedError, match=r"Python code, which has not been run, in 'code'.*--allow-unsafe"):
        load(file)
    assert not Path(proof).exists()


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_allowed_code_is_converted(suffix: str, tmp_path: Path) -> None:
    x = keras.Input((4,))
    model = keras.Model(x, layers.Lambda(lambda y: y * 2 + 1, name="code")(x))
    model.save(tmp_path / f"model{suffix}")
    graph = load(tmp_path / f"model{suffix}", allow_unsafe=True)
    assert errors(graph, model, noise([(1, 4)])) <= 1e-6


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_code_as_an_activation_in_a_nested_model_is_found(tmp_path: Path) -> None:
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, activation=lambda y: y * 2, name="code")], name="inner"
    )
    x = keras.Input((4,))
    keras.Model(x, inner(x)).save(tmp_path / "model.keras")
    with pytest.raises(UnsupportedError, match="has not been run, in 'inner/code'"):
        load(tmp_path / "model.keras")


def test_keras_is_left_as_it_was(model: Any, tmp_path: Path) -> None:
    places = (keras.Layer, "add_weight"), (keras.Variable, "assign"), (keras.initializers.GlorotUniform, "__call__")
    before = [vars(class_).get(name) for class_, name in places]
    model.save(tmp_path / "model.h5")
    load(tmp_path / "model.h5")
    assert [vars(class_).get(name) for class_, name in places] == before


def test_configuration_of_tf_keras_2(tmp_path: Path) -> None:
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, layers.SeparableConv2D(2, 3)(layers.DepthwiseConv2D(3)(layers.Conv2DTranspose(3, 3)(x))))
    randomize(model)
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"][1:]:
            layer["config"]["groups"] = 1
        file.attrs["model_config"] = json.dumps(config)
    assert errors(load(tmp_path / "model.h5"), model, noise([(1, 8, 8, 3)])) <= 3e-6


def test_input_shape_is_checked(model: Any) -> None:
    with pytest.raises(ModelError, match="input 'image' has size 8 on axis 1"):
        from_model(model, [parse_input_shape("(1,9,8,3)")])
