"""Files of Keras 1, Keras 2 and tf.keras, written here as those versions wrote them, against today's layers with the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from harness.calibrate import randomize
from harness.keras_compare import errors
from harness.keras_files import Array, old_layer, old_model, old_sequential, write_archive, write_hdf5
from harness.keras_models import noise
from webdnn.frontend.keras import load
from webdnn.frontend.keras.tensorflow_operations import FUNCTIONS
from webdnn.graph.errors import ModelError, ModelWarning, UnsupportedError
from webdnn.graph.interpreter import interpret

SHAPE = (None, 8, 8, 2)
TF_KERAS = "tf_keras.src.engine.functional"


def drawn(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("f4")


def image(name: str = "image", shape: Any = SHAPE) -> dict[str, Any]:
    return old_layer("InputLayer", name, batch_input_shape=list(shape), dtype="float32", sparse=False, ragged=False)


def read(name: str, call: int = 0) -> list[Any]:
    return [[name, call, 0, {}]]


NORM = [np.float32(a) for a in ([1.5, 0.5], [0.1, -0.2], [0.3, 0.4], [1.2, 0.7])]  # gamma, beta, mean, variance
KERNEL, BIAS = drawn(3, 3, 2, 2), drawn(2)


def block(name: str = "inner", **entry: Any) -> dict[str, Any]:
    """x + BatchNorm(Conv(x)), as a model."""
    x = image(f"{name}_input")
    conv = old_layer(
        "Conv2D", "conv", read(x["name"]), filters=2, kernel_size=[3, 3], padding="same", activation="linear"
    )
    norm = old_layer("BatchNormalization", "norm", read("conv"), axis=[3], epsilon=0.001, momentum=0.99)
    add = old_layer("Add", "sum", [*read(x["name"]), *read("norm")])
    return old_model(name, [x, conv, norm, add], ["sum", 0, 0], **entry)


# In the order of Keras 2: what is trainable first.
BLOCK_WEIGHTS = [
    ("conv/kernel:0", KERNEL),
    ("conv/bias:0", BIAS),
    ("norm/gamma:0", NORM[0]),
    ("norm/beta:0", NORM[1]),
    ("norm/moving_mean:0", NORM[2]),
    ("norm/moving_variance:0", NORM[3]),
]


def block_arrays(path: str) -> dict[str, Array]:
    """The same in a .keras file."""
    conv = {f"{path}/layers/conv2d/vars/{k}": array for k, array in enumerate((KERNEL, BIAS))}
    return conv | {f"{path}/layers/batch_normalization/vars/{k}": array for k, array in enumerate(NORM)}


def today_block() -> Any:
    x = keras.Input(SHAPE[1:])
    norm = layers.BatchNormalization()
    made = keras.Model(x, layers.Add()([x, norm(layers.Conv2D(2, 3, padding="same", name="conv")(x))]))
    made.get_layer("conv").set_weights([KERNEL, BIAS])
    norm.set_weights(NORM)
    return made


def check(file: Path, today: Any, *shapes: tuple[int, ...]) -> None:
    assert errors(load(file), today, noise(list(shapes or [(1, *SHAPE[1:])]))) <= 1e-5


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("first", [0, 1])
def test_b3_functional_in_functional_called_twice(suffix: str, first: int, tmp_path: Path) -> None:
    """Keras 2 counts the calls of a nested model from 1; some of its versions from 0."""
    inner = block(module=TF_KERAS, registered_name="Functional")
    inner["inbound_nodes"] = [read("image"), read("inner", first)]
    config = old_model(
        "outer", [image(), inner], ["inner", first + 1, 0], module=TF_KERAS, registered_name="Functional"
    )
    x = keras.Input(SHAPE[1:])
    today = today_block()
    made = keras.Model(x, today(today(x)))
    if suffix == ".h5":
        file = write_hdf5(
            tmp_path / "m.h5",
            config,
            {"image": [], "inner": BLOCK_WEIGHTS},
            keras_version="2.15.0",
            backend="tensorflow",
        )
    else:
        file = write_archive(tmp_path / "m.keras", config, block_arrays("layers/functional"), "2.15.0")
    check(file, made)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_b3_functional_in_sequential(suffix: str, tmp_path: Path) -> None:
    config = old_sequential(
        "outer", block(), old_layer("ReLU", "relu", max_value=6.0, negative_slope=0.0, threshold=0.0)
    )
    today = keras.Sequential([keras.Input(SHAPE[1:]), today_block(), layers.ReLU(6.0)])
    if suffix == ".h5":
        file = write_hdf5(tmp_path / "m.h5", config, {"inner": BLOCK_WEIGHTS, "relu": []}, keras_version="2.2.4-tf")
    else:
        file = write_archive(tmp_path / "m.keras", config, block_arrays("layers/functional"), "2.13.1")
    check(file, today)


def test_b3_archives_of_keras_2_12_have_another_layout(tmp_path: Path) -> None:
    arrays = {name.replace("layers", "_layer_checkpoint_dependencies"): a for name, a in block_arrays("x").items()}
    arrays = {name.removeprefix("x/"): array for name, array in arrays.items()}
    check(write_archive(tmp_path / "m.keras", block(), arrays, "2.12.0"), today_block())


def test_b3_sequential_in_functional_and_in_time_distributed(tmp_path: Path) -> None:
    conv = old_layer("Conv2D", "conv", filters=2, kernel_size=[3, 3], batch_input_shape=list(SHAPE))
    steps = image("steps", (None, 3, 8, 8, 2))
    inner = old_sequential("inner", conv, old_layer("Activation", "act", activation="tanh"))
    wrapped = old_layer("TimeDistributed", "each", read("steps"), layer=inner)
    file = write_hdf5(
        tmp_path / "m.h5",
        old_model("outer", [steps, wrapped], ["each", 0, 0]),
        {"steps": [], "each": [("conv/kernel:0", KERNEL), ("conv/bias:0", BIAS)]},
        keras_version="2.4.0",
    )
    today = layers.Conv2D(2, 3, activation="tanh")
    x = keras.Input((3, 8, 8, 2))
    made = keras.Model(x, layers.TimeDistributed(today)(x))
    today.set_weights([KERNEL, BIAS])
    check(file, made, (1, 3, 8, 8, 2))


def test_b3_names_tell_which_weight_is_which_in_a_nested_model(tmp_path: Path) -> None:
    """The file's order is not today's."""
    inner = block()
    inner["inbound_nodes"] = [read("image")]
    weights = {"image": [], "inner": BLOCK_WEIGHTS[::-1]}
    file = write_hdf5(
        tmp_path / "m.h5", old_model("outer", [image(), inner], ["inner", 1, 0]), weights, keras_version="2.2.4"
    )
    check(file, today_block())


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_b3_names_with_slashes_change_and_that_is_said_once(suffix: str, tmp_path: Path) -> None:
    first = old_layer("Dense", "a/a", read("x"), units=3, activation="linear")
    second = old_layer("Dense", "a/b", read("a/a"), units=3, activation="relu")
    taken = old_layer("Dense", "a_b", read("a/b"), units=3, activation="linear")
    config = old_model("net", [image("x", (None, 3)), first, second, taken], ["a_b", 0, 0])
    arrays = [(drawn(3, 3) * k, drawn(3) + k) for k in (1, 2, 3)]
    if suffix == ".h5":
        weights = {
            n: [(f"{n}/kernel:0", k), (f"{n}/bias:0", b)]
            for n, (k, b) in zip(("a/a", "a/b", "a_b"), arrays, strict=True)
        }
        file = write_hdf5(tmp_path / "m.h5", config, weights, keras_version="2.3.0")
    else:
        names = ("dense", "dense_1", "dense_2")
        flat = {f"layers/{n}/vars/{i}": a for n, pair in zip(names, arrays, strict=True) for i, a in enumerate(pair)}
        file = write_archive(tmp_path / "m.keras", config, flat, "2.13.0")
    x = keras.Input((3,))
    dense = [layers.Dense(3), layers.Dense(3, activation="relu"), layers.Dense(3)]
    made = keras.Model(x, dense[2](dense[1](dense[0](x))))
    for layer, pair in zip(dense, arrays, strict=True):
        layer.set_weights(list(pair))
    with pytest.warns(ModelWarning, match=r"'a/a' is 'a_a', 'a/b' is 'a_b_1'") as told:
        graph = load(file)
    assert len([w for w in told if issubclass(w.category, ModelWarning)]) == 1
    assert errors(graph, made, noise([(1, 3)])) <= 1e-5


def keras_1(order: str, kernel: Array, bias: Array) -> tuple[Any, Any]:
    """A Sequential of Keras 1 and its weights."""
    shape = [None, 2, 6, 6] if order == "th" else [None, 6, 6, 2]
    conv = {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "border_mode": "same", "subsample": [1, 2], "activation": "relu"}
    conv |= {
        "dim_ordering": order,
        "init": "glorot_uniform",
        "W_regularizer": None,
        "bias": True,
        "batch_input_shape": shape,
    }
    config = {
        "class_name": "Sequential",
        "config": [
            {
                "class_name": "Convolution2D",
                "config": {"name": "convolution2d_1", "trainable": True, "input_dtype": "float32", **conv},
            },
            {
                "class_name": "MaxPooling2D",
                "config": {
                    "name": "pool",
                    "pool_size": [2, 1],
                    "strides": [2, 1],
                    "border_mode": "valid",
                    "dim_ordering": order,
                },
            },
            {"class_name": "Dropout", "config": {"name": "dropout_1", "p": 0.5, "trainable": True}},
            {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
            {
                "class_name": "Dense",
                "config": {
                    "name": "dense_1",
                    "output_dim": 3,
                    "input_dim": None,
                    "init": "uniform",
                    "activation": "linear",
                    "b_constraint": None,
                    "bias": True,
                },
            },
        ],
    }
    dense = drawn(36, 3), drawn(3)
    weights = {
        "convolution2d_1": [("convolution2d_1_W", kernel), ("convolution2d_1_b", bias)],
        "pool": [],
        "dropout_1": [],
        "flatten_1": [],
        "dense_1": [("dense_1_W", dense[0]), ("dense_1_b", dense[1])],
    }
    return config, weights


@pytest.mark.parametrize(
    ("order", "backend"), [("tf", "tensorflow"), ("th", "tensorflow"), ("th", "theano"), ("tf", "")]
)
def test_b3_keras_1(order: str, backend: str, tmp_path: Path) -> None:
    """Theano's convolution turns the window round; kernels of the order "th" were (out, in, rows, columns)."""
    kernel, bias = drawn(3, 2, 2, 4), drawn(4)  # rows, columns, in, out, for a correlation
    stored = kernel[::-1, ::-1] if backend == "theano" else kernel
    config, weights = keras_1(order, stored.transpose(3, 2, 0, 1) if order == "th" else stored, bias)
    attributes = {"backend": backend, "keras_version": "1.2.2"} if backend else {}
    file = write_hdf5(tmp_path / "m.h5", config, weights, **attributes)
    place = "channels_first" if order == "th" else "channels_last"
    shape = (2, 6, 6) if order == "th" else (6, 6, 2)
    conv = layers.Conv2D(4, (3, 2), (1, 2), padding="same", activation="relu", data_format=place)
    pool = layers.MaxPooling2D((2, 1), data_format=place)
    dense = layers.Dense(3)
    keras.Sequential([keras.Input(shape), conv, pool, layers.Flatten(), dense])
    conv.set_weights([kernel, bias])
    dense.set_weights([array for _, array in weights["dense_1"]])
    if not backend:
        with pytest.warns(ModelWarning, match="does not say on which framework"):
            graph = load(file)
    else:
        graph = load(file)
    x = noise([(1, *shape)])[0]
    # Keras on this machine has no convolutions with channels first.
    moved = np.moveaxis(x, 1, -1) if order == "th" else x
    y = keras.ops.relu(keras.ops.conv(moved, kernel, (1, 2), "same", "channels_last") + bias)
    y = keras.ops.max_pool(y, (2, 1), (2, 1), "valid", "channels_last")
    y = np.moveaxis(np.asarray(y), -1, 1) if order == "th" else np.asarray(y)
    want = y.reshape(1, -1) @ weights["dense_1"][0][1] + weights["dense_1"][1][1]
    assert np.abs(interpret(graph, [x])[0] - want).max() <= 1e-5 * np.abs(want).max()


