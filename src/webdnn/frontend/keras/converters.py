"""Converters that one conversion has besides LAYERS: lowerings of layers that a plugin brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webdnn.frontend.keras.lowering import Layer, LayerLowering
from webdnn.frontend.keras.support import is_layer
from webdnn.frontend.keras.tracing import is_own
from webdnn.graph.errors import PluginError


@dataclass(frozen=True)
class Converters:
    """`lowerings` are by the name of the layer's class; `classes` are those that came with one, which a model's file may name."""

    lowerings: Mapping[str, LayerLowering] = field(default_factory=dict)
    classes: Mapping[str, type] = field(default_factory=dict)

    @staticmethod
    def of(layers: Mapping[str | type, LayerLowering]) -> Converters:
        """Of lowerings by classes or names. Raises PluginError for a name that two classes have, or a layer of Keras has that is converted anyway."""
        lowerings: dict[str, LayerLowering] = {}
        for layer, lowering in layers.items():
            name = layer if isinstance(layer, str) else layer.__name__
            if name in lowerings:
                raise PluginError(f"the layer {name!r} has two converters; rename one of the classes")
            if isinstance(layer, str) and is_layer(name):
                raise PluginError(
                    f"{name!r} is a layer of Keras that WebDNN converts; for a class of your own with that name, register the class itself"
                )
            lowerings[name] = lowering
        return Converters(lowerings, {layer.__name__: layer for layer in layers if isinstance(layer, type)})

    def find(self, layer: Layer) -> LayerLowering | None:
        """The lowering of `layer`, if there is one. What Keras itself defines and WebDNN converts has none here."""
        name = type(layer).__name__
        return self.lowerings.get(name) if name in self.lowerings and (is_own(layer) or not is_layer(name)) else None

    def objects(self, keras: Any) -> dict[str, type]:
        """The classes by both names that a model's file may use."""
        return {**self.classes, **{keras.saving.get_registered_name(cls): cls for cls in self.classes.values()}}
