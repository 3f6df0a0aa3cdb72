"""What the frontend supports, judged before any work is done, and the one error that lists all that it does not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webdnn.frontend.keras import (
    activation,
    audio,
    contrast,
    convolution,
    core,
    encoding,
    lookups,
    merge,
    normalization,
    pooling,
    preprocessing,
    recurrent,
    reshape,
    time_distributed,
)
from webdnn.frontend.keras.lowering import LayerLowering
from webdnn.frontend.keras.operation_control import CONTROL
from webdnn.frontend.keras.operations import OPERATIONS
from webdnn.frontend.keras.refusals import LAYER_REFUSALS, OPERATION_REFUSALS
from webdnn.graph.errors import UnsupportedError

_FAMILIES = (
    *(activation, convolution, core, merge, normalization, pooling, preprocessing, reshape),
    *(audio, contrast, encoding, lookups, time_distributed),
)
LAYERS: dict[str, LayerLowering] = {name: lower for family in _FAMILIES for name, lower in family.LOWERINGS.items()}

# Layers of Keras that have no lowering, since Keras's own `call` says what they do in layers and operations that have: it is traced, like that of a
# layer of the user's. So Keras's code is what reads their arguments and masks.
TRACED = frozenset(
    (
        *("AdditiveAttention", "Attention", "MultiHeadAttention", "ReversibleEmbedding"),
        *("GroupQueryAttention", "GroupedQueryAttention"),  # its name in files, and that of its class
        *recurrent.TRACED,
    )
)

MODELS = ("Functional", "Model", "Sequential")
INPUT = "InputLayer"
TRUSTED = ("keras", "tensorflow", "tf_keras")  # roots of the modules that a layer of Keras itself may name
_CODE_KEYS = {
    "code",
    "closure",
    "defaults",
    "value",
}  # what a lambda expression is stored as, with or without a class name
CUSTOM_OBJECTS = "name the Python file that defines its class with --custom_objects"
CUSTOM_FUNCTION = "name the Python file that defines it with --custom_objects"
# Layers of Keras, today's and former ones, that cannot be converted. Any other name in a file without modules is the user's.
UNSUPPORTED = """
DenseFeatures FlaxLayer Highway JaxLayer LocallyConnected1D LocallyConnected2D MaxoutDense ParametricSoftplus RandomHeight RandomWidth SReLU
StringLookup TFSMLayer TextVectorization TorchModuleWrapper
""".split()
# What is a value in a configuration though it looks like an object.
_VALUES = (
    *("__bytes__", "__ellipsis__", "__numpy__", "__slice__", "__tensor__"),
    *("AWQDTypePolicy", "DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "GPTQDTypePolicy", "Int4DTypePolicy"),
    *("QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy", "AbsMaxQuantizer", "AWQConfig", "GPTQConfig"),
    *("Float8QuantizationConfig", "Int4QuantizationConfig", "Int8QuantizationConfig"),
)
_NO_HIGHLIGHTS = ("name", "dtype", "trainable", "batch_input_shape", "batch_shape", "build_config")


@dataclass(frozen=True)
class Trouble:
    """A layer that cannot be converted: its path in the model, its class, why, and its configuration; whether only sizes are at fault."""

    path: str
    class_name: str
    reason: str
    config: Mapping[str, Any] = field(default_factory=dict)
    misfit: bool = False

    def __str__(self) -> str:
        shown = ", ".join(f"{k}={v!r}" for k, v in self.config.items() if _is_highlight(k, v))
        return f"  {self.path!r} ({self.class_name}): {self.reason}" + (f" [{_shorten(shown)}]" if shown else "")


def _is_highlight(key: str, value: Any) -> bool:
    if key in _NO_HIGHLIGHTS or key.endswith(("_initializer", "_regularizer", "_constraint")):
        return False
    return value is not None and isinstance(value, (bool, int, float, str, list, tuple))


def _shorten(text: str, length: int = 160) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def refuse(model_name: str, troubles: Sequence[Trouble]) -> None:
    """Raises UnsupportedError with all of `troubles`, if there are any."""
    if troubles:
        count = "a layer" if len(troubles) == 1 else f"{len(troubles)} layers"
        raise UnsupportedError(
            f"model {model_name!r} has {count} that cannot be converted:\n" + "\n".join(map(str, troubles))
        )


def is_operation(module: str) -> bool:
    """Whether a class of that module is an operation outside a layer."""
    return module.startswith(("keras.src.ops.", "keras.ops", "keras.src.activations"))


def is_layer(class_name: str) -> bool:
    """Whether Keras's layer of that class can be converted, by a lowering or by tracing its code."""
    return class_name in LAYERS or class_name in TRACED