@pytest.mark.parametrize("mode", ["sum", "mul", "ave", "max", "concat"])
def test_b3_merges_of_keras_1(mode: str, tmp_path: Path) -> None:
    dense = old_layer("TimeDistributedDense", "dense", read("x"), output_dim=4, activation="tanh", bias=True)
    for node in dense["inbound_nodes"][0]:
        del node[3]  # keywords came with Keras 1.0.3
    merge = old_layer(
        "Merge", "merge", [["x", 0, 0], ["dense", 0, 0]], mode=mode, mode_type="raw", concat_axis=-1, dot_axes=-1
    )
    config = old_model("net", [image("x", (None, 3, 4)), dense, merge], ["merge", 0, 0], class_name="Model")
    kernel, bias = drawn(4, 4), drawn(4)
    weights = {"x": [], "dense": [("dense_W", kernel), ("dense_b", bias)], "merge": []}
    file = write_hdf5(tmp_path / "m.h5", config, weights, keras_version="1.2.1", backend="tensorflow")
    x = keras.Input((3, 4))
    today = layers.Dense(4, activation="tanh")
    join = {
        "sum": layers.Add,
        "mul": layers.Multiply,
        "ave": layers.Average,
        "max": layers.Maximum,
        "concat": layers.Concatenate,
    }
    made = keras.Model(x, join[mode]()([x, today(x)]))
    today.set_weights([kernel, bias])
    check(file, made, (1, 3, 4))


