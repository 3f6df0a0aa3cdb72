"""`--optimize 0` and the optimizer give the same answers for whole models.

Both graphs compute in float64, folded weights included, so that what is compared is the algebra and not the rounding to float32.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness import applications, keras_models
from harness.metric import error
from webdnn.frontend.input_shape import parse_input_shape
from webdnn.frontend.keras import from_model, load
from webdnn.graph import types
from webdnn.graph.graph import Constant, Graph, Input, Node, Op, Value
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import Repeat
from webdnn.graph.verify import verify
from webdnn.optimizer import optimize

TOLERANCE = 1e-9


def widened(op: Op) -> Op:
    """`op` in float64."""
    match op:
        case Constant(array) if array.dtype == np.float32:
            return Constant(array.astype(np.float64))
        case Input(label, type_) if type_.dtype == "float32":
            return Input(label, types.TensorType(type_.shape, "float64"))
        case Repeat(body=body):
            return replace(op, body=in_float64(body))
    return op


def in_float64(graph: Graph) -> Graph:
    new: dict[Value, Value] = {}
    for node in graph.nodes():
        fresh = Node(widened(node.op), tuple(new[v] for v in node.inputs), node.origin)
        new.update(zip(node.outputs, fresh.outputs, strict=True))
    return replace(
        graph,
        inputs=tuple(new[v] for v in graph.inputs),
        outputs=tuple(new[v] for v in graph.outputs),
        states=tuple((new[a], new[b]) for a, b in graph.states),
    )


def check(graph: Graph, arrays: list[np.ndarray]) -> None:
    graph = in_float64(graph)
    assert optimize(graph, level=0) is graph
    better = optimize(graph)
    verify(better)
    assert better is not graph
    inputs = [array.astype(np.float64) for array in arrays]
    for want, have in zip(interpret(graph, inputs), interpret(better, inputs), strict=True):
        assert want.dtype == have.dtype == np.float64
        assert want.std() > 0
        assert error(have, want) <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(keras_models.MODELS))
def test_small_models_of_any_batch(name: str) -> None:
    shapes = keras_models.MODELS[name][1]
    sizes = "N,H,W,3" if name == "unet" else None
    symbolic = [parse_input_shape(f"({sizes or ','.join(['N', *map(str, shape[1:])])},)") for shape in shapes]
    check(from_model(keras_models.build(name), symbolic), keras_models.noise(shapes))


@pytest.mark.parametrize("name", applications.in_tiers(sorted(applications.APPLICATIONS)))
def test_applications(workshop: Any, name: str) -> None:
    model = workshop.application(name, applications.REDUCED[name])
    check(load(model.file, [parse_input_shape(model.shapes[0])]), model.inputs)
