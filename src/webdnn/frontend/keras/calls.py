"""What one call of a layer is given: its inputs, its other arguments, and the masks that Keras hands on with tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from webdnn.frontend.keras.lowering import Context, array_of
from webdnn.frontend.keras.operation_dtypes import cast
from webdnn.frontend.keras.operation_elementwise import tensor
from webdnn.frontend.keras.reading import call_arguments, check_names
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value

_REAL = "biuf"
_HALF = ("bfloat16", "float8_e4m3fn", "float8_e5m2")  # of NumPy's extension


@dataclass(frozen=True)
class Tensor:
    """A tensor of Keras as the graph has it: its value, None if a layer before it could not be converted, and the mask that Keras attaches to it,
    which says by true and false which steps of a sequence count."""

    value: Value | None
    mask: Value | None = None


class LayerCall:
    """One call of a layer. `arguments` are those that were given, by Keras's names, with KerasTensors, constants and, where Keras fills in a mask by
    itself, our `Tensor`s; `training` is not among them, and None where the call does not say."""

    def __init__(self, node: Any, known: dict[int, Tensor]) -> None:
        self.layer, self.known = node.operation, known
        given = call_arguments(self.layer.call, node.arguments.args, _without_training(self.layer, node))
        self.training = _flag(node.arguments.kwargs.get("training"))
        default = inspect.signature(self.layer.call).parameters.get("training")
        # Keras writes a default of True into the call as if the user had.
        self.training_is_default = default is not None and default.default is True
        self.arguments = {name: value for name, value in given.items() if name != "training" and value is not None}
        self._add_masks()

    @property
    def first(self) -> Any:
        """The first argument, which holds the inputs."""
        return next(iter(self.arguments.values()), None)

    @property
    def others(self) -> dict[str, Any]:
        return dict(list(self.arguments.items())[1:])

    def changed(self, change: Callable[[Any], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments for `call`, positional ones and keywords, with every leaf changed."""
        import keras

        changed = {name: keras.tree.map_structure(change, value) for name, value in self.arguments.items()}
        bound = inspect.BoundArguments(inspect.signature(self.layer.call), changed)
        return bound.args, bound.kwargs

    def inputs(self, context: Context) -> list[Value]:
        """The values in the first argument, in order."""
        return [_known_value(self.value(leaf, context)) for leaf in flat(self.first)]

    def keywords(self, context: Context) -> dict[str, Any]:
        """The other arguments, with values for tensors."""
        import keras

        return {k: keras.tree.map_structure(lambda x: self.value(x, context), v) for k, v in self.others.items()}

    def value(self, leaf: Any, context: Context) -> Any:
        """The value of a tensor or constant; anything else is left as it is."""
        found = self.tensor(leaf)
        if found is not None:
            return found.value
        return constant(leaf, context) if is_array(leaf) else leaf

    def tensor(self, leaf: Any) -> Tensor | None:
        return leaf if isinstance(leaf, Tensor) else self.known.get(id(leaf))

    def mask(self, leaf: Any) -> Tensor | None:
        """The mask attached to a tensor."""
        found = self.tensor(leaf)
        return None if found is None or found.mask is None else Tensor(found.mask)

    def previous_masks(self) -> Any:
        """What Keras calls the previous mask: the one given, or else those of the first argument's tensors, in its structure."""
        import keras

        if self.others.get("mask") is not None:
            return self.others["mask"]
        return keras.tree.map_structure(self.mask, self.first)

    def forget_masks(self, tensors: Sequence[Tensor]) -> None:
        """Takes the masks away from tensors, as Keras's MultiHeadAttention does with what it is called with: later calls see none. A layer that
        returns its input as it is, such as Dropout, has it in common with the layers before."""
        gone = {id(x.value) for x in tensors}
        for key, x in self.known.items():
            if id(x.value) in gone:
                self.known[key] = Tensor(x.value)

    def _add_masks(self) -> None:
        """Masks of the tensors, where the layer has parameters for them, as Keras fills them in."""
        import keras

        parameters = call_parameters(self.layer)
        tensors = {name: value for name, value in self.arguments.items() if _only_tensors(value)}
        names = {name: f"{name}_mask" for name in tensors} if len(tensors) > 1 else dict.fromkeys(tensors, "mask")
        for name, mask in names.items():
            if mask not in parameters or mask in self.arguments:
                continue
            masks = keras.tree.map_structure(self.mask, tensors[name])
            if any(m is not None for m in keras.tree.flatten(masks)):
                self.arguments[mask] = masks