def test_b3_settings_that_have_no_equal_are_refused(tmp_path: Path) -> None:
    norm = old_layer("BatchNormalization", "norm", read("x"), mode=2, axis=-1)
    merge = old_layer("Merge", "merge", [*read("x"), *read("norm")], mode="cos", mode_type="raw")
    conv = old_layer("Convolution1D", "conv", read("merge"), nb_filter=3, filter_length=3, border_mode="full")
    config = old_model("net", [image("x", (None, 5, 4)), norm, merge, conv], ["conv", 0, 0])
    file = write_hdf5(tmp_path / "m.h5", config, {}, keras_version="1.2.2", backend="theano")
    with pytest.raises(UnsupportedError, match="3 layers") as caught:
        load(file)
    for text in (
        "'norm' (BatchNormalization): mode 2",
        "'merge' (Merge): merges by 'cos'",
        "'conv' (Convolution1D): border_mode 'full'",
    ):
        assert text in str(caught.value)


def test_b3_layers_whose_names_or_settings_changed(tmp_path: Path) -> None:
    chain = [
        image(),
        old_layer("SpatialDropout2D", "drop", p=0.2, dim_ordering="tf", trainable=True),
        old_layer("LeakyReLU", "leaky", alpha={"type": "ndarray", "value": 0.25}),
        old_layer("ThresholdedReLU", "threshold", theta=0.5),
        old_layer("ZeroPadding2D", "pad", padding={"top_pad": 1, "bottom_pad": 0, "left_pad": 2, "right_pad": 1}),
        old_layer("BatchNormalizationV1", "norm", axis=[3], fused=True, renorm=False, virtual_batch_size=None),
        old_layer(
            "Activation", "last", activation="softsign", dtype={"class_name": "Policy", "config": {"name": "float32"}}
        ),
    ]
    for layer, before in zip(chain[1:], chain, strict=False):
        layer["inbound_nodes"] = [read(before["name"])]
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    weights = {"norm": [(f"norm/{name}:0", array) for name, array in zip(names, NORM, strict=True)]}
    file = write_hdf5(tmp_path / "m.h5", old_model("net", chain, ["last", 0, 0]), weights, keras_version="2.1.6-tf")
    norm = layers.BatchNormalization()
    steps = [layers.LeakyReLU(0.25), layers.ReLU(threshold=np.nextafter(np.float32(0.5), np.float32(1)))]
    steps += [layers.ZeroPadding2D(((1, 0), (2, 1))), norm, layers.Activation("softsign")]
    made = keras.Sequential([keras.Input(SHAPE[1:]), *steps])
    norm.set_weights(NORM)
    check(file, made)


