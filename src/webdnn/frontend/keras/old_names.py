"""What Python files of Keras 1 and 2 and of TensorFlow import and expect, while such a file is run and its layers are traced.

Modules that Keras no longer has (`keras.engine.topology`) are made of what it has; `tensorflow.keras` is Keras, and `tensorflow` a stand-in, where it
is not installed; `keras.backend` has its former functions again; a layer understands how weights were added then.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from webdnn.frontend.keras.old_backend import old_functions
from webdnn.frontend.keras.tensorflow_stand_in import TensorFlow
from webdnn.frontend.keras.traced_lengths import replaced

_active: list[Any] = []


@contextmanager
def old_names(keras: Any) -> Iterator[None]:
    """Old imports and functions work in the block."""
    if _active:
        yield
        return
    _active.append(keras)
    finder = _Finder(keras)
    missing = {name: f for name, f in old_functions(keras).items() if not hasattr(keras.backend, name)}
    before = set(sys.modules)
    _tell_keras_what_is_missing(finder.roots)
    sys.meta_path.insert(0, finder)
    try:
        with replaced([(keras.backend, name, function) for name, function in missing.items()]):
            yield
    finally:
        _active.pop()
        sys.meta_path.remove(finder)
        _forget(finder.served - before)


def _tell_keras_what_is_missing(roots: Collection[str]) -> None:
    """Keras tries once whether a package is there, and remembers the answer. It must not take a stand-in for the package: it looks for classes."""
    from keras.src.utils import module_utils

    for module in vars(module_utils).values():
        if isinstance(module, module_utils.LazyModule) and module.name.partition(".")[0] in roots:
            _ = module.available


def _forget(names: set[str]) -> None:
    """Takes modules out of Python's list of modules, and from the modules around them."""
    for name in names:
        module = sys.modules.pop(name, None)
        around, _, last = name.rpartition(".")
        is_ours = isinstance(module, (_Former, TensorFlow))  # and no module of Keras under a second name
        if is_ours and around in sys.modules and vars(sys.modules[around]).get(last) is module:
            delattr(sys.modules[around], last)


class _Finder(Loader):
    """Finds modules that are not installed. Python asks it first: behind `tensorflow.keras`, which is Keras, it would find Keras's files again."""

    def __init__(self, keras: Any) -> None:
        self._keras = keras
        self.roots = {name for name in ("tensorflow", "tf_keras") if PathFinder.find_spec(name) is None}
        self.served: set[str] = set()

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        root = name.partition(".")[0]
        is_former = name.startswith("keras.") and PathFinder.find_spec(name, path) is None
        if root not in self.roots and not is_former:
            return None
        self.served.add(name)
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        """What is in `sys.modules` afterwards is what was imported."""
        sys.modules[module.__name__] = self._module(module.__name__)

    def _module(self, name: str) -> ModuleType:
        inside = _inside_keras(name)
        if inside is None:
            return TensorFlow(self._keras, name.partition(".")[2])
        if not name.startswith("keras."):
            return importlib.import_module(f"keras.{inside}" if inside else "keras")
        return _Former(self._keras, inside)


def _inside_keras(name: str) -> str | None:
    """The path behind `keras` of a module of keras, tf_keras or tensorflow.keras; None for another one of TensorFlow."""
    for start in ("tensorflow.python.keras", "tensorflow.keras", "tensorflow.compat.v1.keras", "tf_keras", "keras"):
        if name == start:
            return ""
        if name.startswith(f"{start}."):
            return name[len(start) + 1 :]
    return None


class _Former(ModuleType):
    """A module that Keras had once: its names are looked for in the modules that have such things today."""

    def __init__(self, keras: Any, path: str) -> None:
        super().__init__(f"keras.{path}")
        self.__path__: list[str] = []
        homes = next((homes for start, homes in _HOMES if path.startswith(start)), ())
        self._homes = [keras, *(getattr(keras, home) for home in homes)]

    def __getattr__(self, name: str) -> Any:
        if name in _TOOLS:
            return _TOOLS[name]
        for home in () if name.startswith("__") else reversed(self._homes):
            if hasattr(home, name):
                return getattr(home, name)
        raise AttributeError(f"{name!r} of {self.__name__}, which is no longer in Keras, is not known")

    @property
    def __all__(self) -> list[str]:
        return sorted({name for home in self._homes for name in dir(home) if not name.startswith("_")})