def class_trouble(
    class_name: str, module: str, registered: str | None, known: Collection[str] = frozenset()
) -> str | None:
    """Why a class cannot be converted, or None. `module` is empty in files that do not record it; `known` are the names of the user's classes."""
    if class_name in known or registered in known:
        return None
    if registered and ">" in registered:
        return f"custom layer, registered as {registered!r}; {CUSTOM_OBJECTS}"
    if module and module.split(".")[0] not in TRUSTED:
        return f"custom layer of the module {module!r}; {CUSTOM_OBJECTS}"
    supported = class_name in (*OPERATIONS, *CONTROL) if is_operation(module) else is_layer(class_name)
    if supported or (not module and class_name in OPERATIONS):
        return None
    if not module and class_name not in UNSUPPORTED:
        return f"custom layer, or a layer that Keras no longer has; {CUSTOM_OBJECTS}"
    reasons = OPERATION_REFUSALS if is_operation(module) else {**OPERATION_REFUSALS, **LAYER_REFUSALS}
    return reasons.get(class_name, "not supported")


@dataclass(frozen=True)
class LayerConfig:
    """One layer as a model's configuration describes it."""

    path: str
    class_name: str
    module: str
    registered: str | None
    config: Mapping[str, Any]

    @property
    def is_model(self) -> bool:
        return self.class_name in MODELS and (not self.module or self.module.split(".")[0] in TRUSTED)


def layer_configs(model_config: Mapping[str, Any]) -> Iterator[LayerConfig]:
    """All layers of a model's configuration, those of nested models and inside other layers included, in the file's order."""
    stack: list[tuple[str, Any, bool]] = [("", model_config, True)]
    while stack:
        outer, entry, is_root = stack.pop()
        if not isinstance(entry, Mapping):
            continue
        inner = entry.get("config", {})
        config = inner if isinstance(inner, Mapping) else {}
        name = str(config.get("name") or entry.get("name") or entry.get("class_name"))
        path = "" if is_root else f"{outer}/{name}" if outer else name
        registered = entry.get("registered_name")
        found = LayerConfig(
            path,
            str(entry.get("class_name")),
            str(entry.get("module") or ""),
            registered if isinstance(registered, str) else None,
            config,
        )
        if found.is_model:
            layers = inner if isinstance(inner, list) else config.get("layers")
            stack += [(path, layer, False) for layer in reversed(layers if isinstance(layers, list) else [])]
        else:
            yield found
            if _is_wrapped(config.get("layer")):
                stack.append((path, config["layer"], False))


def _is_wrapped(item: Any) -> bool:
    return isinstance(item, Mapping) and "class_name" in item and "config" in item


def bytecode_layers(model_config: Mapping[str, Any]) -> list[str]:
    """Paths of the layers that hold Python code: a Lambda of a lambda expression, or one as an activation or the like."""
    return [layer.path for layer in layer_configs(model_config) if _holds_code(layer)]


def _holds_code(layer: LayerConfig) -> bool:
    if layer.class_name == "Lambda" and layer.config.get("function_type") in (None, "lambda"):
        function = layer.config.get("function")
        if isinstance(function, (list, tuple)) or (isinstance(function, Mapping) and "code" in function):
            return True
    stack: list[Any] = [layer.config]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            if item.get("class_name") == "__lambda__" or _is_code(item):
                return True
            stack += item.values()
        elif isinstance(item, (list, tuple)):
            stack += item
    return False


