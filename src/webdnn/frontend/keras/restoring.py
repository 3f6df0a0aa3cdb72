"""A file's arrays become the values of a model's variables, each of which must get one."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from webdnn.frontend.keras.core import TRAINING_ONLY
from webdnn.frontend.keras.lowering import array_of
from webdnn.frontend.keras.old_recurrent import arranged
from webdnn.graph.errors import ModelError, ModelWarning

Array = np.ndarray
Names = Mapping[str, Mapping[str, Sequence[str]]]


@dataclass
class Stored:
    """The weights in a file: arrays by their paths, and the lists of names that groups of an HDF5 file of Keras 1 or 2 have; `assets` are texts of
    a .keras file, vocabularies, by theirs."""

    arrays: dict[str, Array] = field(default_factory=dict)
    assets: dict[str, str] = field(default_factory=dict)
    names: dict[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    @property
    def largest(self) -> int:
        """Numbers in the largest array."""
        return max((array.size for array in self.arrays.values()), default=0)

    def listed(self, group: str, attribute: str) -> list[str]:
        return list(self.names.get(group, {}).get(attribute, ()))

    def group(self, name: str) -> list[tuple[str, Array]]:
        """(name, array) of the weights of a layer, in its order."""
        result = []
        for weight in self.listed(name, "weight_names"):
            path = f"{name}/{weight}"
            if path not in self.arrays:
                raise ModelError(f"the weight {weight!r} of the layer {name!r} is missing")
            result.append((weight, self.arrays[path]))
        return result


@contextlib.contextmanager
def without_initializers(keras: Any) -> Iterator[None]:
    """Weights that would be drawn at random start as zeros: the file's replace them, and drawing would take most of the time. All other
    initializers give their values, and one that a layer calls itself does too, since only the layer knows what it does with them."""
    from keras.src.initializers.random_initializers import RandomInitializer

    original = keras.Layer.add_weight

    def zeros(shape: Any, dtype: Any = None) -> Array:
        return np.zeros(shape, dtype or "float32")

    def add_weight(self: Any, shape: Any = None, initializer: Any = None, *rest: Any, **keywords: Any) -> Any:
        drawn = keras.initializers.get("glorot_uniform" if initializer is None else initializer)
        blank = isinstance(drawn, RandomInitializer) and "int" not in str(keywords.get("dtype"))
        return original(self, shape, zeros if blank else initializer, *rest, **keywords)

    with _replaced(keras.Layer, "add_weight", add_weight):
        yield


@contextlib.contextmanager
def watched_variables(keras: Any, largest: int) -> Iterator[set[int]]:
    """Gives the set of the ids of the variables that get a value in the block. Raises ModelError for a weight of more numbers than the file's
    `largest` array has, before there is memory for it."""
    original, assign = keras.Layer.add_weight, keras.Variable.assign
    assigned: set[int] = set()

    def add_weight(self: Any, shape: Any = None, *rest: Any, **keywords: Any) -> Any:
        count = 1
        for size in shape or ():
            count *= size if isinstance(size, int) else 1
        if count > max(largest, _SMALL):
            raise ModelError(
                f"layer {self.name!r} wants a weight of the shape {list(shape)}; the largest in the file has {largest:,} numbers"
            )
        return original(self, shape, *rest, **keywords)

    def remember(self: Any, value: Any) -> Any:
        assigned.add(id(self))
        return assign(self, value)

    with _replaced(keras.Layer, "add_weight", add_weight), _replaced(keras.Variable, "assign", remember):
        yield assigned


@contextlib.contextmanager
def _replaced(class_: Any, name: str, method: Callable[..., Any]) -> Iterator[None]:
    own = vars(class_).get(name)
    setattr(class_, name, method)
    try:
        yield
    finally:
        if own is None:  # it was inherited
            delattr(class_, name)
        else:
            setattr(class_, name, own)


def check_restored(model: Any, assigned: set[int]) -> None:
    """Raises ModelError with the names of variables that the file did not restore: their zeros would be an answer nobody asked for."""
    lost = [
        f"{layer.name}/{variable.name}"
        for layer in model._flatten_layers()
        for variable in own_variables(layer)
        if id(variable) not in assigned
    ]
    if lost:
        shown = ", ".join(map(repr, lost[:10])) + (f" and {len(lost) - 10} more" if len(lost) > 10 else "")
        raise ModelError(f"it holds no values for {shown}; save the whole model again")


def check_numbers(model: Any) -> None:
    """Warns of weights that are NaN or infinite, with the names of their layers. Raises ModelError for weights that are no real numbers, or
    beyond what float32 can hold."""
    strange = []
    for layer in model._flatten_layers() if hasattr(model, "_flatten_layers") else ():
        for variable in own_variables(layer):
            array, name = array_of(variable), f"{layer.name}/{variable.name}"
            if array.dtype.kind == "c":
                raise ModelError(f"the weight {name!r} holds complex numbers; weights are real numbers")
            wrong = int(np.count_nonzero(~np.isfinite(narrowed(array, name)))) if array.dtype.kind == "f" else 0
            if wrong:
                strange.append(f"{name!r} ({wrong:,} of {array.size:,})")
    if strange:
        more = f" and {len(strange) - 5} more" if len(strange) > 5 else ""
        warnings.warn(
            f"weights are NaN or infinite, and so will answers be: {', '.join(strange[:5])}{more}; was the training cut off or divergent?",
            ModelWarning,
            stacklevel=2,
        )


def own_variables(layer: Any) -> list[Any]:
    """The weights of a layer without those of layers inside it, and without metrics and states of random generators."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def restore_hdf5(
    model: Any, stored: Stored, renamed: Mapping[str, str], convert: Callable[[Any, Array], Array]
) -> None:
    """Weights of a file whose groups are layers, by the names of the layers. `renamed` tells the file's names of layers, where they differ;
    `convert` gives today's layout of a kernel for the layer that has it. Raises ModelError where layers and groups do not match."""
    groups = {name: stored.group(name) for name in stored.listed("", "layer_names")}
    layers = {renamed.get(layer.name, layer.name): layer for layer in model.layers}
    inner = {renamed.get(layer.name, layer.name): layer for layer in model._flatten_layers(include_self=False)}
    for name, weights in groups.items():
        layer = layers.get(name, inner.get(name))
        if layer is not None:
            _restore_layer(layer, name, arranged(weights), renamed, convert)
        elif weights:
            raise ModelError(f"it has weights for a layer {name!r}, which is not in the model")
    own = [v for v in own_variables(model) if any(v is w for w in model.weights)]
    _assign(own, [model] * len(own), stored.group("top_level_model_weights"), "the model", convert)


