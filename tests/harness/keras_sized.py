"""The models of keras_transformers.py as cases: with sizes that are chosen later, and Keras's answers in float64."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from harness.calibrate import randomize
from harness.keras_transformers import attention_unet, bert, cct, gpt, tabular, vit
from harness.reference import answer_of_small, keras_in_float64
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model
from webdnn.graph.graph import Graph
from webdnn.optimizer.passes import optimize

Array = np.ndarray


def pictures(*sizes: int) -> Array:
    return np.random.default_rng(sum(sizes)).normal(0, 1, sizes).astype(np.float32)


def whole(most: int, *sizes: int) -> Array:
    """Whole numbers from 1, and 0 at the end of every second row."""
    found = np.random.default_rng(most).integers(1, most, sizes).astype(np.int32)
    if sizes[-1] > 2:
        found[::2, -sizes[-1] // 3 :] = 0
    return found


def columns(N: int) -> list[Array]:
    return [pictures(N, 5), *(whole(7 + i, N, 1) for i in range(3))]


@dataclass(frozen=True)
class Sized:
    """A model, the shapes of its inputs with placeholders, and for several sizes of these the inputs. It is a case for backends, too."""

    name: str
    build: Callable[[], Any]
    shapes: Sequence[str]
    runs: tuple[dict[str, int], ...]
    make: Callable[..., list[Array]]
    tolerance: float = 1e-5

    @cached_property
    def source(self) -> tuple[Graph, list[Array]]:
        """The graph as the frontend gives it, and the model's weights."""
        model = self.build()
        randomize(model)
        return from_model(model, [parse_input_shape(shape) for shape in self.shapes]), model.get_weights()

    @cached_property
    def graph(self) -> Graph:
        """What backends get."""
        return optimize(self.source[0])

    def inputs(self, run: int) -> list[Array]:
        return self.make(**self.runs[run])

    def expected(self, run: int) -> list[Array]:
        return self.answers[run]

    @cached_property
    def answers(self) -> list[list[Array]]:
        """Those of Keras, in float64."""
        with keras_in_float64(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "(?s).*You are using a softmax over axis")  # of one step
            model = self.build()
            return [answer_of_small(model, self.source[1], self.inputs(run)) for run in range(len(self.runs))]


BATCHES = ({"N": 1}, {"N": 3})
PICTURES = ({"N": 1, "H": 8, "W": 12}, {"N": 2, "H": 12, "W": 4})
TOKENS = ({"N": 2, "T": 7}, {"N": 1, "T": 12}, {"N": 3, "T": 1})
MODELS = [
    Sized("vit", vit, ["(N,16,16,3)"], BATCHES, lambda N: [pictures(N, 16, 16, 3)]),
    Sized("vit, token by tile", lambda: vit("tile"), ["(N,16,16,3)"], BATCHES, lambda N: [pictures(N, 16, 16, 3)]),
    Sized("vit, token by repeat", lambda: vit("repeat"), ["(N,16,16,3)"], BATCHES, lambda N: [pictures(N, 16, 16, 3)]),
    Sized("cct", cct, ["(N,16,16,3)"], BATCHES, lambda N: [pictures(N, 16, 16, 3)]),
    Sized("bert", bert, ["(N,T)", "(N,T)"], TOKENS, lambda N, T: [whole(50, N, T), whole(2, N, T)]),
    Sized("gpt", gpt, ["(N,T)"], TOKENS, lambda N, T: [whole(41, N, T)]),
    Sized("attention u-net", attention_unet, ["(N,H,W,3)"], PICTURES, lambda N, H, W: [pictures(N, H, W, 3)]),
    Sized("tabular", tabular, ["(N,5)", "(N,1)", "(N,1)", "(N,1)"], BATCHES, columns),
]