def _is_code(item: Mapping[str, Any]) -> bool:
    """Whether that is a lambda expression without a class name. The initializer Constant has a "value" too, of numbers."""
    return bool(item) and set(item) <= _CODE_KEYS and not (set(item) == {"value"} and _are_numbers(item["value"]))


def _are_numbers(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_are_numbers, value))
    return isinstance(value, (bool, int, float))


def config_troubles(
    model_config: Mapping[str, Any],
    *,
    allow_lambda: bool,
    known: Collection[str] = frozenset(),
    reasons: Mapping[str, str] | None = None,
) -> list[Trouble]:
    """Every layer of a configuration that cannot be converted, as far as its class and functions tell. `known` are the names of the user's
    classes and functions, `reasons` what else speaks against a layer, by its path."""
    troubles = []
    root = LayerConfig("", str(model_config.get("class_name")), str(model_config.get("module") or ""), None, {})
    if not root.is_model:
        names = (root.class_name, model_config.get("registered_name"))
        if any(isinstance(name, str) and name in known for name in names):
            return []  # what is in it is known when it is called
        return [Trouble("model", root.class_name, f"a subclassed model; {CUSTOM_OBJECTS}")]
    for layer in layer_configs(model_config):
        reason = (reasons or {}).get(layer.path) or _layer_trouble(layer, allow_lambda, known)
        if reason:
            troubles.append(Trouble(layer.path, layer.class_name, reason, layer.config))
    return troubles


def _layer_trouble(layer: LayerConfig, allow_lambda: bool, known: Collection[str]) -> str | None:
    if layer.class_name == INPUT:
        return None
    if layer.class_name == "Lambda":
        return _lambda_trouble(layer, allow_lambda, known)
    reason = class_trouble(layer.class_name, layer.module, layer.registered, known)
    if reason or layer.class_name in known or layer.registered in known:
        return reason
    return _activation_trouble(layer, known) or _object_trouble(layer, known)


def _lambda_trouble(layer: LayerConfig, allow_lambda: bool, known: Collection[str]) -> str | None:
    """A Lambda holds code, which is judged elsewhere, or the name of a function."""
    for key in ("function", "output_shape", "mask"):
        name = _function_name(layer.config.get(key))
        if name is not None and name not in known:
            return f"calls the function {name!r}, which is not in the file; {CUSTOM_FUNCTION}"
    return None if allow_lambda or _function_name(layer.config.get("function")) else "not supported"


def _function_name(function: Any) -> str | None:
    """The name of a function, None for code."""
    if isinstance(function, Mapping) and function.get("class_name") == "function":
        function = function.get("config")
    return function if isinstance(function, str) else None


def _activation_trouble(layer: LayerConfig, known: Collection[str]) -> str | None:
    found = layer.config.get("activation")
    if isinstance(found, Mapping) and found.get("class_name") == "function":
        found = found.get("config")
    if not isinstance(found, str) or found in known or found in activation.ACTIVATIONS:
        return None
    return f"activation {found!r} is not supported; if the function is yours, {CUSTOM_FUNCTION}"


def _object_trouble(layer: LayerConfig, known: Collection[str]) -> str | None:
    """Classes and functions among a layer's settings are Keras's own layers and functions, or the user's: a file must not make Keras look up
    and call whatever it finds by name."""
    stack: list[Any] = [value for key, value in layer.config.items() if key != "layer"]
    while stack:
        item = stack.pop()
        if isinstance(item, (list, tuple)):
            stack += item
        elif isinstance(item, Mapping):
            stack += item.values()
            name, config = item.get("class_name"), item.get("config")
            if name is None or config is None:
                continue
            name = config if name == "function" else name
            if not isinstance(name, str):
                return f"its configuration names a class by {str(name)[:80]!r}"
            if not (name in known or name in _VALUES or is_layer(name) or name in activation.ACTIVATIONS):
                return f"its configuration names {name!r}, which is no layer or activation of Keras; if it is yours, {CUSTOM_FUNCTION}"
    return None
