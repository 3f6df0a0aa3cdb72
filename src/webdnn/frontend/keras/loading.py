"""Loads model files with Keras, after looking at them without it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from webdnn.frontend.keras.operations import OPERATIONS
from webdnn.frontend.keras.support import CUSTOM_OBJECTS, bytecode_layers, config_troubles, refuse
from webdnn.graph.errors import ModelError, UnsupportedError

KERAS_BACKENDS = ("jax", "tensorflow", "torch")
DEEPEST_MODEL = 10_000  # layers one after another

# What tf.keras 2 wrote into configurations and Keras 3 refuses to read: dropped where it says nothing (None: whatever it says).
_SPATIAL_DROPOUT = {"noise_shape": None}
_RECURRENT = {"time_major": False}
OBSOLETE: dict[str, dict[str, Any]] = {
    "Conv2DTranspose": {"groups": 1},
    "DepthwiseConv2D": {"groups": 1},
    "GRU": _RECURRENT,
    "LSTM": _RECURRENT,
    "SeparableConv2D": {"groups": 1, "kernel_initializer": None, "kernel_regularizer": None, "kernel_constraint": None},
    "SimpleRNN": _RECURRENT,
    "SpatialDropout1D": {**_SPATIAL_DROPOUT, "data_format": None},
    "SpatialDropout2D": _SPATIAL_DROPOUT,
    "SpatialDropout3D": _SPATIAL_DROPOUT,
}


def load_model(
    path: str | os.PathLike[str],
    *,
    allow_unsafe: bool = False,
    custom_objects: Sequence[str | os.PathLike[str]] = (),
) -> Any:
    """The Keras model in a file; `custom_objects` are Python files that define its subclassed layers and models. Raises ModelError for a file
    that is none, UnsupportedError for what cannot be converted."""
    file = Path(path)
    config = read_config(file)
    coded = bytecode_layers(config)
    if coded and not allow_unsafe:
        raise UnsupportedError(
            f"{str(file)!r} contains Python code, which has not been run, in {', '.join(map(repr, coded))}; "
            "replace the Lambda layers by layers of Keras, or, if you trust whoever made the file, use --allow-unsafe"
        )
    if not custom_objects:  # before Keras is imported, which takes seconds
        refuse(file.name, config_troubles(config, allow_lambda=allow_unsafe))
    choose_backend()
    keras = _import_keras()
    own = own_classes(keras, custom_objects)
    refuse(file.name, config_troubles(config, allow_lambda=allow_unsafe, known=own))
    with without_initializers(keras), _old_configurations(keras), _deep_recursion():
        try:
            return _load(keras, file, allow_unsafe, own)
        except Exception as error:  # Keras raises whatever the file makes it stumble over
            unknown = re.search(r"Could not (?:locate|deserialize) (?:class|function) '([^']+)'", str(error))
            if unknown:  # in the configuration of a layer, where only the layer itself looks
                raise UnsupportedError(
                    f"{str(file)!r} uses the class {unknown[1]!r}, which is not one of Keras; {CUSTOM_OBJECTS}"
                ) from error
            raise ModelError(
                f"Keras {keras.__version__} cannot load {str(file)!r}: {type(error).__name__}: {error}"
            ) from error


def _load(keras: Any, file: Path, allow_unsafe: bool, own: Mapping[str, Any]) -> Any:
    known = dict(own) if file.suffix == ".keras" else {**classes_without_module(keras), **own}
    return keras.models.load_model(file, compile=False, safe_mode=not allow_unsafe, custom_objects=known)


def own_classes(keras: Any, files: Sequence[str | os.PathLike[str]]) -> dict[str, Any]:
    """The layers and models that Python files define or register with Keras, by both names that a model's file may use."""
    found: dict[str, Any] = {}
    for file in map(Path, files):
        before = dict(keras.saving.get_custom_objects())
        module = _run(file)
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, keras.Layer) and value.__module__ == module.__name__:
                found[name] = found[keras.saving.get_registered_name(value)] = value
        registered = keras.saving.get_custom_objects()
        found |= {name: value for name, value in registered.items() if before.get(name) is not value}
    return found