def _restore_layer(layer: Any, name: str, weights: list[Any], renamed: Mapping[str, str], convert: Any) -> None:
    owners = {id(v): inner for inner in layer._flatten_layers() for v in own_variables(inner)}
    variables = [v for v in layer.trainable_weights + layer.non_trainable_weights if id(v) in owners]
    if type(layer).__name__ in TRAINING_ONLY and not variables:
        return  # the state of a random generator
    ordered = _by_name(variables, owners, weights, renamed) or weights
    _assign(variables, [owners[id(v)] for v in variables], ordered, f"the layer {name!r}", convert)


def _by_name(
    variables: list[Any], owners: Mapping[int, Any], weights: list[Any], renamed: Mapping[str, str]
) -> list[Any] | None:
    """`weights` in the order of `variables`, if their names, such as "inner/conv/kernel:0", tell which is which."""
    found = {}
    for name, array in weights:
        parts = name.split(":")[0].rsplit("/", 1)
        found[parts[0], parts[-1]] = (name, array)
    result = []
    for variable in variables:
        owner = owners[id(variable)].name
        owner = renamed.get(owner, owner)
        matches = [
            key for key in found if key[1] == variable.name and (key[0] == owner or key[0].endswith(f"/{owner}"))
        ]
        if len(matches) != 1:
            return None
        result.append(found[matches[0]])
    return result if len({name for name, _ in result}) == len(weights) else None


