"""Configurations of any version of Keras in today's form, which is all that Keras 3 gets to see.

A configuration says for each layer what class it is, in which module, with what settings, and on which outputs it is called. Keras 3 reads two
forms of its own; those of Keras 1, Keras 2, tf.keras and tf_keras it reads in part, and misreads in part. So one form leaves here, for .h5 and
.keras alike. Classes of the user stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from webdnn.frontend.keras.configuration import field as typed
from webdnn.frontend.keras.old_layers import RENAMED_CLASSES, REWRITES, rewrite
from webdnn.frontend.keras.old_nodes import Numbering, is_old, modern_call, modern_outputs
from webdnn.frontend.keras.operations import OPERATIONS
from webdnn.frontend.keras.support import INPUT, MODELS, TRUSTED, is_layer, is_operation
from webdnn.frontend.keras.tensorflow_operations import LAYERS as TENSORFLOW_LAYERS
from webdnn.frontend.keras.tensorflow_operations import operation_of
from webdnn.graph.errors import ModelError, UnsupportedError

Entry: TypeAlias = Mapping[str, Any]
MODEL_MODULES = {"Functional": "keras.src.models.functional", "Sequential": "keras"}
# Layers that keras.layers does not have.
LAYER_MODULES = {
    "CustomScaleLayer": "keras.src.applications.inception_resnet_v2",
    **dict.fromkeys(("LayerScale", "StochasticDepth"), "keras.src.applications.convnext"),
}
OPERATIONS_UNKNOWN = "keras.ops"  # the module of an operation before Keras is imported
OLD_HARD_SIGMOID = "hard_sigmoid_of_keras_2"
_MODEL_SETTINGS = {"Functional": ("name", "trainable"), "Sequential": ("name", "trainable", "build_input_shape")}
_KEPT = ("build_config", "registered_name", "module")


@dataclass
class Modern:
    """One configuration on its way to today's form, and what is found on it."""

    version: int  # Keras's first number
    known: Collection[str] = ()  # classes and functions of the user
    operations: Mapping[str, str] = field(default_factory=dict)  # the modules of Keras's operations
    renamed: dict[str, str] = field(default_factory=dict)  # names of layers: today's → the file's
    reasons: dict[str, str] = field(default_factory=dict)  # paths of layers → why they cannot be converted

    def entry(self, entry: Any, path: str, where: str = "a layer") -> Entry:
        """A model, layer or operation."""
        if not isinstance(entry, Mapping):
            raise ModelError(
                f"the model's configuration is damaged: {where} is a {type(entry).__name__}, not an object"
            )
        class_name = typed(entry, "class_name", str, where)
        if class_name is None:
            raise ModelError(f"the model's configuration is damaged: {where} has no class_name")
        module = typed(entry, "module", str, where) or ""
        registered = typed(entry, "registered_name", str, where)
        typed(entry, "build_config", Mapping, where)
        if self._is_own(class_name, module, registered):
            return {
                "module": None,
                "registered_name": class_name,
                **entry,
                "config": self._objects(entry.get("config"), path),
            }
        if class_name in MODELS:
            return self._model(entry, path, where)
        return self._layer(entry, class_name, module, path, where)

    def _is_own(self, class_name: str, module: str, registered: str | None) -> bool:
        if class_name in self.known or registered in self.known or ">" in (registered or ""):
            return True
        return bool(module) and module.split(".")[0] not in TRUSTED

    def _layer(self, entry: Entry, class_name: str, module: str, path: str, where: str) -> Entry:
        config = typed(entry, "config", Mapping, where) or {}
        typed(config, "name", str, where)
        if is_operation(module) or (not module and self._is_operation(class_name, config)):
            found = module or self.operations.get(class_name, OPERATIONS_UNKNOWN)
            return {"module": found, "class_name": class_name, "registered_name": class_name, "config": dict(config)}
        try:
            name, config = rewrite(class_name, config)
        except UnsupportedError as error:
            self.reasons[path] = str(error)
            return {"module": module or None, "class_name": class_name, "registered_name": None, "config": dict(config)}
        if name == INPUT and "batch_input_shape" in (entry.get("config") or {}):
            config.setdefault("batch_shape", entry["config"]["batch_input_shape"])
            if "input_dtype" in entry["config"]:
                config.setdefault("dtype", entry["config"]["input_dtype"])
        config = self._objects(config, path)
        for key in ("activation", "recurrent_activation"):
            if self.version < 3 and config.get(key) == "hard_sigmoid":  # x / 6 + 1/2 today, and x / 5 + 1/2 then
                config[key] = {
                    "module": "builtins",
                    "class_name": "function",
                    "config": OLD_HARD_SIGMOID,
                    "registered_name": OLD_HARD_SIGMOID,
                }
        result = {"module": self._module(name, module), "class_name": name, "config": config, "registered_name": None}
        if self.version >= 3 and "build_config" in entry:
            result["build_config"] = entry["build_config"]
        return result

    def _is_operation(self, class_name: str, config: Mapping[str, Any]) -> bool:
        """In HDF5 files the operation `x + y` and the layer Add have one name; only layers are trainable or have a type."""
        if class_name not in OPERATIONS or self.version < 3:
            return False
        return not is_layer(class_name) or not ("trainable" in config or "dtype" in config)

    def _module(self, name: str, module: str) -> str | None:
        if name in LAYER_MODULES:
            return LAYER_MODULES[name]
        return "keras.layers" if module or is_layer(name) or name in (INPUT, "Lambda") else None

    def _objects(self, value: Any, path: str) -> Any:
        """A setting with the layers inside it (TimeDistributed's) in today's form."""
        if isinstance(value, list):
            return [self._objects(item, path) for item in value]
        if not isinstance(value, Mapping):
            return value
        name = str(value.get("class_name"))
        known = is_layer(name) or name in MODELS or name in RENAMED_CLASSES or name in REWRITES
        if known and isinstance(value.get("config"), (Mapping, list)):
            inner = value["config"].get("name") if isinstance(value["config"], Mapping) else None
            return self.entry(value, f"{path}/{inner}" if isinstance(inner, str) else path, f"a layer in {path!r}")
        return {key: self._objects(item, path) for key, item in value.items()}

    def _model(self, entry: Entry, path: str, where: str) -> Entry:
        config = typed(entry, "config", (Mapping, list), where) or {}
        if isinstance(config, list):  # a Sequential of Keras 1 or 2
            config = {"name": entry.get("name") or "sequential_1", "layers": config}
        typed(config, "name", str, where)
        layers = typed(config, "layers", list, where)
        if layers is None:
            raise ModelError(f"the model's configuration is damaged: {where} has no layers")
        class_name = "Sequential" if entry["class_name"] == "Sequential" else "Functional"
        kept = {key: config[key] for key in _MODEL_SETTINGS[class_name] if key in config}
        kept.setdefault("name", entry["class_name"].lower())
        names = [self._name(layer, number, class_name) for number, layer in enumerate(layers)]
        today = self._today(names)
        if class_name == "Sequential":
            found = [self._inner(layer, today[name], path) for layer, name in zip(layers, names, strict=True)]
            kept["layers"] = [*self._first_input(layers, names), *found]
        else:
            kept |= self._functional(config, layers, today, path)
        return {"module": MODEL_MODULES[class_name], "class_name": class_name, "config": kept, "registered_name": None}

    def _name(self, layer: Any, number: int, model: str) -> str:
        if not isinstance(layer, Mapping):
            raise ModelError(
                f"the model's configuration is damaged: layer {number} is a {type(layer).__name__}, not an object"
            )
        where = f"layer {number}"
        config = typed(layer, "config", (Mapping, list, str), where)
        inner = typed(config, "name", str, where) if isinstance(config, Mapping) else None
        name: str | None = typed(layer, "name", str, where) or inner
        if name is None and model == "Functional":
            raise ModelError(f"the model's configuration is damaged: {where} has no name")
        return name or f"{str(layer.get('class_name')).lower()}_{number}"

    def _today(self, names: Collection[str]) -> dict[str, str]:
        """Keras 3 allows no "/" in the name of a layer."""
        result: dict[str, str] = {}
        taken = {name for name in names if "/" not in name}
        for name in names:
            if name not in result:
                base = new = name.replace("/", "_")
                number = 1
                while "/" in name and new in taken:
                    new = f"{base}_{number}"
                    number += 1
                taken.add(new)
                result[name] = new
                if new != name:
                    self.renamed[new] = name
        return result

    def _inner(self, layer: Entry, name: str, path: str) -> Entry:
        result = self.entry(layer, f"{path}/{name}" if path else name, f"layer {name!r}")
        if isinstance(result["config"], dict):
            result["config"]["name"] = name
        return result

    def _first_input(self, layers: list[Entry], names: list[str]) -> list[Entry]:
        """The input of a Sequential whose first layer has its shape, as it was before tf.keras 2.2 or in a layer that is a model."""
        if not layers or self.version >= 3:
            return []
        first = layers[0]
        shape = None if first.get("class_name") == INPUT else _batch_input_shape(first)
        if shape is None:
            return []
        config = {"batch_shape": shape, "dtype": "float32", "name": f"{names[0]}_input".replace("/", "_")}
        return [{"module": "keras.layers", "class_name": INPUT, "config": config, "registered_name": None}]

    def _functional(self, config: Entry, layers: list[Entry], today: Mapping[str, str], path: str) -> Entry:
        for layer in layers:
            if typed(layer, "inbound_nodes", list, f"layer {layer.get('name')!r}") is None:
                raise ModelError(
                    f"the model's configuration is damaged: layer {layer.get('name')!r} has no inbound_nodes"
                )
        ends = {key: typed(config, key, (list, Mapping), "the model") for key in ("input_layers", "output_layers")}
        if None in ends.values():
            raise ModelError("the model's configuration is damaged: its inputs or outputs are missing")
        old = is_old(layers) or self.version < 3
        by_file = {layer.get("name") or layer["config"]["name"]: layer for layer in layers}
        if len(by_file) < len(layers):
            raise ModelError("the model's configuration is damaged: two layers have one name")
        numbering = Numbering.of(layers, list(ends.values()), today)
        found = []
        for file_name, layer in by_file.items():
            name = today[file_name]
            result = self._inner(layer, name, path)
            nodes = layer["inbound_nodes"]
            if old:
                result, nodes = self._calls(result, nodes, numbering, f"{path}/{name}" if path else name)
            found.append({**result, "name": name, "inbound_nodes": nodes})
        if old:
            functional = [layer["name"] for layer in found if layer["class_name"] == "Functional"]
            ends = {key: modern_outputs(item, numbering, functional) for key, item in ends.items()}
        return {"layers": found, **ends}

    def _calls(self, layer: Entry, nodes: list[Any], numbering: Numbering, path: str) -> tuple[Entry, list[Entry]]:
        calls = [modern_call(node, numbering, layer["config"].get("name", "a layer")) for node in nodes]
        if layer["class_name"] in TENSORFLOW_LAYERS and path not in self.reasons:
            try:
                return self._operation(layer, calls)
            except UnsupportedError as error:
                self.reasons[path] = str(error)
        nothing = ("training", "mask", "name")
        return layer, [
            {"args": arguments, "kwargs": {k: v for k, v in keywords.items() if v is not None or k not in nothing}}
            for arguments, keywords in calls
        ]

    def _operation(self, layer: Entry, calls: list[Any]) -> tuple[Entry, list[Entry]]:
        """A TFOpLambda as the operation that it is."""
        found = [operation_of(layer["class_name"], layer["config"], *call) for call in calls]
        if not found or any(
            (other.class_name, other.config) != (found[0].class_name, found[0].config) for other in found
        ):
            raise UnsupportedError("an operation of TensorFlow that is called several times, in different ways")
        name = found[0].class_name
        entry = {
            "module": self.operations.get(name, OPERATIONS_UNKNOWN),
            "class_name": name,
            "registered_name": name,
            "config": {"name": layer["config"]["name"], **found[0].config},
        }
        return entry, [{"args": operation.arguments, "kwargs": {}} for operation in found]


def _batch_input_shape(layer: Any) -> Any:
    """The shape of a first layer's input, also where that is a model, None where it is not said."""
    while isinstance(layer, Mapping):
        config = layer.get("config")
        if isinstance(config, Mapping):
            shape = config.get("batch_input_shape", config.get("batch_shape"))
            if shape is not None:
                return shape
            config = config.get("layers")
        layer = config[0] if isinstance(config, list) and config else None
    return None
