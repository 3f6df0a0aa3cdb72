"""Loads model files: a child process reads them (frontend/isolation.py), Keras builds the model, and the weights are put in here."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from webdnn.frontend.isolation import check_regular, reading
from webdnn.frontend.keras.configuration import parse
from webdnn.frontend.keras.converters import Converters
from webdnn.frontend.keras.custom import code_advice, own_objects
from webdnn.frontend.keras.old_formats import OLD_HARD_SIGMOID, Modern
from webdnn.frontend.keras.old_kernels import converter
from webdnn.frontend.keras.old_names import old_layers, old_names
from webdnn.frontend.keras.operations import OPERATIONS
from webdnn.frontend.keras.restoring import (
    Stored,
    check_restored,
    restore_archive,
    restore_hdf5,
    watched_variables,
    without_initializers,
)
from webdnn.frontend.keras.stand_ins import stand_ins, with_stand_ins
from webdnn.frontend.keras.support import CUSTOM_OBJECTS, bytecode_layers, config_troubles, refuse
from webdnn.frontend.packages import requirement
from webdnn.graph.errors import MissingPackageError, ModelError, ModelWarning, UnsupportedError, WebDNNError

EXTRA = "keras"
"""The extra of the package that installs what this frontend needs."""
KERAS_BACKENDS = ("jax", "tensorflow", "torch")
SUFFIXES = (".h5", ".hdf5", ".keras")
DEEPEST_MODEL = 10_000  # layers one after another


@dataclass
class ModelFile:
    """What a child process read from a model file."""

    path: Path
    config: dict[str, Any]
    versions: Mapping[str, str]  # of Keras, and the framework below it: "keras_version", "backend"
    stored: Stored = field(default_factory=Stored)

    @property
    def major(self) -> int:
        """Keras's first number: 1, 2 or 3. HDF5 files without it are of Keras 1."""
        found = re.match(r"\d+", self.versions.get("keras_version", ""))
        return int(found[0]) if found else 3 if self.path.suffix == ".keras" else 1


def load_model(
    path: str | os.PathLike[str],
    *,
    allow_unsafe: bool = False,
    custom_objects: Sequence[str | os.PathLike[str]] = (),
    timeout: float | None = None,
    converters: Converters | None = None,
) -> Any:
    """The Keras model in a file; `custom_objects` are Python files that define its subclassed layers and models, as do the classes of
    `converters`; `timeout` the seconds for reading the file, by default as many as its size needs on a slow disk. Raises ModelError for a file
    that is none, UnsupportedError for what cannot be converted."""
    file = Path(path)
    check_name(file)
    check_environment()
    converters = converters or Converters()

    def early(found: ModelFile) -> None:
        """What can be said before the weights are read and Keras is imported, which takes seconds."""
        refuse_code(file, found.config, allow_unsafe)
        if not custom_objects and not converters.lowerings:
            judged(found, {}, {}, allow_unsafe)

    found = read_file(file, early, timeout)
    keras = _import_keras()
    own = {**converters.objects(keras), **own_objects(keras, custom_objects)}
    with _faults_of(file):
        config, modern = judged(found, {*own, *converters.lowerings}, operation_modules(), allow_unsafe)
    _tell_renamed(modern.renamed)
    return _build(keras, found, config, modern, own, allow_unsafe)


@contextlib.contextmanager
def old_code() -> Iterator[None]:
    """Code of the user that was written for another version of Keras works in the block."""
    import keras

    with old_names(keras), old_layers(keras):
        yield


def judged(
    found: ModelFile, own: Collection[str], operations: Mapping[str, str], allow_unsafe: bool
) -> tuple[Mapping[str, Any], Modern]:
    """The configuration of a file in today's form. Raises UnsupportedError that lists all that cannot be converted, as far as it tells."""
    modern = Modern(found.major, own, operations)
    config = modern.entry(found.config, "", "the model")
    known = {*own, OLD_HARD_SIGMOID}
    troubles = config_troubles(config, allow_lambda=allow_unsafe, known=known, reasons=modern.reasons)
    refuse(found.path.name, troubles)
    return config, modern


def _tell_renamed(renamed: Mapping[str, str]) -> None:
    if renamed:
        names = [f"{old!r} is {new!r}" for new, old in renamed.items()]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        warnings.warn(
            f"names of layers with '/', which today's Keras does not allow, have '_' in its place: {', '.join(names[:3])}{more}",
            ModelWarning,
            stacklevel=3,
        )


def _build(
    keras: Any, found: ModelFile, config: Mapping[str, Any], modern: Modern, own: Mapping[str, Any], allow_unsafe: bool
) -> Any:
    file = found.path
    replaced = stand_ins()
    known = {**replaced, **own, OLD_HARD_SIGMOID: hard_sigmoid_of_keras_2}
    config = with_stand_ins(config, replaced)
    today = converter(found.config, found.major, found.versions.get("backend", ""))
    with (
        _faults_of(file),
        _quiet(),
        without_initializers(keras),
        watched_variables(keras, found.stored.largest) as assigned,
        old_names(keras),
        old_layers(keras),
        _deep_recursion(),
    ):
        try:
            model = keras.saving.deserialize_keras_object(config, custom_objects=known, safe_mode=not allow_unsafe)
            if file.suffix == ".keras":
                restore_archive(model, found.stored)
            else:
                restore_hdf5(model, found.stored, modern.renamed, today)
            check_restored(model, assigned)
        except WebDNNError:
            raise
        except Exception as error:  # Keras raises whatever the file makes it stumble over
            raise _explained(keras, file, error) from error
    return model