def _assign(
    variables: list[Any], owners: list[Any], weights: list[Any], where: str, convert: Callable[[Any, Array], Array]
) -> None:
    if len(variables) != len(weights):
        raise ModelError(f"{where} has {len(variables)} weights, the file {len(weights)} for it")
    for variable, owner, (name, array) in zip(variables, owners, weights, strict=True):
        value = convert(owner, array) if variable.name in _KERNELS else array
        if tuple(variable.shape) != value.shape:
            raise ModelError(
                f"{where} has the weight {name!r} of the shape {list(variable.shape)}, the file one of {list(value.shape)}"
            )
        variable.assign(narrowed(value, name))
    for owner in {id(owner): owner for owner in owners}.values():
        if hasattr(owner, "finalize_state"):  # of Normalization: what it computes from its weights
            owner.finalize_state()


def narrowed(array: Array, name: str) -> Array:
    """`array`, of which float32 must be able to tell each number. Raises ModelError where it would become infinite."""
    if array.dtype != np.float64:
        return array
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    if not np.array_equal(np.isfinite(single), np.isfinite(array)):
        raise ModelError(f"the weight {name!r} has numbers beyond 3.4e38, which float32 cannot hold")
    return single


def restore_archive(model: Any, stored: Stored) -> None:
    """Weights of a .keras file, by Keras's own walk through the model. Raises ModelError with the first layer whose weights do not fit."""
    from keras.src.saving import saving_lib

    errors: dict[int, Any] = {}
    with TemporaryDirectory() as folder:
        saving_lib._load_state(
            model,
            weights_store=_array_store(saving_lib.H5IOStore, stored),
            assets_store=_asset_store(saving_lib.DiskIOStore, stored.assets, Path(folder)),
            inner_path="",
            visited_saveables=set(),
            failed_saveables=set(),
            error_msgs=errors,
        )
    for layer, error in errors.values():
        if hasattr(layer, "name"):
            reason = " ".join(str(error).split())[:300]
            raise ModelError(f"the weights of the layer {layer.name!r} do not fit: {reason}")


def _asset_store(base: Any, assets: Mapping[str, str], root: Path) -> Any:
    """What Keras takes for the assets of an archive, a `base`: for each layer a folder below `root`, in which its vocabulary is a file."""

    class AssetStore(base):
        def __init__(self) -> None:
            self.count = 0

        def get(self, path: str) -> str:
            folder = root / str(self.count)
            self.count += 1
            folder.mkdir()
            text = assets.get(f"assets/{path}/vocabulary.txt")
            if text is not None:
                (folder / "vocabulary.txt").write_text(text, encoding="utf-8")
            return str(folder)

        def has_path(self, path: str) -> bool:
            return any(name.startswith(f"assets/{path}/") for name in assets)

        def close(self) -> None:
            pass  # the folder is the caller's

    return AssetStore()


def _array_store(base: Any, stored: Stored) -> Any:
    """What Keras takes for an open HDF5 file, a `base`, and what gives the arrays at one path at a time."""
    groups: dict[str, dict[str, Array]] = {}
    for path, array in stored.arrays.items():
        start, _, name = path.rpartition("/")
        groups.setdefault(start, {})[name] = narrowed(array, path)

    class ArrayStore(base):
        def __init__(self) -> None:
            self.mode = "r"
            self.entry: dict[str, Array] = {}

        def __bool__(self) -> bool:
            return True

        def get(self, path: str) -> Any:
            old = path.replace("layers", "_layer_checkpoint_dependencies")  # of Keras 2.12
            places = [f"{place}/vars" if place else "vars" for place in (path, old)]
            self.entry = next((groups[place] for place in places if place in groups), {})
            return self

        def has_path(self, path: str) -> bool:
            return path in stored.names or path in stored.arrays

        def close(self) -> None:
            self.entry = {}

        def keys(self) -> Any:
            return self.entry.keys()

        def __len__(self) -> int:
            return len(self.entry)

        def __contains__(self, key: object) -> bool:
            return key in self.entry

        def __getitem__(self, key: str) -> Array:
            return self.entry[key]

    return ArrayStore()


_SMALL = 1 << 20  # a constant of a layer of the user's, which need not be in the file
_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
