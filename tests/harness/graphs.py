"""Small graphs for tests of whole commands and pictures."""

from __future__ import annotations

import numpy as np

from webdnn.graph.dim import Size
from webdnn.graph.graph import Constant, Graph, Input, Placeholder, Value, apply
from webdnn.graph.ops import Conv2D, Pool2D
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.types import TensorType


def image(*shape: Size) -> Value:
    return apply(Input("image", TensorType(shape)), origin=("image",))


def constant(*shape: int) -> Value:
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return apply(Constant(values))


def small_graph(batch: Size = 1, placeholders: dict[str, Placeholder] | None = None) -> Graph:
    """A convolution with bias and relu, and a pooling."""
    x = image(batch, 8, 8, 3)
    y = apply(Conv2D(padding=((1, 1), (1, 1))), x, constant(3, 3, 3, 4), origin=("conv",))
    y = elementwise("relu", elementwise("add", y, constant(4), origin=("conv",)), origin=("relu",))
    y = apply(Pool2D("max", (2, 2), (2, 2)), y, origin=("pool",))
    return Graph((x,), (y,), ("pool",), placeholders=placeholders or {}, name="small")


def chain(length: int) -> Graph:
    """One op after another that no rule may merge: pools of size 1 by 1 would vanish, so windows overlap."""
    x = y = image(1, 3, 3, 4)
    for number in range(length):
        y = apply(Pool2D("max", (3, 3), (1, 1), ((1, 1), (1, 1))), y, origin=(f"pool{number}",))
    return Graph((x,), (y,), ("last",), name="chain")