def _explained(keras: Any, file: Path, error: Exception) -> WebDNNError:
    unknown = re.search(r"Could not (?:locate|deserialize) (?:class|function) '([^']+)'", str(error))
    if unknown:  # in the configuration of a layer, where only the layer itself looks
        return UnsupportedError(
            f"{str(file)!r} uses the class {unknown[1]!r}, which is not one of Keras; {CUSTOM_OBJECTS}"
        )
    # Keras wraps an error once for each model around a layer, with all of their configurations.
    layer = re.findall(r"Error when deserializing class '(\w+)' using config=\{'name': '([^']*)'", str(error))
    where = f" in {layer[-1][1]!r} ({layer[-1][0]})" if layer else ""
    reason = " ".join(str(error).split("Exception encountered: ")[-1].split())[:400]
    return ModelError(
        f"Keras {keras.__version__} cannot load {str(file)!r}{where}: {type(error).__name__}: {reason}{code_advice(error)}"
    )


@contextlib.contextmanager
def _faults_of(file: Path) -> Iterator[None]:
    """Puts the file's name into what is found wrong with it."""
    try:
        yield
    except ModelError as error:
        if str(file) in str(error):
            raise
        raise ModelError(f"{str(file)!r} cannot be loaded: {error}") from error


def refuse_code(file: Path, config: Mapping[str, Any], allow_unsafe: bool) -> None:
    """Raises UnsupportedError where the configuration holds Python code that nobody allowed."""
    coded = bytecode_layers(config)
    if coded and not allow_unsafe:
        raise UnsupportedError(
            f"{str(file)!r} contains Python code, which has not been run, in {', '.join(map(repr, coded))}; "
            "replace the Lambda layers by layers of Keras, or, if you trust whoever made the file, use --allow-unsafe"
        )


def check_name(file: Path) -> None:
    """Raises ModelError for what cannot be a model file by its name or kind."""
    if file.is_dir():
        raise ModelError(
            f"{str(file)!r} is a directory; Keras 3 reads .keras and .h5 files: save it again with model.save('model.keras')"
        )
    check_regular(file)
    if file.suffix not in SUFFIXES:
        raise ModelError(f"{str(file)!r} is no Keras model by its name; {', '.join(SUFFIXES)} can be read")


def read_file(file: Path, early: Callable[[ModelFile], None], timeout: float | None = None) -> ModelFile:
    """What is in a model file. `early` is called with the configuration, before the weights are read."""
    found = ModelFile(file, {}, {})
    with _faults_of(file), reading(file, timeout) as child:
        for frame, array in child.frames():
            if frame["kind"] == "versions":
                found.versions = {key: str(value) for key, value in frame.items()}
            elif frame["kind"] == "config":
                found.config = parse(frame["text"], str(file))
                early(found)
            elif frame["kind"] == "asset":
                found.stored.assets[frame["path"]] = frame["text"]
            elif frame["kind"] == "group":
                found.stored.names[frame["path"]] = frame["names"]
            elif array is not None:
                found.stored.arrays[frame["path"]] = array
    return found


def operation_modules() -> dict[str, str]:
    """The module of each of Keras's operations."""
    from keras.src import activations, ops

    modules = (ops.numpy, ops.nn, ops.core, ops.math, ops.image, ops.linalg, activations.activations)
    return {name: module.__name__ for module in reversed(modules) for name in OPERATIONS if name in vars(module)}


def hard_sigmoid_of_keras_2(x: Any) -> Any:
    """What Keras 2 called hard_sigmoid."""
    import keras

    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def check_environment() -> None:
    """Raises ModelError for a KERAS_BACKEND that does not exist: Keras would end in the middle of its import."""
    name = os.environ.get("KERAS_BACKEND")
    if name and "keras" not in sys.modules and name not in KERAS_BACKENDS:
        raise ModelError(
            f"the environment variable KERAS_BACKEND is {name!r}; it must be one of {', '.join(KERAS_BACKENDS)}, or not be set"
        )


def choose_backend() -> None:
    """Sets KERAS_BACKEND, unless set, to the first framework that is installed. Has no effect once Keras is imported."""
    if "keras" in sys.modules:
        return
    if not os.environ.get("KERAS_BACKEND"):
        found = [name for name in KERAS_BACKENDS if importlib.util.find_spec(name) is not None]
        if not found:
            raise MissingPackageError(
                f"Keras needs one of {', '.join(KERAS_BACKENDS)}, and none is installed: pip install {requirement(EXTRA)}"
            )
        os.environ["KERAS_BACKEND"] = found[0]
    if "jax" not in sys.modules:
        os.environ.setdefault(
            "JAX_PLATFORMS", "cpu"
        )  # reading weights needs no accelerator, and looking for one takes long


def _import_keras() -> Any:
    choose_backend()
    try:
        import keras
    except ImportError as error:
        raise MissingPackageError(f"Keras cannot be imported ({error}): pip install {requirement(EXTRA)}") from error
    if int(keras.__version__.split(".")[0]) < 3:
        raise MissingPackageError(
            f"Keras 3 is needed, found {keras.__version__}: pip install --upgrade {requirement(EXTRA)}"
        )
    return keras


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keras warns of what only the author of a model could change, such as the structure of a nested model's inputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


@contextlib.contextmanager
def _deep_recursion() -> Iterator[None]:
    """Room for Keras, which follows a model's layers by recursion, four frames a layer."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 4 * DEEPEST_MODEL))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
