"""Calls of layers, as Keras 1 and 2 wrote them, in today's form.

Then: [["conv", 0, 0, {"training": false}]], the tensor 0 of the call 0 of the layer "conv", and the keywords of the call.
Today: {"args": [{"class_name": "__keras_tensor__", …}], "kwargs": {"training": false}}.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webdnn.graph.errors import ModelError

CONSTANT = "_CONSTANT_VALUE"  # ["_CONSTANT_VALUE", -1, 2.0, {}]: an argument that is a number
Call = tuple[list[Any], dict[str, Any]]


def is_old(layers: Collection[Mapping[str, Any]]) -> bool:
    """Whether a model's layers have calls of the old form."""
    return any(
        isinstance(node, (list, Mapping)) and not _is_new(node) for layer in layers for node in layer["inbound_nodes"]
    )


def _is_new(node: Any) -> bool:
    return isinstance(node, Mapping) and set(node) == {"args", "kwargs"}


@dataclass
class Numbering:
    """Names of layers, and where the numbers of their calls begin.

    Keras 2 counted the calls of a nested model from 1, because the model's own inputs were its call 0, but not always. Every call in a file is
    read by something, so the smallest number that occurs is the first call's.
    """

    names: Mapping[str, str]  # as in the file → of today
    first: dict[str, int]

    @classmethod
    def of(cls, layers: Collection[Mapping[str, Any]], outputs: Any, names: Mapping[str, str]) -> Numbering:
        first: dict[str, int] = {}
        places: list[Any] = [outputs, *(node for layer in layers for node in layer["inbound_nodes"])]
        for name, number, _ in _references(places, names):
            first[name] = min(number, first.get(name, number))
        return cls(names, first)

    def tensor(self, reference: list[Any]) -> list[Any]:
        """[layer, call, output], with the calls counted from 0."""
        name, number, output = reference[:3]
        return [self.names[name], number - self.first[name], output]


def _references(item: Any, names: Collection[str]) -> Iterator[list[Any]]:
    stack = [item]
    while stack:
        item = stack.pop()
        if is_reference(item, names):
            yield item[:3]
            stack += item[3:]
        elif isinstance(item, Mapping):
            stack += item.values()
        elif isinstance(item, list):
            stack += item


def is_reference(item: Any, names: Collection[str]) -> bool:
    """Whether that is ["conv", 0, 0] or ["conv", 0, 0, {}]."""
    return (
        isinstance(item, list)
        and len(item) in (3, 4)
        and isinstance(item[0], str)
        and item[0] in names
        and all(isinstance(number, int) and not isinstance(number, bool) for number in item[1:3])
    )


def modern_call(node: Any, numbering: Numbering, layer: str) -> Call:
    """(arguments, keywords) of a call of the old form. Raises ModelError for what has neither form."""
    keywords: dict[str, Any] = {}

    def walk(item: Any) -> Any:
        if isinstance(item, list) and len(item) == 4 and item[0] == CONSTANT:
            keywords.update(_dictionary(item[3], layer))
            return item[2]
        if is_reference(item, numbering.names):
            if len(item) == 4:
                keywords.update(_dictionary(item[3], layer))
            return tensor_config(numbering.tensor(item))
        if isinstance(item, Mapping):
            return {key: walk(value) for key, value in item.items()}
        if isinstance(item, list) and not (item and isinstance(item[0], str)):
            return [walk(value) for value in item]
        raise ModelError(
            f"the model's configuration is damaged: {layer!r} is called with {str(item)[:80]}, which is no output of a layer"
        )

    argument = walk(node)
    if isinstance(argument, list) and len(argument) == 1:
        (argument,) = argument
    return [argument], {key: _keyword(value, numbering) for key, value in keywords.items()}


def _dictionary(item: Any, layer: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ModelError(
            f"the model's configuration is damaged: the keywords of a call of {layer!r} are a {type(item).__name__}"
        )
    return item


def _keyword(value: Any, numbering: Numbering) -> Any:
    if is_reference(value, numbering.names):
        return tensor_config(numbering.tensor(value))
    if isinstance(value, list):
        return [_keyword(item, numbering) for item in value]
    return value


def tensor_config(place: list[Any]) -> dict[str, Any]:
    """Today's reference to a tensor. Keras looks at its place only."""
    return {"class_name": "__keras_tensor__", "config": {"shape": [], "dtype": "float32", "keras_history": place}}


def modern_outputs(item: Any, numbering: Numbering, functional: Collection[str]) -> Any:
    """input_layers or output_layers. There, and only there, Keras 3 counts the calls of a nested Functional from 1."""
    if is_reference(item, numbering.names):
        name, number, output = numbering.tensor(item)
        return [name, number + (name in functional), output]
    if isinstance(item, Mapping):
        return {key: modern_outputs(value, numbering, functional) for key, value in item.items()}
    if not isinstance(item, list) or not item or isinstance(item[0], str):
        raise ModelError(f"the model's configuration is damaged: {str(item)[:80]} is no list of outputs of layers")
    found = [modern_outputs(value, numbering, functional) for value in item]
    return found[0] if len(found) == 1 else found