def _run(file: Path) -> ModuleType:
    """The module in a Python file, run anew each time; it may import its neighbours."""
    spec = importlib.util.spec_from_file_location(file.stem, file) if file.suffix == ".py" else None
    if spec is None or spec.loader is None or not file.is_file():
        raise ModelError(f"--custom_objects {str(file)!r} is not a Python file that exists")
    module = importlib.util.module_from_spec(spec)
    folder = str(file.resolve().parent)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the code is the user's
        raise ModelError(f"--custom_objects {str(file)!r} cannot be run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(folder)
    return module


def classes_without_module(keras: Any) -> dict[str, Any]:
    """Classes of Keras that its reader of HDF5, which goes by name only, does not find or takes for others: operations such as
    `x + 3`, which it takes for the layer Add, and layers that only keras.applications has."""
    from keras.src import ops
    from keras.src.applications import convnext

    modules = (ops.numpy, ops.nn, ops.core, ops.math, ops.image, ops.linalg)
    found = {"LayerScale": convnext.LayerScale, "StochasticDepth": convnext.StochasticDepth}
    for name in OPERATIONS:
        operation = next((vars(module)[name] for module in modules if name in vars(module)), None)
        if operation is not None:
            layer = getattr(keras.layers, name, None)
            found[name] = operation if layer is None else _either(layer, operation)
    return found


def _either(layer: Any, operation: Any) -> Any:
    """What reads a layer or an operation, which have the same name; only a layer's configuration says whether it is trainable (since
    Keras 2.0) or its dtype."""

    def from_config(cls: Any, config: Mapping[str, Any]) -> Any:
        is_layer = "trainable" in config or "dtype" in config
        return (layer if is_layer else operation).from_config(config)

    return type(layer.__name__, (), {"from_config": classmethod(from_config)})


def read_config(file: Path) -> Mapping[str, Any]:
    """The model's configuration, read without Keras."""
    if not file.exists():
        raise ModelError(f"{str(file)!r} does not exist")
    if file.is_dir():
        raise ModelError(
            f"{str(file)!r} is a directory; Keras 3 reads .keras and .h5 files: save it again with model.save('model.keras')"
        )
    readers = {".h5": _read_hdf5_config, ".hdf5": _read_hdf5_config, ".keras": _read_zip_config}
    if file.suffix not in readers:
        raise ModelError(f"{str(file)!r} is no Keras model by its name; {', '.join(readers)} can be read")
    text = readers[file.suffix](file)
    try:
        config = json.loads(text)
    except ValueError as error:
        raise ModelError(f"{str(file)!r} is damaged: its model configuration is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(
            f"{str(file)!r} is no Keras model: its configuration is a {type(config).__name__}, not an object"
        )
    return config


def _read_hdf5_config(file: Path) -> str | bytes:
    import h5py

    try:
        with h5py.File(file, "r") as root:
            config = root.attrs.get("model_config")
            weights_only = "layer_names" in root.attrs or "layers" in root or "_layer_checkpoint_dependencies" in root
    except OSError as error:
        raise ModelError(
            f"{str(file)!r} cannot be read as HDF5; it is damaged, cut off or another kind of file: {error}"
        ) from error
    if config is None and weights_only:
        raise ModelError(
            f"{str(file)!r} holds weights only, without the layers; save the whole model with model.save('model.keras')"
        )
    if not isinstance(config, (str, bytes)):
        raise ModelError(f"{str(file)!r} is an HDF5 file but no Keras model: its attribute 'model_config' is missing")
    return config


def _read_zip_config(file: Path) -> bytes:
    try:
        with zipfile.ZipFile(file) as archive:
            if "config.json" not in archive.namelist():
                raise ModelError(f"{str(file)!r} is a zip file but no Keras model: config.json is missing")
            return archive.read("config.json")
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ModelError(
            f"{str(file)!r} cannot be read as a .keras (zip) file; it is damaged, cut off or another kind of file: {error}"
        ) from error


def choose_backend() -> None:
    """Sets KERAS_BACKEND, unless set, to the first framework that is installed. Has no effect once Keras is imported."""
    if "keras" in sys.modules:
        return
    if not os.environ.get("KERAS_BACKEND"):
        found = [name for name in KERAS_BACKENDS if importlib.util.find_spec(name) is not None]
        if not found:
            raise ModelError(f"Keras needs one of {', '.join(KERAS_BACKENDS)}: pip install jax")
        os.environ["KERAS_BACKEND"] = found[0]
    if "jax" not in sys.modules:
        os.environ.setdefault(
            "JAX_PLATFORMS", "cpu"
        )  # reading weights needs no accelerator, and looking for one takes long


def _import_keras() -> Any:
    try:
        import keras
    except ImportError as error:
        raise ModelError(f"Keras cannot be imported ({error}): pip install keras jax") from error
    if int(keras.__version__.split(".")[0]) < 3:
        raise ModelError(f"Keras 3 is needed, found {keras.__version__}: pip install --upgrade keras")
    return keras


@contextlib.contextmanager
def without_initializers(keras: Any) -> Iterator[None]:
    """Variables start as zeros: the file's weights replace them, and drawing random numbers would take most of the time."""

    def zeros(self: Any, shape: Any, dtype: Any = None, **_: Any) -> Any:
        return np.zeros(shape, dtype or "float32")

    classes = [keras.initializers.Initializer]
    for class_ in classes:
        classes += class_.__subclasses__()
    originals = {class_: vars(class_)["__call__"] for class_ in classes if "__call__" in vars(class_)}
    try:
        for class_ in originals:
            class_.__call__ = zeros
        yield
    finally:
        for class_, original in originals.items():
            class_.__call__ = original


@contextlib.contextmanager
def _old_configurations(keras: Any) -> Iterator[None]:
    """Layers accept what OBSOLETE lists."""

    def reader(original: Any, obsolete: Mapping[str, Any]) -> Any:
        def from_config(cls: Any, config: Mapping[str, Any]) -> Any:
            kept = {k: v for k, v in config.items() if k not in obsolete or obsolete[k] not in (None, v)}
            return original.__func__(cls, kept)

        return classmethod(from_config)

    classes = {getattr(keras.layers, name): obsolete for name, obsolete in OBSOLETE.items()}
    own = {class_: vars(class_)["from_config"] for class_ in classes if "from_config" in vars(class_)}
    try:
        for class_, obsolete in classes.items():
            class_.from_config = reader(class_.from_config, obsolete)
        yield
    finally:
        for class_ in classes:
            if class_ in own:
                class_.from_config = own[class_]
            else:
                del class_.from_config


@contextlib.contextmanager
def _deep_recursion() -> Iterator[None]:
    """Room for Keras, which follows a model's layers by recursion, four frames a layer."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 4 * DEEPEST_MODEL))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