def flat(structure: Any) -> list[Any]:
    """The leaves of a structure of lists, tuples and dictionaries, in Keras's order."""
    import keras

    return keras.tree.flatten(structure)


def functional(model: Any) -> Any:
    """The object that holds the graph: a Sequential keeps a Functional inside."""
    return getattr(model, "_functional", None) or model


def nested_inputs(call: LayerCall, context: Context) -> list[Tensor]:
    """The inputs of a model inside a model, in its order and of its ranks; Keras adds or drops a last axis of size 1."""
    wanted = functional(call.layer).inputs
    given = call.first
    check_names(nested_mask, call.others)
    if isinstance(given, Mapping) and not isinstance(functional(call.layer)._inputs_struct, Mapping):
        given = [given[tensor.name] for tensor in wanted]
    leaves = flat(given)
    if len(leaves) != len(wanted):
        raise UnsupportedError(f"called with {len(leaves)} inputs; it has {len(wanted)}")
    masks = nested_mask(len(leaves), **call.others)
    tensors = [call.tensor(leaf) or Tensor(constant(leaf, context)) for leaf in leaves]
    return [
        Tensor(
            of_dtype(of_rank(tensor.value, reference, context), reference, context),
            tensor.mask if mask is None else call.value(mask, context),
        )
        for tensor, mask, reference in zip(tensors, masks, wanted, strict=True)
    ]


def nested_mask(count: int, mask: Any = None) -> list[Any]:
    """The masks that a call gives for the inputs of a model."""
    return [None] * count if mask is None else flat(mask)


def of_rank(x: Value | None, reference: Any, context: Context) -> Value | None:
    """`x` with the rank of an input."""
    if x is None or x.type.rank == len(reference.shape):
        return x
    if x.type.rank == len(reference.shape) + 1 and x.shape[-1] == 1:
        return context.reshape(x, x.shape[:-1])
    if x.type.rank == len(reference.shape) - 1 and reference.shape[-1] == 1:
        return context.reshape(x, (*x.shape, 1))
    raise UnsupportedError(f"an input of shape {x.shape}; {tuple(reference.shape)} is wanted")


def of_dtype(x: Value | None, reference: Any, context: Context) -> Value | None:
    """`x` in the dtype of an input, as Keras converts what a model is called with."""
    return None if x is None else cast(context, x, str(reference.dtype))


def constant(array: Any, context: Context) -> Value:
    """A constant of the graph: an array of numbers or a variable. Raises UnsupportedError for arrays of anything else."""
    dtype = array_of(array).dtype
    if dtype.kind not in _REAL and dtype.name not in _HALF:
        raise UnsupportedError(f"an array of dtype {dtype} among its arguments; real numbers are supported")
    return tensor(context, array)


def is_array(x: Any) -> bool:
    """Whether Keras computes with `x` as with a tensor that is known: an array of NumPy or of the framework, or a variable."""
    import keras

    return not isinstance(x, keras.KerasTensor) and (hasattr(x, "__array__") or keras.ops.is_tensor(x))


def call_parameters(layer: Any) -> Sequence[str]:
    """The names of the arguments that a layer's `call` takes."""
    return list(inspect.signature(layer.call).parameters)


def _without_training(layer: Any, node: Any) -> dict[str, Any]:
    """The keywords of a call, without `training` where only Keras takes it, for the layers inside."""
    keywords = dict(node.arguments.kwargs)
    if "training" in keywords and "training" not in call_parameters(layer):
        del keywords["training"]
    return keywords


def _flag(training: Any) -> bool | None:
    if hasattr(training, "shape") and not isinstance(training, np.generic):
        raise UnsupportedError("its call has a tensor for training, which is not supported")
    return None if training is None else bool(training)


def _known_value(x: Any) -> Value:
    if not isinstance(x, Value):
        raise UnsupportedError(f"an input that is no tensor: {x!r}")
    return x


def _only_tensors(structure: Any) -> bool:
    import keras

    leaves = flat(structure)
    return bool(leaves) and all(
        leaf is None or isinstance(leaf, (keras.KerasTensor, Tensor)) or is_array(leaf) for leaf in leaves
    )
