"""Preprocessing of images, compiled into the graph, so that raw RGB values 0…255 give the right answer.

The modes are those of keras.applications.imagenet_utils.preprocess_input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from webdnn.graph.errors import ModelError
from webdnn.graph.graph import Constant, Graph, Input, Node, State, Value, apply
from webdnn.graph.ops.convolution import Conv2D
from webdnn.graph.ops.elementwise import elementwise

ORIGIN = ("preprocess",)


def apply_preprocess(graph: Graph, mode: str) -> Graph:
    """`graph` with every input replaced by one of the same name that takes RGB values 0…255, channels last."""
    if mode not in MODES:
        raise ModelError(f"preprocessing {mode!r} is not one of {', '.join(MODES)}")
    if mode == "none":
        return graph
    inputs = tuple(_raw_input(value, mode) for value in graph.inputs)
    moved = {old: MODES[mode](new) for old, new in zip(graph.inputs, inputs, strict=True)}
    for node in graph.nodes():
        if isinstance(node.op, Input):
            moved.setdefault(Value(node), Value(node))
            continue
        fresh = Node(node.op, tuple(moved[v] for v in node.inputs), node.origin)
        moved.update(zip(node.outputs, fresh.outputs, strict=True))
    states = tuple(State(moved[before], moved[after]) for before, after in graph.states)
    return replace(graph, inputs=inputs, outputs=tuple(moved[v] for v in graph.outputs), states=states)


def _raw_input(value: Value, mode: str) -> Value:
    if not isinstance(value.op, Input):
        raise ModelError(f"{value.node.op} is no input")
    if value.type.rank != 4 or value.shape[3] != 3 or value.dtype != "float32":
        raise ModelError(
            f"preprocessing {mode!r} wants every input to be a float32 image (batch, height, width, 3); "
            f"input {value.op.label!r} is {value.type}; use --preprocess none"
        )
    return apply(Input(value.op.label, value.type), origin=value.origin)


def _vector(values: list[float]) -> Value:
    return apply(Constant(np.array(values, np.float32)), origin=ORIGIN)


def _tf(x: Value) -> Value:
    return elementwise("sub", elementwise("mul", x, 1 / 127.5, origin=ORIGIN), 1.0, origin=ORIGIN)


def _torch(x: Value) -> Value:
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    scaled = elementwise("mul", x, _vector(list(1 / (255 * deviation))), origin=ORIGIN)
    return elementwise("sub", scaled, _vector(list(mean / deviation)), origin=ORIGIN)


def _caffe(x: Value) -> Value:
    # A convolution with a permutation matrix swaps red and blue without rounding, and every backend has it.
    swap = apply(Constant(np.eye(3, dtype=np.float32)[::-1].reshape(1, 1, 3, 3).copy()), origin=ORIGIN)
    return elementwise(
        "sub", apply(Conv2D(), x, swap, origin=ORIGIN), _vector([103.939, 116.779, 123.68]), origin=ORIGIN
    )


MODES: dict[str, Callable[[Value], Value]] = {"none": lambda x: x, "caffe": _caffe, "tf": _tf, "torch": _torch}
