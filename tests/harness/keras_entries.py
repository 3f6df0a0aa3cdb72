"""Configurations of Keras 3, written by hand: of layers that cannot be made here."""

from __future__ import annotations

from typing import Any


def entry(
    class_name: str, arguments: dict[str, Any], width: int, count: int = 1, dtype: str = "int32"
) -> dict[str, Any]:
    """The configuration of a model of one layer as Keras writes it."""
    layers, tensors = [], []
    for number in range(count):
        name, shape = f"input_{number}", [None, width]
        layers.append(layer_entry("InputLayer", name, [], batch_shape=shape, dtype=dtype))
        history = {"shape": shape, "dtype": dtype, "keras_history": [name, 0, 0]}
        tensors.append({"class_name": "__keras_tensor__", "config": history})
    call = {"args": [tensors[0] if count == 1 else tensors], "kwargs": {}}
    layers.append(layer_entry(class_name, "looked_up", [call], **arguments))
    inputs = [[f"input_{number}", 0, 0] for number in range(count)]
    config = {"name": "model", "layers": layers, "input_layers": inputs, "output_layers": [["looked_up", 0, 0]]}
    return {"module": "keras", "class_name": "Functional", "config": config, "registered_name": None}


def layer_entry(class_name: str, name: str, calls: list[Any], **config: Any) -> dict[str, Any]:
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {"name": name, **config},
        "registered_name": None,
        "name": name,
        "inbound_nodes": calls,
    }
