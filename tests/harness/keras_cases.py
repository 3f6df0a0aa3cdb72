"""Small Keras models as cases like those of `harness.cases`: their graphs, and Keras's own answers in float64."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

import jax
import keras
import numpy as np
from keras import layers

from harness.cases import TOLERANCE, Symbols
from harness.keras_compare import fixed
from harness.keras_functions import FUNCTION_TABLES
from harness.keras_layers import keras_model, layer_cases
from harness.keras_meaning import meaning_cases
from harness.keras_models import noise
from harness.keras_subclasses import Block, Doubled, Enlarged, ResidualNet
from harness.metric import error
from harness.reference import answer_of_small, in_float64, keras_in_float64
from webdnn.frontend.keras import from_model
from webdnn.frontend.keras.activation import ACTIVATIONS
from webdnn.frontend.keras.loading import without_initializers
from webdnn.frontend.keras.operation_dtypes import graph_dtype
from webdnn.graph.graph import Graph
from webdnn.graph.interpreter import interpret
from webdnn.optimizer.passes import optimize

Array = np.ndarray
Shape = tuple[int, ...]
_ANSWERS = count(1)


@dataclass(frozen=True)
class KerasCase:
    """A layer (or function of tensors) on random inputs of `shapes`, which are without the batch.

    `given` are inputs in place of random ones. A layer is a description only: models get copies of it, one in float32, which is converted, one in
    float64, which answers.
    """

    name: str
    build: Any
    shapes: tuple[Shape, ...]
    tolerance: float = TOLERANCE
    batch: int = 2
    given: tuple[Array, ...] = ()
    runs: tuple[Symbols, ...] = field(default=({},), init=False)

    @cached_property
    def source(self) -> tuple[Graph, list[Array]]:
        """The graph as the frontend gives it, and the model's weights."""
        with building(self.name):
            model = keras_model(self.build, *self.shapes)
            graph = from_model(model, fixed(self.inputs(0)))
        return graph, model.get_weights()

    @cached_property
    def graph(self) -> Graph:
        """What backends get."""
        return optimize(self.source[0])

    def inputs(self, run: int) -> list[Array]:
        return list(self.given) or noise([(self.batch, *shape) for shape in self.shapes], seed=run)

    @cached_property
    def _answer(self) -> list[Array]:
        weights = self.source[1]
        with building(self.name), keras_in_float64():
            model = keras_model(_float64_copy(self.build), *self.shapes)
            found = answer_of_small(model, weights, self.inputs(0))
        if next(_ANSWERS) % 10 == 0:
            jax.clear_caches()  # it keeps what it compiled, some 6 MB a model, and shapes hardly repeat
        return found

    def expected(self, run: int) -> list[Array]:
        """Keras's answer, computed in float64."""
        return self._answer

    def interpreted(self, run: int) -> list[Array]:
        """What the interpreter makes of `graph`, in float64. Keras takes a hundred times as long: where another test compares the two, this is
        what a backend has to give."""
        return interpret(self.graph, self.inputs(run), dtype="float64")


@contextmanager
def building(name: str) -> Iterator[None]:
    """Where a small model is made: quickly, without the warnings that some layers are known to give; an error names the case."""
    with without_initializers(keras), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You passed `rms_scaling")  # deprecated, but saved models may have it
        warnings.filterwarnings("ignore", "(?s).*requested dtype int64")  # MixUp of Keras
        warnings.filterwarnings("ignore", "(?s).*was passed an input with a mask")  # of a layer that drops it
        try:
            yield
        except Exception as error:
            error.add_note(f"in the case {name!r}")
            raise


def _float64_copy(build: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if not isinstance(build, keras.Layer):
        return build
    return type(build).from_config(in_float64(build.get_config()))


def check_graphs(case: KerasCase) -> None:
    """The graph of a case, and what the optimizer makes of it, agree with Keras's answer, in its dtypes; in float32 up to its rounding."""
    for graph in (case.source[0], case.graph):
        dtypes = [graph_dtype(str(want.dtype)) for want in case.expected(0)]
        assert [value.dtype for value in graph.outputs] == dtypes, case.name
        for dtype, tolerance in (("float32", 3e-6), ("float64", 1e-6)):
            for have, want in zip(interpret(graph, case.inputs(0), dtype=dtype), case.expected(0), strict=True):
                assert error(have, want) <= tolerance, f"{case.name}, {dtype}"


# Curved and straight parts, corners, and values far out.
VALUES = np.concatenate([np.linspace(-9, 9, 37), [0.5, -0.5, 1.0, -1.0, 1e-6, 30.0, -30.0]]).astype(np.float32)
NEED_ARGUMENTS = ("threshold",)


def activation_case(name: str) -> KerasCase:
    function = getattr(keras.activations, name, None) or getattr(keras.ops, name)
    return KerasCase(f"activation: {name}", layers.Activation(function), ((len(VALUES),),), given=(VALUES[None],))


ACTIVATION_CASES = [activation_case(name) for name in sorted(ACTIVATIONS) if name not in NEED_ARGUMENTS]
LAYER_CASES = [KerasCase(name, build, shapes) for name, (build, shapes) in layer_cases().items()]
FUNCTION_CASES = [
    KerasCase(f"{table}: {name}", build, ((5, 3),))
    for table, builds in FUNCTION_TABLES.items()
    for name, build in builds.items()
]
MEANING_CASES = [
    KerasCase(name, build, shapes, given=given) for name, (build, shapes, given) in meaning_cases().items()
]
SUBCLASSED_CASES = [
    KerasCase("subclassed: residual block", lambda x: Block(6, 2)(x), ((7, 9, 4),)),
    KerasCase("subclassed: own call", lambda x: Doubled(3, activation="relu")(x), ((5, 4),)),
    KerasCase("subclassed: transposed", lambda x: Enlarged(3, 4, strides=3, padding="same")(x), ((5, 4),)),
    KerasCase("subclassed: model", lambda x: ResidualNet()(x), ((7, 9, 3),)),
]