def tensorflow_operation(function: str, name: str, call: Any, class_name: str = "TFOpLambda") -> dict[str, Any]:
    return old_layer(class_name, name, call, function=function, dtype="float32", trainable=True)


def test_b7_operations_of_tensorflow(tmp_path: Path) -> None:
    chain = [
        image(),
        tensorflow_operation("nn.relu", "tf.nn.relu", ["image", 0, 0, {"name": None}]),
        tensorflow_operation("math.multiply", "tf.math.multiply", ["tf.nn.relu", 0, 0, {"y": -2.5, "name": None}]),
        tensorflow_operation(
            "math.subtract", "tf.math.subtract", ["_CONSTANT_VALUE", -1, 1.5, {"y": ["tf.math.multiply", 0, 0]}]
        ),
        tensorflow_operation(
            "concat", "tf.concat", [["tf.math.subtract", 0, 0, {"axis": 3}], ["image", 0, 0, {"axis": 3}]]
        ),
        tensorflow_operation(
            "image.resize", "tf.image.resize", ["tf.concat", 0, 0, {"size": [16, 12], "method": "bilinear"}]
        ),
        tensorflow_operation(
            "math.reduce_mean", "tf.mean", ["tf.image.resize", 0, 0, {"axis": [1], "keepdims": False}]
        ),
        tensorflow_operation("nn.gelu", "tf.nn.gelu", ["tf.mean", 0, 0, {"approximate": False}]),
        tensorflow_operation("reshape", "tf.reshape", ["tf.nn.gelu", 0, 0, {"shape": [-1, 48]}]),
    ]
    file = write_archive(tmp_path / "m.keras", old_model("net", chain, ["tf.reshape", 0, 0]), {}, "2.15.0")
    x = keras.Input(SHAPE[1:])
    y = keras.ops.concatenate([1.5 - keras.ops.relu(x) * -2.5, x], axis=3)
    y = keras.ops.mean(keras.ops.image.resize(y, (16, 12)), axis=1)
    y = keras.ops.reshape(keras.ops.gelu(y, approximate=False), (-1, 48))
    check(file, keras.Model(x, y))


