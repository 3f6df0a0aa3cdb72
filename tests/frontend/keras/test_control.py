"""Functions of keras.ops that take functions, against Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from harness.keras_compare import predict, refused
from harness.keras_control import CONTROL, SHAPE, Code, control_model
from harness.metric import error
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import Repeat
from webdnn.optimizer import optimize

TOLERANCE = 3e-6
BATCHES = (2, 5)


def inputs_of(batch: int, shift: float) -> list[np.ndarray]:
    """Means on both sides of what choices look at."""
    return [(np.random.default_rng(batch).normal(size=(batch, *SHAPE)) * 0.3 + shift).astype("float32")]


@pytest.mark.parametrize("name", CONTROL)
def test_with_any_batch(name: str) -> None:
    model = control_model(name)
    graph = from_model(model, [parse_input_shape(f"(N,{SHAPE[0]},{SHAPE[1]})")])
    better = optimize(graph)
    for batch, shift in zip(BATCHES, (-0.2, 0.4), strict=True):
        inputs = inputs_of(batch, shift)
        for some in (graph, better):
            for have, want in zip(interpret(some, inputs), predict(model, inputs), strict=True):
                assert have.shape == want.shape
                assert have.dtype == want.dtype
                assert error(have, want) <= TOLERANCE


def test_as_operations_of_a_functional_model() -> None:
    x = keras.Input(batch_shape=(3, 4))
    carry, found = ops.scan(lambda s, e: (s + e, s * e), ops.zeros_like(x[0]), x)
    model = keras.Model(x, [carry, found, ops.map(lambda e: e * 2.0, x)])
    inputs = [np.random.default_rng(3).normal(size=(3, 4)).astype("float32")]
    for have, want in zip(interpret(from_model(model), inputs), predict(model, inputs), strict=True):
        assert error(have, want) <= TOLERANCE


def test_a_constant_condition_is_folded_and_a_counted_loop_has_no_condition() -> None:
    x = keras.Input(batch_shape=(2, 4))
    model = keras.Model(x, Code(lambda v: ops.cond(np.array(True), lambda: v * 2.0, lambda: ops.exp(v)))(x))
    assert [node.op.name for node in from_model(model).nodes()] == ["Input", "Elementwise"]
    model = keras.Model(
        x, Code(lambda v: ops.while_loop(lambda i, y: i < 7, lambda i, y: (i + 2, y + v), (1, v))[1])(x)
    )
    (loop,) = [node.op for node in from_model(model).nodes() if isinstance(node.op, Repeat)]
    assert loop.count == 3


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "an open end": (lambda v: ops.while_loop(lambda y: ops.sum(y) < 9, lambda y: y + 1, v), "maximum_iterations"),
    "computed bounds": (
        lambda v: ops.fori_loop(0, ops.cast(ops.sum(v), "int32"), lambda i, s: s, v),
        "bounds are computed",
    ),
    "branches of other shapes": (lambda v: ops.cond(ops.sum(v) > 0, lambda: v, lambda: v[0]), "they must be the same"),
    "branches of other structures": (
        lambda v: ops.cond(ops.sum(v) > 0, lambda: v, lambda: (v, v)),
        "different structures",
    ),
    "a state of another dtype": (
        lambda v: ops.scan(lambda s, e: (ops.cast(s, "int32"), e), ops.zeros_like(v[0]), v)[0],
        "they must be the same",
    ),
    "a condition of several elements": (lambda v: ops.cond(v > 0, lambda: v, lambda: -v), "one element is wanted"),
    "an endless loop": (lambda v: ops.while_loop(lambda i, y: i >= 0, lambda i, y: (i, y), (1, v))[1], "100000"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    function, reason = REFUSED[name]
    x = keras.Input(batch_shape=(2, 4))
    with_shape = layers.Lambda(function, output_shape=(4,))
    refused(keras.Model(x, with_shape(x)), reason)
