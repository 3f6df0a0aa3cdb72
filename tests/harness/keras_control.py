"""Functions of keras.ops that take functions, as custom layers call them: loops, choices, scans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

SHAPE = (5, 4)
MATRIX = np.random.default_rng(5).normal(size=(4, 4)).astype("float32")


class Code(layers.Layer):
    """A layer of the user's whose call is `function`."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


def _scan(x: Any) -> Any:
    """A recurrence over the second axis, backwards, with two states and results of several ranks."""

    def step(carry: Any, element: Any) -> Any:
        h, count = carry
        h = ops.tanh(h @ MATRIX + element)
        return (h, count + 1), {"h": h, "mean": ops.mean(h), "count": count}

    sequence = ops.transpose(x, (1, 0, 2))
    (h, count), found = ops.scan(step, (ops.zeros_like(x[:, 0]), 3), sequence, reverse=True)
    return h, count, found["h"], found["mean"], found["count"]


def _scan_of_nothing(x: Any) -> Any:
    """Without sequences, a given number of times; what it reads it has from outside."""
    return ops.scan(lambda s, _: (s * 0.5 + x, ops.sum(s, -1)), ops.ones_like(x), length=4)


def _pairs(x: Any) -> Any:
    """Linear recurrences as they are parallelized: pairs are composed along the second axis, from the end."""

    def compose(first: Any, second: Any) -> Any:
        (a, b), (c, d) = first, second
        return a * c, b * c + d

    return ops.associative_scan(compose, (ops.sigmoid(x), x), reverse=True, axis=1)


def _newton(x: Any) -> Any:
    """The square root of a mean, until it is good enough; others need more iterations than this one."""
    goal = ops.mean(ops.abs(x)) + 1.0

    def going(guess: Any, n: Any) -> Any:
        return ops.abs(guess * guess - goal) > 1e-3

    return ops.while_loop(going, lambda guess, n: (0.5 * (guess + goal / guess), n + 1), (goal, 0), 30)


def _counted(x: Any) -> Any:
    """Ends by a number that nothing but itself decides."""
    result = ops.while_loop(lambda i, y: i < 11, lambda i, y: (i + 3, y * 0.9 + ops.cast(i, "float32")), (1, x))
    return result[1], ops.while_loop(lambda y: ops.mean(y) > 9e9, lambda y: y + 1.0, x, maximum_iterations=3)


def _cond(x: Any) -> Any:
    first = ops.cond(ops.mean(x) > 0.1, lambda: (x * 2.0, ops.sum(x)), lambda: (x - 1.0, ops.max(x)))
    return *first, ops.cond(True, lambda: x[:, :2], lambda: x[:, 1:3]), ops.cond(np.array(False), lambda: x, lambda: -x)


def _switch(x: Any) -> Any:
    branches = [lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - 2.0 * b]
    place = ops.cast(ops.mean(x) * 20.0, "int32")
    found = [ops.switch(place + i, branches, x, x[:, ::-1]) for i in (-3, 0, 1, 2, 9)]
    return *found, ops.switch(7, branches, x, x)


def _fori(x: Any) -> Any:
    def body(i: Any, state: Any) -> Any:
        y, total = state
        return ops.roll(y, 1, 1) + ops.cast(i, "float32"), total + i

    y, total = ops.fori_loop(2, 6, body, (x, 0))
    steps = ops.fori_loop(0, ops.shape(x)[0], lambda i, s: s + ops.sum(x[0]) * ops.cast(i, "float32"), 0.0)
    return y, total, steps, ops.fori_loop(3, 3, lambda i, s: s + 1.0, x)


CONTROL: dict[str, Callable[[Any], Any]] = {
    "scan": _scan,
    "scan of nothing": _scan_of_nothing,
    "associative scan": _pairs,
    "associative scan of a vector": lambda x: ops.associative_scan(lambda a, b: ops.maximum(a, b) + 0.0, x[0, :, 1]),
    "map": lambda x: ops.map(lambda e: (ops.sum(e[0]), e[1] @ MATRIX), (x, x * 2.0)),
    "vectorized map": lambda x: ops.vectorized_map(lambda e: ops.cumsum(e, -1) / (1.0 + ops.max(ops.abs(e))), x),
    "while, computed": _newton,
    "while, counted": _counted,
    "cond": _cond,
    "switch": _switch,
    "fori": _fori,
}


def control_model(name: str) -> Any:
    x = keras.Input(SHAPE, name="x")
    outputs = Code(CONTROL[name])(x)
    return keras.Model(x, keras.tree.flatten(outputs), name="control")
