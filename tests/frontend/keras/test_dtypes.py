"""Graphs have the dtypes of their models, and compute with them exactly: every case gives Keras's numbers, in Keras's dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from harness.keras_compare import fixed, predict, refused
from webdnn.frontend.keras import from_model
from webdnn.frontend.keras.operation_dtypes import TAKES, graph_dtype
from webdnn.frontend.keras.operations import OPERATIONS
from webdnn.graph.graph import Graph
from webdnn.graph.interpreter import interpret

Array = np.ndarray
Build = Callable[..., Any]
RANDOM = np.random.default_rng(3)
# The ends of int32, and numbers that float32 would round.
INT32 = np.array(
    [[-(2**31), 2**31 - 1, 2**24 + 1, -7, 7, 0], [3, -3, 2**30, -(2**24) - 3, 1, -1]],
    np.int32,
)
PLACES = np.array([[0, 5, -1, -6, 3, 2], [1, 1, 2, 3, 4, 0]], np.int32)
TRUTH = np.array([[0, 1, 1, 0, 1, 0], [0, 0, 0, 1, 1, 1]], bool)
FLOATS = RANDOM.normal(size=(2, 6)).astype(np.float32)


def whole(dtype: str, *shape: int) -> Array:
    limits = np.iinfo(dtype)
    return RANDOM.integers(limits.min, limits.max, shape, endpoint=True).astype(dtype)


BYTES, SMALL, HALF, UNSIGNED = (whole(dtype, 2, 6) for dtype in ("uint8", "int8", "int16", "uint16"))
PICTURES = {"uint8": whole("uint8", 2, 8, 6, 3), "int32": whole("int32", 2, 8, 6, 3)}
PICTURES["bool"] = PICTURES["uint8"] > 128


def check(build: Build, *arrays: Array) -> Graph:
    """The graph of `build` on inputs like `arrays`. Whole numbers and truth are Keras's exactly, floats up to rounding; dtypes are Keras's."""
    inputs = [keras.Input(a.shape[1:], batch_size=len(a), dtype=str(a.dtype)) for a in arrays]
    model = keras.Model(inputs if len(inputs) > 1 else inputs[0], build(*inputs))
    graph = from_model(model, fixed(arrays))
    found = interpret(graph, [a.astype(graph_dtype(str(a.dtype))) for a in arrays])
    for number, (have, want) in enumerate(zip(found, predict(model, list(arrays)), strict=True)):
        dtype = graph_dtype(str(want.dtype))
        assert (graph.outputs[number].dtype, str(have.dtype)) == (dtype, dtype), number
        if dtype == "float32":
            np.testing.assert_allclose(have, want, rtol=3e-6, atol=1e-6, err_msg=str(number))
        else:
            np.testing.assert_array_equal(have, want, err_msg=str(number))
    return graph


def of_two(a: Any, b: Any) -> list[Any]:
    return [
        *(a + b, a - b, a * b, a < b, a >= b, ops.equal(a, b), ops.maximum(a, b), ops.minimum(a, b)),
        *(ops.where(a > b, a, b), ops.concatenate([a, b], 1), ops.stack([a, b]), ops.append(a, b)),
    ]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        *(
            (INT32, INT32[::-1]),
            (BYTES, BYTES[::-1]),
            (SMALL, SMALL[::-1]),
            (HALF, HALF[::-1]),
            (UNSIGNED, UNSIGNED[::-1]),
        ),
        *((BYTES, SMALL), (BYTES, INT32), (UNSIGNED, HALF), (SMALL, FLOATS), (TRUTH, INT32), (TRUTH, FLOATS)),
    ],
    ids=lambda array: array.dtype.name,
)
def test_mixed_operands_are_promoted_and_whole_numbers_wrap(left: Array, right: Array) -> None:
    check(of_two, left, right)


def of_one(a: Any) -> list[Any]:
    five = np.array(5, a.dtype)
    return [
        *(-a, abs(a), ops.sign(a), ops.square(a), a**3, ops.relu(a), ops.clip(a, 3, 50), ops.diff(a, axis=1)),
        *(
            ops.round(a),
            ops.trunc(a),
            ops.floor(a),
            a / 4,
            a // 7,
            a % 7,
            ops.fmod(a, 7),
            ops.mean(a, 1),
            ops.sum(a, 1),
        ),
        *(ops.max(a, 1), ops.min(a, 0), ops.cumsum(a, 1), ops.cumprod(a, 1), ops.sort(a), ops.argsort(a)),
        *(ops.argmax(a, 1), ops.argmin(a), *ops.top_k(a, 3), ops.any(a, 1), ops.all(a), ops.count_nonzero(a, 1)),
        *(ops.left_shift(a, 3), ops.right_shift(a, 3), ops.bitwise_invert(a), ops.bitwise_and(a, five), ops.signbit(a)),
        *(
            ops.bitwise_or(a, five),
            ops.bitwise_xor(a, ops.flip(a, 1)),
            ops.saturate_cast(a, "int8"),
            ops.saturate_cast(a, "uint8"),
        ),
        *(ops.cast(a, dtype) for dtype in ("int8", "uint8", "int16", "uint16", "int32", "int64", "float32", "bool")),
    ]


@pytest.mark.filterwarnings("ignore:(?s).*requested dtype int64")
@pytest.mark.parametrize("array", [INT32, BYTES, SMALL, HALF, UNSIGNED], ids=lambda array: array.dtype.name)
def test_whole_numbers(array: Array) -> None:
    check(of_one, array)


def test_quotients_and_remainders_of_either_sign() -> None:
    divisors = np.array([1, -2, 3, -4, 5, 7], np.int32)
    check(lambda a: [a // divisors, a % divisors, ops.fmod(a, divisors), a // -7, ops.floor_divide(a, 2.5)], INT32)


def test_numbers_beside_small_dtypes() -> None:
    check(lambda a: [ops.dot(a / 2, 2), ops.fmod(a, 7), ops.where(a > 3, a, 9), a + 300], BYTES)


def test_powers() -> None:
    exponents = np.array([0, 1, 2, 3, 40, 62], np.int32)
    check(lambda a: [a**2, ops.power(a, exponents), ops.power(3, abs(a) % 20), ops.power(a, abs(a) % 9)], INT32)
    check(lambda a: [a**65, ops.power(a, 64)], INT32)


def test_what_leaves_the_range() -> None:
    least = np.array([[-(2**15), 100, 2**15 - 1]], np.int16)
    check(
        lambda a: [
            a // np.array(-1, np.int16),
            ops.scatter(np.array([[0], [1], [1]]), a[0], (2,)) + 1,
            ops.scatter(np.array([[0], [0], [0]]), a[0] // 2 * 2 - 5, (2,)),
            ops.saturate_cast(a, "bool"),
        ],
        least,
    )
    check(lambda a: ops.saturate_cast(a, "bool"), FLOATS)


def test_negative_places_along_a_symbolic_axis() -> None:
    x, i = keras.Input((None,)), keras.Input((2,), dtype="int32")
    y = [ops.take(x, i[0], axis=1), ops.take_along_axis(x, i, axis=1)]
    model = keras.Model([x, i], y)
    arrays = [FLOATS[:1], np.array([[-1, 2]], np.int32)]
    found = interpret(from_model(model, ["(1,N)", "(1,2)"]), arrays)
    for have, want in zip(found, predict(model, arrays), strict=True):
        np.testing.assert_array_equal(have, want)


@pytest.mark.filterwarnings("ignore:(?s).*requested dtype.*float64")
def test_float64_is_float32() -> None:
    check(lambda i: [ops.take(np.arange(9.0) / 7, i) * 2, ops.cast(i, "float64") / 3], abs(PLACES))


def test_truth() -> None:
    check(
        lambda a: [
            layers.Activation("hard_tanh")(a),
            *(ops.max(a, 1), ops.sum(a, 1), ops.prod(a, 1), ops.mean(a, 1), ops.cumsum(a, 1), ops.argmax(a, 1)),
            *(ops.any(a, 1), ops.all(a, 1), ops.count_nonzero(a), ops.sort(a), ops.argsort(a), ops.logical_not(a)),
            *(ops.bitwise_not(a), abs(a), a + a, a * a, ops.matmul(a, ops.transpose(a)), ops.cast(a, "float32")),
        ],
        TRUTH,
    )


def test_what_keras_computes_and_not_what_it_declares() -> None:
    """It declares the dtype of the operand for all of these, and gives floats or int32 for most."""
    floats = (
        *(ops.hard_sigmoid, ops.gelu, ops.selu, ops.softplus, ops.softsign, ops.hard_silu, ops.tanh_shrink),
        *(ops.soft_shrink, ops.sparse_plus, ops.sparse_sigmoid, ops.squareplus, ops.relu6, ops.elu, ops.leaky_relu),
        *(ops.celu, ops.sparsemax, ops.hard_shrink, lambda a: ops.clip(a, 0.25, 1.0), lambda a: ops.moments(a, [1])),
    )
    check(
        lambda a: [
            *(f(a) for f in floats),
            *(ops.relu(a) + ops.relu(a), ops.threshold(a, 0, 3), *ops.unravel_index(a, (2, 3))),
        ],
        TRUTH,
    )
    check(
        lambda a, b: [
            *(ops.clip(a, 0.0, 200.0) * 2, ops.threshold(a, 7, 3) + a),
            *(ops.select([a > 100, b > 0], [a, b], 0.5), ops.select([a > 1], [b], a)),
        ],
        *(BYTES, FLOATS),
    )


@pytest.mark.parametrize("array", [INT32, SMALL, BYTES, HALF], ids=lambda array: array.dtype.name)
def test_products(array: Array) -> None:
    factor = np.arange(12, dtype=array.dtype).reshape(6, 2) * 20
    check(
        lambda a, b: [
            *(ops.matmul(a, ops.transpose(b)), ops.einsum("ij,kj->ik", a, b), ops.dot(a, ops.transpose(b))),
            *(ops.outer(a, b), ops.vdot(a, b), ops.tensordot(a, b, [[1], [1]]), ops.matmul(a, factor)),
        ],
        *(array, array[::-1]),
    )


def test_moves_keep_every_bit() -> None:
    check(
        lambda a: [
            *(a[:, 1:3], a[:, ::-1], ops.flip(a, 1), ops.roll(a, 2, 1), ops.tile(a, (1, 2)), ops.repeat(a, 2, 1)),
            *(ops.pad(a, [[0, 0], [1, 2]], constant_values=-5), ops.tril(a), ops.diag(a[0]), ops.zeros_like(a)),
            *(ops.full_like(a, 2**24 + 1), ops.isin(a, [7, 2**24 + 1]), ops.nan_to_num(a), ops.isfinite(a)),
            *(ops.where(a > 0, 1, 2), ops.where(a > 0, a, 2.5), ops.select([a > 5, a < 0], [a, -a], 1)),
        ],
        INT32,
    )


def test_places() -> None:
    bounds = np.array([-5, 0, 2**24, 2**24 + 2], np.int32)
    check(
        lambda a, i: [
            *(ops.take(a, i, axis=1), ops.take_along_axis(a, i, axis=1), ops.one_hot(i, 6), ops.multi_hot(i, 6)),
            *(ops.one_hot(i, 6, dtype="int32"), ops.one_hot(i, 6, dtype="bool"), ops.searchsorted(bounds, a[0])),
            *(ops.digitize(a, bounds), *ops.unravel_index(i % 6, (2, 3)), ops.slice_update(a, [0, 1], a[:, 3:5])),
            *(ops.segment_sum(a[0], abs(i[0]), num_segments=7), ops.in_top_k(i[:, 4], a / 1, 2)),
        ],
        *(INT32, PLACES),
    )


@pytest.mark.parametrize("reduction", [None, "add", "mul", "max", "min"])
def test_scattered_updates(reduction: str | None) -> None:
    """At indices that are computed, negative or in part the same, and at constant ones, of single elements and of rows."""
    twice = np.array([[0, 1], [1, -1], [0, 1 if reduction else 2], [1, 3]], np.int32)
    check(
        lambda a, i: [
            ops.scatter_update(a, i, a[0, :4], reduction=reduction),
            ops.scatter_update(a / 4, i, a[1, :4] / 4, reduction=reduction),
            ops.scatter_update(a, twice, a[1, :4], reduction=reduction),
            ops.scatter_update(a, np.array([[1]]), ops.expand_dims(a[0], 0), reduction=reduction),
            ops.scatter(i % 3, a[0, :4], (3, 3)),
        ],
        *(INT32, twice),
    )


def test_sums_of_bytes_are_uint32() -> None:
    check(lambda a: [ops.sum(a, 1), ops.cast(ops.sum(a, 1), "float32") / 6, ops.cast(ops.sum(a), "int32") * -1], BYTES)


def keeping(x: Any) -> list[Any]:
    made = [
        *(layers.Flatten(), layers.Reshape((-1, 3)), layers.Permute((2, 1, 3)), layers.ZeroPadding2D(1)),
        *(layers.Cropping2D(1), layers.UpSampling2D(2), layers.Dropout(0.3), layers.Identity(), layers.MaxPooling2D(2)),
        *(layers.MaxPooling2D(3, 2, "same"), layers.GlobalMaxPooling2D(), layers.AdaptiveMaxPooling2D((3, 4))),
        *(layers.Resizing(16, 3, interpolation="nearest"), layers.ReLU(), layers.ReLU(6.0), layers.Masking(3)),
        *(layers.Activation(name) for name in ("relu", "tanh", "linear", "elu")),
        layers.TimeDistributed(layers.Flatten()),
    ]
    return [layer(x) for layer in made]


@pytest.mark.parametrize("dtype", PICTURES)
def test_layers_that_keep_dtypes(dtype: str) -> None:
    check(keeping, PICTURES[dtype])


@pytest.mark.parametrize("dtype", PICTURES)
def test_layers_that_merge(dtype: str) -> None:
    names = (
        "Add",
        "Average",
        "Concatenate",
        "Maximum",
        "Minimum",
        "Multiply",
        *(["Subtract"] if dtype != "bool" else []),
    )
    pictures = PICTURES[dtype]
    check(
        lambda x, y: [getattr(layers, name)()([x, y]) for name in names] + [layers.Dot(3)([x, y])],
        pictures,
        pictures[::-1],
    )


def test_layers_that_merge_several_dtypes() -> None:
    """Pair by pair: a sum of bytes wraps before it meets an int32."""
    names = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply")
    for arrays in (
        (BYTES, BYTES, INT32),
        (TRUTH, TRUTH, INT32),
        (TRUTH, BYTES, FLOATS),
        (SMALL, TRUTH),
        (INT32, SMALL),
    ):
        check(lambda *x: [getattr(layers, name)()(list(x)) for name in names], *arrays)
    check(lambda x, y: [layers.Dot(1)([x, x]), layers.Dot(1)([x, y]), layers.Dot(1)([y, y])], SMALL, TRUTH)


def test_what_a_layer_gives_is_known_behind_it() -> None:
    """Keras declares float32 for these, and gives int32: a quotient of whole numbers is rounded down."""
    check(
        lambda x, y: (
            lambda total, largest: [total * 2, total // 3, layers.Flatten()(total) > 100, largest // 2, largest + 0.5]
        )(layers.Add()([x, y]), layers.MaxPooling2D(2)(y)),
        *(PICTURES["uint8"], PICTURES["int32"]),
    )


def test_layers_that_compute_in_floats() -> None:
    made = (
        layers.Conv2D(4, 3),
        layers.BatchNormalization(),
        layers.Rescaling(1 / 255),
        layers.GlobalAveragePooling2D(),
    )
    check(lambda x: [layer(x) for layer in made], PICTURES["uint8"])
    check(lambda x: [layers.Dense(4)(x), layers.Softmax()(x), layers.Normalization(mean=1.0, variance=2.0)(x)], PLACES)


@pytest.mark.filterwarnings("ignore:(?s).*requested dtype int64")
def test_embeddings() -> None:
    table = layers.Embedding(9, 4)
    tokens = RANDOM.integers(0, 9, (2, 5))
    for dtype in ("int32", "int64", "uint8", "float32"):
        check(lambda x: [table(x), layers.TimeDistributed(layers.Dense(3))(table(x)), x + 1], tokens.astype(dtype))
    averaged = layers.Embedding(9, 4, mask_zero=True)
    check(lambda x: layers.GlobalAveragePooling1D()(averaged(x)), tokens.astype(np.int32))


def test_masks_nested_models_and_code_of_the_user() -> None:
    inner = keras.Sequential([keras.Input((5,)), layers.Dense(2)])
    tokens = RANDOM.integers(0, 4, (2, 5)).astype(np.int32)
    check(
        lambda x: [
            inner(x),
            layers.Lambda(lambda t: ops.cast(t, "int32") // 2 + 1)(x),
            layers.Softmax()(x, mask=x > 1),
        ],
        tokens,
    )
    check(
        lambda x: layers.GlobalAveragePooling1D()(layers.Masking()(x)),
        RANDOM.integers(0, 2, (2, 5, 2)).astype(np.int32),
    )


@pytest.mark.parametrize(
    ("dtype", "build", "reason"),
    [
        ("int16", lambda x: layers.ReLU()(x), r"\(ReLU\): dtype int16; cast to int32"),
        (
            "uint8",
            lambda x: layers.RMSNormalization()(x),
            r"\(RMSNormalization\): an input of uint8, to which Keras casts",
        ),
        (
            "uint8",
            lambda x: layers.AveragePooling1D(2)(x),
            r"\(AveragePooling1D\): an input of uint8, in which Keras adds",
        ),
        (
            "int32",
            lambda x: ops.adaptive_average_pool(x, (2,)),
            "AdaptiveAveragePool of int32, in which Keras adds up",
        ),
        ("uint8", lambda x: ops.squareplus(x), "squareplus of uint8, in which Keras overflows"),
        ("int8", lambda x: layers.Activation("log_sigmoid")(x), "log_sigmoid of int8, in which Keras overflows"),
        ("float32", lambda x: ops.one_hot(x, 3), "classes of float32, of which a fraction is none; cast them to int32"),
        ("uint8", lambda x: ops.rms_normalization(x), "RMSNorm of uint8, whose result Keras casts to uint8"),
        ("bool", lambda x: ops.image.resize(x[..., None], (4, 4)), "pictures of bool; cast to uint8"),
        (
            "uint8",
            lambda x: layers.Concatenate()([x, ops.cast(x, "int8")]),
            "inputs of int8 and uint8; cast them to int32",
        ),
        ("bool", lambda x: layers.Resizing(4, 4)(x[..., None]), "pictures of bool; cast to uint8"),
        ("int32", lambda x: x + np.array([2**40]), r"\(Add\): the constant 1099511627776, which int32 cannot hold"),
        ("uint32", lambda x: x + 1, r"\(Add\): Add in uint32, .*cast its operands to int32 or float32 first"),
        ("bool", lambda x: x - x, "Subtract of bool"),
    ],
)
def test_what_no_dtype_of_a_graph_holds_is_refused(dtype: str, build: Build, reason: str) -> None:
    x = keras.Input((5, 3), batch_size=2, dtype=dtype)
    refused(keras.Model(x, build(x)), reason)


def test_every_operation_says_what_it_takes() -> None:
    assert set(TAKES) == set(OPERATIONS)