@contextmanager
def old_layers(keras: Any) -> Iterator[None]:
    """Layers of Keras 1 and 2 work in the block: weights are added with the arguments in any of the orders that Keras had, or by making a list of
    variables. What `get_output_shape_for` says is not asked for: Keras finds shapes by itself."""
    original = keras.Layer.add_weight
    trainable = keras.Layer.trainable_weights

    def add_weight(self: Any, *arguments: Any, **keywords: Any) -> Any:
        named = _by_name(arguments)
        return original(self, **named, **{name: value for name, value in keywords.items() if name not in _FORMER})

    def set_trainable(self: Any, variables: Sequence[Any]) -> None:
        for variable in variables:
            if all(variable is not known for known in self.weights):
                self._track_variable(variable)

    changes: list[tuple[Any, str, Any]] = [
        (keras.Layer, "add_weight", add_weight),
        (keras.Layer, "trainable_weights", property(trainable.fget, set_trainable)),
        (keras.Layer, "add_update", lambda self, *_, **__: None),
    ]
    with replaced(changes):
        yield


def _by_name(arguments: Sequence[Any]) -> dict[str, Any]:
    """The positional arguments of add_weight by their names. Keras 1 and 3 begin with the shape, and Keras 2 with the name."""
    if not arguments:
        return {}
    if isinstance(arguments[0], str):
        order = ["name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint"]
    elif len(arguments) > 2 and isinstance(arguments[2], str) and not _is_dtype(arguments[2]):
        order = ["shape", "initializer", "name", "trainable", "regularizer", "constraint"]
    else:
        order = ["shape", "initializer", "dtype", "trainable", "autocast", "regularizer", "constraint", "aggregation"]
    return dict(zip(order, arguments, strict=False))


def _is_dtype(name: str) -> bool:
    import keras

    try:
        keras.backend.standardize_dtype(name)
    except ValueError:
        return False
    return True


def normalize_tuple(value: Any, n: int, name: str = "", allow_zero: bool = False) -> tuple[int, ...]:
    """A number for each of n axes."""
    return (value,) * n if isinstance(value, int) else tuple(value)


def conv_output_length(
    input_length: int | None, filter_size: int, padding: str, stride: int, dilation: int = 1
) -> int | None:
    """The length of a convolution's result."""
    if input_length is None:
        return None
    covered = filter_size + (filter_size - 1) * (dilation - 1)
    length = {"valid": input_length - covered + 1, "full": input_length + covered - 1}.get(padding, input_length)
    return (length + stride - 1) // stride


def normalize_data_format(value: str | None) -> str:
    import keras

    return keras.config.image_data_format() if value is None else value.lower()


# Arguments of add_weight that have no effect on what a layer computes, and that Keras no longer has.
_FORMER = ("partitioner", "use_resource", "synchronization", "collections", "experimental_autocast")
# The beginning of a former module's path, and the modules of Keras that have what was in it.
_HOMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("engine", ("utils", "saving", "models", "layers")),
    ("layers", ("backend", "utils", "layers")),
    ("legacy", ("layers",)),
    ("utils", ("saving", "utils")),
    ("initializations", ("initializers",)),
    ("objectives", ("losses",)),
    ("optimizers", ("optimizers",)),
    ("applications", ("applications",)),
    ("backend", ("backend",)),
    ("models", ("models",)),
    ("preprocessing", ("preprocessing", "utils")),
)
_TOOLS = {
    "normalize_tuple": normalize_tuple,
    "conv_output_length": conv_output_length,
    "normalize_data_format": normalize_data_format,
    "normalize_padding": str.lower,
}