def test_b7_other_operations_of_tensorflow_are_refused_by_name(tmp_path: Path) -> None:
    chain = [
        image(),
        tensorflow_operation("signal.fft", "fft", ["image", 0, 0, {"name": None}]),
        tensorflow_operation("image.resize", "resize", ["fft", 0, 0, {"size": [4, 4], "method": "area"}]),
        tensorflow_operation("math.reduce_sum", "sum", ["resize", 0, 0, {"axis": 1, "exotic": 3}]),
        tensorflow_operation("", "old", ["sum", 0, 0, {}], "TensorFlowOpLayer"),
    ]
    file = write_hdf5(tmp_path / "m.h5", old_model("net", chain, ["old", 0, 0]), {}, keras_version="2.4.0")
    with pytest.raises(UnsupportedError, match="4 layers") as caught:
        load(file)
    for text in (
        "tf.signal.fft, an operation",
        "tf.image.resize with method='area'",
        "tf.math.reduce_sum with exotic=3",
        "as TensorFlow 2.3",
    ):
        assert text in str(caught.value)
    assert str(caught.value).count("keras.ops in its place") == 4


def test_b7_each_operation_of_the_table_exists() -> None:
    from webdnn.frontend.keras.loading import operation_modules

    values = {"axis": 1, "shape": [2, -1], "dtype": "float32", "size": [2, 2], "paddings": [[0, 0]], "multiples": [1]}
    for name, (parameters, build) in FUNCTIONS.items():
        needed = [p for p in parameters if p in build.__kwdefaults__] if build.__kwdefaults__ else []
        given = {
            p: values.get(p, 1)
            for p in parameters
            if p not in needed and not p.startswith(("transpose_", "adjoint", "a_is", "b_is"))
        }
        given = {**given, **({"slice_spec": None} if "slice_spec" in parameters else {})}
        operation = build(**given)
        module = operation_modules()[operation.class_name]
        made = getattr(__import__(module, fromlist=["x"]), operation.class_name)(**operation.config)
        assert isinstance(made, keras.Operation), name


