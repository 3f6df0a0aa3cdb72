"""Operations of keras.ops: what their dtypes mean, what is refused, and that every one is in the tables of cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from harness.keras_compare import fixed, predict
from harness.keras_functions import FUNCTION_TABLES
from harness.keras_image_functions import IMAGE_CASES, SHAPE
from harness.keras_layers import TABLES
from harness.keras_models import noise
from harness.metric import error
from webdnn.frontend.keras import from_model
from webdnn.frontend.keras.operations import OPERATIONS
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.interpreter import interpret

Build = Callable[[Any], Any]
TOLERANCE = 3e-6  # Keras itself computes in float32


def model_of(build: Build) -> Any:
    x = keras.Input((5, 3), batch_size=2)
    return keras.Model(x, build(x))


def answers(build: Build) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of what the graph and what Keras gives for every result."""
    model, inputs = model_of(build), noise([(2, 5, 3)], seed=0)
    with np.errstate(all="ignore"):
        found = interpret(from_model(model, fixed(inputs)), inputs)
        return list(zip(found, predict(model, inputs), strict=True))


def test_a7_arithmetic_of_truth_is_truth() -> None:
    """As outputs, without a cast that would hide a 2."""
    pairs = answers(
        lambda x: [
            (x > 0) + (x < 0.5),
            (x > 0) * (x < 0.5),
            ops.matmul(x > 0, ops.transpose(x > 0.1, (0, 2, 1))),
            ops.einsum("bij,bkj->bik", x > 0, x > 0.2),
            ops.tensordot(x > 0, np.ones((3, 2), bool), 1),
            ops.cumsum(x > 0, axis=1),
            ops.sum(x > 0, axis=1),
            ops.mean(x > 0, axis=1),
            ops.full_like(x > 0, 3),
            ops.pad(x > 0, [[0, 0], [1, 0], [0, 0]], constant_values=2),
            ops.maximum(x > 0, x > 1),
            ops.where(x > 0, True, x > -1),
        ]
    )
    for number, (have, want) in enumerate(pairs):
        assert have.dtype == want.dtype, number
        assert np.array_equal(have, want) or (number == 7 and error(have, want) < TOLERANCE), number


def test_a7_quotients_rounded_down_like_numpy() -> None:
    """Of numbers of either sign by zero, by infinity and by each other."""
    values = np.array([2.5, -2.5, 0.0, np.inf, -np.inf, np.nan], np.float32)
    left, right = (np.tile(a, (2, 1)) for a in (np.repeat(values, 6), np.tile(values, 6)))
    x, y = keras.Input((36,)), keras.Input((36,))
    graph = from_model(keras.Model([x, y], ops.floor_divide(x, y)), fixed([left, right]))
    with np.errstate(all="ignore"):
        (found,) = interpret(graph, [left, right])
        assert np.array_equal(found, np.floor_divide(left, right), equal_nan=True)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda x: (x > 0) - (x < 1), "Subtract of bool"),
        (lambda x: ops.negative(x > 0), "Negative of bool"),
        (lambda x: ops.cast(x, "uint32"), "cast of float32 to uint32.*cast to int32 instead"),
        (lambda x: ops.prod(ops.cast(x, "uint8"), 1), "Prod in uint32"),
        (lambda x: ops.where(x > 0, 2**31, ops.argmax(x)), "constant 2147483648, which int32 cannot hold"),
        (lambda x: ops.cast(x, "float16"), "dtype float16"),
        (lambda x: ops.quantile(x, 0.3, axis=(1,), method="lower"), "method 'lower'"),
        (lambda x: ops.segment_sum(x, ops.cast(x[:, 0, 0], "int32")), "without num_segments"),
    ],
)
def test_a7_what_a_graph_cannot_say_is_refused_by_name(build: Build, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        from_model(model_of(build), fixed(noise([(2, 5, 3)], seed=0)))


def test_b15_small_things() -> None:
    row = np.arange(1, 6, dtype="float32")
    pairs = answers(
        lambda x: [
            ops.take_along_axis(x, np.array([[[0], [1]]]), axis=1),
            ops.average(x, axis=1, weights=row),
            ops.einsum("bij,bkj,bkl->bil", x, x, x),
            ops.einsum("bii->bi", x[:, :3]),
            ops.vstack([x[0, 0], x[0, 1]]),
            ops.dstack([x[0, 0], x[0, 1]]),
            ops.log_softmax(x, axis=(1, 2)),
            ops.cast(x * 200, "int8"),
            ops.cast(ops.cast(x * 200, "int32"), "int8"),
            ops.median(x),
            ops.arctan2(x, x[:, ::-1]),
        ]
    )
    for number, (have, want) in enumerate(pairs):
        assert error(have, want) <= TOLERANCE, number


def test_every_operation_is_in_the_tables() -> None:
    """But for classes that no function of Keras makes of a symbolic tensor, and those that Keras on JAX does not compute as operations of a model,
    which test_functions.py has."""
    tested: set[str] = set()
    for table, (cases, shape) in {
        **TABLES,
        **{f"operation: {name}": (builds, (5, 3)) for name, builds in FUNCTION_TABLES.items()},
        "operations on images": (IMAGE_CASES, SHAPE),
    }.items():
        if table.startswith("operation"):
            for build in cases.values():
                x = keras.Input(shape, batch_size=2)
                model = keras.Model(x, build(x))
                tested |= {type(operation).__name__ for operation in model.operations}
    assert sorted(set(OPERATIONS) - tested) == [
        "Abs",
        "Bincount",
        "Conj",
        "ConvTranspose",
        "Histogram",
        "Identity",
        "Mish",
    ]