def test_b3_layers_that_are_not_supported_are_still_named(tmp_path: Path) -> None:
    lstm = old_layer("LocallyConnected1D", "memory", read("x"), filters=3, kernel_size=[2])
    wrapped = old_layer(
        "Bidirectional",
        "both",
        read("memory"),
        layer={"class_name": "LSTM", "config": {"name": "lstm", "units": 2, "time_major": True}},
    )
    config = old_model("net", [image("x", (None, 5, 4)), lstm, wrapped], ["both", 0, 0])
    file = write_hdf5(tmp_path / "m.h5", config, {}, keras_version="2.2.0")
    with pytest.raises(
        UnsupportedError,
        match=r"'memory' \(LocallyConnected1D\): not supported[\s\S]*'both/lstm' \(LSTM\): time_major True",
    ):
        load(file)


def test_b3_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    dense = old_layer("Dense", "dense", read("x"), units=3, activation="linear")
    config = old_model("net", [image("x", (None, 4)), dense], ["dense", 0, 0])
    for weights, message in (
        (
            {"dense": [("dense/kernel:0", drawn(3, 4)), ("dense/bias:0", drawn(3))]},
            r"shape \[4, 3\], the file one of \[3, 4\]",
        ),
        ({"dense": [("dense/kernel:0", drawn(4, 3))]}, "has 2 weights, the file 1"),
        ({"other": [("dense/kernel:0", drawn(4, 3))]}, "a layer 'other', which is not in the model"),
        ({}, "no values for 'dense/kernel', 'dense/bias'"),
    ):
        with pytest.raises(ModelError, match=message):
            load(write_hdf5(tmp_path / "m.h5", config, weights, keras_version="2.2.0"))


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_b3_hard_sigmoid_is_another_function_today(suffix: str, tmp_path: Path) -> None:
    """x / 5 + 1/2 between 0 and 1; today x / 6 + 1/2. Converted or refused, but never as today's."""
    config = old_model(
        "net", [image(), old_layer("Activation", "gate", read("image"), activation="hard_sigmoid")], ["gate", 0, 0]
    )
    if suffix == ".h5":
        file = write_hdf5(tmp_path / "m.h5", config, {}, keras_version="2.15.0")
    else:
        file = write_archive(tmp_path / "m.keras", config, {}, "2.15.0")
    x = np.linspace(-4, 4, 128, dtype="f4").reshape(1, *SHAPE[1:])
    try:
        (y,) = interpret(load(file), [x])
    except UnsupportedError:
        with pytest.raises(UnsupportedError, match="hard_sigmoid_of_keras_2"):
            load(file)
    else:
        assert np.abs(y - np.clip(0.2 * x + 0.5, 0, 1)).max() <= 1e-6


def test_today_is_read_as_before(tmp_path: Path) -> None:
    """Nested models of Keras 3, whose calls are counted in yet another way."""
    made = keras.Sequential([keras.Input(SHAPE[1:]), today_block(), keras.Sequential([today_block(), layers.ReLU()])])
    randomize(made)
    for suffix in (".h5", ".keras"):
        made.save(tmp_path / f"m{suffix}")
        check(tmp_path / f"m{suffix}", made)
